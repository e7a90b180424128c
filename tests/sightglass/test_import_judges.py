"""Files as Zotero, Better BibTeX, JabRef, Mendeley, DBLP, the ACL Anthology, Google Scholar and CNKI write them.

``data/importing/expected.yaml`` says for each entry what must come out: every field of the draft but the summary and
the source, the new venue, the remarks, and the names of the fields that the catalogue has no place for.
"""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from sightglass import catalogue, importing
from sightglass.catalogue import FOLDERS, Catalogue
from sightglass.citations import FORMATS, format_entries
from sightglass.errors import ImportingError
from sightglass.importing import Draft, Refusal, Venues, merging

HERE = Path(__file__).parent
FILES = HERE / "data" / "importing"
EXPECTED = yaml.safe_load((FILES / "expected.yaml").read_text(encoding="utf-8"))
TOY = catalogue.load(HERE / "toy")
EXPORTS = ("bibtex", "biblatex", "ris", "csl-json")
FACTS = ("title", "authors", "year", "month", "venue", "volume", "pages", "doi", "isbn")


def described(found: Draft | Refusal) -> dict[str, Any]:
    if isinstance(found, Refusal):
        return {"refused": found.reason, "line": found.line, "left": found.left}
    data = {name: v for name, v in found.data.items() if name not in ("summary", "confirmed", "unconfirmed_zh")}
    beside = {"new_venue": found.venue, "remarks": found.remarks, "lost": " ".join(sorted(found.lost))}
    return {"key": found.key, **data, **{name: value for name, value in beside.items() if value}}


def test_each_file_has_its_expectation() -> None:
    assert {path.name for path in FILES.iterdir()} == {*EXPECTED, "expected.yaml"}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_must_come_out(name: str) -> None:
    found = importing.drafts((FILES / name).read_text(encoding="utf-8"), name, Venues(TOY.venues))
    assert list(map(described, found)) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_what_comes_out_makes_an_entry_and_is_known_the_second_time(name: str) -> None:
    text = (FILES / name).read_text(encoding="utf-8")
    found = importing.drafts(text, name, Venues(TOY.venues))
    rows = merging.sorted_out([*found, *importing.drafts(text, name, Venues(TOY.venues))], TOY)
    first, second = rows[: len(found)], rows[len(found) :]
    added = {row.draft.key for row in first if row.draft and row.result == "added"}
    assert len(added) == sum(isinstance(each, Draft) for each in found)
    assert not [row for row in second if row.result == "added"]


@pytest.mark.parametrize("name", EXPECTED)
def test_mutated_files_give_drafts_or_one_message(name: str) -> None:
    draw = random.Random(5)  # noqa: S311  # no secret
    text = (FILES / name).read_text(encoding="utf-8")
    noises = [
        "",
        "{",
        "}",
        '"',
        "\\",
        "@",
        ",",
        "=",
        "\0",
        "#",
        "\n",
        "$",
        "[",
        "null",
        "\nER  - \n",
        "\nTY  - ",
        " and ",
        ":",
    ]
    for _ in range(60):
        at, length = draw.randrange(len(text)), draw.randrange(30)
        mutated = text[:at] + draw.choice(noises) + text[at + length :]
        with contextlib.suppress(ImportingError):  # refused is as good as read
            merging.sorted_out(importing.drafts(mutated, name, Venues(TOY.venues)), TOY)


def test_authors_that_are_not_all_are_not_confirmed() -> None:
    found = importing.drafts((FILES / "google-scholar.bib").read_text(encoding="utf-8"), "a.bib", Venues({}))
    fields = [each.data["confirmed"][0]["fields"] for each in found if isinstance(each, Draft)]
    assert ["authors" in each for each in fields] == [False, True, True, False]  # the last has none


def own(style: str, books: Catalogue) -> list[Draft | Refusal]:
    text = format_entries(books.entries, books, style)
    return importing.drafts(text, f"own.{FORMATS[style].extension}", Venues(books.venues))


@pytest.fixture(scope="module")
def whole() -> Catalogue:
    return catalogue.load(HERE.parents[1])


@pytest.mark.parametrize("style", EXPORTS)
def test_every_export_of_the_catalogue_is_there_already(style: str, whole: Catalogue) -> None:
    rows = merging.sorted_out(own(style, whole), whole)
    assert len(rows) == len(whole.entries)
    assert [row for row in rows if row.result != "there"] == []
    wrong = [(row.called, row.said) for row in rows if f"/{row.called}.yaml " not in row.said]
    assert wrong == []


@pytest.mark.parametrize("style", EXPORTS)
def test_the_round_trip_keeps_the_facts_of_every_paper(style: str, whole: Catalogue) -> None:
    """But the arXiv class, which RIS and CSL-JSON have no field for."""
    papers = whole.of_folder("papers")
    differing = []
    for found in own(style, whole):
        assert isinstance(found, Draft)
        if found.called not in papers:
            continue
        before, after = papers[found.called], FOLDERS[found.folder].model_validate(found.data)
        names = [name for name in FACTS if described_fact(before, name) != described_fact(after, name)]
        differing += [(found.called, name) for name in names]
        if before.arxiv and before.arxiv != getattr(after, "arxiv", None):
            differing.append((found.called, "arxiv"))
    assert differing == []


def described_fact(entry: Any, name: str) -> Any:
    value = getattr(entry, name, None)
    return [(person.family, person.given) for person in value] if name == "authors" else value


def test_a_thousand_entries_in_ten_seconds() -> None:
    """Of one processor; a busy machine makes no difference."""
    entry = (
        "@inproceedings{{k{0}, title = {{A {{CNN}} Sees {{M\\\"u}}ller's Toy Number {0}: Maps \\& More}}, "
        'author = {{M{{\\"u}}ller{0}, J{{\\"o}}rg and Lin, Ada and {{\\v{{S}}}}imi{{\\\'c}}, Ana}}, '
        "booktitle = {{Proceedings of the {0}th {{IEEE}} Conference on Toy Vision Series {1}}}, "
        "pages = {{1--10}}, year = {{2019}}, month = jun, doi = {{10.5555/toy.{0}}}, abstract = {{{2}}}}}\n"
    )
    text = "".join(entry.format(i, i % 50, "We look. " * 100) for i in range(1000))
    begun = time.process_time()
    rows = merging.sorted_out(importing.drafts(text, "a.bib", Venues(TOY.venues)), TOY)
    assert time.process_time() - begun < 10
    assert [row.result for row in rows] == ["added"] * 1000
