"""What a .bib file, arXiv and Crossref say becomes a draft, word for word; what is broken, one clear message."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import pytest
from sightglass import catalogue, importing
from sightglass.catalogue.models import FIRST_DRAFT
from sightglass.errors import AnswerError, BibtexError, ImportingError
from sightglass.importing import Draft, Refusal, Venues, bibtex, records
from sightglass.importing.services import from_arxiv, from_crossref

VENUES = catalogue.load(Path(__file__).parent / "toy").venues
BIB = Path(__file__).parent / "references.bib"


def read(text: str, name: str = "a.bib") -> list[Draft | Refusal]:
    return importing.drafts(text, name, Venues(VENUES))


def drafts() -> dict[str, Draft]:
    return {draft.key: draft for draft in read(BIB.read_text(encoding="utf-8")) if isinstance(draft, Draft)}


def test_a_conference_paper_with_accents_particles_groups_and_suffixes() -> None:
    draft = drafts()["muller2016cnns"]
    confirmed = draft.data.pop("confirmed")
    assert draft.data == {
        "title": "CNNs, Seen by Müller: a Grad-CAM of 50% for x_2",
        "protect": ["CNNs", "Grad-CAM"],
        "authors": [
            "Müller, Jörg",
            "van der Maaten, Łukasz",
            {"name": "Google, Inc.", "organisation": True},
            "King Jr., Martin",
            "Šimić, Ana",
        ],
        "year": 2016,
        "month": 6,
        "venue": "CVPR",
        "pages": "1-10",
        "doi": "10.5555/a_b",
        "links": [{"url": "https://example.org/a%20b~c_d#e", "role": "paper"}],
        "kind": "conference",
        "summary": FIRST_DRAFT,
    }
    assert [(c["source"], sorted(c["fields"])) for c in confirmed] == [
        ("bibliography", ["authors", "doi", "month", "pages", "title", "venue", "year"])
    ]
    assert draft.remarks == []


def test_a_preprint_by_its_eprint_without_version() -> None:
    draft = drafts()["lin2015whole"]
    said = {
        name: draft.data[name] for name in ("title", "arxiv", "arxiv_class", "venue", "year", "month", "kind", "links")
    }
    assert said == {
        "title": "A Whole Title",
        "arxiv": "1504.05678",
        "arxiv_class": "cs.CV",
        "venue": "arXiv",
        "year": 2015,
        "month": 4,
        "kind": "preprint",
        "links": [{"url": "https://arxiv.org/abs/1504.05678", "role": "paper"}],
    }
    assert "protect" not in draft.data


def test_biblatex_date_and_a_venue_that_is_not_known() -> None:
    draft = drafts()["okafor2014seeing"]
    assert (draft.data["year"], draft.data["month"], draft.data["number"]) == (2014, 11, "3")
    assert draft.data["venue"] == "Journal-of-Nowhere"
    assert draft.venue == {"id": "Journal-of-Nowhere", "name": "Journal of Nowhere", "kind": "journal"}


def test_misc_without_an_arxiv_number_and_crossref_say_so() -> None:
    remarks = drafts()["anonymous2017notes"].remarks
    assert any("no arXiv number" in remark for remark in remarks)
    assert any("'proc17', named by crossref, is not in this file" in remark for remark in remarks)


@pytest.mark.parametrize(
    ("title", "protected"),
    [
        ("{CNN}s", ["CNNs"]),
        ("{All of It}", []),
        ('{\\"U}ber M{\\"u}ller', []),
        ("\\emph{Nets} and {LRP}", ["LRP"]),
        ("The {Deep Dream}: {A} Tale", ["Deep", "Dream", "A"]),
        ("{G}rad-{CAM}++", ["Grad-CAM"]),
    ],
)
def test_braces_in_a_title_protect_whole_words(title: str, protected: list[str]) -> None:
    assert list(bibtex.protected(title)) == protected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("@article{a, title={A}}\n@article{b, title={B}\n", 2),  # no end
        ("\n@article{a, title={A}, title={B}}", 2),
        ("@article{a,\n title={A}, author={A, B, C, D, E}}", 1),
        ("@patent{a, title={A}}", 1),
        ("\n\n@article{a, year=2000}", 3),  # no title
    ],
)
def test_what_cannot_be_read_is_named_with_the_line(text: str, line: int) -> None:
    refused = [each for each in read(f"{text}\n@article{{z, title={{Last}}}}") if isinstance(each, Refusal)]
    assert [each.line for each in refused] == [line]
    assert refused[0].left
    assert "\n" not in refused[0].reason


def test_what_stands_round_a_broken_entry_is_read() -> None:
    found = read("@article{a, title={A}}\n@article{b, title={B\n\n@article{c, title={C}}")
    assert [type(each) for each in found] == [Draft, Refusal, Draft]
    assert [each.called for each in found] == ["a", "b", "c"]


@pytest.mark.parametrize("title", ["{A}", '"A"', '"A {B} C"', "{A {B} C}"])
def test_a_missing_comma_is_named_and_the_next_entry_is_read(title: str) -> None:
    refused, good = read(f"@article{{a, title={title} author={{X, Y}}}}\n@article{{b, title={title}}}")
    assert isinstance(refused, Refusal)
    assert (refused.line, refused.called) == (1, "a")
    assert "comma" in refused.reason
    assert isinstance(good, Draft)


@pytest.mark.parametrize("title", ["{A \\{ B}", '"G{\\"o}del"', '"G\\"odel"', "{A} # { B}", '"A" # "B"', "{}", '""'])
def test_braces_and_quotes_within_a_text_are_no_missing_comma(title: str) -> None:
    assert "comma" not in getattr(read(f"@article{{a, title={title}, year=2001}}")[0], "reason", "")


def test_two_entries_may_share_a_key() -> None:
    """Both are imported: the catalogue makes new keys."""
    assert [each.data["title"] for each in read("@article{a, title={A}}\n@article{a, title={B}}")] == ["A", "B"]


@pytest.mark.parametrize("text", ["no entry at all", ""])
def test_a_file_without_an_entry_is_refused(text: str) -> None:
    with pytest.raises(BibtexError):
        read(text)


def test_mutated_files_give_drafts_or_one_message() -> None:
    draw = random.Random(3)  # noqa: S311  # no secret
    text = BIB.read_text(encoding="utf-8")
    for _ in range(200):
        at, length = draw.randrange(len(text)), draw.randrange(30)
        noise = draw.choice(["", "{", "}", '"', "\\", "@", ",", "=", "%", "\0", "#", "\\u{", "\n", "$"])
        with contextlib.suppress(ImportingError):  # refused is as good as read
            read(text[:at] + noise + text[at + length :])


def crossref(**changes: Any) -> dict[str, Any]:
    work = {
        "DOI": "10.5555/2020.7",
        "type": "journal-article",
        "title": ["Seeing &amp; <i>Believing</i>"],
        "subtitle": ["What Maps Say"],
        "author": [
            {"given": "Laurens", "family": "van der Berg", "sequence": "first", "affiliation": []},
            {"given": "Martin", "family": "King, Jr.", "sequence": "additional"},
            {"name": "Toys, Inc.", "sequence": "additional", "affiliation": []},
        ],
        "container-title": ["Journal of Toy Vision"],
        "volume": "12",
        "issue": "3",
        "page": "100\u2013110",
        "issued": {"date-parts": [[2020, 7, 15]]},
    }
    return {"status": "ok", "message-type": "work", "message": {**work, **changes}}


def test_crossref_gives_title_people_and_place() -> None:
    draft = from_crossref(crossref(), "10.5555/2020.7", Venues(VENUES))
    assert draft.key == "berg2020seeing"
    assert draft.data["title"] == "Seeing & Believing: What Maps Say"
    assert draft.data["authors"] == [
        "van der Berg, Laurens",
        "King Jr., Martin",
        {"name": "Toys, Inc.", "organisation": True},
    ]
    named = ("venue", "volume", "number", "pages", "year", "month", "kind")
    assert [draft.data[name] for name in named] == ["JTV", "12", "3", "100-110", 2020, 7, "journal"]


@pytest.mark.parametrize("date", [{}, {"date-parts": []}, {"date-parts": [[]]}, {"date-parts": [[None]]}])
def test_crossref_without_a_date(date: dict[str, Any]) -> None:
    data = from_crossref(crossref(issued=date), "10.5555/2020.7", Venues(VENUES)).data
    assert "year" not in data
    assert "month" not in data


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"message": []},
        {"message": {"type": "journal-article"}},
        crossref(title="a string"),
        crossref(author=None),
        crossref(author=[5]),
        crossref(issued={"date-parts": 5}),
    ],
)
def test_crossref_in_an_unknown_form(answer: object) -> None:
    with pytest.raises(AnswerError):
        from_crossref(answer, "10.5555/2020.7", Venues({}))


def test_crossref_of_something_else_than_a_paper_and_without_a_title() -> None:
    with pytest.raises(AnswerError):
        from_crossref(crossref(type="dataset"), "10.5555/2020.7", Venues({}))
    with pytest.raises(ImportingError):
        from_crossref(crossref(title=[], subtitle=[]), "10.5555/2020.7", Venues({}))


@pytest.mark.parametrize(
    ("names", "title", "key"),
    [
        (["Zhou, Bolei"], "Learning Deep Features", "zhou2016learning"),
        (["van der Maaten, Laurens"], "On the t-SNE", "maaten2016t"),
        (["Müller, Jörg"], "“Why Should I Trust You?”", "muller2016should"),
        ([], "The", "anonymous2016untitled"),
        (["周, 博磊"], "深度", "anonymous2016untitled"),
    ],
)
def test_proposed_keys(names: list[str], title: str, key: str) -> None:
    assert records.propose_key(names, 2016, title) == key


@pytest.mark.parametrize(
    ("name", "turned"),
    [
        ("Laurens van der Maaten", "van der Maaten, Laurens"),
        ("Bolei Zhou", "Zhou, Bolei"),
        ("Madonna", "Madonna"),
        ("Last, First", "Last, First"),
    ],
)
def test_last_first(name: str, turned: str) -> None:
    assert records.last_first(name) == turned


def test_arxiv_refuses_entities_that_unfold() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><feed xmlns="http://www.w3.org/2005/Atom">&b;</feed>'
    with pytest.raises(AnswerError):
        from_arxiv(bomb, "1504.05678", Venues({}))
