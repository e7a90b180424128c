"""A method's figure for Chinese pages, ``results/<device>/<slug>.zh.webp``: the same picture with Chinese labels.

The translations are ``labels_zh`` of the method's file and, for labels that many figures share, of ``taxonomy.yaml``.
``{}`` in a label matches any text: 'noise of {}' matches 'noise of 5%'.  The matched text is translated too, unless it
is a name or a number.  The picture's Exif data hold a key made of the English picture's key and the translations.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightglass.ledger.results import Result, load_all, picture_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sightglass.catalogue import Catalogue

FONTS = ("Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "PingFang SC", "Microsoft YaHei", "SimHei")
ENGLISH = re.compile(r"(?<![\w-])[a-z]{3,}(?![\w-])")  # a word; names such as Grad-CAM, relu1 and fc-scenes stay
KEY = re.compile(rb'"key": "([0-9a-f]{16})"')
WIDTH = 28  # of a title in letters


def of(catalogue: Catalogue, slug: str) -> dict[str, str]:
    """The Chinese of a method's labels: its own, and those that many figures share."""
    return {**catalogue.taxonomy.labels_zh, **catalogue.methods[slug].labels_zh}


def chinese(label: str, words: Mapping[str, str]) -> str | None:
    """``label`` in Chinese; None if ``words`` has nothing for it."""
    if label in words:
        return words[label]
    for pattern in sorted((each for each in words if "{}" in each), key=lambda each: -len(each.replace("{}", ""))):
        if found := re.fullmatch("(.+)".join(map(re.escape, pattern.split("{}"))), label):
            parts = [chinese(part, words) or part for part in found.groups()]
            if not any(map(ENGLISH.search, parts)):
                return words[pattern].format(*parts)
    return None


def key(result: Result, words: Mapping[str, str]) -> str:
    """What the Chinese picture was drawn from: the code behind the English one, and the translations."""
    return hashlib.sha256(json.dumps([result.picture_key, words], sort_keys=True).encode()).hexdigest()[:16]


def path_of(root: Path, device: str, slug: str) -> Path:
    """Where the Chinese picture of a method on a device is kept."""
    return picture_of(root, device, slug).with_suffix(".zh.webp")


def why_stale(root: Path, result: Result, words: Mapping[str, str]) -> str | None:
    """What is amiss with the Chinese picture, in words; None if it is up to date."""
    path = path_of(root, result.device, result.method)
    if not path.is_file():
        return "its Chinese version is missing"
    kept = KEY.search(path.read_bytes())
    return None if kept and kept[1].decode() == key(result, words) else "its Chinese labels have changed"


def stale_parts(catalogue: Catalogue, slugs: Iterable[str]) -> list[dict[str, Any]]:
    """The Chinese pictures of these methods that are stale, as ``ledger.stale_parts`` lists results and pictures."""
    stored = load_all(catalogue.root)
    found = []
    for slug in slugs:
        for result in stored.get(slug, []):
            words = of(catalogue, slug)
            if words and result.picture_key and (why := why_stale(catalogue.root, result, words)):
                found.append({"method": slug, "device": result.device, "part": "picture", "because": [why]})
    return found


def redraw(figure: Figure, words: Mapping[str, str]) -> tuple[bytes | None, list[str]]:
    """The figure with Chinese labels as PNG, and the labels that ``words`` does not have.

    The labels of ``figure`` are replaced.  Without a Chinese font on this machine there is no picture.
    """
    from matplotlib import font_manager
    from matplotlib.text import Text

    there = {font.name for font in font_manager.fontManager.ttflist}
    font = next((name for name in FONTS if name in there), None)
    if font is None:
        return None, []
    missing = []
    for axes in figure.axes:  # a tick's label is made again from the ticks whenever it is drawn
        for axis in (axes.xaxis, axes.yaxis):
            names = [label.get_text() for label in axis.get_ticklabels()]
            if any(chinese(name, words) for name in names):
                axis.set_ticks(axis.get_ticklocs(), [chinese(name, words) or name for name in names])
    for text in figure.findobj(Text):
        label = " ".join(text.get_text().split())
        if (said := chinese(label, words)) is not None:
            text.set_text(
                _wrapped(said, int(0.85 * max(WIDTH, *map(len, text.get_text().split("\n")))))
            )  # Chinese is wider
        elif ENGLISH.search(label):
            missing.append(label)
        text.set_fontfamily(["DejaVu Sans", font])
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    return drawn.getvalue(), sorted(set(missing))


def _wrapped(text: str, width: int) -> str:
    """Lines of at most ``width`` letters, broken after any Chinese character."""
    lines, used = [""], 0
    for character in text:
        wide = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used + wide > width and wide == 2 and character not in "，。：；、）”":
            lines, used = [*lines, ""], 0
        lines[-1] += character
        used += wide
    return "\n".join(lines)
