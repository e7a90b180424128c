"""The gallery of methods: what runs comes first, and every method stands in its family."""

from __future__ import annotations

import re
from pathlib import Path

from sightglass import pages
from sightglass.pages.indexes import index_pages

from tests.sightglass.pages import test_pages as toy


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
