"""Citations before the programs that people use them with: none may have a word to say about any entry.

Each judge sees awkward made-up entries and the whole catalogue (``SIGHTGLASS_ROOT`` names another one).
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sightglass
import yaml
from sightglass import catalogue
from sightglass.citations import FORMATS, format_entries

RequireProgram = Callable[[str, str], str]
RequireModule = Callable[[str, str], ModuleType]
TODAY = date(2026, 11, 21)
APT = "install it with 'apt-get install {}'"
PIP = "install it with 'pip install {}'"


@pytest.fixture(scope="module", params=["awkward", "catalogue"])
def records(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("awkward") if request.param == "awkward" else catalogue.load()


def judged(*command: str | Path, cwd: Path) -> str:
    """Everything that a program prints when it exits with 0."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stderr + done.stdout


@pytest.fixture
def bibtex(tmp_path: Path, require_program: RequireProgram) -> Callable[..., tuple[list[str], set[str]]]:
    """bibtex with a style over a text: its complaints and the keys that reach the bibliography, which is UTF-8."""
    bibtex = require_program("bibtex", APT.format("texlive-binaries texlive-base"))
    kpsewhich = require_program("kpsewhich", APT.format("texlive-binaries texlive-base"))

    def judge(text: str, style: str = "plain") -> tuple[list[str], set[str]]:
        if subprocess.run([kpsewhich, f"{style}.bst"], capture_output=True, check=False).returncode:
            require_program(f"{style}.bst", APT.format("texlive-base"))
        (tmp_path / "all.bib").write_text(text, encoding="utf-8")
        (tmp_path / "all.aux").write_text(
            f"\\relax\n\\citation{{*}}\n\\bibstyle{{{style}}}\n\\bibdata{{all}}\n", encoding="utf-8"
        )
        judged(bibtex, "all", cwd=tmp_path)
        log = (tmp_path / "all.blg").read_text(encoding="utf-8", errors="replace")
        bibliography = (tmp_path / "all.bbl").read_text(encoding="utf-8")
        complaints = re.findall(r"^.*(?i:warning--|error|skipping).*$", log, re.MULTILINE)
        return complaints, set(re.findall(r"\\bibitem(?:\[[^]]*\])?\{(.+?)\}", bibliography))

    return judge


@pytest.fixture
def biber(tmp_path: Path, require_program: RequireProgram) -> Callable[[str], tuple[list[str], set[str]]]:
    """biber with its data model over a text: its complaints and the keys that it writes again."""
    biber = require_program("biber", APT.format("biber"))

    def judge(text: str) -> tuple[list[str], set[str]]:
        (tmp_path / "all.bib").write_text(text, encoding="utf-8")
        said = judged(biber, "--tool", "--validate-datamodel", "--output-file", "out.bib", "all.bib", cwd=tmp_path)
        written = (tmp_path / "out.bib").read_text(encoding="utf-8")
        complaints = re.findall(r"^(?:WARN|ERROR).*$", said, re.MULTILINE)
        return complaints, set(re.findall(r"^@\w+\{(.+?),$", written, re.MULTILINE))

    return judge


def test_bibtex(records: Any, bibtex: Callable[[str], tuple[list[str], set[str]]]) -> None:
    assert bibtex(format_entries(records.entries, records, "bibtex")) == ([], set(records.entries))


@pytest.mark.parametrize("style", ["abbrv", "acm", "apalike", "ieeetr", "siam", "unsrt"])
def test_bibtex_cuts_no_name_in_the_middle_of_a_letter(
    records: Any, style: str, bibtex: Callable[..., tuple[list[str], set[str]]]
) -> None:
    """These styles write initials, and cut them by bytes; half a Chinese character makes the file unreadable."""
    complaints, written = bibtex(format_entries(records.entries, records, "bibtex"), style)
    assert [line for line in complaints if not line.startswith("Warning--empty year in")] == []  # nobody knows it
    assert written == set(records.entries)


def test_biber(records: Any, biber: Callable[[str], tuple[list[str], set[str]]]) -> None:
    """It misses dates where nobody knows them, and nothing else: a sign for an unknown date is printed by styles."""
    complaints, written = biber(format_entries(records.entries, records, "biblatex", TODAY))
    undated = [re.search(r"Entry '(.+?)'.*Missing mandatory field - one of 'date, year'", line) for line in complaints]
    missed = {match[1] if match else line for match, line in zip(undated, complaints, strict=True)}
    assert missed <= {key for key, entry in records.entries.items() if not entry.year}
    assert written == set(records.entries)


@pytest.mark.parametrize("judge", ["bibtex", "biber"])
def test_the_judges_do_complain(judge: str, request: pytest.FixtureRequest) -> None:
    complaints, _ = request.getfixturevalue(judge)("@article{preprint,\n  author = {A, B},\n  title = {T}\n}\n")
    assert complaints


@pytest.mark.parametrize("style", ["bibtex", "biblatex"])
def test_bibtexparser(records: Any, style: str, require_module: RequireModule) -> None:
    bibtexparser = require_module("bibtexparser", PIP.format("bibtexparser"))
    text = format_entries(records.entries, records, style)
    library = bibtexparser.parse_string(text)
    decoding = bibtexparser.middlewares.LatexDecodingMiddleware()
    known = text.replace(r"\textbraceleft{}", r"\{").replace(r"\textbraceright{}", r"\}")  # macros that it lacks
    shown = bibtexparser.parse_string(known, append_middleware=[decoding])  # with each field as LaTeX shows it
    assert not library.failed_blocks + shown.failed_blocks
    assert set(library.entries_dict) == set(records.entries)
    for key, entry in records.entries.items():
        stored = {field.key: field.value for field in library.entries_dict[key].fields}
        seen = {field.key: field.value for field in shown.entries_dict[key].fields}
        assert seen["title"].replace("ˆ", "^") == " ".join(entry.title.split())
        names = [p.display if style == "bibtex" and p.is_cjk else p.name for p in entry.authors]
        assert seen.get("author", "") == " and ".join(names)
        assert stored.get("doi") == entry.doi
        assert stored.get("eprint") == entry.arxiv
        assert stored.get("year", stored.get("date", "")[:4]) == str(entry.year or "")


def test_rispy(records: Any, require_module: RequireModule) -> None:
    rispy = require_module("rispy", PIP.format("rispy"))
    parsed = rispy.loads(format_entries(records.entries, records, "ris"))
    again = rispy.loads(rispy.dumps(parsed))
    assert again == parsed
    by_key = {reference["id"]: reference for reference in parsed}
    assert set(by_key) == set(records.entries)
    for key, entry in records.entries.items():
        reference = by_key[key]
        assert reference["title"] == " ".join(entry.title.split())
        names = [p.name.replace(",", "") if p.organisation else p.name for p in entry.authors]
        # an organisation of several words ends in a comma: it has no given name
        assert [name.removesuffix(",") for name in reference.get("authors", [])] == names
        assert reference.get("doi") == entry.doi
        assert "unknown_tag" not in reference


def test_csl_schema(records: Any, require_module: RequireModule) -> None:
    jsonschema = require_module("jsonschema", PIP.format("jsonschema"))
    schema = json.loads((Path(__file__).parent / "data" / "csl" / "csl-data.json").read_text(encoding="utf-8"))
    items = json.loads(format_entries(records.entries, records, "csl-json", TODAY))
    problems = [f"{list(e.path)}: {e.message}" for e in jsonschema.Draft7Validator(schema).iter_errors(items)]
    assert not problems
    assert [item["id"] for item in items] == sorted(records.entries)
    assert "software" not in {item["type"] for item in items}  # for one of these Zotero refuses the whole file


@pytest.mark.parametrize(("style", "program"), [("bibtex", "bib2xml"), ("ris", "ris2xml")])
def test_bibutils(records: Any, style: str, program: str, tmp_path: Path, require_program: RequireProgram) -> None:
    path = require_program(program, APT.format("bibutils"))
    (tmp_path / "all").write_text(format_entries(records.entries, records, style), encoding="utf-8")
    done = subprocess.run([path, "all"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0
    # its list of RIS types is that of 2001, before blogs and videos
    said = re.sub(r".*: Did not recognize type '(?:BLOG|VIDEO|SLIDE|DATA)' .*\n\s+Defaulting to .*\n", "", done.stderr)
    assert said.strip() == f"{program}: Processed {len(records.entries)} references."


def test_cffconvert(require_module: RequireModule) -> None:
    """It names this version; and its day and addresses as soon as there are any."""
    citation = require_module("cffconvert.citation", PIP.format("cffconvert"))
    root = Path(__file__).parents[2]
    text = (root / "CITATION.cff").read_text(encoding="utf-8")
    citation.Citation(text).validate()
    said = yaml.safe_load(text)
    assert said["version"] == sightglass.__version__
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.search(rf"^## {re.escape(said['version'])} \((\d{{4}}-\d\d-\d\d)\)", changes, re.MULTILINE)
    assert str(said.get("date-released", "")) == (released[1] if released else "")
    public = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["sightglass"]
    assert (said.get("repository-code", ""), said.get("url", "")) == (public["repository"], public["site"])


@pytest.mark.parametrize("style", FORMATS)
def test_texts_have_no_control_characters(records: Any, style: str) -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029]", format_entries(records.entries, records, style))
