"""Build the site, and plain MkDocs pages of the same number, side by side: seconds, size and their ratio.

    python tools/benchmarks/site.py                   # the catalogue as it is
    python tools/benchmarks/site.py --entries 10000   # the catalogue copied until it has that many entries

The plain site has one page of a heading and a paragraph for each page of ours, the same theme and no plugin, also
outside the nav.  Both are built by the same interpreter, one after the other, tutorials not executed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from sightglass import catalogue
from sightglass.catalogue import FOLDERS, folder_of
from sightglass.catalogue.canonical import canonical

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "catalog",
    "docs",
    "overrides",
    "repro",
    "results",
    "tools",
    "mkdocs.yml",
    "pyproject.toml",
    "CONTRIBUTING.md",
)
PLAIN = """site_name: Plain
theme: {name: material, font: false}
plugins: []
nav: [index.md]
not_in_nav: /page*.md
"""
UNIQUE = (
    "doi",
    "arxiv",
    "arxiv_class",
    "isbn",
    "proposes",
    "founding_notes",
)  # what a copy can't share with its original


def enlarge(root: Path, entries: int) -> None:
    """Copy entries under new keys and titles until there are ``entries`` of them."""
    books = catalogue.load(root)
    originals = [(key, folder_of(entry)) for key, entry in books.entries.items()]
    for number in range(len(originals), entries):
        key, folder = originals[number % len(originals)]
        data = yaml.safe_load((root / "catalog" / folder / f"{key}.yaml").read_text(encoding="utf-8"))
        for field in UNIQUE:
            data.pop(field, None)
        data["confirmed"] = [
            {**c, "fields": [f for f in c["fields"] if f not in UNIQUE] or ["title"]} for c in data.get("confirmed", [])
        ]
        data["title"] = f"{data['title']} ({number})"
        text = canonical(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), FOLDERS[folder])
        (root / "catalog" / folder / f"{key}-copy{number}.yaml").write_text(text, encoding="utf-8")


def build(config: Path, site: Path) -> float:
    """Seconds of one ``mkdocs build`` as a whole process."""
    environment = {
        **os.environ,
        "NO_MKDOCS_2_WARNING": "1",
        "PYTHONPATH": os.pathsep.join([str(config.parent / "tools"), str(config.parent)]),
    }
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", str(config), "-d", str(site)]
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment)  # noqa: S603  # our own interpreter and arguments
    return time.perf_counter() - start


def weight(site: Path) -> float:
    """Megabytes of all files of a site."""
    return sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) / 1e6


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--entries", type=int, help="copy the catalogue until it has this many entries")
    wanted = parser.parse_args().entries
    with tempfile.TemporaryDirectory() as folder:
        ours, plain = Path(folder) / "ours", Path(folder) / "plain"
        ours.mkdir()
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, ours / name)
        if wanted:
            enlarge(ours, wanted)
        count = len(catalogue.load(ours).entries)
        seconds = build(ours / "mkdocs.yml", ours / "site")
        pages = sum(1 for _ in (ours / "site").rglob("index.html"))
        (plain / "docs").mkdir(parents=True)
        for number in range(pages - 1):
            (plain / "docs" / f"page{number}.md").write_text(f"# Page {number}\n\nA paragraph.\n", encoding="utf-8")
        (plain / "docs" / "index.md").write_text("# Home\n", encoding="utf-8")
        (plain / "mkdocs.yml").write_text(PLAIN, encoding="utf-8")
        plain_seconds = build(plain / "mkdocs.yml", plain / "site")
        sizes = sorted(file.stat().st_size for file in (ours / "site" / "papers").glob("*/index.html"))
        print(f"{count} entries, {pages} pages")
        print(f"ours   {seconds:7.1f} s  {weight(ours / 'site'):8.1f} MB")
        print(f"plain  {plain_seconds:7.1f} s  {weight(plain / 'site'):8.1f} MB")
        print(f"ratio  {seconds / plain_seconds:7.2f}    {weight(ours / 'site') / weight(plain / 'site'):8.2f}")
        print(f"a paper's page: median {sizes[len(sizes) // 2] / 1e3:.0f} KB, largest {sizes[-1] / 1e3:.0f} KB")
        print(f"catalogue.json: {(ours / 'site' / 'catalogue.json').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
