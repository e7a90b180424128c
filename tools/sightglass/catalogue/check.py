"""Everything that can be wrong with the catalogue, found in one pass.

``sightglass.catalogue.read`` finds what is wrong with one file by itself (YAML, unknown keys, vocabularies of a field).
The rules here look at values and across files.  Each is a generator with the name of its rule, and each has a fixture
that breaks it in ``tests/sightglass/test_check.py``.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from stdnum import isbn as isbn_number

from sightglass import lists
from sightglass.catalogue import ENTRY_FOLDERS, FOLDERS, Catalogue, model_of, nearest, read, repeated, yaml_source
from sightglass.catalogue.canonical import rewrite
from sightglass.catalogue.equations import marks, modules
from sightglass.catalogue.models import FIRST_DRAFT, Entry, Family, FoundingNotes, Link, Method, Paper, Topic
from sightglass.catalogue.yaml_source import Place, Problem, shown
from sightglass.errors import FormError
from sightglass.files import write_whole
from sightglass.lists import rules as list_rules

FIRST_YEAR = 1800
MAX_SUMMARY = 900
KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
ARXIV = re.compile(r"(?P<year>\d{2})(0[1-9]|1[0-2])\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7}")
DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
HOST = re.compile(r"(?:[\w-]+\.)+(?!\d+$)[\w-]{2,}")  # a name, no number: the public network, not a machine
NOT_IN_URL = re.compile(r"""[<>"\\^`{|}]|%(?![0-9A-Fa-f]{2})""")
# A field that states a bibliographic fact counts only with a source that was read.
FACTS = ("authors", "year", "month", "volume", "number", "pages", "doi", "arxiv", "isbn")

_UNFIT = re.compile(  # control characters, invisible ones, private ones, and the mark of a failed conversion
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\uf8ff\ufeff\ufff9-\ufffd]"
)

Rule = Callable[[Catalogue], Iterator[Problem]]
_RULES: list[Rule] = [*list_rules.RULES]


def _rule(function: Rule) -> Rule:
    _RULES.append(function)
    return function


def check(root: Path | None = None) -> tuple[Catalogue, list[Problem]]:
    """The catalogue as far as it can be read, and all its problems, sorted by file, line and column."""
    catalogue, problems = read(root)
    for rule in _RULES:
        problems.extend(rule(catalogue))
    return catalogue, sorted(set(problems))


def fix(root: Path | None = None) -> tuple[list[str], list[Problem]]:
    """Write every file that parses in canonical form: the names of those that changed, and why others were left."""
    catalogue, _ = read(root)
    changed, left = [], []
    for name, source in catalogue.sources.items():
        if source.problems:
            left += source.problems[:1]
            continue
        try:
            form = rewrite(source, model_of(name))
            if form != source.text:
                write_whole(catalogue.root / name, form)
                changed.append(name)
        except FormError as error:
            left.append(Problem(name, *error.place, "canonical", str(error)))
        except OSError as error:
            left.append(Problem(name, 1, 1, "canonical", str(error)))
    return changed, left


def _entries(catalogue: Catalogue) -> Iterator[tuple[str, Entry, yaml_source.Source]]:
    for key, entry in catalogue.entries.items():
        yield key, entry, catalogue.sources[catalogue.files[key]]


def _methods(catalogue: Catalogue) -> Iterator[tuple[str, Method, yaml_source.Source]]:
    for slug, method in catalogue.methods.items():
        yield slug, method, catalogue.sources[catalogue.files[f"methods/{slug}"]]


@_rule
def file_place(catalogue: Catalogue) -> Iterator[Problem]:
    """Only known folders, ``.yaml``, and names that can be keys and URLs."""
    files = ("taxonomy.yaml", "venues.yaml", "LICENSE")
    for path in sorted((catalogue.root / "catalog").glob("*")):
        expected = path.is_dir() if path.name in FOLDERS else path.name in files or path.name.startswith(".")
        if not expected:
            name = path.relative_to(catalogue.root).as_posix()
            message = f"'{shown(path.name)}' has no place in catalog/{nearest(path.name, [*FOLDERS, *files])}"
            yield Problem(name, 1, 1, "file-place", message)
    for folder in FOLDERS:
        for path in sorted((catalogue.root / "catalog" / folder).glob("*")):
            name = path.relative_to(catalogue.root).as_posix()
            if path.name.startswith(".") and path.suffix != ".yaml":  # what desktops and editors leave behind
                continue
            if path.suffix != ".yaml" or not path.is_file():
                yield Problem(name, 1, 1, "file-place", f"catalog/{folder}/ holds .yaml files only")
            elif not KEY.fullmatch(path.stem):
                message = f"'{path.stem}' can't be a key: small letters, digits and single hyphens"
                yield Problem(name, 1, 1, "file-name", message)


@_rule
def vocabulary(catalogue: Catalogue) -> Iterator[Problem]:
    """Venues, topics, methods and families are those of the catalogue's own lists."""
    for _, entry, source in _entries(catalogue):
        if entry.venue and catalogue.venues and entry.venue not in catalogue.venues:
            message = f"unknown venue '{entry.venue}'{nearest(entry.venue, catalogue.venues)}; see catalog/venues.yaml"
            yield source.problem(("venue",), "vocabulary", message)
        for i, topic in enumerate(entry.topics):
            if catalogue.topics and topic not in catalogue.topics:
                message = f"unknown topic '{topic}'{nearest(topic, catalogue.topics)}; see catalog/taxonomy.yaml"
                yield source.problem(("topics", i), "vocabulary", message)
    for _, method, source in _methods(catalogue):
        if catalogue.families and method.family not in catalogue.families:
            message = f"unknown family '{method.family}'{nearest(method.family, catalogue.families)}"
            yield source.problem(("family",), "vocabulary", f"{message}; allowed: {', '.join(catalogue.families)}")
    families: list[Place] = [("families", i, "id") for i in range(len(catalogue.taxonomy.families))]
    topics: list[Place] = [("topics", i, "id") for i in range(len(catalogue.taxonomy.topics))]
    subjects: list[Family | Topic] = [*catalogue.taxonomy.families, *catalogue.taxonomy.topics]
    for i in repeated(subject.id for subject in subjects):
        message = f"the id '{subjects[i].id}' stands twice; families and topics share their ids"
        yield catalogue.sources["catalog/taxonomy.yaml"].problem([*families, *topics][i], "duplicate-topic", message)


@_rule
def references(catalogue: Catalogue) -> Iterator[Problem]:
    """What a file names exists, is of the right sort, and is not the file itself."""
    # by file, so that a file which can't be read is not called missing by those that name it
    stems = {folder: {Path(f).stem for f in catalogue.sources if Path(f).parts[1] == folder} for folder in FOLDERS}
    papers, methods = stems["papers"], stems["methods"]
    entries = set().union(*(stems[folder] for folder in ENTRY_FOLDERS))

    def named(
        source: yaml_source.Source, own: str, field: str, keys: list[str], known: set[str], what: str
    ) -> Iterator[Problem]:
        for i, key in enumerate(keys):
            if key not in known:
                yield source.problem((field, i), "reference", f"no {what} '{key}'{nearest(key, known)}")
            elif key == own:
                yield source.problem((field, i), "reference", f"'{key}' names itself in '{field}'")
            elif key in keys[:i]:
                yield source.problem((field, i), "reference", f"'{key}' stands twice in '{field}'")

    for key, entry, source in _entries(catalogue):
        yield from named(source, "", "about", entry.about, methods, "method")
        yield from named(source, key, "accompanies", entry.accompanies, entries, "entry")
        if isinstance(entry, Paper):
            yield from named(source, "", "proposes", entry.proposes, methods, "method")
            yield from named(source, key, "builds_on", entry.builds_on, papers, "paper")
    for slug, method, source in _methods(catalogue):
        yield from named(source, "", "proposed_by", method.proposed_by, papers, "paper")
        yield from named(source, slug, "builds_on", method.builds_on, methods, "method")
        for i, claim in enumerate(method.claims):
            if claim.paper not in entries:  # a post too: not every method has a paper
                message = f"no entry '{claim.paper}'{nearest(claim.paper, papers)}"
                yield source.problem(("claims", i, "paper"), "reference", message)
    for slug, reading_list in catalogue.lists.items():
        source = catalogue.sources[catalogue.files[f"lists/{slug}"]]
        known = entries | methods
        for i, session in enumerate(reading_list.sessions):
            for j, item in enumerate(session.items):
                if item.key not in known:
                    place: Place = ("sessions", i, "items", j, "key")
                    message = f"no entry or method '{item.key}'{nearest(item.key, known)}"
                    yield source.problem(place, "reference", message)


@_rule
def proposals(catalogue: Catalogue) -> Iterator[Problem]:
    """A paper proposes a method exactly if the method is proposed by the paper."""
    for key, entry, source in _entries(catalogue):
        for i, slug in enumerate(entry.proposes if isinstance(entry, Paper) else []):
            method = catalogue.methods.get(slug)
            if method and key not in method.proposed_by:
                message = f"proposes '{slug}', but catalog/methods/{slug}.yaml does not name it in proposed_by"
                yield source.problem(("proposes", i), "proposal", message)
    for slug, method, source in _methods(catalogue):
        for i, key in enumerate(method.proposed_by):
            paper = catalogue.entries.get(key)
            if isinstance(paper, Paper) and slug not in paper.proposes:
                message = f"proposed_by '{key}', but catalog/papers/{key}.yaml does not name it in proposes"
                yield source.problem(("proposed_by", i), "proposal", message)


@_rule
def cycles(catalogue: Catalogue) -> Iterator[Problem]:
    """Nothing builds on itself, over however many steps."""
    papers = {k: e.builds_on for k, e in catalogue.entries.items() if isinstance(e, Paper)}
    methods = {slug: method.builds_on for slug, method in catalogue.methods.items()}
    for graph, prefix in ((papers, ""), (methods, "methods/")):
        done: set[str] = set()
        for start in graph:
            trail: list[str] = []
            stack = [(start, False)]
            while stack:
                node, leaving = stack.pop()
                if leaving:
                    trail.pop()
                    done.add(node)
                elif node in trail:
                    loop = " -> ".join([*trail[trail.index(node) :], node])
                    source = catalogue.sources[catalogue.files[prefix + node]]
                    yield source.problem(("builds_on",), "cycle", f"builds on itself: {loop}", at_key=True)
                elif node not in done and node in graph:
                    trail.append(node)
                    stack.append((node, True))
                    stack.extend((target, False) for target in graph[node] if target != node)


@_rule
def duplicates(catalogue: Catalogue) -> Iterator[Problem]:
    """One work, one entry: by DOI, arXiv number, ISBN and normalised title."""
    seen: dict[tuple[str, str], str] = {}
    for key, entry, source in _entries(catalogue):
        values = {"doi": entry.doi and entry.doi.lower(), "arxiv": entry.arxiv, "isbn": isbn13(entry.isbn or "")}
        folder, title = source.file.split("/")[1], normalised(entry.title)
        # two posts may well share a title; two papers, or two tools, do not
        if entry.identified and title and folder in ("papers", "tools"):
            values["title"] = f"{folder}: {title}"
        for field, value in values.items():
            if not value:
                continue
            first = seen.setdefault((field, value), key)
            if first != key:
                message = f"the same {field} as {catalogue.files[first]}; one work has one entry"
                yield source.problem((field,), "duplicate", message)


def isbn13(isbn: str) -> str:
    """One form for the ten and the thirteen digits of a book; what is no ISBN stays as it is."""
    return str(isbn_number.to_isbn13(isbn)) if isbn_number.is_valid(isbn) else isbn


def normalised(title: str) -> str:
    """Letters and digits of a title, by which two are compared."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", title).casefold())


@_rule
def identifiers(catalogue: Catalogue) -> Iterator[Problem]:
    """Forms of DOI, arXiv number and ISBN, and years that can be."""
    this_year = datetime.date.today().year
    for _, entry, source in _entries(catalogue):
        if entry.doi and not DOI.fullmatch(entry.doi):
            message = f"'{entry.doi}' is no DOI; write it bare, as 10.1109/CVPR.2016.319"
            yield source.problem(("doi",), "identifier", message)
        if entry.arxiv and not ARXIV.fullmatch(entry.arxiv):
            message = f"'{entry.arxiv}' is no arXiv number; write it without version, as 1512.04150"
            yield source.problem(("arxiv",), "identifier", message)
        if entry.arxiv_class and not entry.arxiv:
            yield source.problem(("arxiv_class",), "identifier", "an arXiv class without an arXiv number")
        if entry.isbn and not isbn_number.is_valid(entry.isbn):
            message = f"'{entry.isbn}' is no ISBN: its length or its check digit is wrong"
            yield source.problem(("isbn",), "identifier", message)
        if entry.year is not None and not FIRST_YEAR <= entry.year <= this_year + 1:
            message = f"{entry.year} is not a possible year ({FIRST_YEAR} to {this_year + 1})"
            yield source.problem(("year",), "year", message)
        numbered = ARXIV.fullmatch(entry.arxiv or "")
        if entry.year is not None and numbered and numbered["year"]:
            submitted = 2000 + int(numbered["year"])
            # published up to two years before: reports and talks are put on arXiv later; more is a slip
            if entry.year < submitted - 2:
                message = f"{entry.year} is long before arXiv:{entry.arxiv} was submitted ({submitted})"
                yield source.problem(("year",), "year", message)


@_rule
def urls(catalogue: Catalogue) -> Iterator[Problem]:
    """Addresses are absolute http(s) addresses of a public host, each once in an entry."""
    for links, source in _link_holders(catalogue):
        for i, link in enumerate(links):
            for field, url in (("url", link.url), ("now", link.now), ("archived", link.archived)):
                fault = url_fault(url) if url else None
                if fault:
                    yield source.problem(("links", i, field), "url", f"{fault}: {url!r}")
        for i in repeated(link.url for link in links):
            yield source.problem(("links", i, "url"), "url", f"the address stands twice: {links[i].url!r}")
    for _, entry, source in _entries(catalogue):
        for i, confirmation in enumerate(entry.confirmed):
            fault = url_fault(confirmation.at) if confirmation.at else None
            if fault:
                yield source.problem(("confirmed", i, "at"), "url", f"{fault}: {confirmation.at!r}")
    source = catalogue.sources["catalog/venues.yaml"]
    for i, data in enumerate(source.data if catalogue.venues else []):
        url = data.get("url") if isinstance(data, dict) else None
        fault = url_fault(url) if isinstance(url, str) else None
        if fault:
            yield source.problem((i, "url"), "url", f"{fault}: {url!r}")


def _link_holders(catalogue: Catalogue) -> Iterator[tuple[list[Link], yaml_source.Source]]:
    yield from ((entry.links, source) for _, entry, source in _entries(catalogue))
    yield from ((method.links, source) for _, method, source in _methods(catalogue))


def url_fault(url: str) -> str | None:
    """What is wrong with an address, or ``None``."""
    if any(character.isspace() or not character.isprintable() for character in url):
        return "an address has no spaces or control characters"
    if unfit := NOT_IN_URL.search(url):
        return f"'{unfit[0]}' must be percent-encoded in an address"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"malformed address ({error})"
    if parts.scheme.lower() not in ("http", "https"):
        return f"'{parts.scheme or 'no scheme'}' is not allowed; an address begins with https:// or http://"
    if not parts.hostname or not HOST.fullmatch(parts.hostname):
        return "the address has no valid host"
    if parts.username or parts.password:
        return "an address carries no user name or password"
    if port is not None and not 0 < port < 65536:
        return "the address has an impossible port"
    return None


@_rule
def people(catalogue: Catalogue) -> Iterator[Problem]:
    """Names are 'von Last, First' or organisations; nobody is listed twice."""
    for _, entry, source in _entries(catalogue):
        for i, person in enumerate(entry.authors):
            place: Place = ("authors", i)
            if re.search(r"\bet\s+al\b|\bothers\b", person.name, re.IGNORECASE):
                yield source.problem(place, "name", f"'{person.name}': list every author instead")
            elif not person.organisation and (person.name.count(",") != 1 or not person.family or not person.given):
                message = f"'{person.name}' must be 'Last, First', or have organisation: true"
                yield source.problem(place, "name", message)
            elif not person.organisation and person.is_cjk and not person.sort:
                yield source.problem(place, "name", f"'{person.name}' needs sort: 'Last, First' in Latin letters")
            elif not person.organisation and not person.is_cjk and len(person.family) > 3 and person.family.isupper():
                yield source.problem(place, "name", f"'{person.name}' is in capitals; write it as a name")
        for i in repeated(person.name for person in entry.authors):
            yield source.problem(("authors", i), "name", f"'{entry.authors[i].name}' stands twice")


@_rule
def confirmations(catalogue: Catalogue) -> Iterator[Problem]:
    """Confirmed fields are set, and set facts are confirmed by a source that was read."""
    for _, entry, source in _entries(catalogue):
        held: set[str] = set()
        for i, confirmation in enumerate(entry.confirmed):
            for j, field in enumerate(confirmation.fields):
                place: Place = ("confirmed", i, "fields", j)
                if field not in type(entry).model_fields:
                    message = f"no field '{field}'{nearest(field, type(entry).model_fields)}"
                    yield source.problem(place, "confirmation", message)
                elif not getattr(entry, field):
                    yield source.problem(place, "confirmation", f"'{field}' is confirmed but not set")
                held.add(field)
        for field in FACTS:
            if getattr(entry, field) and field not in held:
                message = f"'{field}' is stated but no source confirms it; add it to 'confirmed' or leave it out"
                yield source.problem((field,), "confirmation", message, at_key=True)
        if not entry.identified and not entry.unconfirmed:
            message = "an entry that is not identified says in 'unconfirmed' what was looked for"
            yield source.problem(("identified",), "confirmation", message)


@_rule
def texts(catalogue: Catalogue) -> Iterator[Problem]:
    """Texts are clean, summaries short, and in Chinese too where readers expect it."""
    for path, value, source in _strings(catalogue):
        if value != value.strip() or not value:
            yield source.problem(path, "text", "empty, or with spaces around it")
        elif unfit := _UNFIT.findall(value):
            message = f"holds a control, an invisible or a replacement character, U+{ord(unfit[0]):04X}"
            yield source.problem(path, "text", message)
    for _, entry, source in _entries(catalogue):
        if len(entry.summary) > MAX_SUMMARY:
            message = f"{len(entry.summary)} characters; one to three sentences are at most {MAX_SUMMARY}"
            yield source.problem(("summary",), "summary", message)
        if entry.summary == FIRST_DRAFT:
            yield source.problem(("summary",), "summary", "the summary is still to be written")
        if not entry.topics and not entry.about and not (isinstance(entry, Paper) and entry.proposes):
            yield source.problem((), "subject", "an entry has at least one topic, or a method that it is about")
        methods = catalogue.methods_of(entry)
        if not methods and not entry.about_none:
            message = "name the methods that it treats in 'about', or say why there are none: about_none"
            yield source.problem((), "about-none", message)
        if methods and (entry.about_none or entry.about_none_zh):
            field = "about_none" if entry.about_none else "about_none_zh"
            yield source.problem((field,), "about-none", f"it is about '{methods[0]}': leave this out", at_key=True)
        for i, word in enumerate(entry.protect):
            if not re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", entry.title):
                yield source.problem(("protect", i), "protect", f"'{word}' is no word of the title")
        for i, link in enumerate(entry.links):
            if link.now and not link.status:
                yield source.problem(
                    ("links", i, "now"), "link", "a new address needs a status: moved, dead or doubtful"
                )


def _strings(catalogue: Catalogue) -> Iterator[tuple[Place, str, yaml_source.Source]]:
    def walk(data: object, path: Place) -> Iterator[tuple[Place, str]]:
        if isinstance(data, str):
            yield path, data
        elif isinstance(data, dict):
            for key, value in data.items():
                yield from walk(value, (*path, key))
        elif isinstance(data, list):
            for i, value in enumerate(data):
                yield from walk(value, (*path, i))

    for source in catalogue.sources.values():
        if not source.problems:
            yield from ((path, value, source) for path, value in walk(source.data, ()))


@_rule
def founding_notes(catalogue: Catalogue) -> Iterator[Problem]:
    """A row of the founding notes' inventory is carried by one file; a correction's line is among the lines."""
    carried: dict[str, str] = {}
    holders: list[tuple[FoundingNotes | None, yaml_source.Source]] = [
        (e.founding_notes, s) for _, e, s in _entries(catalogue)
    ]
    holders += [(method.founding_notes, source) for _, method, source in _methods(catalogue)]
    for held, source in holders:
        for i, row in enumerate(held.rows if held else []):
            if row in carried:
                yield source.problem(
                    ("founding_notes", "rows", i), "founding-notes", f"row '{row}' is carried by {carried[row]} too"
                )
            carried[row] = source.file
        for i, correction in enumerate(held.corrections if held else []):
            if held and correction.line not in held.lines:
                message = f"'{correction.line}' is not among the lines that mention this"
                yield source.problem(("founding_notes", "corrections", i, "line"), "founding-notes", message)


@_rule
def claims(catalogue: Catalogue) -> Iterator[Problem]:
    """A method's claims have ids of their own, and bounds in order."""
    for _, method, source in _methods(catalogue):
        for i in repeated(claim.id for claim in method.claims):
            yield source.problem(("claims", i, "id"), "claim", f"the claim '{method.claims[i].id}' stands twice")
        for i, claim in enumerate(method.claims):
            if claim.at_least is not None and claim.at_most is not None and claim.at_least > claim.at_most:
                yield source.problem(("claims", i, "at_least"), "claim", "at_least is above at_most")


@_rule
def guidance(catalogue: Catalogue) -> Iterator[Problem]:
    """A method that runs says in both languages what the idea is and when to use it; its limits are its own claims."""
    said = [f"{name}{tongue}" for name in ("idea", "use_when", "avoid_when", "passes") for tongue in ("", "_zh")]
    for slug, method, source in _methods(catalogue):
        module = f"repro/{method.family}/{slug.replace('-', '_')}.py"
        missing = [name for name in (*said, "network") if not getattr(method, name)]
        if missing and (catalogue.root / module).is_file():
            yield source.problem((), "guidance", f"{module} runs: say {', '.join(missing)}")
        ids = [claim.id for claim in method.claims]
        for i, limit in enumerate(method.limits):
            if limit not in ids:
                yield source.problem(("limits", i), "guidance", f"no claim '{limit}' in this file{nearest(limit, ids)}")


@_rule
def equations(catalogue: Catalogue) -> Iterator[Problem]:
    """A method that has a module states its equations, and the line that computes one bears its number, both ways."""
    for slug, method, source in _methods(catalogue):
        module = catalogue.root / "repro" / method.family / f"{slug.replace('-', '_')}.py"
        numbers = [equation.number for equation in method.equations]
        for i in repeated(numbers):
            message = f"the number '{numbers[i]}' stands twice; without the paper's numbers use a, b, c"
            yield source.problem(("equations", i, "number"), "equation", message)
        if not module.is_file():
            continue
        name = module.relative_to(catalogue.root).as_posix()
        if not numbers:
            yield source.problem((), "equation", f"{name} computes it: state its equations under 'equations'")
        own, *others = (marks(path) for path in modules(catalogue.root, module))
        marked = {mark.number for each in (own, *others) for mark in each}
        for i, number in enumerate(numbers):
            if number not in marked:
                message = f"no line of {name}, or of what it imports, ends in '# Eq. ({number})'"
                yield source.problem(("equations", i, "number"), "equation", message)
        for mark in own:
            if mark.number not in numbers:
                message = f"Eq. ({mark.number}) is not among the equations of {source.file}"
                yield Problem(name, mark.line, mark.column, "equation", message + nearest(mark.number, numbers))


@_rule
def schedules(catalogue: Catalogue) -> Iterator[Problem]:
    """A reading list's time zone and dates exist."""
    for slug, reading_list in catalogue.lists.items():
        source = catalogue.sources[catalogue.files[f"lists/{slug}"]]
        if reading_list.timezone not in lists.zones():
            message = (
                f"unknown time zone '{shown(reading_list.timezone)}'{nearest(reading_list.timezone, lists.zones())}"
            )
            yield source.problem(("timezone",), "schedule", message)
        for i, session in enumerate(reading_list.sessions):
            try:
                if session.start:
                    datetime.datetime.strptime(session.start, "%Y-%m-%d %H:%M")
            except ValueError:
                message = f"'{session.start}' is no date and time; write it as 2026-03-05 16:00"
                yield source.problem(("sessions", i, "start"), "schedule", message)


@_rule
def canonical_form(catalogue: Catalogue) -> Iterator[Problem]:
    """Files are as ``sightglass check --fix`` writes them."""
    for name, source in catalogue.sources.items():
        if source.problems or source.canonical or not isinstance(source.data, dict | list):
            continue
        try:
            form = rewrite(source, model_of(name))
        except FormError as error:
            yield Problem(name, *error.place, "canonical", str(error))
            continue
        source.canonical = form == source.text
        if not source.canonical:
            line, column = yaml_source.place_after(source.text[: _common(source.text, form)])
            yield Problem(name, line, column, "canonical", "not in canonical form; 'sightglass check --fix' writes it")


def _common(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
