"""New entries out of what others publish: ``.bib``, ``.ris`` and CSL-JSON files, arXiv and Crossref.

A reader turns a file into records, ``drafts`` turns those into entries, and ``sorted_out`` says which of them are new
to a catalogue.  Nothing here writes a file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from sightglass.errors import ImportingError
from sightglass.importing import bibtex, exchange
from sightglass.importing.records import Draft, Record, Refusal, draft
from sightglass.importing.venues import Venues

__all__ = ["READERS", "Draft", "Record", "Refusal", "Venues", "drafts"]

READERS: dict[str, Callable[[str], list[Record | Refusal]]] = {
    ".bib": bibtex.read,
    ".ris": exchange.read_ris,
    ".json": exchange.read_csl,
}


def drafts(text: str, name: str, venues: Venues) -> list[Draft | Refusal]:
    """What the file called ``name``, with this text, holds: a draft or a refusal for each entry, in its order.

    Raises ``ImportingError`` if there is no entry in it.
    """
    return [_drafted(record, venues) for record in READERS[PurePath(name).suffix.lower()](text)]


def _drafted(record: Record | Refusal, venues: Venues) -> Draft | Refusal:
    if isinstance(record, Refusal):
        return record
    try:
        return draft(record, venues)
    except ImportingError as error:
        return Refusal(record.line, record.key, str(error))
