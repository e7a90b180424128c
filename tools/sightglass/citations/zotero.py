"""What Zotero reads from a page: meta tags on an entry's own page, COinS on pages that list several.

COinS on an entry's own page would hide the tags behind a picker, so no page carries both.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import quote

from sightglass.catalogue.models import Entry, Person, Venue
from sightglass.citations.work import Work, in_one_piece, once, work_of


@once
def meta_tags(key: str, entry: Entry, venues: Mapping[str, Venue]) -> list[tuple[str, str]]:
    """Name and content of each tag, in an order that Zotero needs.

    It takes the type from the last tag that implies one, so ``citation_inbook_title`` (a section of a book) must
    stand before ``citation_conference_title``.  There is no abstract: the summary is ours, not the authors'.
    """
    work = work_of(key, entry, venues)
    first, last = work.page_range
    site = work.names.zotero_site
    tags = [
        ("z:itemType", work.names.zotero),
        ("citation_title", work.title),
        *(("citation_author", _author(person, len(work.authors))) for person in work.authors),
        ("citation_publication_date", f"{work.year}/{work.month:02}" if work.month else str(work.year or "")),
        ("citation_journal_title", work.container if work.form == "journal" else ""),
        ("citation_inbook_title", work.container if work.form in ("conference", "chapter") else ""),
        ("citation_conference_title", work.event or work.container if work.form == "conference" else ""),
        ("citation_dissertation_institution", work.publisher if work.form == "thesis" else ""),
        ("citation_technical_report_institution", work.publisher if work.form == "report" else ""),
        ("citation_technical_report_number", work.number if work.form == "report" else ""),
        ("citation_publisher", work.publisher if work.form not in ("thesis", "report") else ""),
        ("citation_volume", work.volume),
        ("citation_issue", work.number if work.form != "report" else ""),
        ("citation_firstpage", first),
        ("citation_lastpage", last),
        ("citation_doi", work.doi),
        ("citation_isbn", work.isbn),
        ("citation_issn", work.issn),
        ("citation_language", work.language if work.language != "und" else ""),
        ("citation_public_url", work.url),
        (f"z:{site}", (work.container or work.publisher) if site else ""),
        ("z:repository", work.container if work.form == "preprint" else ""),
        ("z:archiveID", f"arXiv:{work.arxiv}" if work.form == "preprint" and work.arxiv else ""),
        ("z:extra", f"arXiv:{work.arxiv}" if work.form != "preprint" and work.arxiv else ""),
    ]
    return [(name, content) for name, content in tags if content]


def _author(person: Person, count: int) -> str:
    """'First Last', the safe form.

    Zotero splits that at the last space, so a family name of several words and a Chinese name need the comma.  It
    takes one tag with a comma and spaces on both sides for two authors, so there the comma must go.
    """
    if person.organisation or not person.given:
        return in_one_piece(person.name)
    misread = count == 1 and " " in person.family and " " in person.given
    if (" " in person.family or person.is_cjk) and not misread:
        return f"{person.family}, {person.given}"
    return f"{person.given} {person.family}"


@once
def coins(key: str, entry: Entry, venues: Mapping[str, Venue]) -> str:
    """An empty ``<span>`` that tells Zotero of the entry, for pages that list entries."""
    return f'<span class="Z3988" title="{escape(context_object(key, entry, venues))}"></span>'


@once
def context_object(key: str, entry: Entry, venues: Mapping[str, Venue]) -> str:
    """The entry as an OpenURL context object, which is what such a span has for its title."""
    pairs = [("ctx_ver", "Z39.88-2004"), *_context(work_of(key, entry, venues))]
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs if value)


def _context(work: Work) -> list[tuple[str, str]]:
    """The entry as an OpenURL context object; what is neither article nor book goes as Dublin Core."""
    first, last = work.page_range
    dated = f"{work.year}-{work.month:02}" if work.month else str(work.year or "")
    identifier = f"info:doi/{work.doi}" if work.doi else work.url
    genre = {
        "journal": ("journal", "article"), "conference": ("book", "proceeding"), "chapter": ("book", "bookitem"),
        "book": ("book", "book"), "report": ("book", "report"), "thesis": ("dissertation", "dissertation"),
    }.get(work.form)  # fmt: skip  # a table, as one reads it
    if genre is None:
        return [
            ("rft_val_fmt", "info:ofi/fmt:kev:mtx:dc"),
            ("rft.type", work.names.zotero),
            ("rft.title", work.title),
            *(("rft.creator", _author(person, 2)) for person in work.authors),
            ("rft.source", work.container),
            ("rft.publisher", work.publisher),
            ("rft.date", dated),
            ("rft.language", work.language),
            ("rft.identifier", identifier),
        ]
    in_volume = genre[1] in ("article", "proceeding", "bookitem")
    title = "rft.atitle" if in_volume else "rft.btitle" if genre[0] == "book" else "rft.title"
    return [
        ("rft_val_fmt", f"info:ofi/fmt:kev:mtx:{genre[0]}"),
        ("rft.genre", genre[1]),
        (title, work.title),
        ("rft.jtitle" if genre[0] == "journal" else "rft.btitle", work.container if in_volume else ""),
        *(("rft.au", _author(person, 2)) for person in work.authors),
        ("rft.date", dated),
        ("rft.volume", work.volume),
        ("rft.issue", work.number),
        ("rft.spage", first),
        ("rft.epage", last),
        ("rft.pub" if genre[0] == "book" else "rft.inst", work.publisher),
        ("rft.isbn", work.isbn),
        ("rft.issn", work.issn),
        ("rft.language", work.language),
        ("rft_id", identifier),
    ]
