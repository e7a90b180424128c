"""The index that the browser searches: complete, in parts that fit together, and honest about what is verified."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sightglass import ledger, pages
from sightglass.catalogue.models import SearchWords
from sightglass.pages import finding
from sightglass.pages.browse import FIRST, SAID, browse_page, shortened

from tests.sightglass.pages import test_pages as toy


def site(root: Path, count: int = 3, **more: Any) -> pages.Site:
    entries = {f"k{i}": toy.paper(title=f"T{i}", year=2000 + i, about=["m"], topics=["survey"]) for i in range(count)}
    return pages.Site(toy.catalogue(root, entries, {"m": toy.method()}), **more)


def parts(files: dict[str, str], name: str) -> list[dict[str, Any]]:
    return [json.loads(files[path]) for path in sorted(files) if path.startswith(f"find/{name}-")]


def test_every_entry_is_in_the_index_once_and_of_equals_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "PART", 2)
    files = finding.index_files(site(tmp_path, 5))
    index = json.loads(files["find/index.json"])
    names, words = parts(files, "names"), parts(files, "words")
    assert (index["parts"], index["entries"]) == (3, 5)
    assert [key for part in names for key in part["key"]] == ["k4", "k3", "k2", "k1", "k0"]
    assert [part["of"] for part in words] == [part["of"] for part in names]
    assert [len(part["words"]) for part in words] == [len(part["key"]) for part in names] == [2, 2, 1]
    for part in names:
        assert part["methods"]["values"] == ["m"]
        assert part["methods"]["cells"] == [0] * len(part["key"])
        assert part["venue"]["cells"] == [[]] * len(part["key"])


def test_an_empty_catalogue_has_an_index(tmp_path: Path) -> None:
    files = finding.index_files(site(tmp_path, 0))
    assert json.loads(files["find/index.json"])["parts"] == 1
    assert json.loads(files["find/names-0.json"])["key"] == []
    assert "0 of 0 entries" in browse_page(site(tmp_path, 0))


def test_guides_have_their_headings_and_their_chinese_title(tmp_path: Path) -> None:
    guides = {"guide/": "Use it", "zh/guide/": "使用", "tutorials/m/": "M, step by step"}
    headings = {"guide/": ["Run a method"], "zh/guide/": ["运行方法"]}
    index = json.loads(finding.index_files(site(tmp_path, guides=guides, headings=headings))["find/index.json"])
    guide, tutorial, *others = index["pages"]
    assert (guide["type"], guide["title_zh"], guide["translated"]) == ("guide", "使用", True)
    assert guide["headings"][:2] == ["Run a method", "运行方法"]
    assert (guide["summary"], guide["summary_zh"]) == ("Run a method", "运行方法")
    assert (tutorial["type"], tutorial["translated"]) == ("tutorial", False)
    assert {(page["type"], page["url"]) for page in others} == {("page", url) for url in finding.PAGES}


def test_the_taxonomy_says_what_else_things_are_called(tmp_path: Path) -> None:
    whole = site(tmp_path)
    search = SearchWords(synonyms=["heatmap, 热力图"], pages={"claims/": "results, 结果"}, filler="how, 的")
    family = whole.catalogue.taxonomy.families[0].model_copy(update={"aliases": ["Saliency"]})
    taxonomy = whole.catalogue.taxonomy.model_copy(update={"search": search, "families": [family]})
    index = json.loads(finding.index_files(pages.Site(replace(whole.catalogue, taxonomy=taxonomy)))["find/index.json"])
    assert (index["synonyms"], index["filler"]) == ([["heatmap", "热力图"]], ["how", "的"])
    assert {page["url"]: page["aliases"] for page in index["pages"]}["claims/"] == ["results", "结果"]
    assert [(subject["type"], subject["aliases"]) for subject in index["subjects"]] == [
        ("family", ["Saliency"]),
        ("topic", []),
    ]


def test_what_is_most_useful_comes_first_and_what_is_beside_the_subject_last(tmp_path: Path) -> None:
    (tmp_path / "repro/attribution").mkdir(parents=True)
    (tmp_path / "repro/attribution/runs.py").touch()
    entries = {
        "beside": toy.paper(year=2020, topics=["survey"]),
        "else": toy.paper(year=2019),
        "about": toy.paper(year=2000, about=["runs"], topics=["survey"]),
        "proposes": toy.paper(year=1999, proposes=["idle"]),
        "running": toy.paper(year=1990, proposes=["runs"]),
    }
    books = toy.catalogue(tmp_path, entries, {"runs": toy.method(), "idle": toy.method()})
    topics = [books.taxonomy.topics[0].model_copy(update={"beside": True})]
    whole = pages.Site(replace(books, taxonomy=books.taxonomy.model_copy(update={"topics": topics})))
    assert finding.most_useful_first(whole) == ["running", "proposes", "about", "else", "beside"]
    names = parts(finding.index_files(whole), "names")[0]
    scopes = [names["scope"]["values"][cell] for cell in names["scope"]["cells"]]
    assert scopes == ["networks"] * 4 + ["beside"]


@pytest.mark.parametrize(
    ("values", "expect", "stale", "yes"),
    [
        ([[0.6, 0.7]], "holds", False, True),
        ([[0.4, 0.7]], "holds", False, False),
        ([[0.1, 0.2]], "fails", False, True),  # fails, as the claim says it does at this scale
        ([[0.6], [0.1]], "holds", False, False),  # on one device only
        ([[0.6]], "holds", True, False),  # by code that is no longer this
        ([], "holds", False, False),
    ],
)
def test_verified_means_that_every_result_of_today_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[list[float]], expect: str, stale: bool, yes: bool
) -> None:
    monkeypatch.setattr(ledger, "is_stale", lambda *_: stale)
    monkeypatch.setattr(
        ledger,
        "verdict",
        lambda claim, result: "holds" if min(result.quantities["q"].values) >= claim.at_least else "fails",
    )
    claim = {**toy.CLAIM, "expect": expect, "reason": "Too small." if expect == "fails" else None}
    books = toy.catalogue(tmp_path, {"k": toy.paper(about=["m"])}, {"m": toy.method(claims=[claim])})
    results = {"m": [toy.result(numbers) for numbers in values]} if values else {}
    index = json.loads(finding.index_files(pages.Site(books, results))["find/index.json"])
    assert index["methods"][0]["verified"] is yes


def test_a_method_without_claims_is_not_verified(tmp_path: Path) -> None:
    assert not finding.verified(site(tmp_path, results={"m": [toy.result([0.6])]}), "m")


def test_the_browse_page_shows_the_most_useful_and_speaks_both_languages(tmp_path: Path) -> None:
    whole = site(tmp_path, FIRST + 2)
    english, chinese = browse_page(whole), browse_page(whole.in_language("zh"))
    for body in (english, chinese):
        keys = re.findall(r'<li data-sg-key="(\w+)">', body)
        assert keys == [f"k{i}" for i in range(FIRST + 1, 1, -1)]
        assert '<a href="../papers/k51/">' in body
    assert f"{FIRST + 2} of {FIRST + 2} entries" in english
    assert "有复现" in chinese
    words = [json.loads(html.unescape(re.search(r'data-words="([^"]*)"', body)[1])) for body in (english, chinese)]
    assert words[0].keys() == words[1].keys()
    assert words[1]["kind.blog"] == "博客"
    assert '<span class="sg-badge">Paper</span>' in english
    assert '<span class="sg-gist">摘要。</span>' in chinese


def test_a_row_has_room_for_the_beginning_of_a_summary() -> None:
    assert shortened("x" * SAID) == "x" * SAID
    assert shortened("x" * (SAID + 1)) == "x" * (SAID - 1) + "…"


def test_what_an_entry_holds_is_text_on_the_browse_page(tmp_path: Path) -> None:
    entry = toy.paper(title=toy.HOSTILE, title_zh=toy.HOSTILE, authors=[{"name": toy.HOSTILE}])
    seen = toy.rendered(browse_page(pages.Site(toy.catalogue(tmp_path, {"k": entry}))))
    assert not seen.tags & {"script", "b", "del", "strong", "code"}
    assert " ".join(seen.words.split()).count(" ".join(toy.HOSTILE.split())) == 3
