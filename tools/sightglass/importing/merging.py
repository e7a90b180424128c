"""Which drafts are new to the catalogue, which works it has already, and what can't be added."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from sightglass.catalogue import FOLDERS, Catalogue, canonical, check
from sightglass.catalogue.find import fold
from sightglass.catalogue.models import Entry
from sightglass.errors import ImportingError, first_fault
from sightglass.importing.records import Draft, Refusal, is_chinese, keys

ONE_TITLE = ("papers", "tools")  # two of these never share a title; two posts may well


@dataclass(frozen=True)
class Row:
    """What became of one entry of a source."""

    line: int
    called: str
    result: str  # 'added', 'there' or 'left'
    said: str  # the file, or the reason
    draft: Draft | None = None
    text: str = ""  # of the new file


@dataclass(frozen=True)
class _Known:
    """A work that is there: its file, who wrote it first, and when."""

    file: str
    family: str
    year: int | None

    def may_be(self, folder: str, entry: Entry) -> bool:
        """Whether a work of the same title can be this one, as far as first author and year are known.

        A paper's year is that of the preprint or of the journal, but a paper and a book of two years are two works.
        """
        family = _family(entry)
        one_author = not self.family or not family or self.family == family
        return one_author and (folder in self.file or not self.year or not entry.year or self.year == entry.year)


class Shelf:
    """The works of a catalogue by DOI, arXiv number, ISBN, address and title; what is added stands on it at once."""

    def __init__(self, books: Catalogue) -> None:
        self._taken = {Path(file).stem: file for file in books.files.values() if "/lists/" not in file}
        self._works: dict[tuple[str, str], list[_Known]] = {}
        for key, entry in books.entries.items():
            self._put(books.files[key], entry)

    def _put(self, file: str, entry: Entry) -> None:
        known = _Known(file, _family(entry), entry.year)
        for mark in _marks(file.split("/")[1], entry):
            self._works.setdefault(mark, []).append(known)

    def row(self, draft: Draft, key: str | None = None) -> Row:
        """What becomes of ``draft``, under ``key`` or the one that it proposes.

        Raises ``ImportingError`` for a ``key`` that can't be.
        """
        if key and not check.KEY.fullmatch(key):
            raise ImportingError(f"'{key}' can't be a key: small letters, digits and single hyphens; use another --key")
        if key in self._taken:
            raise ImportingError(f"{self._taken[key]} exists; choose another key with --key")

        def said(result: str, words: str, text: str = "") -> Row:
            return Row(draft.line, draft.called, result, words, draft, text)

        model = FOLDERS[draft.folder]
        try:
            entry = model.model_validate(draft.data)
        except ValidationError as error:
            return said("left", f"it does not make a valid entry: {first_fault(error)}")
        assert isinstance(entry, Entry)  # noqa: S101  # a draft's folder is one of entries
        for name, value in _marks(draft.folder, entry):
            for known in self._works.get((name, value), []):
                if name != "title" or known.may_be(f"/{draft.folder}/", entry):
                    return said("there", f"{known.file} (the same {name})")
                if draft.folder in ONE_TITLE and known.file.split("/")[1] == draft.folder:
                    return said(
                        "left",
                        f"{known.file} has the same title by other authors; the catalogue allows a title only once",
                    )
        draft.key = key or self._free(draft)
        file = self._taken[draft.key] = f"catalog/{draft.folder}/{draft.key}.yaml"
        self._put(file, entry)
        return said("added", file, canonical.write(draft.data, model))

    def _free(self, draft: Draft) -> str:
        """The proposed key, or the first of those like it that nothing has."""
        if draft.key not in self._taken:
            return draft.key
        names = [name if isinstance(name, str) else name["name"] for name in draft.data.get("authors", [])]
        return next(k for k in keys(names, draft.data.get("year"), draft.data["title"]) if k not in self._taken)


def sorted_out(found: Iterable[Draft | Refusal], books: Catalogue, key: str | None = None) -> list[Row]:
    """What becomes of each entry of a source, in its order; two that are one work are added once."""
    shelf = Shelf(books)
    return [
        Row(each.line, each.called, "left" if each.left else "there", each.reason)
        if isinstance(each, Refusal)
        else shelf.row(each, key)
        for each in found
    ]


def _marks(folder: str, entry: Entry) -> list[tuple[str, str]]:
    """What identifies a work, the most reliable first: pairs of a name and a value."""
    marks = [
        ("DOI", (entry.doi or "").lower()),
        ("arXiv number", entry.arxiv or ""),
        ("ISBN", check.isbn13(entry.isbn or "")),
        *(("address", _bare(link.url)) for link in entry.links if folder != "papers"),
        ("title", check.normalised(entry.title)),
        ("title", check.normalised(entry.title_zh or "")),
    ]
    return [mark for mark in marks if mark[1]]


def _bare(url: str) -> str:
    return url.partition("://")[2].removeprefix("www.").rstrip("/")


def _family(entry: Entry) -> str:
    """The first author's family name, as it is compared; empty if there is none, or it has no Latin letters."""
    if not entry.authors:
        return ""
    first = entry.authors[0]
    name = first.name.replace(",", "") if first.organisation else first.sort or first.name  # RIS drops its commas
    return "" if is_chinese(name) else check.normalised(fold(name.partition(",")[0].split(" ")[-1]))
