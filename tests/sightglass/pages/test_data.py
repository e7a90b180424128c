"""``catalogue.json`` is what ``docs/data.md`` says it is, on the catalogue itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sightglass import catalogue, ledger, pages
from sightglass.pages.home import STATES
from sightglass.pages.search import VERSION, catalogue_json

ROOT = Path(__file__).resolve().parents[3]
SECTIONS = {"At the top": "", "An entry": "entries", "A method": "methods", "A guide": "guides"}

NOBODY_YET = {"authors_zh"}  # documented, but no entry has it today


@pytest.fixture(scope="module")
def data() -> dict:
    site = pages.Site(catalogue.load(ROOT), ledger.load_all(ROOT), guides={"guide/": "Use it"})
    return catalogue_json(site)


def documented(section: str) -> list[str]:
    text = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)` \|", text.partition(f"## {section}\n")[2].partition("\n## ")[0], re.MULTILINE)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_is_documented_and_every_documented_field_is_there(section: str, data: dict) -> None:
    records = data[SECTIONS[section]] if SECTIONS[section] else [data]
    found = {name for record in records for name in record}
    assert found <= set(documented(section))
    assert set(documented(section)) - found <= NOBODY_YET


def test_the_version_is_the_documented_one(data: dict) -> None:
    assert data["version"] == VERSION
    assert f"| `version` | {VERSION} |" in (ROOT / "docs/data.md").read_text(encoding="utf-8")


def test_what_is_always_there_is(data: dict) -> None:
    assert all(record["key"] and record["folder"] for record in data["entries"])


def test_claims_stand_in_the_states_that_are_documented(data: dict) -> None:
    states = {state for method in data["methods"] for state in method["claims"].values()}
    assert states <= set(STATES)
    assert all(f"`{state}`" in (ROOT / "docs/data.md").read_text(encoding="utf-8") for state in STATES)
