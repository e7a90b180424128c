"""Search by words, in two languages, and by facets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from sightglass import catalogue
from sightglass.catalogue import find

BOOKS = catalogue.load(Path(__file__).parent / "toy")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("heat", ["lin2015where", "zhihu-heat-sum"]),
        ("HEAT 2015", ["lin2015where"]),
        ("network looks", ["lin2015where"]),
        ("etwork", ["lin2015where", "glowkit", "seeing-layers"]),
        ("jurgen", ["lin2015where"]),
        ("Jürgen", ["lin2015where"]),
        ("周文", ["lin2015where"]),
        ("卷积神经网络", ["zhihu-heat-sum"]),
        ("神经网络到底", ["zhihu-heat-sum"]),
        ("热图heat", ["zhihu-heat-sum", "lin2015where"]),
        ("热图 在看", ["zhihu-heat-sum"]),
        ("知乎", []),
        ("Zhihu", ["zhihu-heat-sum"]),
        ("CVPR", ["lin2015where"]),
        ("Journal of Toy", ["okafor2013glow"]),
        ("glowkit", ["glowkit"]),
        ("Heatsum", ["lin2015where", "zhihu-heat-sum"]),
        ("heat nothing", []),
        ("Ｈｅａｔ－Ｓｕｍ", ["lin2015where", "zhihu-heat-sum"]),
    ],
)
def test_words(words: str, found: list[str]) -> None:
    assert find.find(BOOKS, words) == found


@pytest.mark.parametrize(
    ("facets", "found"),
    [
        ({"kind": "papers"}, {"lin2015where", "okafor2013glow"}),
        ({"kind": "journal"}, {"okafor2013glow"}),
        ({"family": "attribution"}, {"lin2015where", "okafor2013glow", "zhihu-heat-sum"}),
        ({"family": "survey"}, {"seeing-layers"}),
        ({"method": "heat-sum"}, {"lin2015where", "zhihu-heat-sum"}),
        ({"method": "gradient-glow", "kind": "papers"}, {"lin2015where", "okafor2013glow"}),
        ({"venue": "cvpr"}, {"lin2015where"}),
        ({"year": 2013}, {"okafor2013glow"}),
        ({"year": 2013, "venue": "CVPR"}, set()),
        ({}, set(BOOKS.entries)),
    ],
)
def test_facets(facets: dict[str, Any], found: set[str]) -> None:
    assert set(find.find(BOOKS, **facets)) == found


def test_words_and_facets_together() -> None:
    assert find.find(BOOKS, "heat", kind="posts") == ["zhihu-heat-sum"]


def test_a_name_counts_more_than_a_mention_and_the_newer_comes_first() -> None:
    glow, course = BOOKS.entries["okafor2013glow"], BOOKS.entries["seeing-layers"]
    entries = {
        "mention": course.model_copy(update={"summary": "Saliency, again."}),
        "old": glow.model_copy(update={"title": "Saliency", "year": 2010}),
        "new": glow.model_copy(update={"title": "Saliency", "year": 2020}),
        "name": course.model_copy(update={"abbreviation": "Saliency"}),
    }
    books = dataclasses.replace(BOOKS, entries=entries)
    assert find.find(books, "saliency") == ["name", "new", "old", "mention"]
