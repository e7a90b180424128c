"""What Zotero reads from every page of the built site, by the rules of its embedded-metadata reader and of COinS.

The expected values come from the catalogue's own fields and from the table below, not from the code that writes them.
"""

from __future__ import annotations

import html.parser
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from sightglass import catalogue as catalogues
from sightglass.catalogue import ENTRY_FOLDERS, Catalogue, folder_of
from sightglass.catalogue.models import Entry, Person

ROOT = Path(__file__).parents[2]
ITEM_TYPES = {  # kinds of entries, by what Zotero calls them
    "conferencePaper": ["conference", "workshop"],
    "journalArticle": ["journal"],
    "preprint": ["preprint"],
    "bookSection": ["chapter"],
    "thesis": ["thesis"],
    "report": ["report"],
    "computerProgram": ["library", "application", "demo", "code"],
    "blogPost": ["blog", "news", "answer", "advice", "notebook"],
    "webpage": ["course", "list", "group", "person", "proceedings", "portfolio", "idea"],
    "book": ["book"],
    "videoRecording": ["video"],
    "presentation": ["slides"],
    "dataset": ["dataset"],
}
TYPE_OF = {kind: name for name, kinds in ITEM_TYPES.items() for kind in kinds}
# Tags that make Zotero guess a type; on a page of another type they would win over z:itemType or spoil it.
BELONGS_TO = {
    "citation_journal_title": {"journalArticle"},
    "citation_conference_title": {"conferencePaper"},
    "citation_inbook_title": {"conferencePaper", "bookSection"},
    "citation_dissertation_institution": {"thesis"},
    "citation_technical_report_institution": {"report"},
    "citation_technical_report_number": {"report"},
    "z:archiveID": {"preprint"},
    "z:blogTitle": {"blogPost"},
    "z:websiteTitle": {"webpage"},
    "z:company": {"computerProgram"},
    "z:studio": {"videoRecording"},
    "z:meetingName": {"presentation"},
    "z:repository": {"preprint", "dataset"},
}
READ = {
    *BELONGS_TO, "z:itemType", "z:extra", "citation_title", "citation_author", "citation_publication_date",
    "citation_publisher", "citation_volume", "citation_issue", "citation_firstpage", "citation_lastpage",
    "citation_doi", "citation_isbn", "citation_issn", "citation_language", "citation_public_url",
}  # fmt: skip  # a table, as one reads it
ONCE = READ - {"citation_author"}


class Read(html.parser.HTMLParser):
    """Tags of a page that Zotero looks at, and the items of its lists with the entries and spans in each."""

    def __init__(self, path: str, source: str) -> None:
        super().__init__()
        self.path = path
        self.tags: list[tuple[str, str]] = []
        self.abstracts: list[str] = []  # Zotero looks at 'property' only where there is no 'name'
        self.coins: list[str] = []
        self.items: list[tuple[list[str], list[str]]] = []  # of each <li>: addresses, spans
        self._open: list[tuple[list[str], list[str]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "meta" and values.get("name", "").startswith(("citation_", "z:", "dc.", "DC.", "prism.", "eprints.")):
            self.tags.append((values["name"], values["content"]))
        elif tag == "meta" and (values.get("name") or values.get("property")) in ("description", "og:description"):
            self.abstracts.append(values["content"])
        elif tag == "li":
            self._open.append(([], []))
            self.items.append(self._open[-1])
        elif tag == "a" and self._open:
            self._open[-1][0].append(values.get("href", ""))
        elif "Z3988" in values.get("class", "").split():
            self.coins.append(values["title"])
            if self._open:
                self._open[-1][1].append(values["title"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "li" and self._open:
            self._open.pop()

    def all(self, name: str) -> list[str]:
        return [content for found, content in self.tags if found == name]

    def one(self, name: str) -> str:
        return next(iter(self.all(name)), "")


@pytest.fixture(scope="module")
def books() -> Catalogue:
    return catalogues.load(ROOT)


@pytest.fixture(scope="module")
def pages(built: Path) -> dict[str, Read]:
    """Every page of the site by its folder: ``papers/zhou2016learning``."""
    paths = {path.relative_to(built).as_posix(): path for path in sorted(built.rglob("*.html"))}
    return {
        name.removesuffix("index.html").strip("/"): Read(name, path.read_text(encoding="utf-8"))
        for name, path in paths.items()
    }


def key_of(page: str, books: Catalogue) -> str | None:
    """The entry whose own page this is, in any language of the interface."""
    folder, _, key = re.sub(r"^zh/", "", page).partition("/")
    return key if folder in ENTRY_FOLDERS and key in books.entries else None


@pytest.fixture(scope="module")
def own(pages: dict[str, Read], books: Catalogue) -> list[tuple[Entry, Read]]:
    return [(books.entries[key], page) for name, page in pages.items() if (key := key_of(name, books))]


def test_every_entry_has_a_page_and_every_kind_is_in_the_table(own: list[tuple[Entry, Read]], books: Catalogue) -> None:
    assert {entry.title for entry, _ in own} == {entry.title for entry in books.entries.values()}
    assert len(own) >= len(books.entries)
    assert {entry.kind for entry, _ in own} <= set(TYPE_OF)


def test_an_entry_page_has_its_type_first_and_one_title(own: list[tuple[Entry, Read]]) -> None:
    for entry, page in own:
        assert page.tags[0] == ("z:itemType", TYPE_OF[entry.kind]), page.path
        assert page.all("citation_title") == [" ".join(entry.title.split())], page.path


def test_every_tag_is_one_that_zotero_reads_stands_once_and_says_something(own: list[tuple[Entry, Read]]) -> None:
    for _, page in own:
        counts = Counter(name for name, _ in page.tags)
        assert set(counts) <= READ, page.path  # no citation_pdf_url, no citation_arxiv_id, no citation_abstract
        assert all(counts[name] == 1 for name in counts.keys() & ONCE), page.path
        assert all(content.strip() == content and content for _, content in page.tags), page.path


def test_no_summary_of_ours_becomes_an_abstract(own: list[tuple[Entry, Read]], pages: dict[str, Read]) -> None:
    assert not [page.path for _, page in own if page.abstracts]
    assert len(pages["methods/cam"].abstracts) == 1  # where there is no entry, a description is one


def test_no_page_offers_a_file_that_is_not_hosted_here(pages: dict[str, Read]) -> None:
    assert not [page.path for page in pages.values() if page.all("citation_pdf_url")]


def test_only_tags_of_the_type_stand_on_a_page(own: list[tuple[Entry, Read]]) -> None:
    for _, page in own:
        for name, types in BELONGS_TO.items():
            assert not page.all(name) or page.one("z:itemType") in types, (page.path, name)


def as_zotero_reads(tags: list[str]) -> list[tuple[str, str]]:
    """Given and family name of each author.

    A comma parts family from given name; without one, the last space does.  A tag that stands alone and has a comma
    between two parts of several words each is taken for a list of people.
    """
    if len(tags) == 1 and "," in tags[0] and all(" " in part.strip() for part in tags[0].split(",")[:2]):
        tags = tags[0].split(",")
    names = []
    for tag in tags:
        family, comma, given = tag.partition(",")
        if not comma:
            given, _, family = tag.strip().rpartition(" ")
        names.append((given.strip(), family.strip()))
    return names


def as_stored(person: Person) -> tuple[str, str]:
    """Given and family name; a name that is no person's is whole, without its own commas."""
    whole = person.organisation or not person.given
    return ("", person.name.replace(",", "")) if whole else (person.given, person.family)


def test_one_tag_an_author_in_order_and_zotero_parts_the_names_rightly(own: list[tuple[Entry, Read]]) -> None:
    organisations = 0
    for entry, page in own:
        tags = page.all("citation_author")
        assert len(tags) == len(entry.authors), page.path
        assert not [tag for tag in tags if ";" in tag], page.path  # would be parted there
        found = as_zotero_reads(tags)
        if len(entry.authors) == 1 and " " in entry.authors[0].family and " " in entry.authors[0].given:
            assert tags == [f"{entry.authors[0].given} {entry.authors[0].family}"], page.path  # the lesser evil
            continue
        assert found == [as_stored(person) for person in entry.authors], page.path
        organisations += any("," in person.name for person in entry.authors if person.organisation)
    assert organisations  # 'Oracle, and contributors' was read as a person once


def test_dates_identifiers_and_pages_are_bare(own: list[tuple[Entry, Read]]) -> None:
    for entry, page in own:
        date = f"{entry.year}/{entry.month:02}" if entry.year and entry.month else str(entry.year or "")
        assert page.one("citation_publication_date") == date, page.path
        assert page.one("citation_doi") == (entry.doi or ""), page.path
        assert not page.one("citation_doi") or page.one("citation_doi").startswith("10."), page.path
        assert page.one("citation_isbn") == (entry.isbn or ""), page.path
        assert page.one("citation_volume") == (entry.volume or ""), page.path
        first, _, last = (entry.pages or "").partition("-")
        assert (page.one("citation_firstpage"), page.one("citation_lastpage")) == (first, last), page.path
        assert page.one("citation_language") == (entry.language if entry.language != "und" else ""), page.path
        url = urlsplit(page.one("citation_public_url"))
        assert (url.scheme in ("http", "https") and url.netloc) or not url.geturl(), page.path


def test_a_conference_paper_names_its_volume_before_its_conference(
    own: list[tuple[Entry, Read]], books: Catalogue
) -> None:
    """The tag for a section of a book makes Zotero think of one; the conference's must come later and correct it."""
    seen = 0
    for entry, page in own:
        if TYPE_OF[entry.kind] != "conferencePaper":
            continue
        names = [name for name, _ in page.tags]
        for name in ("citation_inbook_title", "citation_conference_title"):
            assert (name in names) == bool(entry.venue), page.path
        if entry.venue:
            assert names.index("citation_inbook_title") < names.index("citation_conference_title"), page.path
            assert page.one("citation_conference_title") == books.venues[entry.venue].name, page.path
            seen += 1
    assert seen > 20


def test_a_journal_article_names_its_journal(own: list[tuple[Entry, Read]], books: Catalogue) -> None:
    for entry, page in own:
        if entry.kind == "journal" and entry.venue:
            venue = books.venues[entry.venue]
            assert page.one("citation_journal_title") in (venue.booktitle, venue.name, venue.name_zh), page.path
            assert page.one("citation_issue") == (entry.number or ""), page.path


def test_a_preprint_is_one_for_zotero(own: list[tuple[Entry, Read]]) -> None:
    """Zotero does not read ``citation_arxiv_id``: the archive and the number in it go into fields of their own."""
    preprints = [(entry, page) for entry, page in own if entry.kind == "preprint"]
    assert preprints
    for entry, page in preprints:
        assert page.one("z:itemType") == "preprint"
        if entry.arxiv:
            assert (page.one("z:repository"), page.one("z:archiveID")) == ("arXiv", f"arXiv:{entry.arxiv}"), page.path
            assert not page.all("z:extra"), page.path


def test_a_published_paper_keeps_its_arxiv_number(own: list[tuple[Entry, Read]]) -> None:
    for entry, page in own:
        if entry.arxiv and entry.kind != "preprint":
            assert page.one("z:extra") == f"arXiv:{entry.arxiv}", page.path
            assert page.one("z:repository") == "" or entry.kind == "dataset", page.path


def test_a_post_names_its_site(own: list[tuple[Entry, Read]], books: Catalogue) -> None:
    posts = [(entry, page) for entry, page in own if folder_of(entry) == "posts"]
    assert posts
    for entry, page in posts:
        assert page.one("z:itemType") == "blogPost", page.path
        venue = books.venues.get(entry.venue or "")
        assert page.one("z:blogTitle") in ((venue.booktitle, venue.name, venue.name_zh) if venue else ("",)), page.path
        assert bool(page.one("z:blogTitle")) == bool(venue), page.path


def test_an_entry_page_has_no_coins_and_a_page_of_lists_no_tags(pages: dict[str, Read], books: Catalogue) -> None:
    """COinS would hide the page's own entry behind a picker; tags would make a whole list one item."""
    for name, page in pages.items():
        assert not (page.coins and page.tags), page.path
        assert bool(page.tags) == bool(key_of(name, books)), page.path


LISTED = {*ENTRY_FOLDERS, "families", "topics", "venues", "years", "people", "lists", "methods"}


def listed(name: str, page: Read, books: Catalogue) -> Iterator[tuple[str, list[str]]]:
    """Entries that are items of a page's lists, each with the spans that stand in the item."""
    for addresses, spans in page.items:
        target = posixpath.normpath(posixpath.join(name, addresses[0])) if addresses else ""
        if "://" not in (addresses or ["://"])[0] and (key := key_of(target, books)):
            yield key, spans


def test_each_entry_of_a_list_page_has_one_coins_span(pages: dict[str, Read], books: Catalogue) -> None:
    count = 0
    for name, page in pages.items():
        if re.sub(r"^zh/", "", name).partition("/")[0] not in LISTED or key_of(name, books):
            continue
        found: dict[str, list[str]] = {}  # an entry that is read in two sessions is saved once
        for key, spans in listed(name, page, books):
            found.setdefault(key, []).extend(spans)
        for key, spans in found.items():
            assert len(spans) == 1, (page.path, key)
            values = dict(parse_qsl(spans[0]))
            title = values.get("rft.atitle") or values.get("rft.btitle") or values.get("rft.title")
            assert title == " ".join(books.entries[key].title.split()), (page.path, key)
            count += 1
    assert count >= 2 * len(books.entries)  # in its folder and in its year at least


def test_coins_are_complete_context_objects(pages: dict[str, Read], books: Catalogue) -> None:
    formats = {
        "journalArticle": ("journal", "article"), "conferencePaper": ("book", "proceeding"),
        "bookSection": ("book", "bookitem"), "book": ("book", "book"), "report": ("book", "report"),
        "thesis": ("dissertation", "dissertation"),
    }  # fmt: skip  # a table, as one reads it
    found = {(key, span) for name, page in pages.items() for key, spans in listed(name, page, books) for span in spans}
    assert {key for key, _ in found} == set(books.entries)
    for key, span in found:
        entry = books.entries[key]
        pairs = parse_qsl(span, strict_parsing=True)
        values = dict(pairs)
        assert pairs[0] == ("ctx_ver", "Z39.88-2004")
        authors = [value for name, value in pairs if name in ("rft.au", "rft.creator")]
        assert len(authors) == len(entry.authors), key
        for person, name in zip(entry.authors, as_zotero_reads([*authors, ""]), strict=False):
            assert name == as_stored(person), key
        if TYPE_OF[entry.kind] in formats:
            format_, genre = formats[TYPE_OF[entry.kind]]
            assert values["rft_val_fmt"] == f"info:ofi/fmt:kev:mtx:{format_}", key
            assert values["rft.genre"] == genre, key
            identifier = values.get("rft_id", "")
        else:
            assert values["rft_val_fmt"] == "info:ofi/fmt:kev:mtx:dc", key
            assert values["rft.type"] == TYPE_OF[entry.kind], key
            identifier = values.get("rft.identifier", "")
        if entry.doi:
            assert identifier == f"info:doi/{entry.doi}", key
        assert values.get("rft.date", "").startswith(str(entry.year or "")), key
