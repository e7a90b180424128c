"""The Chinese version of a figure: its labels, its picture, and when it is stale."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from sightglass import catalogue, ledger
from sightglass.ledger import figure_labels
from sightglass.ledger.measuring import Job

WORDS = {
    "ring": "圆环",
    "striped {}": "条纹{}",
    "{} and {}": "{}与{}",
    "{}, after a step of {}": "{}，步长 {}",
    "{}, {}": "{}，{}",
    "layer {}": "第 {} 层",
    "layer {}, unit {}": "第 {} 层，单元 {}",
}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("ring", "圆环"),
        ("striped ring", "条纹圆环"),
        ("striped ring and ring", "条纹圆环与圆环"),
        ("ring, after a step of 2", "圆环，步长 2"),
        ("ring, 99%", "圆环，99%"),
        ("layer 2", "第 2 层"),
        ("layer 2, unit 0", "第 2 层，单元 0"),
        ("Grad-CAM", None),
        ("rings", None),
        ("ring, no such word", None),
    ],
)
def test_a_label_is_translated_part_by_part(label: str, expected: str | None) -> None:
    assert figure_labels.chinese(label, WORDS) == expected


@pytest.fixture
def figure() -> Figure:
    figure = Figure()
    axes = figure.subplots()
    axes.set(title="striped ring", xlabel="Grad-CAM", ylabel="not known")
    axes.set_yticks([0, 1], ["ring", "relu1"])
    return figure


def test_a_figure_is_drawn_again_with_chinese_labels(figure: Figure, require_font: Callable) -> None:
    require_font(figure_labels.FONTS, "apt-get install fonts-noto-cjk")
    before = io.BytesIO()
    figure.savefig(before, format="png", dpi=100)
    drawn, missing = figure_labels.redraw(figure, WORDS)
    assert missing == ["not known"]
    labels = {text.get_text() for text in figure.findobj(Text)}
    assert {"条纹圆环", "圆环", "relu1", "Grad-CAM"} <= labels
    assert not {"striped ring", "ring"} & labels
    assert drawn is not None
    assert Image.open(io.BytesIO(drawn)).size == Image.open(before).size
    assert drawn != before.getvalue()


def test_without_a_chinese_font_nothing_is_drawn(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_labels, "FONTS", ("no such font",))
    assert figure_labels.redraw(figure, WORDS) == (None, [])


def test_long_labels_are_broken_after_a_chinese_character() -> None:
    assert figure_labels._wrapped("条纹圆环与圆环", 8) == "条纹圆环\n与圆环"
    assert figure_labels._wrapped("条纹圆环，圆环", 8) == "条纹圆环，\n圆环"
    assert figure_labels._wrapped("a long English label", 8) == "a long English label"


def test_stale_with_the_code_or_the_translations(importable: Path, claim, method) -> None:
    (found,) = ledger.measure([Job("made-up", method(claims=[claim(at_least=0.5)]), (0, 1))], importable)
    assert figure_labels.why_stale(importable, found.result, WORDS) == "its Chinese version is missing"
    key = figure_labels.key(found.result, WORDS)
    ledger.write(importable, found.result, b"picture", f'{{"key": "{key}"}}'.encode())
    assert figure_labels.why_stale(importable, found.result, WORDS) is None
    changed = "its Chinese labels have changed"
    assert figure_labels.why_stale(importable, found.result, {**WORDS, "ring": "环"}) == changed
    other = found.result.model_copy(update={"picture_key": "another"})
    assert figure_labels.why_stale(importable, other, WORDS) == changed


def test_every_figure_has_its_chinese_version() -> None:
    books = catalogue.load()
    assert figure_labels.stale_parts(books, books.methods) == []
