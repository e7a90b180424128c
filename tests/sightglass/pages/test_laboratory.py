"""The figures of the laboratory's page are those of the provenance files; every network says what it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sightglass import catalogue, pages
from sightglass.pages import laboratory

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def site() -> pages.Site:
    return pages.Site(catalogue.load(ROOT))


def test_figures_equal_the_provenance_files(site: pages.Site) -> None:
    page = laboratory.laboratory_page(site)
    lines = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    rows = {found[1]: line for line in lines if (found := re.search(r"<td[^>]*><code>([a-z-]+)</code><br>", line))}
    records: dict[str, list[dict]] = {}
    for path in sorted((ROOT / "repro/lab/weights").glob("*.json")):
        records.setdefault(path.stem.rpartition("-")[0], []).append(json.loads(path.read_text(encoding="utf-8")))
    assert list(rows) == list(records)
    for name, known in records.items():
        accuracies = [100 * record["accuracy"] for record in known]
        mean = sum(accuracies) / len(known)
        furthest = max(mean - min(accuracies), max(accuracies) - mean)
        cells = re.findall(r"<td[^>]*>(.*?)</td>", rows[name], re.DOTALL)
        seeds = ", ".join(str(record["seed"]) for record in known)
        spread = f" ± {furthest:.1f}" if len(known) > 1 else ""
        assert cells[2].replace("&nbsp;", " ") == f"{mean:.1f}{spread} %<br><small>seeds {seeds}</small>"
        assert cells[3] == f"{known[0]['parameters']:,}"
        seconds = sum(record["seconds"] for record in known) / len(known)
        images, epochs = known[0]["recipe"]["images"], known[0]["recipe"]["epochs"]
        assert cells[4] == f"{seconds:.0f} s<br><small>{images:,} images, {epochs} times</small>"
        size = (ROOT / f"repro/lab/weights/{name}-{known[0]['seed']}.safetensors").stat().st_size
        assert cells[5].startswith(f"{size / 1000:.0f} kB")
        assert f"<code>{known[0]['command']}</code>" in cells[0]


def test_every_network_says_what_it_is(require_module, site: pages.Site) -> None:
    require_module("torch", "make test")
    from repro.lab import networks

    built = laboratory.architectures(ROOT)
    assert set(built) == set(networks.NAMES)
    assert all(call and what.endswith((".", ":")) for call, what in built.values())
    assert built["gap-scenes"][0] == "PooledNet(nn.AdaptiveAvgPool2d(1))"


def test_without_weights_or_picture_the_page_stands(tmp_path: Path, site: pages.Site) -> None:
    books = catalogue.load(ROOT)
    nothing: dict = {"entries": {}, "methods": {}, "lists": {}}
    bare = pages.Site(type(books)(**{**books.__dict__, **nothing, "root": tmp_path}))
    assert "Nothing yet." in laboratory.laboratory_page(bare)
    assert "pictures/laboratory.png" not in pages.build(bare)
    assert "![" not in laboratory.laboratory_page(bare)
