"""The gallery of methods: what runs comes first, and every method stands in its family."""

from __future__ import annotations

import re
from pathlib import Path

from sightglass import pages
from sightglass.pages.indexes import index_pages

from tests.sightglass.pages import test_pages as toy


def test_people_stand_by_family_name_and_those_of_many_papers_first(tmp_path: Path) -> None:
    names = ["van der Maaten, Laurens", "Øygard, Audun", "Lin, Min", f"{toy.HOSTILE}, X"]
    authors = [{"name": name} for name in names] + [{"name": "周, 博磊", "sort": "Zhou, Bolei"}]
    authors += [{"name": "Zhou, Bolei", "zh": "周博磊"}, {"name": "A Group", "organisation": True}]
    entries = {f"k{i}": toy.paper(authors=authors[i:]) for i in range(len(authors))}
    body = index_pages(pages.Site(toy.catalogue(tmp_path, entries)))["people/index.md"]
    sections = [re.findall(r"<li>(.*?)</li>", section, re.DOTALL) for section in re.split("<section>", body)[1:]]
    slugs = [[re.search(r'href="([\w-]+)/"', item)[1] for item in section] for section in sections]  # type: ignore[index]  # each has one
    assert slugs[0] == ["bolei-zhou", "x-script-alert-1-script-b-x-javascript-1-c-d-q-e-f-b", "min-lin"]
    assert slugs[1:] == [["min-lin"], ["audun-oygard"], [slugs[0][1]], ["laurens-van-der-maaten"], ["bolei-zhou"]]
    assert re.findall(r'<h2 id="(\w)">', body) == ["L", "O", "S", "V", "Z"]
    counts = [re.findall(r'"sg-count">(\d+)<', item) for section in sections[1:] for item in section]
    assert counts == [["3"], ["2"], ["4"], [], ["6"]]
    assert '<span lang="zh-Hans">周博磊</span>' in sections[0][0]
    assert not toy.rendered(body).tags & {"script", "b", "del", "strong", "code"}


def test_the_gallery_shows_what_runs_first_and_every_method_in_its_family(tmp_path: Path) -> None:
    (tmp_path / "repro/attribution").mkdir(parents=True)
    (tmp_path / "repro/attribution/m.py").touch()
    methods = {"n": toy.method(name="A", summary=toy.HOSTILE), "m": toy.method(name="Z")}
    site = pages.Site(toy.catalogue(tmp_path, {"k": toy.paper(proposes=["m"])}, methods))
    body = index_pages(site)["methods/index.md"]
    sections = re.split(r"<section", body)[1:]
    links = [re.findall(r'<li[^>]*><a href="(?:\.\./)?(?:methods/)?(\w)/">', section) for section in sections]
    assert links == [["m"], ["m", "n"]]
    assert body.count('<li class="sg-runs">') == 2
    assert '<section id="attribution">' in body
    assert 'href="#attribution"' in body
    assert not toy.rendered(body).tags & {"script", "b", "del", "strong", "code"}
