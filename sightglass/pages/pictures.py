"""Pictures that a run drew, as they stand on pages: with their size, so that nothing moves when they arrive."""

from __future__ import annotations

from pathlib import Path

from sightglass.pages.markup import text
from sightglass.pages.site import Site

PNG_SIZE = slice(16, 24)  # of a PNG's first bytes: width and height, four bytes each


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG in pixels."""
    with path.open("rb") as file:
        held = file.read(PNG_SIZE.stop)[PNG_SIZE]
    return int.from_bytes(held[:4]), int.from_bytes(held[4:])


def picture(site: Site, path: str, alternative: str, here: str, *, css: str = "", lazy: bool = True) -> str:
    """The picture ``pictures/<device>/<method>.png`` of the site as a Markdown image with its size."""
    width, height = size(site.root / path.replace("pictures/", "results/", 1))
    marks = [f".{css}" if css else "", f"width={width} height={height}", "loading=lazy" if lazy else ""]
    target = "../" * here.count("/") + site.shared(path)
    return f"![{text(alternative)}]({target}){{ {' '.join(mark for mark in marks if mark)} }}"
