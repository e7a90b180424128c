"""Pages that have a new address: the old one leads there."""

from __future__ import annotations

from sightglass.pages.phrases import FOLDERS

MOVED = {"seeds": "founding-notes"}  # old address to new, in every language


def moved_pages() -> dict[str, str]:
    """A small HTML file at each old address, which a browser leaves at once, and a search engine too."""
    return {
        f"{folder}{old}/index.html": _leads_to(f"../{new}/")
        for folder in FOLDERS.values()
        for old, new in MOVED.items()
    }


def _leads_to(address: str) -> str:
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{address}</title>'
        f'<link rel="canonical" href="{address}"><meta name="robots" content="noindex">'
        f'<meta http-equiv="refresh" content="0; url={address}"></head>'
        f'<body><a href="{address}">{address}</a></body></html>\n'
    )
