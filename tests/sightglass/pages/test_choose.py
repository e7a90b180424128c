"""Which method?  The table holds what the ledger holds, and the style sheet knows every answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sightglass import ledger, pages
from sightglass.catalogue import load
from sightglass.pages import choose

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def site() -> pages.Site:
    return pages.Site(load(ROOT), ledger.load_all(ROOT))


def rows(page: str) -> dict[str, tuple[set[str], str]]:
    """The answers and the cells of each method's row."""
    found = re.findall(r'<tr data-fits="([^"]*)">(.*?)</tr>', page, re.DOTALL)
    return {re.search(r"methods/([\w-]+)/", row)[1]: (set(fits.split()), row) for fits, row in found}  # type: ignore[index]  # each row has the link


def test_values_are_those_of_the_ledger(site: pages.Site) -> None:
    cells = rows(choose.choose_page(site))["grad-cam"][1]
    measured = site.results["grad-cam"][0].quantities
    for name in ("grad-cam-right-of-two", "gradient-right-of-two", "grad-cam-randomised", "grad-cam-boxes"):
        assert f"{measured[name].mean:.2f}" in cells


def test_an_answer_keeps_the_methods_that_fit(site: pages.Site) -> None:
    fits = {slug: words for slug, (words, _) in rows(choose.choose_page(site)).items()}
    assert set(fits) >= {"cam", "grad-cam", "lrp", "occlusion", "deconvnet"}
    assert {slug for slug, words in fits.items() if "scores" in words} == {
        *("inpainting-what-if", "lime", "occlusion", "prediction-difference")
    }
    assert "pooled" in fits["cam"]
    assert "chain" not in fits["cam"]
    assert fits["deconvnet"] == {"chain", "unit", "pixels"}
    assert all(words & {"class", "unit"} and words & {"regions", "pixels"} for words in fits.values())


def test_the_style_sheet_hides_what_does_not_fit_each_answer() -> None:
    css = (ROOT / "docs/assets/pages.css").read_text(encoding="utf-8")
    answers = {(question, answer) for question, all_ in choose.QUESTIONS.items() for answer in all_}
    ruled = re.findall(r'#sg-(\w+)-(\w+):checked\) ~ \.sg-choice tr\[data-fits\]:not\(\[data-fits~="(\w+)"\]\)', css)
    assert {(question, answer) for question, answer, word in ruled if answer == word} == answers
