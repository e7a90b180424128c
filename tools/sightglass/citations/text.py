"""References as plain text: APA (7th edition) and GB/T 7714 (2025 and 2015, numeric style, without the number).

Plain text has no italics; whoever pastes it sets them.  Editors of books, cities of publishers and translations of
titles are not in the catalogue, so these parts of the rules never apply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from sightglass.catalogue.models import Entry, Person, Venue
from sightglass.citations.work import IN_A_VOLUME, Work, once, protected_spans, work_of

MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip  # a table, as one reads it
ET_AL = {"zh": "等", "ja": "他"}  # other languages: et al.


@once
def apa(
    key: str, entry: Entry, venues: Mapping[str, Venue], accessed: date | None = None, keywords: tuple[str, ...] = ()
) -> str:
    """``entry`` in APA style, which wants a date of access only for pages that are meant to change."""
    work = work_of(key, entry, venues)
    authors = _apa_authors(work.authors)
    dated = "n.d." if not work.year else str(work.year)
    if work.month and work.is_online and work.form not in ("preprint", "software", "dataset"):
        dated += f", {MONTH_NAMES[work.month - 1]}"
    title = _sentence_case(work) + _apa_description(work)
    head = [authors, f"({dated})", title] if authors else [title, f"({dated})"]
    url = f"https://doi.org/{work.doi}" if work.doi else work.url
    return " ".join([*map(_stopped, [*head, *_apa_source(work, authors)]), url]).strip()


def _apa_description(work: Work) -> str:
    if work.form == "thesis":
        return f" [{_joined(', ', work.names.apa, work.publisher)}]"
    if work.form == "report" and work.number:
        return f" (Report No. {work.number})"
    if work.form == "preprint" and work.arxiv:
        return f" (arXiv:{work.arxiv})"
    return f" [{work.names.apa}]" if work.names.apa else ""


def _apa_source(work: Work, authors: str) -> list[str]:
    """Container and publisher; a site or publisher that is the author is not named twice."""
    pages = _joined("–", *work.page_range)
    if work.form == "journal" and work.container:
        issue = f"({work.number})" if work.number else ""
        article = pages if "–" in pages else f"Article {pages}" if pages else ""
        return [_joined(", ", work.container, work.volume + issue, article)]
    if work.form in IN_A_VOLUME and work.container:
        place = _joined(", ", f"Vol. {work.volume}" if work.volume else "", _apa_pages(pages))
        return [f"In {work.container}" + (f" ({place})" if place else ""), *filter(None, [work.publisher])]
    if work.form == "thesis":
        return []
    site = work.container or work.publisher
    return [site] if site and site != authors else []


def _apa_pages(pages: str) -> str:
    return (("pp. " if "–" in pages else "p. ") + pages) if pages else ""


def _apa_authors(authors: tuple[Person, ...]) -> str:
    """Up to 20 authors all; of more the first 19, three dots and the last."""
    names = [_apa_name(person) for person in authors]
    if len(names) > 20:
        return ", ".join(names[:19]) + ", . . . " + names[-1]
    return ", & ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _apa_name(person: Person) -> str:
    """'van der Maaten, L.'; a Chinese name in Latin letters if they are known."""
    if person.is_cjk and not person.sort:
        return person.display
    family, _, given = (person.sort or person.name).partition(",")
    if person.organisation or not given:
        return person.name
    return f"{family.strip()}, {_initials(given, '. ', '.', '.-')}"


def _initials(given: str, between: str, after: str, hyphen: str) -> str:
    """'Ramprasaath R.' as 'R. R.', 'Klaus-Robert' as 'K.-R.' (or 'R R', 'K R', 'K-R' with other signs)."""
    words = [word for word in re.split(r"[\s.]+", given) if word]
    return between.join(hyphen.join(part[0].upper() for part in word.split("-") if part) for word in words) + after


def _sentence_case(work: Work) -> str:
    """An English title as a sentence: words that are neither first, nor protected, nor like 'ImageNet' go small.

    The names of programs, people, groups and data sets stay as they are.
    """
    if work.language != "en" or work.form in ("software", "page", "dataset"):
        return work.title
    kept = protected_spans(work.title, work.protect)

    def cased(match: re.Match[str]) -> str:
        word, before = match[0], work.title[: match.start()]
        if any(start < match.end() and match.start() < end for start, end in kept):
            return word
        if re.search(r"(^|[:?!]\s)\W*$", before):
            return word[0].upper() + word[1:]
        return word if re.search(r"[.—–]\s+\W*$", before) else word.lower()

    return re.sub(r"(?<![^\W_])([A-Za-z][a-z]+|A)(?![^\W_])", cased, work.title)


def _stopped(part: str) -> str:
    return part if not part or part.endswith((".", "?", "!", "。", "？", "！")) else f"{part}."


class Edition(NamedTuple):
    """What an edition of GB/T 7714 asks for: the signs of the text, and the few rules that changed."""

    comma: str
    colon: str
    brackets: tuple[str, str]
    doi: str
    volume: Mapping[str, str]  # before a proceedings' volume, by language; "" is any other
    preprint: str  # the document type
    capitals: bool  # family names in capitals, hyphens of given names left out
    newer: bool  # names a preprint's archive, and a day of access only for what may change


GB_2015 = Edition(", ", ": ", ("(", ")"), "DOI: ", {"zh": "第{}卷", "": "Vol. {}"}, "EB", capitals=True, newer=False)
GB_2025 = Edition("，", "：", ("（", "）"), "DOI:", {"zh": "卷{}", "": "v.{}"}, "PP", capitals=False, newer=True)


@once
def gb7714(
    key: str, entry: Entry, venues: Mapping[str, Venue], accessed: date | None = None, keywords: tuple[str, ...] = ()
) -> str:
    """``entry`` by GB/T 7714—2025, in force since July 2026; ``accessed`` is noted for what may change."""
    return _gb(work_of(key, entry, venues), accessed, GB_2025)


@once
def gb7714_2015(
    key: str, entry: Entry, venues: Mapping[str, Venue], accessed: date | None = None, keywords: tuple[str, ...] = ()
) -> str:
    """``entry`` by GB/T 7714—2015; what is online has the date of ``accessed`` in brackets if it is given."""
    return _gb(work_of(key, entry, venues), accessed, GB_2015)


def _gb(work: Work, accessed: date | None, edition: Edition) -> str:
    comma, colon = edition.comma, edition.colon
    path = work.url if work.is_online or not work.doi else ""
    seen = f"[{accessed.isoformat()}]" if accessed and path and (work.is_online or not edition.newer) else ""
    online = "/OL" if path or (work.doi and edition.newer) else ""
    year, dated = str(work.year or ""), f"{work.year or ''}" + (f"-{work.month:02}" if work.month else "")
    pages = _joined("-", *work.page_range)
    imprint = _joined(comma, work.publisher, year)
    kind = edition.preprint if work.form == "preprint" else work.names.gb7714
    title = _joined(colon, work.title, work.number if work.form == "report" else "")
    title = _joined(" ", _stopped(_gb_authors(work, edition)), title) + f"[{kind}{online}]"
    if work.is_online:
        archive = edition.newer and work.form in ("preprint", "dataset")
        source = (work.container or work.publisher) * archive + _bracketed(dated, edition)
    elif work.form == "journal" and work.container:
        when = year if work.volume or work.number or not edition.newer else dated
        issue = _joined(comma, work.container, when, work.volume) + _bracketed(work.number, edition)
        source = _joined(colon, issue, pages)
    elif work.form in IN_A_VOLUME and work.container:
        number = edition.volume.get(work.language, edition.volume[""]).format(work.volume) if work.volume else ""
        title += "//" + _joined(colon, _joined(". ", _joined(colon, work.container, number), imprint), pages) + seen
        source = seen = ""
    else:
        source = _joined(colon, imprint, pages)
    return _joined(". ", title, source + seen, path, edition.doi + work.doi if work.doi else "") + "."


def _bracketed(text: str, edition: Edition) -> str:
    opening, closing = edition.brackets
    return f"{opening}{text}{closing}" if text else ""


def _joined(separator: str, *parts: str) -> str:
    return separator.join(filter(None, parts))


def _gb_authors(work: Work, edition: Edition) -> str:
    """Three authors at most; initials without stops, Chinese names as they are."""
    names = [_gb_name(person, edition) for person in work.authors[:3]]
    if len(work.authors) > 3:
        names.append(ET_AL.get(work.language, "et al"))
    return edition.comma.join(names)


def _gb_name(person: Person, edition: Edition) -> str:
    if person.organisation or not person.given or person.is_cjk:
        return person.display
    if edition.capitals:
        return f"{person.family.upper()} {_initials(person.given, ' ', '', ' ')}"
    return f"{person.family} {_initials(person.given, ' ', '', '-')}"
