"""Which venue of the catalogue a source means, and what a new one would be called.

Sources write one conference in twenty ways: with its year, its number, its place, its sponsors, in an abbreviation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from sightglass.catalogue.models import Venue

_ORDINAL = (
    r"\b(?:\d+(?:st|nd|rd|th)|(?:(?:twenty|thirty|forty|fifty)-?\s?)?(?:first|second|third|fourth|fifth|sixth|seventh|"
    r"eighth|ninth|tenth|eleventh|twelfth|\w+teenth)|twentieth|thirtieth|fortieth|fiftieth)\b"
)
_PASSING = re.compile(rf"{_ORDINAL}|\b(?:19|20)\d\d\b|['’]\d\d\b|\(\s*\)", re.IGNORECASE)  # what changes each time
_PROCEEDINGS = re.compile(r"^(?:in:?\s+)?(?:proceedings|proc\.)\s+(?:of\s+)?(?:the\s+)?", re.IGNORECASE)
_HELD = re.compile(
    r",\s*(?P<acronym>[A-Z][\w/&+-]{1,11})\s+(?:19|20)\d\d\b.*$"
)  # ', CVPR 2015, Boston, MA, USA, June 7-12'
_SPONSORS = re.compile(
    r"\b(?:ieee|acm|cvf|usenix|ifip|sigkdd|siam)\b[/ -]*|\b(?:annual|international)\s+(?=conference\b)", re.IGNORECASE
)
_SMALL = {"a", "an", "and", "the", "on", "of", "in", "for", "to"}
_MEETINGS = ("conference", "workshop", "chapter", "proceedings")
_KIND_OF_VENUE = {
    "journal": "journal", "conference": "conference", "workshop": "workshop", "preprint": "preprint",
    "chapter": "publisher", "book": "publisher", "proceedings": "publisher", "thesis": "institution",
    "report": "institution",
}  # fmt: skip  # a table, as one reads it


class Venues:
    """The venues of the catalogue, looked up by whatever a source calls them."""

    def __init__(self, venues: Mapping[str, Venue]) -> None:
        self._venues = list(venues.values())
        self._ids = {venue.id.lower(): venue.id for venue in self._venues}
        self._by_name: dict[str, Venue] = {}
        self._made: dict[str, dict[str, str]] = {}  # the new ones so far, by name
        for bare in (False, True):  # a whole name comes before one without its sponsors
            for venue in self._venues:
                named = [venue.id, venue.name, venue.name_zh, venue.booktitle, f"Proceedings of the {venue.name}"]
                for name in filter(None, named):
                    self._by_name.setdefault(_folded(_SPONSORS.sub("", name) if bare else name), venue)

    def place(
        self, container: str, publisher: str, kind: str, issn: str = ""
    ) -> tuple[str, str, dict[str, str] | None]:
        """Id of the venue, the entry's kind, and the venue itself if the catalogue does not have it.

        The venue of a book is its publisher, that of a thesis the university; a workshop's makes a workshop paper.
        """
        whole = _KIND_OF_VENUE.get(kind) in ("publisher", "institution") and kind != "chapter"
        name = (publisher or container) if whole else (container or publisher)
        if not name:
            return "", kind, None
        if venue := self._known(name, kind):
            return venue.id, "workshop" if (kind, venue.kind) == ("conference", "workshop") else kind, None
        plain = _without_passing(name) if kind in _MEETINGS else name
        new = self._made.get(_folded(plain)) or self._new(name, plain, publisher, kind, issn)
        if not new["id"]:
            return "", kind, None
        self._made[_folded(plain)] = new
        self._ids.setdefault(new["id"].lower(), new["id"])
        return new["id"], kind, new

    def _known(self, name: str, kind: str) -> Venue | None:
        candidates = list(_forms(name, kind))
        for candidate in [*candidates, *(_SPONSORS.sub("", each) for each in candidates)]:
            venue = self._by_name.get(_folded(candidate) or "-")
            if venue and (venue.kind == "workshop" or "workshop" not in name.lower()):
                return venue
        if "." in name:
            return next((venue for venue in self._venues if _abbreviates(name, venue.name)), None)
        return None

    def _new(self, name: str, plain: str, publisher: str, kind: str, issn: str) -> dict[str, str]:
        venue = {"id": self._id(name, plain), "name": plain, "kind": _KIND_OF_VENUE.get(kind, "platform")}
        if kind == "chapter":
            venue |= {"name": publisher or plain, "booktitle": name}
        elif kind in ("conference", "workshop") and not _PROCEEDINGS.match(name):
            venue["booktitle"] = plain
        if publisher and publisher != plain and kind in ("conference", "workshop", "journal"):
            venue["publisher"] = publisher
        return venue | ({"issn": issn.split(",")[0].strip()} if issn and kind == "journal" else {})

    def _id(self, name: str, plain: str) -> str:
        """The acronym that the source gives, else the name in hyphens: it says which venue is meant."""
        acronym = re.search(r"\((?P<acronym>[A-Z][A-Za-z]{1,9})\b[^)]*\)", name) or _HELD.search(name)
        short = acronym["acronym"] if acronym else ""
        if re.fullmatch(r"[A-Za-z+-]+", short) and short.lower() not in self._ids:
            return short
        ascii_name = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
        words = "-".join(re.findall(r"[A-Za-z0-9]+", ascii_name))
        return self._ids.get(words.lower(), words)


def _forms(name: str, kind: str) -> Iterator[str]:
    """The name, and for a meeting its parts without year, number and place: one of them may be known."""
    yield name
    yield re.sub(r"\s*\([^)]*\)", "", name)
    if kind in _MEETINGS:
        yield _without_passing(name)
        for inside in re.findall(r"\(([^)]*)\)", name):
            yield _without_passing(inside)
        for part in re.split(r"\s*[,:]\s+|\s+[-–—]+\s+|\.\s+", name):
            yield _without_passing(part)


def _without_passing(name: str) -> str:
    """'International Conference on Machine Learning' out of 'Proceedings of the 25th … (ICML 2008)'."""
    name = re.sub(r"\s*\([^)]*\)", "", _PROCEEDINGS.sub("", _HELD.sub("", name)))
    return re.sub(r"\s+", " ", _PASSING.sub("", name)).strip(" ,:-–—.") or name


def _folded(name: str) -> str:
    words = re.findall(r"\w+", unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold())
    return "".join(word for word in words if word not in ("the", "and"))


def _abbreviates(short: str, name: str) -> bool:
    """Whether 'IEEE Trans. Pattern Anal. Mach. Intell.' stands for the name, word by word."""
    parts = re.findall(r"\w+", _PROCEEDINGS.sub("", short).lower())
    words = [word for word in re.findall(r"\w+", name.lower()) if word not in _SMALL]
    return len(parts) == len(words) > 1 and all(w.startswith(p) for w, p in zip(words, parts, strict=True))
