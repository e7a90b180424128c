"""Nothing of the founding notes is lost: each row and each address of theirs is held by the real catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
from sightglass import catalogue
from sightglass.catalogue import Catalogue

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def books() -> Catalogue:
    return catalogue.load(ROOT)


def lines(name: str) -> set[str]:
    text = (DATA / name).read_text(encoding="utf-8")
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def test_every_row_is_carried(books: Catalogue) -> None:
    records = [*books.entries.values(), *books.methods.values()]
    carried = {row for record in records if record.founding_notes for row in record.founding_notes.rows}
    rows = lines("founding_rows.txt")
    assert len(rows) == 343
    assert carried == rows


def test_every_address_is_held(books: Catalogue) -> None:
    records = [*books.entries.values(), *books.methods.values()]
    held = {link.url for record in records for link in record.links}
    for url in lines("founding_urls.txt"):
        assert url in held or f"http://{url}" in held, url
