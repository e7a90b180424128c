"""The home page: what it counts, what is reproduced, how current it is, and its photograph."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sightglass import catalogue, pages
from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import Family, Method, Taxonomy
from sightglass.ledger import Quantity, Result, keys
from sightglass.pages.home import SEEN, home, states

ROOT = Path(__file__).resolve().parents[3]


def claim(number: int, **fields: object) -> dict:
    return {
        "id": f"c{number}",
        "statement": "S.",
        "paper": "p",
        "place": "Sec. 1",
        "quantity": "q",
        "unit": "share",
        **fields,
    }


@pytest.fixture
def site(tmp_path: Path) -> pages.Site:
    """Three methods: one measured as its code is now, one measured before a change, one never."""
    (tmp_path / "repro/attribution").mkdir(parents=True)
    (tmp_path / "repro/experiments/attribution").mkdir(parents=True)
    for slug in ("fresh", "old"):
        (tmp_path / f"repro/attribution/{slug}.py").write_text(f'"""{slug}"""\n')
        (tmp_path / f"repro/experiments/attribution/{slug}.py").write_text("measure = figure = print\n")
    claims = [
        claim(1, at_least=0.5),
        claim(2, at_least=0.9, expect="fails", reason="Too small."),
        claim(3, at_most=0.1),
        claim(4, at_least=0.1, expect="fails", reason="It held after all."),
        claim(5, gated=False),
    ]
    base = {"family": "attribution", "summary": "S.", "summary_zh": "要", "feasible": "yes", "name_zh": "法"}
    methods = {
        slug: Method.model_validate(base | {"name": slug, "claims": held})
        for slug, held in {"fresh": claims, "old": claims[:1], "never": claims[:2]}.items()
    }
    families = [Family(id="attribution", name="Attribution", name_zh="族", description="d", description_zh="述")]
    books = Catalogue(tmp_path, {}, methods, {}, Taxonomy(families=families, topics=[]), {})

    def result(slug: str, key: str, date: str) -> Result:
        return Result(
            method=slug,
            device="cpu",
            device_name="a processor",
            command="sightglass verify",
            date=date,
            seconds=1.0,
            seeds=[0],
            verdicts={},
            quantities={"q": Quantity(values=[0.6], mean=0.6, spread=0.0)},
            versions={},
            key=key,
        )

    results = {
        "fresh": [result("fresh", keys.key(keys.code_of(tmp_path, "fresh").measure, {}, [0], "cpu"), "2026-03-05")],
        "old": [result("old", "of another time", "2026-01-01")],
    }
    return pages.Site(books, results)


def test_claims_are_counted_by_how_they_stand_today(site: pages.Site) -> None:
    # A claim that was expected to fail and holds is one that holds.
    assert states(site) == {"holds": 2, "fails as expected": 1, "fails": 1, "reported": 1, "stale": 1, "not run": 2}


def test_home_shows_what_is_verified_with_a_date_and_a_way_to_the_ledger(site: pages.Site) -> None:
    made = home(site, "<!-- verified -->")
    assert "<strong>2</strong> of 3 methods run here" in made
    assert "<strong>2</strong> of 8 claims reproduced" in made
    assert "<strong>1</strong> stale" in made
    assert "5 March 2026" in made
    assert 'href="claims/"' in made
    assert "2026 年 3 月 5 日" in home(site.in_language("zh"), "<!-- verified -->")


def test_home_without_claims_says_nothing_about_them(site: pages.Site) -> None:
    bare = pages.Site(Catalogue(site.root, {}, {}, {}, site.catalogue.taxonomy, {}))
    assert home(bare, "<!-- verified -->") == ""


def test_the_description_of_home_has_the_same_numbers(site: pages.Site) -> None:
    said = json.loads(home(site, "<!-- description -->"))
    assert "2 of 3 methods run here" in said
    assert "2 of 8 claims" in said
    assert "8 条论文结论中 2 条" in home(site.in_language("zh"), "<!-- description -->")


def test_home_says_how_current_it_is_as_far_as_that_is_known() -> None:
    toy = catalogue.load(Path(__file__).parents[1] / "toy")
    papers = {"catalog/papers/okafor2013glow.yaml": datetime(2026, 3, 4, tzinfo=UTC)}
    later = papers | {"catalog/lists/first-weeks.yaml": datetime(2026, 3, 9, tzinfo=UTC)}
    assert "added on 4 March 2026." in home(pages.Site(toy, added=later), "<!-- current -->")  # a list is no entry
    undated = home(pages.Site(toy), "<!-- current -->")
    assert "added on" not in undated
    assert "The facts of 3 of 5 entries" in undated
    assert "Of 10 links, 1 " in undated
    assert "2 papers from 2013 to 2015," in home(pages.Site(toy), "<!-- holds -->")


def test_the_photograph_shows_each_method_with_its_idea() -> None:
    project = pages.Site(catalogue.load(ROOT))
    made = home(project, "<!-- photograph -->")
    assert made.count('type="radio"') == made.count("<label>") == 1 + len(SEEN)
    assert made.count(" checked") == 1
    for slug in SEEN:
        assert f'href="methods/{slug}/"' in made
    assert "Grad-CAM shows where in an image a network finds evidence for a class." in made
    assert 'src="../pictures/photographs/five-methods.webp"' in home(project.in_language("zh"), "<!-- photograph -->")


def test_without_the_picture_home_shows_no_photograph(site: pages.Site) -> None:
    assert home(site, "<!-- photograph -->") == ""


def test_the_search_of_home_is_a_plain_form(site: pages.Site) -> None:
    made = home(site, "<!-- search -->")
    assert 'action="browse/"' in made
    assert 'name="q"' in made
    assert "<label" in made
