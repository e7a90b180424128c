"""The home page: what it counts, what is verified today, and its pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sightglass import pages
from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import Family, Method, Taxonomy
from sightglass.ledger import Quantity, Result, keys
from sightglass.pages.home import home, states

WEBP = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")


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
    families = [
        Family(id=slug, name=slug.title(), name_zh="族", description="d", description_zh="述")
        for slug in ("attribution", "inversion", "drawn-by-nobody")
    ]
    root = Path(__file__).resolve().parents[3]
    for slug in ("attribution", "inversion"):
        (tmp_path / "docs/assets/families").mkdir(parents=True, exist_ok=True)
        shutil.copy(root / f"docs/assets/families/{slug}.svg", tmp_path / "docs/assets/families")
    (tmp_path / "results/cpu").mkdir(parents=True)
    (tmp_path / "results/cpu/fresh.webp").write_bytes(WEBP)
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
    assert "<strong>2</strong> claims holding" in made
    assert "<strong>1</strong> stale" in made
    assert "5 March 2026" in made
    assert 'href="claims/"' in made
    assert "2026 年 3 月 5 日" in home(site.in_language("zh"), "<!-- verified -->")


def test_home_without_claims_says_nothing_about_them(site: pages.Site) -> None:
    bare = pages.Site(Catalogue(site.root, {}, {}, {}, site.catalogue.taxonomy, {}))
    assert home(bare, "<!-- verified -->") == ""


def test_the_gallery_shows_what_was_measured_first_and_then_families_that_have_a_drawing(site: pages.Site) -> None:
    made = home(site, "<!-- gallery -->")
    order = [
        made.index(path) for path in ("pictures/cpu/fresh.webp", "families/attribution.svg", "families/inversion.svg")
    ]
    assert order == sorted(order)
    assert 'width="640" height="480"' in made
    assert "drawn-by-nobody" not in made
    assert 'src="../pictures/cpu/fresh.webp"' in home(site.in_language("zh"), "<!-- gallery -->")


def test_the_search_of_home_is_a_plain_form(site: pages.Site) -> None:
    made = home(site, "<!-- search -->")
    assert 'action="browse/"' in made
    assert 'name="q"' in made
    assert "<label" in made
