"""The ledger of claims: complete, counted rightly, each claim with an address."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sightglass import ledger, pages
from sightglass.pages.claims import claims_page

from tests.sightglass.pages import test_pages as toy


def claim(name: str, **more: Any) -> dict[str, Any]:
    base = {
        "id": name,
        "statement": f"Claim {name}.",
        "paper": "k",
        "place": "Tab. 2",
        "quantity": "q",
        "unit": "share",
    }
    return base | {"at_least": 0.5} | more


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pages.Site:
    """Method ``m`` runs and has claims that were measured, ``n`` has none of this."""
    (tmp_path / "repro/attribution").mkdir(parents=True)
    (tmp_path / "repro/attribution/m.py").touch()
    monkeypatch.setattr(ledger, "is_stale", lambda *_: False)
    claims = [
        claim("good"),
        claim("bad", at_least=0.9, expect="fails", reason="Too small.", statement_zh="结论。", reason_zh="网络太小。"),
        claim("own", ours=True),
        claim("hostile", statement=toy.HOSTILE, place=toy.HOSTILE, reported=toy.HOSTILE),
    ]
    methods = {"n": toy.method(name="A", summary=toy.HOSTILE), "m": toy.method(name="Z", claims=claims)}
    books = toy.catalogue(tmp_path, {"k": toy.paper(proposes=["m"])}, methods)
    return pages.Site(books, {"m": [toy.result([0.6, 0.7])]})


def test_the_ledger_counts_the_claims_of_papers_and_lists_all(site: pages.Site) -> None:
    body = claims_page(site)
    assert re.findall(r'<li class="sg-claim" id="([\w-]+)" data-state="([\w-]+)">', body) == [
        ("m-good", "holds"),
        ("m-bad", "fails-as-expected"),
        ("m-own", "holds"),
        ("m-hostile", "holds"),
    ]
    for name in ("good", "bad", "own", "hostile"):
        assert f'href="#m-{name}"' in body
    assert body.count("2 of 3 claims reproduced · comparisons of our own: 1") == 2  # of the family and of the method
    assert "Z 2/3" in body
    numbers = re.findall(r'name="verdict" value="([^"]*)".*?sg-count">(\d+)<', body)
    assert numbers == [("", "4"), ("holds", "3"), ("fails as expected", "1")]
    assert '<option value="m">Z</option>' in body
    assert '<option value="n">' not in body
    assert "Too small." in body
    assert not toy.rendered(body).tags & {"script", "b", "del", "strong"}
    seen = re.findall(r' id="([^"]+)"', body)
    assert len(seen) == len(set(seen))


def test_the_ledger_speaks_chinese_where_the_catalogue_does(site: pages.Site) -> None:
    body = claims_page(site.in_language("zh"))
    assert "<p>结论。" in body
    assert "网络太小。" in body
    assert '<span lang="en">Claim good&#46;</span>' in body or '<span lang="en">Claim good.</span>' in body


def test_without_claims_the_ledger_says_it(tmp_path: Path) -> None:
    body = claims_page(pages.Site(toy.catalogue(tmp_path, {"k": toy.paper()}, {"n": toy.method()})))
    assert "No claims yet." in body
    assert "<form" not in body
