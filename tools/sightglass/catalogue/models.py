"""The catalogue's nouns as types: every file under ``catalog/`` is one of these, and nothing else.

The order of the fields is the canonical order of the keys in a file, and the JSON Schema that editors use comes out
of these classes, so a field's description is written for the person who fills it in.  Rules that need more than one
file (vocabularies, references, duplicates) live in ``sightglass.catalogue.check``.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
LINE = r"^00[0-4]:L[1-9][0-9]*$"
VENUE_ID = r"^[A-Za-z0-9][A-Za-z0-9+-]*$"
EQUATION_NUMBER = r"^[A-Za-z0-9]+([.-][A-Za-z0-9]+)*$"
FORMS = {  # the patterns in words, for messages
    SLUG: "small letters, digits and single hyphens, as grad-cam",
    LINE: "document and line, as 004:L16",
    EQUATION_NUMBER: "a number as in the paper, or a letter, as 2, A.3 or b",
    VENUE_ID: "letters, digits, '+' and hyphens, as ICLR-workshop",
}

Slug = Annotated[str, Field(pattern=SLUG, max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Line = Annotated[str, Field(pattern=LINE)]
Url = Annotated[str, Field(min_length=8, max_length=1000)]  # the form is checked in sightglass.catalogue.check
Language = Literal["en", "zh", "ja", "de", "fr", "ko", "es", "und"]

FIRST_DRAFT = "To be written."  # the summary that 'sightglass add' leaves for a person; the check refuses it

LinkRole = Literal["page", "paper", "code", "demo", "video", "slides", "review", "project", "docs", "data", "archive"]
Framework = Literal[
    "torch", "torch7", "tensorflow", "keras", "caffe", "mxnet", "theano", "chainer", "paddle", "matlab", "javascript",
    "tensorflow-js", "scikit-learn", "numpy", "deeplearning4j", "r", "cpp",
]  # fmt: skip  # a table, as one reads it
NetworkNeed = Literal["any", "gradients", "maps", "pooling", "relu", "rules", "chain"]
SourceKind = Literal[
    "publisher",  # the publisher's or the proceedings' own page or file
    "preprint",  # the arXiv record, or a mirror that copies it
    "index",  # dblp, Crossref, a library's catalogue and other bibliographic data bases
    "repository",  # the work's own repository: README, CITATION, licence
    "page",  # the page itself, or a stored copy of it
    "address",  # the page's own address, which carries a date or a user name
    "bibliography",  # a reference list or .bib file of somebody else
    "secondary",  # an article or notes about the work
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)  # strict: year: "2016" is no number


class Person(_Model):
    """An author.  In a file either a string ``von Last, First`` or this mapping."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="'von Last, First' in any script: 'van der Maaten, Laurens', '周, 博磊'; else organisation: true"
    )
    zh: str | None = Field(None, description="the name in Chinese characters, family name first, no comma: 周博磊")
    sort: str | None = Field(None, description="'Last, First' in Latin letters, for a name in another script")
    organisation: bool = Field(False, description="true for a group, a firm or an institution")

    @property
    def family(self) -> str:
        """Family name with its particle ('van der Maaten'); the whole name of an organisation."""
        return self.name if self.organisation else self.name.partition(",")[0].strip()

    @property
    def given(self) -> str:
        """Given names as published; empty for a single name and for an organisation."""
        return "" if self.organisation else self.name.partition(",")[2].strip()

    @property
    def is_cjk(self) -> bool:
        """Whether the name is written in Chinese characters, so the family name comes first when it is displayed."""
        return bool(re.search(r"[\u3400-\u9fff]", self.name))

    @cached_property
    def display(self) -> str:
        """The name as it is read: 'Laurens van der Maaten', '周博磊', 'Google Brain'."""
        if self.organisation or not self.given:
            return self.name
        return self.family + self.given if self.is_cjk else f"{self.given} {self.family}"

    @cached_property
    def slug(self) -> str:
        """ASCII slug of the person's page: 'bolei-zhou', 'laurens-van-der-maaten'."""
        last, _, first = (self.sort or self.name).partition(",")
        return _in_ascii(f"{first} {last}")

    @cached_property
    def filed(self) -> str:
        """What the name is sorted by, in ASCII: 'zhou-bolei', 'van-der-maaten-laurens'."""
        last, _, first = (self.sort or self.name).partition(",")
        return _in_ascii(f"{last} {first}")


_UNDECOMPOSED = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss", "æ": "ae", "đ": "d", "ı": "i"})


def _in_ascii(name: str) -> str:
    """A name in lower case, with hyphens for whatever is no letter or digit."""
    plain = unicodedata.normalize("NFKD", name.translate(_UNDECOMPOSED))
    return re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower()).strip("-")


class Link(_Model):
    """One address of a work."""

    url: Url
    role: LinkRole = Field(description="what a reader finds there; 'page' is a post, course or list itself")
    part: bool = Field(False, description="true for a chapter or another part of the work, which is not cited by it")
    language: Language | None = Field(None, description="only where it differs from the entry's language")
    framework: Framework | None = Field(None, description="of code")
    status: Literal["dead", "moved", "doubtful"] | None = Field(
        None, description="dead: known to be gone; moved: see 'now'; doubtful: may well be gone, or not what is meant"
    )
    now: Url | None = Field(None, description="where the same thing is found today")
    archived: Url | None = Field(None, description="a stored copy known to exist; without it the site offers a search")
    note: str | None = Field(None, max_length=400)
    note_zh: str | None = Field(None, max_length=400)


class Correction(_Model):
    """Something a founding note says that is not so."""

    line: Line
    said: Text = Field(description="as the founding note says it")
    truth: Text = Field(description="what is the case, and how it is known where that is not obvious")
    truth_zh: str | None = None


class FoundingNotes(_Model):
    """Where the five founding documents (000 to 004) mention this, and where they err."""

    rows: list[Slug] = Field(
        default_factory=list, description="rows of the founding notes' inventory that this file carries"
    )
    lines: list[Line] = Field(default_factory=list, description="document and line: 004:L16")
    corrections: list[Correction] = Field(default_factory=list)


class Confirmation(_Model):
    """Fields that were compared with a source, and what kind of source it was."""

    source: SourceKind
    fields: list[str] = Field(min_length=1, description="names of fields of this entry")
    at: Url | None = Field(None, description="the address of what was read")


class Entry(_Model):
    """What all entries share.  The file's name is the id, the cite key and the URL."""

    title: Text = Field(description="as published")
    title_zh: str | None = Field(None, description="Chinese title, if it has one")
    abbreviation: str | None = Field(None, description="the short name that people search for: Grad-CAM")
    protect: list[str] = Field(default_factory=list, description="words of the title whose capitals must survive")
    language: Language = "en"
    authors: list[Person] = Field(default_factory=list, description="in the published order")
    year: int | None = None
    month: Annotated[int, Field(ge=1, le=12)] | None = None
    venue: str | None = Field(None, description="id in venues.yaml; for a post the platform or the site")
    volume: str | None = None
    number: str | None = None
    pages: str | None = Field(None, description="818-833, or an article number")
    doi: str | None = Field(None, description="bare: 10.1007/978-3-319-10590-1_53")
    arxiv: str | None = Field(None, description="1311.2901, without a version")
    arxiv_class: str | None = Field(None, description="primary class: cs.CV")
    isbn: str | None = None
    topics: list[str] = Field(default_factory=list, description="ids of taxonomy.yaml")
    about: list[Slug] = Field(default_factory=list, description="methods that this explains, uses or discusses")
    about_none: str | None = Field(None, description="why it is about no method, in one phrase")
    about_none_zh: str | None = None
    accompanies: list[str] = Field(default_factory=list, description="keys of entries that this goes with")
    links: list[Link] = Field(default_factory=list)
    summary: Text = Field(description="one to three sentences in our own words")
    summary_zh: str | None = Field(None, description="the same in Chinese")
    identified: bool = Field(True, description="false if the work behind the founding notes' words could not be found")
    confirmed: list[Confirmation] = Field(default_factory=list)
    unconfirmed: str | None = Field(None, description="what could not be confirmed, and why")
    unconfirmed_zh: str | None = None
    founding_notes: FoundingNotes | None = None
    kind: str  # each sort of entry has its own vocabulary

    @field_validator("authors", mode="before")
    @classmethod
    def _strings_are_names(cls, value: object) -> object:
        return [{"name": a} if isinstance(a, str) else a for a in value] if isinstance(value, list) else value


class Paper(Entry):
    """A published or preprinted scientific work."""

    kind: Literal["conference", "workshop", "journal", "preprint", "chapter", "thesis", "report"]
    proposes: list[Slug] = Field(default_factory=list, description="methods that it introduces")
    builds_on: list[str] = Field(default_factory=list, description="keys of papers whose idea it takes further")


class Tool(Entry):
    """Software: a library, an application, a demonstration, code of a paper or an exercise."""

    kind: Literal["library", "application", "demo", "code"]


class Post(Entry):
    """A text on the web."""

    kind: Literal["blog", "news", "answer", "advice", "notebook"]


class Resource(Entry):
    """Anything else that is worth knowing: a course, a book, a person ..."""

    kind: Literal[
        "course", "book", "video", "slides", "list", "group", "person", "dataset", "proceedings", "portfolio", "idea"
    ]


class Claim(_Model):
    """One checkable statement of a paper about a method, with its place in the paper and a bound."""

    id: Slug
    statement: Text = Field(description="what the paper claims, in our own words")
    statement_zh: str | None = None
    paper: str = Field(description="key of the paper that makes the claim")
    place: Text = Field(description="section, figure, table or equation")
    place_zh: str | None = Field(
        None, description="only where the place is said in words: 'Sec. 3, Fig. 1' is read as it is"
    )
    reported: str | None = Field(None, description="what the paper itself measured, with data and network")
    reported_zh: str | None = None
    quantity: Slug = Field(description="key of the number in what the method's measure() returns")
    minus: Slug | None = Field(None, description="key of the number that is subtracted from it, seed by seed")
    unit: str = Field(description="what the number is: 'share of images', 'difference of shares', 'ratio' ...")
    unit_zh: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    expect: Literal["holds", "fails"] = "holds"
    reason: str | None = Field(None, description="why it does not hold at this scale; required with expect: fails")
    reason_zh: str | None = None
    ours: bool = Field(False, description="true for a comparison or control of our own, which the paper does not make")
    gated: bool = Field(True, description="false: reported without a verdict, because the value hangs on the processor")

    @model_validator(mode="after")
    def _bounded(self) -> Claim:
        if not self.gated and self.expect == "fails":
            raise ValueError("a claim that is only reported has no verdict to expect: leave 'expect' out")
        if self.gated and self.at_least is None and self.at_most is None:
            raise ValueError("a claim needs a bound: at_least, at_most or both")
        if self.expect == "fails" and not self.reason:
            raise ValueError("a claim that is expected to fail needs a reason")
        return self


class Equation(_Model):
    """One equation of a paper.  The line of code that computes it bears its number: ``# Eq. (2)``."""

    number: Annotated[str, Field(pattern=EQUATION_NUMBER)] = Field(
        description="as in the paper: '2', 'A.3'; a letter, 'a', where the paper numbers none; unique in this file"
    )
    paper: str | None = Field(None, description="key of the paper, if it is not the one that proposed the method")
    place: Text = Field(description="where it stands: section, figure, algorithm")
    place_zh: str | None = Field(None, description="only where the place is said in words")
    latex: Text = Field(description="the equation, without dollar signs")
    meaning: Text = Field(description="what it says, in one sentence")
    meaning_zh: Text


class Method(_Model):
    """A technique.  Papers propose it, entries are about it, a module under ``repro/`` may reproduce it."""

    name: Text
    name_zh: str | None = None
    aliases: list[str] = Field(default_factory=list, description="other names, abbreviations and spellings")
    family: Slug = Field(description="id of a family of taxonomy.yaml")
    scope: Literal["core", "peripheral"] = "core"
    proposed_by: list[str] = Field(default_factory=list, description="keys of papers; each must propose it")
    builds_on: list[Slug] = Field(default_factory=list, description="methods that it takes further")
    summary: Text = Field(description="one to three sentences: what it computes and what the picture shows")
    summary_zh: Text
    idea: str | None = Field(None, description="two or three plain sentences without symbols, for a first reading")
    idea_zh: str | None = None
    use_when: str | None = Field(None, description="what it is good for, in one or two sentences")
    use_when_zh: str | None = None
    avoid_when: str | None = Field(None, description="when to choose another, with the known failure")
    avoid_when_zh: str | None = None
    limits: list[Slug] = Field(default_factory=list, description="claims of this file that show when to avoid it")
    passes: str | None = Field(None, description="cost for one image: '1 forward, 1 backward'")
    passes_zh: str | None = None
    network: NetworkNeed | None = Field(
        None,
        description="what the network must have. any: scores alone; gradients: of the scores; maps: convolutional "
        "feature maps and gradients; pooling: global average pooling and one linear layer at its end; relu: ReLUs and "
        "gradients; rules: only operations with a rule; chain: convolutions, ReLUs, max poolings and linear layers",
    )
    photograph_says: str | None = Field(
        None, description="what is seen in its picture on a photograph: the alternative text"
    )
    photograph_says_zh: str | None = None
    labels_zh: dict[str, Text] = Field(
        default_factory=dict, description="its figure's labels in Chinese; {} is a part: 'noise of {}': '噪声 {}'"
    )
    feasible: Literal["yes", "partly", "no"] = Field(description="whether it can be reproduced on small data")
    feasible_why: str | None = None
    feasible_why_zh: str | None = None
    links: list[Link] = Field(default_factory=list)
    unconfirmed: str | None = None
    unconfirmed_zh: str | None = None
    founding_notes: FoundingNotes | None = None
    equations: list[Equation] = Field(default_factory=list, description="what the code computes, in the paper's form")
    claims: list[Claim] = Field(default_factory=list)


class Family(_Model):
    """A branch of the taxonomy; every method belongs to one."""

    id: Slug
    name: Text
    name_zh: Text
    aliases: list[str] = Field(default_factory=list, description="what else people search it by")
    description: Text
    description_zh: Text


class Topic(_Model):
    """A subject of entries beyond the families."""

    id: Slug
    name: Text
    name_zh: Text
    aliases: list[str] = Field(default_factory=list, description="what else people search it by")
    beside: bool = Field(False, description="true for what is not about networks: an entry on nothing else comes last")


class SearchWords(_Model):
    """What the search knows beyond the catalogue's own names.  Words in one text are separated by commas."""

    synonyms: list[Text] = Field(default_factory=list, description="words that mean the same: 'heatmap, 热力图, 热图'")
    pages: dict[str, Text] = Field(
        default_factory=dict, description="what else a page of the site is looked for by: 'cite/: how to cite, 引用'"
    )
    filler: str = Field(default="", description="words of a question that need not stand in an answer: 'how, the'")


class Taxonomy(_Model):
    """The closed vocabulary: an entry's topics are ids of families or of topics."""

    families: list[Family]
    topics: list[Topic]
    search: SearchWords = SearchWords()
    labels_zh: dict[str, Text] = Field(default_factory=dict, description="Chinese labels that many figures share")


class Venue(_Model):
    """Where works appear: a conference, a journal, a preprint server, a blogging platform, a publisher."""

    id: Annotated[str, Field(pattern=VENUE_ID)]
    name: Text = Field(description="full name as it stands in a citation")
    name_zh: str | None = None
    kind: Literal["conference", "workshop", "journal", "preprint", "publisher", "institution", "platform"]
    booktitle: str | None = Field(None, description="title of the proceedings, if not 'Proceedings of the <name>'")
    publisher: str | None = None
    issn: str | None = None
    url: Url | None = None


class ReadingItem(_Model):
    """Something to read for a session."""

    key: str = Field(description="id of an entry or of a method")
    sections: str | None = Field(None, description="what to read of it: 'Sec. 2 and Fig. 3'")
    sections_zh: str | None = None
    questions: list[str] = Field(default_factory=list)
    questions_zh: list[str] = Field(default_factory=list, description="the same in Chinese, one for each question")

    @model_validator(mode="after")
    def _as_many(self) -> ReadingItem:
        if self.questions_zh and len(self.questions_zh) != len(self.questions):
            counts = f"{len(self.questions)} questions, {len(self.questions_zh)} in Chinese"
            raise ValueError(f"each question needs its Chinese one, in the same order: {counts}")
        return self


class Announcement(_Model):
    """What the calendar said about a session from a moment on.

    A calendar program moves a meeting only if the new version is marked as newer than the one it has, and the file
    alone, without its history, could not say so.
    """

    at: str = Field(description="when this was announced, in UTC: 2026-02-20 10:00")
    start: str = Field(description="when the session begins, in UTC")
    minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    place: str | None = None
    cancelled: bool = False


class Session(_Model):
    """One meeting of a reading group."""

    id: Slug | None = Field(None, description="names the session for good: in its address, in calendars, in progress")
    title: Text
    title_zh: str | None = None
    start: str | None = Field(None, description="local date and time: 2026-03-05 16:00")
    minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    place: str | None = Field(None, description="a room or a link")
    presenter: str | None = None
    items: list[ReadingItem] = Field(default_factory=list)
    notes: str | None = Field(None, description="written afterwards")
    notes_zh: str | None = None
    status: Literal["planned", "done", "cancelled"] = "planned"
    announced: list[Announcement] = Field(
        default_factory=list, description="written by 'sightglass list schedule', oldest first; never edited"
    )


class ReadingList(_Model):
    """What a group, or a reader alone, reads in which order."""

    title: Text
    title_zh: str | None = None
    group: str | None = None
    language: Language = "en"
    term: str | None = None
    timezone: str = Field("UTC", description="IANA name: Europe/Berlin")
    summary: Text
    summary_zh: str | None = None
    sessions: list[Session]
