"""The strips of "Which method?": each method that maps an image has one, light, drawn by its code as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sightglass import ledger, pages
from sightglass.catalogue import Catalogue, load
from sightglass.pages import choose
from sightglass.pages.pictures import size
from sightglass.running import strips

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / strips.FOLDER
WIDTH = len(strips.VIEWS) * (strips.SIDE + strips.GAP) - strips.GAP
BOOKS = load(ROOT)
DRAWN = strips.drawn(BOOKS)


def test_every_method_that_maps_an_image_has_a_strip_or_its_row_says_why_not() -> None:
    assert {path.stem for path in FOLDER.glob("*.webp")} == {*DRAWN, strips.THEMSELVES}
    site = pages.Site(BOOKS, ledger.load_all(ROOT))
    for language, why in (("en", "Not drawn: "), ("zh", "未绘制：")):
        page = choose.choose_page(site.in_language(language))
        table = page.partition("sg-strips")[2].partition("</table>")[0]
        for row, slug in zip(table.split("<tr ")[1:], choose.compared(site), strict=True):
            assert (f"pictures/strips/{slug}.webp" in row) == (slug in DRAWN)
            assert (why in row) == (slug not in DRAWN)


@pytest.mark.parametrize("slug", [*DRAWN, strips.THEMSELVES])
def test_a_strip_is_light_and_as_its_code_draws_it(slug: str) -> None:
    """Else: ``sightglass photographs --stale``."""
    path = FOLDER / f"{slug}.webp"
    assert path.stat().st_size <= strips.BYTES
    assert size(path) == (WIDTH, strips.SIDE)  # the pages read no more of it
    assert slug == strips.THEMSELVES or strips.why_stale(ROOT, DRAWN[slug]) is None


@pytest.mark.parametrize("slug", ["cam", "guided-backprop", None])
def test_a_strip_is_what_is_drawn_now(slug: str | None) -> None:
    """What is allowed is what WebP loses; for the slower ones the key has to do."""
    torch = pytest.importorskip("torch")  # the light installation has none
    from repro.lab import photo_panels

    def pixels(picture: Any) -> Any:
        return torch.frombuffer(bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8).float()

    drawn = photo_panels.picture(strips.panels(DRAWN[slug] if slug else None), strips.SIDE, strips.GAP)
    with Image.open(FOLDER / f"{slug or strips.THEMSELVES}.webp") as kept:
        difference = float((pixels(kept) - pixels(drawn)).abs().mean())
        upside_down = float((pixels(kept) - pixels(drawn.rotate(180))).abs().mean())
    assert difference < 0.2 * upside_down


MAP = """
from repro.engine.results import Heatmap

def made_up(model, images, target_classes) -> Heatmap:
    return images.mean(1, keepdim=True)
"""


def test_a_new_method_is_found_and_its_strip_is_as_fresh_as_its_code(toy: Path) -> None:
    def written(source: str) -> Catalogue:
        (toy / "repro/attribution/heat_sum.py").write_text(source, encoding="utf-8")
        return load(toy)

    for folder in ("repro/attribution", "repro/lab", "results/strips"):
        (toy / folder).mkdir(parents=True)
    panels = "def over():\n    return 1\n\ndef picture():\n    return 1\n\ndef light():\n    return 1\n"
    (toy / "repro/lab/photo_panels.py").write_text(panels, encoding="utf-8")
    source = MAP.replace("made_up", "heat_sum").replace("from repro.engine.results import Heatmap\n", "")
    books = written(source)
    assert list(strips.drawn(books)) == ["heat-sum"]
    [row] = strips.stale_parts(books, books.methods)
    assert (row["method"], row["part"], row["because"]) == ("heat-sum", "strip", ["it is missing"])
    assert ledger.remedy([row]) == "sightglass photographs --stale"
    strip = toy / "results/strips/heat-sum.webp"
    strip.write_bytes(f"; key {strips.key(toy, strips.drawn(books)['heat-sum'])}".encode())
    assert strips.stale_parts(books, books.methods) == []
    assert strips.stale_parts(written(source.replace("images.mean", "-images.mean")), books.methods) != []
    assert strips.drawn(written(source.replace("images, target", "images, baselines, target"))) == {}
    assert strips.drawn(written(source.replace("Heatmap", "PreImages"))) == {}
