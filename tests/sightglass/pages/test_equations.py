"""Equations as readers see them."""

from __future__ import annotations

import re
from pathlib import Path

from sightglass import catalogue
from sightglass.pages.equations import mathml

ROOT = Path(__file__).parents[3]


def test_no_command_of_latex_is_left_in_an_equation() -> None:
    """latex2mathml shows a command that it does not know as text."""
    shown = {
        (slug, equation.number): re.findall(r">\s*(\\[a-zA-Z]+)", mathml(equation.latex))
        for slug, method in catalogue.load(ROOT).methods.items()
        for equation in method.equations
    }
    assert len(shown) > 100
    assert {place: commands for place, commands in shown.items() if commands} == {}
