"""Pictures that a run drew, as they stand on pages: with their size, so that nothing moves when they arrive."""

from __future__ import annotations

from pathlib import Path

from sightglass.pages.markup import address, text
from sightglass.pages.site import Site

DRAWING = (320, 200)  # the size of every drawing of a family
HEAD = 30  # bytes, which hold the size


def size(path: Path) -> tuple[int, int]:
    """Width and height in pixels of a PNG, or of a WebP that has Exif data, as those of the ledger."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def picture(site: Site, path: str, alternative: str, here: str, *, css: str = "", lazy: bool = True) -> str:
    """The picture ``pictures/<device>/<method>.webp`` of the site as HTML, with its size."""
    width, height = size(site.root / path.replace("pictures/", "results/", 1))
    return image(address(site.shared(path), here), text(alternative), width, height, css=css, lazy=lazy)


def image(source: str, alternative: str, width: int, height: int, *, css: str = "", lazy: bool = True) -> str:
    """A picture as HTML, from ready-made words."""
    marks = (
        f"""{f'class="{css}" ' if css else ""}width="{width}" height="{height}"{' loading="lazy"' if lazy else ""}"""
    )
    return f'<img alt="{alternative}" {marks} src="{source}">'


def drawing_of(site: Site, family: str) -> str | None:
    """The drawing that stands for a family, found by its name: ``docs/assets/families/attribution.svg``."""
    path = f"assets/families/{family}.svg"
    return path if (site.root / "docs" / path).is_file() else None


def drawing(site: Site, family: str, here: str, *, css: str = "sg-thumb") -> str:
    """A family's drawing as HTML, or nothing; it shows nothing that its name doesn't say."""
    path = drawing_of(site, family)
    width, height = DRAWING
    return image(address(site.shared(path), here), "", width, height, css=css) if path else ""
