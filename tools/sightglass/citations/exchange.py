"""RIS and CSL-JSON, which reference managers and word processors read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from sightglass.catalogue.models import Entry, Person, Venue
from sightglass.citations.work import Work, in_one_piece, once, work_of


@once
def ris(
    key: str, entry: Entry, venues: Mapping[str, Venue], accessed: date | None = None, keywords: tuple[str, ...] = ()
) -> str:
    """``entry`` as tagged lines from ``TY`` to ``ER``; one author a line.

    ``accessed`` stays out: RIS has ``Y2`` for it, which older readers take for a second date of publication.
    """
    work = work_of(key, entry, venues)
    first, last = work.page_range
    lines = [
        ("TY", work.names.ris),
        ("ID", work.key),
        *(("AU", in_one_piece(person.name) if person.organisation else person.name) for person in work.authors),
        ("TI", work.title),
        ("T2", work.event or work.container),
        ("C3", work.container if work.form == "conference" else ""),
        ("PY", str(work.year or "")),
        ("DA", f"{work.year}/{work.month:02}//" if work.month else ""),
        ("VL", work.volume),
        ("IS", work.number if work.form != "report" else ""),
        ("SP", first),
        ("EP", last),
        ("PB", work.publisher),
        ("SN", work.number if work.form == "report" else work.isbn or work.issn),
        ("DO", work.doi),
        ("AN", f"arXiv:{work.arxiv}" if work.arxiv else ""),
        ("UR", work.url),
        ("L1", work.pdf),
        # of a computer program, LA is the programming language
        ("LA", work.language if work.form != "software" else ""),
        *(("KW", keyword) for keyword in keywords),
    ]
    return "\n".join(f"{tag}  - {value}" for tag, value in lines if value) + "\nER  - "


@once
def csl_json(
    key: str, entry: Entry, venues: Mapping[str, Venue], accessed: date | None = None, keywords: tuple[str, ...] = ()
) -> str:
    """``entry`` as one object of CSL-JSON; ``format_entries`` puts them into an array."""
    return json.dumps(csl_item(work_of(key, entry, venues), accessed, keywords), ensure_ascii=False, indent=2)


def csl_item(work: Work, accessed: date | None = None, keywords: tuple[str, ...] = ()) -> dict[str, Any]:
    """The object that CSL processors take."""
    preprint = work.form == "preprint"
    site = work.publisher if work.form == "software" else ""
    item = {
        "id": work.key,
        "type": work.names.csl,
        "title": work.title,
        "author": [_csl_name(person) for person in work.authors],
        "issued": {"date-parts": [[part for part in (work.year, work.month) if part]]} if work.year else None,
        "container-title": (work.container or site) if not preprint else "",
        "event-title": work.event if work.event != work.container else "",
        "publisher": (work.container if preprint else work.publisher) if not site else "",
        "volume": work.volume,
        "issue": work.number if work.form != "report" else "",
        "page": "-".join(filter(None, work.page_range)),
        "number": f"arXiv:{work.arxiv}" if preprint and work.arxiv else work.number if work.form == "report" else "",
        "genre": work.names.apa if work.form in ("thesis", "software") else "",
        "note": f"arXiv:{work.arxiv}" if work.arxiv and not preprint else "",
        "DOI": work.doi,
        "ISBN": work.isbn,
        "ISSN": work.issn,
        "URL": work.url if not work.doi else "",
        "accessed": {"date-parts": [[accessed.year, accessed.month, accessed.day]]} if accessed and work.url else None,
        "language": work.language if work.language != "und" else "",
        "keyword": ", ".join(keywords),
    }
    return {name: value for name, value in item.items() if value}


def _csl_name(person: Person) -> dict[str, str]:
    if person.organisation or not person.given:
        return {"literal": person.name}
    return {"family": person.family, "given": person.given}  # with its particle, which Zotero drops if it stands apart
