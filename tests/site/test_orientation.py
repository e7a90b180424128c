"""Every page says where it is: the tab, the way from the home page, what comes before and after."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.site.conftest import pages_in


class Place(NamedTuple):
    """What a page says of its place: addresses of pages are folders of the site."""

    tab: str
    steps: list[tuple[str, Path | None]]  # words and where they lead
    ways: dict[str, Path]


def place_of(page: Path) -> Place:
    source = page.read_text(encoding="utf-8")
    [trail] = re.findall(r'<nav class="sg-trail" aria-label="[^"]+">(.*?)</nav>', source, re.DOTALL)
    assert source.index("sg-trail") < source.index("<h1")
    steps = re.findall(r"<li([^>]*)>\s*(?:<a href=\"([^\"]*)\">)?([^<]*)", trail)
    assert [mark for mark, _, _ in steps if "aria-current" in mark] == [steps[-1][0]]
    tabs = re.findall(r'md-tabs__item--active">\s*<a [^>]*>\s*([^<]*?)\s*</a>', source)
    assert len(tabs) == 1, page
    found = re.findall(r'<a class="sg-(previous|next)-page" rel="\w+" href="([^"]*)"', source)
    return Place(
        tabs[0],
        [(words.strip(), (page.parent / target).resolve() if target else None) for _, target, words in steps],
        {way: (page.parent / target).resolve() for way, target in found},
    )


@pytest.fixture(scope="module")
def places(built: Path) -> dict[Path, Place]:
    """All pages but the two home pages and the one for what is not there, by folder."""
    beside = {built / "index.html", built / "zh/index.html", built / "404.html"}
    return {page.parent.resolve(): place_of(page) for page in pages_in(built) if page not in beside}


def test_the_way_begins_at_home_and_names_the_active_tab_and_the_page(built: Path, places: dict[Path, Place]) -> None:
    assert len(places) > 1000
    for folder, (tab, steps, _) in places.items():
        home = built / "zh" if built / "zh" in folder.parents else built
        assert steps[0][1] == home.resolve(), folder
        assert steps[1][0] == tab, folder
        assert steps[-1][1] is None, folder
        assert all(target is None or (target / "index.html").is_file() for _, target in steps), folder


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("papers/zhou2016learning", ["Home", "Browse", "Papers", "Learning Deep Features for Discriminative Localization"]),
        ("methods/grad-cam", ["Home", "Methods", "Grad-CAM"]),
        ("tutorials/grad-cam", ["Home", "Methods", "Tutorials"]),
        ("lists/class-activation-maps", ["Home", "Reading lists"]),
        ("topics/survey", ["Home", "Browse"]),
        ("guide", ["Home", "About", "Use it"]),
        ("claims", ["Home", "Claims"]),
        ("zh/venues/cvpr", ["首页", "浏览", "发表渠道"]),
        ("zh/cite", ["首页", "关于", "引用"]),
    ],
)  # fmt: skip  # a table
def test_the_steps_are_those_of_the_navigation(
    built: Path, places: dict[Path, Place], page: str, names: list[str]
) -> None:
    words = [name for name, _ in places[(built / page).resolve()].steps]
    assert words[: len(names)] == names
    assert len(words) - len(names) <= 1


def test_before_and_after_are_each_other_s_and_of_the_same_section(places: dict[Path, Place]) -> None:
    opposite = {"previous": "next", "next": "previous"}
    linked = 0
    for folder, place in places.items():
        for way, other in place.ways.items():
            assert places[other].ways[opposite[way]] == folder, folder
            assert places[other].tab == place.tab, folder
            linked += 1
    assert linked > 2 * 1000


def test_one_walks_through_a_section_as_its_list_shows_it(built: Path, places: dict[Path, Place]) -> None:
    for section in ("papers", "zh/posts", "people", "venues", "years", "lists", "tutorials", "families"):
        index = (built / section / "index.html").read_text(encoding="utf-8").partition("<h1")[2]
        index = index.partition('<h2 id="A">')[2] or index  # of people, those of many papers stand above
        listed = list(dict.fromkeys(re.findall(r'href="([\w-]+)/"', index)))
        first = (built / section / listed[0]).resolve()
        walked = [first]
        while after := places[walked[-1]].ways.get("next"):
            walked.append(after)
        assert "previous" not in places[first].ways
        assert [folder.name for folder in walked] == listed
