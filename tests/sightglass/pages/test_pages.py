"""The pages as a pure function: what stands on them, and that nothing in the catalogue can become markup."""

from __future__ import annotations

import html
import html.parser
import json
import posixpath
import re
from pathlib import Path
from typing import Any

import markdown
import pytest
import yaml
from sightglass import pages
from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import (
    Claim,
    Family,
    Method,
    Paper,
    Post,
    ReadingItem,
    ReadingList,
    Resource,
    Session,
    Taxonomy,
    Tool,
    Topic,
    Venue,
)
from sightglass.ledger import Quantity, Result
from sightglass.pages.entries import archived, entry_page, ways
from sightglass.pages.markup import text
from sightglass.pages.methods import method_page
from sightglass.settings import Settings

HOSTILE = '<script>alert(1)</script> **b** [x](javascript:1) `c` | $d$ & "q" {: .e } ~~f~~ <b>'
EXTENSIONS = [
    "admonition",
    "attr_list",
    "md_in_html",
    "tables",
    "toc",
    "pymdownx.details",
    "pymdownx.highlight",
    "pymdownx.superfences",
    "pymdownx.tabbed",
]
CLAIM = {
    "id": "c",
    "statement": "It finds.",
    "paper": "k",
    "place": "Tab. 2",
    "quantity": "q",
    "unit": "share",
    "at_least": 0.5,
}


def catalogue(root: Path, entries: dict, methods: dict | None = None, lists: dict | None = None) -> Catalogue:
    return Catalogue(
        root=root,
        entries=entries,
        methods=methods or {},
        lists=lists or {},
        taxonomy=Taxonomy(
            families=[
                Family(id="attribution", name="Attribution", name_zh="归因", description="d", description_zh="述")
            ],
            topics=[Topic(id="survey", name="Surveys", name_zh="综述")],
        ),
        venues={"CVPR": Venue(id="CVPR", name="Conference on Vision", kind="conference")},
    )


def paper(**fields: object) -> Paper:
    return Paper.model_validate({"title": "T", "summary": "S.", "summary_zh": "摘要。", "kind": "conference"} | fields)


def method(**fields: object) -> Method:
    base = {"name": "M", "family": "attribution", "summary": "S.", "summary_zh": "要", "feasible": "yes"}
    return Method.model_validate(base | fields)


class Seen(html.parser.HTMLParser):
    """Tags, link targets and text of a piece of HTML."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.words = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words += data


def body(page: str) -> str:
    return page.split("\n---\n", 1)[1]


def front(page: str) -> dict:
    return yaml.safe_load(page.split("\n---\n", 1)[0].removeprefix("---\n"))


def rendered(page: str) -> Seen:
    return Seen(markdown.markdown(body(page), extensions=EXTENSIONS))


@pytest.fixture
def hostile(tmp_path: Path) -> pages.Site:
    entry = paper(
        title=HOSTILE,
        title_zh=HOSTILE,
        abbreviation=HOSTILE,
        authors=[{"name": f"{HOSTILE}, X"}],
        year=2016,
        venue="CVPR",
        volume=HOSTILE,
        pages=HOSTILE,
        doi='10.1/"><script>',
        arxiv="1512.04150",
        summary=HOSTILE,
        summary_zh=HOSTILE,
        topics=["survey", "attribution"],
        about=["m"],
        unconfirmed=HOSTILE,
        links=[
            {
                "url": 'https://x.example/"><script>alert(1)</script>',
                "role": "code",
                "note": HOSTILE,
                "status": "moved",
                "now": "https://y.example/<b>",
            }
        ],
        confirmed=[{"source": "page", "fields": [HOSTILE], "at": 'https://z.example/"onload="x'}],
        founding_notes={
            "rows": [],
            "lines": ["004:L1"],
            "corrections": [{"line": "004:L1", "said": HOSTILE, "truth": HOSTILE}],
        },
    )
    others = {
        "tool": Tool(title=HOSTILE, summary=HOSTILE, kind="library", accompanies=["paper"], topics=["survey"]),
        "post": Post(title=HOSTILE, summary=HOSTILE, kind="blog", language="zh", about=["m"]),
        "resource": Resource(title=HOSTILE, summary=HOSTILE, kind="course", topics=["survey"]),
    }
    claim = Claim(
        id="c",
        statement=HOSTILE,
        paper="paper",
        place=HOSTILE,
        reported=HOSTILE,
        quantity="q",
        unit=HOSTILE,
        at_least=0.5,
        expect="fails",
        reason=HOSTILE,
    )
    methods = {
        "m": method(
            name=HOSTILE,
            name_zh=HOSTILE,
            aliases=[HOSTILE],
            summary=HOSTILE,
            summary_zh=HOSTILE,
            feasible_why=HOSTILE,
            claims=[claim.model_dump()],
            proposed_by=["paper"],
        )
    }
    session = Session(
        title=HOSTILE,
        place=HOSTILE,
        presenter=HOSTILE,
        notes=HOSTILE,
        items=[ReadingItem(key="paper", sections=HOSTILE, questions=[HOSTILE]), ReadingItem(key="m")],
    )
    lists = {"l": ReadingList(title=HOSTILE, summary=HOSTILE, group=HOSTILE, sessions=[session])}
    return pages.Site(catalogue(tmp_path, {"paper": entry, **others}, methods, lists))


def test_nothing_in_the_catalogue_becomes_markup(hostile: pages.Site) -> None:
    [person] = hostile.people  # whose page's name is made of the letters of his
    for path, content in pages.build(hostile).items():
        if not path.endswith(".md"):
            continue
        seen = rendered(str(content))
        assert not seen.tags & {"script", "b", "del", "iframe"}, path
        assert not [target for target in seen.targets if "javascript" in target.replace(person, "")], path
        assert front(str(content))["title"], path


def test_a_field_reads_on_the_page_as_it_was_written(hostile: pages.Site) -> None:
    words = " ".join(rendered(entry_page(hostile, "paper")).words.split())
    plain = " ".join(HOSTILE.split())
    assert words.count(plain) >= 6  # title, Chinese title, both summaries, said, truth


@pytest.mark.parametrize(
    "value", ["# no heading", "- no item", "1. no item", "> no quote", "=== no tab", "!!! no box", "+ x"]
)
def test_a_text_does_not_start_a_block(value: str) -> None:
    seen = Seen(markdown.markdown(text(value), extensions=EXTENSIONS))
    assert seen.tags <= {"p"}
    assert seen.words == value


def test_every_link_between_pages_leads_somewhere(hostile: pages.Site) -> None:
    built = pages.build(hostile)
    known = set(built) | {"tutorials/index.md", "guide.md", "founding-notes.md", "cite/index.md"}
    for path, content in built.items():
        if not path.endswith(".md"):
            continue
        for target in re.findall(r"\]\((?!https?:)([^)]+\.(?:md|png|bib|json|txt))\)", str(content)):
            assert posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) in known, (path, target)


def test_front_matter_survives_any_title(tmp_path: Path) -> None:
    title = 'A: "quoted" title\\ with --- and # signs, 中文'
    site = pages.Site(catalogue(tmp_path, {"k": paper(title=title, topics=["survey"])}))
    assert front(entry_page(site, "k"))["title"] == title


def test_an_entry_page_has_zotero_tags_and_no_coins_and_a_list_has_coins(hostile: pages.Site) -> None:
    built = pages.build(hostile)
    entry = str(built["papers/paper.md"])
    assert ["citation_title", HOSTILE] in front(entry)["citation"]
    assert "Z3988" not in entry
    assert str(built["papers/index.md"]).count("Z3988") == 1


def test_links_offer_an_archived_copy(tmp_path: Path) -> None:
    links = [
        {"url": "https://a.example/x?y=1", "role": "page"},
        {
            "url": "https://b.example/",
            "role": "page",
            "archived": "https://web.archive.org/web/2017/https://b.example/",
        },
    ]
    entry = paper(topics=["survey"], links=links)
    assert [archived(link) for link in entry.links] == [
        "https://web.archive.org/web/2019/https://a.example/x?y=1",
        "https://web.archive.org/web/2017/https://b.example/",
    ]
    page = html.unescape(entry_page(pages.Site(catalogue(tmp_path, {"k": entry})), "k"))
    assert all(archived(link) in page for link in entry.links)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        (
            {"arxiv": "1311.2901"},
            {"visit": "https://arxiv.org/abs/1311.2901", "pdf": "https://arxiv.org/pdf/1311.2901"},
        ),
        (
            {
                "doi": "10.1/a",
                "links": [
                    {"url": "https://a.example/p.PDF", "role": "paper"},
                    {"url": "https://a.example/code", "role": "code", "status": "dead"},
                    {"url": "https://b.example/code", "role": "code", "status": "moved", "now": "https://c.example/"},
                    {"url": "https://a.example/review", "role": "review"},
                ],
            },
            {
                "pdf": "https://a.example/p.PDF",
                "code": "https://c.example/",
                "doi": "https://doi.org/10.1/a",
                "archived": "https://web.archive.org/web/2019/https://a.example/code",
            },
        ),
        (
            {
                "links": [
                    {"url": "https://a.example/2", "role": "page", "part": True},
                    {"url": "https://a.example/", "role": "page", "archived": "https://s.example/a"},
                ]
            },
            {"visit": "https://a.example/", "archived": "https://s.example/a"},
        ),
        ({"links": [{"url": "https://a.example/p.pdf", "role": "page"}]}, {"pdf": "https://a.example/p.pdf"}),
    ],
)
def test_under_the_title_each_way_to_the_thing_stands_once(fields: dict[str, Any], expected: dict[str, str]) -> None:
    assert ways(paper(topics=["survey"], **fields)) == expected


def test_an_entry_shows_a_picture_only_of_a_method_that_it_proposes(tmp_path: Path) -> None:
    (tmp_path / "results/cpu").mkdir(parents=True)
    (tmp_path / "results/cpu/m.webp").write_bytes(b"RIFF\0\0\0\0WEBPVP8X".ljust(30, b"\0"))
    entries = {"a": paper(proposes=["m"]), "b": paper(about=["m"])}
    books = catalogue(tmp_path, entries, {"m": method(proposed_by=["a"])})
    site = pages.Site(books, results={"m": [result([0.9])]})
    assert "not a figure of the paper</figcaption>" in entry_page(site, "a")
    assert "<img" not in entry_page(site, "b")


def test_a_method_that_does_not_run_leads_to_its_relatives_that_do(tmp_path: Path) -> None:
    (tmp_path / "repro/attribution").mkdir(parents=True)
    (tmp_path / "repro/attribution/runs.py").write_text("")
    methods = {
        "older": method(name="Older"),
        "runs": method(name="Runs", builds_on=["older"]),
        "newer": method(name="Newer", builds_on=["runs"]),
        "alone": method(name="Alone"),
    }
    entry = paper(about=["older", "newer", "alone"])
    shown = rendered(entry_page(pages.Site(catalogue(tmp_path, {"k": entry}, methods)), "k"))
    assert shown.words.count("related methods that run here: Runs") == 2
    assert shown.words.count("no reproduction yet") == 3


def test_an_entry_without_a_method_says_why(tmp_path: Path) -> None:
    entry = paper(topics=["survey"], about_none="on *writing* only", about_none_zh="只谈写作")
    books = catalogue(tmp_path, {"k": entry})
    assert "Treats none of the catalogue's methods: on *writing* only" in html.unescape(
        entry_page(pages.Site(books), "k")
    )
    assert "未涉及文献库中的方法：只谈写作" in entry_page(pages.Site(books, language="zh"), "k")


def test_a_person_has_a_page_from_one_paper_on(tmp_path: Path) -> None:
    def site(count: int) -> pages.Site:
        authors = [{"name": "van der Maaten, Laurens"}]
        return pages.Site(
            catalogue(tmp_path, {f"k{i}": paper(title=f"T{i}", authors=authors, year=2000 + i) for i in range(count)})
        )

    assert 'href="../../papers/k0/"' in str(pages.build(site(1))["people/laurens-van-der-maaten.md"])
    built = pages.build(site(3))
    page = str(built["people/laurens-van-der-maaten.md"])
    assert page.index("T2") < page.index("T1") < page.index("T0")  # newest first
    assert 'href="../../people/laurens-van-der-maaten/"' in str(built["papers/k0.md"])


def result(values: list[float]) -> Result:
    mean = sum(values) / len(values)
    quantity = Quantity(values=values, mean=mean, spread=max(values) - min(values))
    return Result(
        method="m",
        device="cpu",
        quantities={"q": quantity},
        seeds=list(range(len(values))),
        command="sightglass verify m",
        date="2026-01-02",
        seconds=12.0,
        device_name="a processor",
        versions={},
        verdicts={},
    )


@pytest.mark.parametrize(
    ("values", "expect", "shown"),
    [
        ([0.6, 0.7], "holds", "holds"),
        ([0.4, 0.7], "holds", "fails"),
        ([0.1, 0.2], "fails", "as expected here"),
        (None, "holds", "not run"),
    ],
)
def test_a_claim_shows_what_was_measured(tmp_path: Path, values: list[float] | None, expect: str, shown: str) -> None:
    claim = CLAIM | {"expect": expect, "reason": "Too small." if expect == "fails" else None}
    results = {"m": [result(values)]} if values else {}
    site = pages.Site(catalogue(tmp_path, {"k": paper()}, {"m": method(claims=[claim])}), results)
    seen = rendered(method_page(site, "m"))
    assert shown in seen.words
    assert "≥ 0.5" in seen.words
    if values:
        assert f"{sum(values) / 2:.3g}" in seen.words
        assert "stale" in seen.words  # no module produced this result: its sources are not those of today


SAID = {  # what a method's file says for its page, in both languages
    f"{name}{tongue}": f"{before}{name.replace('_', ' ')}. Rest of {name.replace('_', ' ')}."
    if not tongue
    else f"{name.replace('_', ' ')} 首句。其余。"
    for name in ("idea", "use_when", "avoid_when", "passes", "photograph_says", "feasible_why")
    for tongue, before in (("", "First of "), ("_zh", ""))
}


def with_module(tmp_path: Path, **fields: object) -> pages.Site:
    """A site with the method ``m``, which runs, has one claim that was measured, and says all that a page shows."""
    (tmp_path / "repro/attribution").mkdir(parents=True)
    source = "def m(model, images, target_classes) -> Heatmap:\n    return images.mean(1)  # Eq. (1)\n"
    (tmp_path / "repro/attribution/m.py").write_text(source)
    claim = {
        "id": "c",
        "statement": "It holds.",
        "statement_zh": "论文结论。",
        "paper": "k",
        "place": "Sec. 4.1, Table 1",
    }
    claim |= {
        "quantity": "q",
        "unit": "share",
        "unit_zh": "比例",
        "at_least": 0.5,
        "reported": "0.7",
        "reported_zh": "七成",
    }
    equation = {"number": "1", "place": "Sec. 2", "latex": "a=b", "meaning": "It is.", "meaning_zh": "如此。"}
    base = {"claims": [claim], "limits": ["c"], "network": "maps", "equations": [equation], "proposed_by": ["k"]}
    return pages.Site(
        catalogue(tmp_path, {"k": paper(about=["m"])}, {"m": method(**SAID, **(base | fields))}),
        {"m": [result([0.6, 0.7])]},
    )


def test_a_method_is_told_in_the_order_in_which_readers_ask(tmp_path: Path) -> None:
    words = rendered(method_page(with_module(tmp_path), "m")).words
    order = [
        "First of idea.",
        "The idea",
        "Rest of idea.",
        "Run it",
        "pip install",
        "sightglass run m",
        "target_classes)",
    ]
    order += ["Eq. (1)", "images.mean(1)", "When to use it", "Rest of use when.", "Rest of avoid when.", "It holds."]
    order += ["Rest of passes.", "1 of 1 reproduced.", "0.65 ± 0.05", "≥ 0.5", "Read"]
    places, start = [], 0
    for each in order:
        start = words.find(each, start)
        places.append(start)
    assert -1 not in places, [each for each, place in zip(order, places, strict=True) if place == -1]


def test_a_claim_has_an_address_inside_what_it_unfolds(tmp_path: Path) -> None:
    page = method_page(with_module(tmp_path), "m")
    unfolded = re.search(r'<details class="sg-claim">.*?</summary>\n<div id="c"', page, re.DOTALL)
    assert unfolded  # a browser opens the row only if the address lies within
    assert page.count('href="#c"') == 2  # from what shows the method's limits, and from the claim itself


def test_a_method_in_chinese_says_all_in_chinese(tmp_path: Path) -> None:
    page = method_page(with_module(tmp_path).in_language("zh"), "m")
    words = re.sub(r"<pre>.*?</pre>", "", body(page), flags=re.DOTALL)
    shown = [name for name in ("idea", "use when", "avoid when", "passes") if f"{name} 首句。" in words]
    assert shown == ["idea", "use when", "avoid when", "passes"]
    assert "第 4.1 节，表 1" in words
    assert not re.search(r"First of|Rest of|It holds\.|share", words)


def test_a_photograph_comes_first_and_is_described(tmp_path: Path) -> None:
    site = with_module(tmp_path)
    assert "<figure>" not in method_page(site, "m")
    drawn = tmp_path / "results/photographs/m.webp"
    drawn.parent.mkdir(parents=True)
    drawn.write_bytes(b"RIFF....WEBPVP8X" + bytes(8) + (639).to_bytes(3, "little") + (199).to_bytes(3, "little"))
    page = method_page(site, "m")
    assert 'alt="First of photograph says. Rest of photograph says." class="sg-picture" width="640"' in page
    assert body(page).index("<figure>") < body(page).index("Rest of idea.")


def test_a_method_that_does_not_run_says_so_in_one_line(tmp_path: Path) -> None:
    site = pages.Site(catalogue(tmp_path, {}, {"m": method(feasible_why="Small.", feasible_why_zh="小。")}))
    assert (
        "Not implemented yet. It can be reproduced on small data: contributions welcome. Small."
        in rendered(method_page(site, "m")).words
    )
    assert "小。" in method_page(site.in_language("zh"), "m")
    assert "Run it" not in method_page(site, "m")


def test_catalogue_json_is_versioned_compact_and_keeps_chinese(hostile: pages.Site) -> None:
    content = str(pages.build(hostile)["catalogue.json"])
    data = json.loads(content)
    assert data["version"] == 1
    assert {entry["key"] for entry in data["entries"]} == {"paper", "tool", "post", "resource"}
    assert "综述" in content
    assert next(e for e in data["entries"] if e["key"] == "paper")["families"] == ["attribution"]


def test_addresses_come_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "repro/attribution").mkdir(parents=True)
    (tmp_path / "repro/attribution/m.py").write_text('"""The idea, Eq. (1)."""\n')
    books = catalogue(tmp_path, {}, {"m": method()})
    local = method_page(pages.Site(books), "m")
    public = method_page(pages.Site(books, settings=Settings(repository="https://git.example/o/r/")), "m")
    assert "https://git.example/o/r/blob/main/repro/attribution/m.py" in public
    assert "git.example" not in local
    assert "The idea, Eq. (1)." in local
