"""The timeline and the genealogy: every paper and line is there, each mark a link with a name, a table beside it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from sightglass import pages
from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import Family, Method, Paper, Taxonomy
from sightglass.pages.charts import genealogy_page, timeline_page

SVG = "{http://www.w3.org/2000/svg}"


def site(root: Path, papers: dict[str, dict], methods: dict[str, dict]) -> pages.Site:
    taxonomy = Taxonomy(
        families=[
            Family(id=slug, name=slug.title(), name_zh=zh, description="d", description_zh="述")
            for slug, zh in (("attribution", "归因"), ("training", "训练"))
        ],
        topics=[],
    )
    base = {"summary": "S.", "summary_zh": "要", "feasible": "yes", "family": "attribution"}
    return pages.Site(
        Catalogue(
            root=root,
            entries={
                key: Paper.model_validate({"title": key, "summary": "S.", "kind": "journal"} | fields)
                for key, fields in papers.items()
            },
            methods={
                slug: Method.model_validate(base | {"name": slug, "name_zh": f"法{slug}"} | fields)
                for slug, fields in methods.items()
            },
            lists={},
            taxonomy=taxonomy,
            venues={},
        )
    )


@pytest.fixture
def some(tmp_path: Path) -> pages.Site:
    papers = {f"a{i}": {"title": f"A <b>{i}</b> & co", "year": 2016, "topics": ["attribution"]} for i in range(5)}
    papers |= {
        "t": {"title": "T", "year": 2018, "topics": ["training"]},
        "free": {"title": "Free", "year": 2010},
        "undated": {"title": "Undated", "topics": ["training"]},
    }
    methods = {
        "root": {"proposed_by": ["free"]},
        "child": {"builds_on": ["root"]},
        "grandchild": {"builds_on": ["child", "root"]},
        "sibling": {"builds_on": ["root"], "name": "A name that is much too long for a box of the drawing of methods"},
        "alone": {},
    }
    return site(tmp_path, papers, methods)


def drawing(page: str) -> ET.Element:
    found = re.search(r"<svg.*?</svg>", page, re.DOTALL)
    assert found
    return ET.fromstring(found[0])  # noqa: S314  # our own output


def names(svg: ET.Element) -> dict[str, str]:
    return {
        str(link.get("href")): str(link.get("aria-label")) for link in svg.iter(f"{SVG}a") if link.get("aria-label")
    }


@pytest.mark.parametrize("draw", [timeline_page, genealogy_page])
def test_a_drawing_has_a_name_and_a_description_and_is_no_image(some: pages.Site, draw: object) -> None:
    svg = drawing(draw(some))
    assert svg.get("role") == "group"  # in an 'img' the links would be hidden from screen readers
    for attribute, tag in (("aria-labelledby", "title"), ("aria-describedby", "desc")):
        named = svg.find(f"{SVG}{tag}")
        assert named is not None
        assert named.get("id") == svg.get(attribute)
        assert named.text


def test_every_dated_paper_is_a_link_with_its_title_and_year(some: pages.Site) -> None:
    svg = drawing(timeline_page(some))
    marks = names(svg)
    assert set(marks) == {f"../papers/{key}/" for key in ("a0", "a1", "a2", "a3", "a4", "t", "free")}
    assert marks["../papers/a3/"] == "A <b>3</b> & co (2016)"
    assert "Undated" not in timeline_page(some)


def test_marks_stand_in_the_column_of_their_year_and_the_row_of_their_family(some: pages.Site) -> None:
    svg = drawing(timeline_page(some))
    at = {
        str(link.get("href")): (float(circle.get("cx", 0)), float(circle.get("cy", 0)))
        for link in svg.iter(f"{SVG}a")
        for circle in link.iter(f"{SVG}circle")
    }
    first, last = at["../papers/free/"], at["../papers/t/"]
    middle = [at[f"../papers/a{i}/"] for i in range(5)]
    assert first[0] < min(x for x, _ in middle) <= max(x for x, _ in middle) < last[0]
    assert max(y for _, y in middle) < last[1] < first[1]  # attribution, training, no family
    places = list(at.values())
    assert all(abs(a[0] - b[0]) >= 24 or abs(a[1] - b[1]) >= 24 for i, a in enumerate(places) for b in places[:i]), (
        "marks are too close for a finger"
    )


def test_a_method_stands_to_the_right_of_what_it_builds_on(some: pages.Site) -> None:
    svg = drawing(genealogy_page(some))
    x = {
        str(link.get("href")): float(box.get("x", 0)) for link in svg.iter(f"{SVG}a") for box in link.iter(f"{SVG}rect")
    }
    assert set(x) == {f"../methods/{slug}/" for slug in ("root", "child", "grandchild", "sibling")}
    assert x["../methods/root/"] < x["../methods/child/"] == x["../methods/sibling/"] < x["../methods/grandchild/"]
    assert len(list(svg.iter(f"{SVG}path"))) == 4  # one line for each 'builds on'
    assert names(svg)["../methods/root/"] == "root (2010)"
    boxes = [(box.get("x"), box.get("y")) for box in svg.iter(f"{SVG}rect")]
    assert len(set(boxes)) == len(boxes)


def test_a_long_name_is_cut_in_its_box_and_whole_in_its_link(some: pages.Site) -> None:
    svg = drawing(genealogy_page(some))
    link = next(link for link in svg.iter(f"{SVG}a") if link.get("href") == "../methods/sibling/")
    lines = [str(line.text) for line in link.iter(f"{SVG}tspan")]
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert link.get("aria-label") == "A name that is much too long for a box of the drawing of methods"


def test_the_words_under_the_drawing_say_the_same(some: pages.Site) -> None:
    page = genealogy_page(some)
    words = page.split("</svg>")[1]
    links = [f'<td><a href="../methods/{name}/">{name}</a></td>' for name in ("child", "root", "grandchild")]
    assert "".join(links) in words.replace("\n", "")
    assert '<a href="../methods/alone/">alone</a>' in words
    assert ' href="../papers/a3/">A &lt;b&gt;3&lt;/b&gt; &amp; co</a>' in timeline_page(some).split("</svg>")[1]


def test_methods_that_build_on_each_other_in_a_circle_are_drawn_all_the_same(tmp_path: Path) -> None:
    circle = site(tmp_path, {}, {"a": {"builds_on": ["b"]}, "b": {"builds_on": ["a"]}})
    assert set(names(drawing(genealogy_page(circle)))) == {"../methods/a/", "../methods/b/"}


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    empty = site(tmp_path, {}, {})
    assert "Nothing yet." in timeline_page(empty)
    assert "<svg" not in genealogy_page(empty)


def test_a_chinese_drawing_names_families_and_methods_in_chinese(some: pages.Site) -> None:
    chinese = some.in_language("zh")
    assert "归因" in timeline_page(chinese)
    assert names(drawing(genealogy_page(chinese)))["../methods/child/"] == "法child"
