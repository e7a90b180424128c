"""The catalogue drawn: papers by year and family, and which method builds on which.

Both are SVG written on the server, so that they work without scripts and read in both colour schemes (the colours
stand in docs/assets/pages.css).  Each mark is a link with an accessible name; a drawing is a group and not an image,
for what is inside an image is hidden from screen readers.  A table under each says the same in words.
"""

from __future__ import annotations

import math
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

from sightglass.pages.entries import method_link, titled
from sightglass.pages.markup import address, page, ready, table, text, to
from sightglass.pages.site import Site

STEP = 24  # pixels between the middles of two marks: the smallest size at which a finger meets the right one
RADIUS = 7
LABELS = 224  # pixels for the families' names
BOX, BOX_HEIGHT = 176, 40  # a method of the genealogy
COLUMN, ROW = 224, 48
LINE = 22  # columns of Latin letters that fit on a line of a box
MARGIN = 12


def timeline_page(site: Site) -> str:
    """Papers by year, left to right, and by family, top to bottom."""
    here = "timeline.md"
    cells = _cells(site)
    years = sorted(site.by_year)
    body = f"# {site.say('timeline')}\n\n{site.say('timeline lead')}\n\n"
    if not cells:
        return page(site.say("timeline"), body + site.say("nothing"))
    rows = []
    for year in reversed(years):
        keys = [key for (_, when), held in cells.items() if when == year for key in held]
        if keys:
            links = "<br>".join(titled(site, key, here) for key in site.newest_first(keys))
            rows.append([to(f"years/{year}.md", site.say("year heading", year=year), here), links])
    words = ready(table([site.say("year"), site.say("papers")], rows))
    body += _scrolling(site, "timeline", _timeline(site, cells, here)) + f"\n## {site.say('in words')}\n\n{words}"
    return page(site.say("timeline"), body, hide=["navigation", "toc"], description=site.say("timeline lead"))


def _cells(site: Site) -> dict[tuple[str, int], list[str]]:
    """Keys of dated papers by their first family ('' for none) and year."""
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    for key, entry in site.catalogue.of_folder("papers").items():
        if entry.year:
            found[next(iter(site.families_of(entry)), ""), entry.year].append(key)
    return found


def _timeline(site: Site, cells: dict[tuple[str, int], list[str]], here: str) -> str:
    used = {family for family, _ in cells}
    families = [family for family in [*site.catalogue.families, ""] if family in used]
    deep = {family: _deep([len(keys) for (name, _), keys in cells.items() if name == family]) for family in families}
    first, last = min(year for _, year in cells), max(year for _, year in cells)
    left, x = {}, float(LABELS)
    for year in range(first, last + 1):
        left[year] = x
        x += (
            max([1, *(math.ceil(len(keys) / deep[name]) for (name, when), keys in cells.items() if when == year)])
            * STEP
        )
        x += 2 * MARGIN
    width, y = x, 2.0 * STEP
    marks = [
        f'<text class="sg-year" x="{left[year] + STEP / 2:g}" y="{STEP}">{year}</text>'
        for year in range(first, last + 1)
    ]
    for number, family in enumerate(families):
        height = deep[family] * STEP + MARGIN
        subject = site.catalogue.families.get(family)
        name = site.name_of(subject) if subject else site.say("no family")
        marks.append(
            f'<rect class="sg-band sg-band-{number % 2}" x="0" y="{y:g}" width="{width:g}" height="{height}"/>'
        )
        label = f'<text class="sg-label" x="{MARGIN}" y="{y + height / 2 + 5:g}">{text(name)}</text>'
        link = address(f"families/{family}.md", here)
        marks.append(f'<a href="{link}">{label}</a>' if subject else label)
        for year in range(first, last + 1):
            for place, key in enumerate(sorted(cells.get((family, year), []))):
                across, down = divmod(place, deep[family])
                at = (left[year] + (across + 0.5) * STEP, y + (down + 0.5) * STEP + MARGIN / 2)
                marks.append(_paper(site, key, at, here))
        y += height
    return _svg(site, "timeline", width, y + MARGIN, marks)


def _deep(counts: Sequence[int]) -> int:
    """How many marks stand above each other in a row whose cells hold ``counts``: a cell is about square."""
    return max(1, math.ceil(math.sqrt(max(counts, default=1))))


def _paper(site: Site, key: str, at: tuple[float, float], here: str) -> str:
    entry = site.catalogue.entries[key]
    runs = any(site.module_of(slug) for slug in site.catalogue.methods_of(entry) if slug in site.catalogue.methods)
    name = text(f"{entry.title} ({entry.year})")
    circle = f'<circle class="sg-mark{" sg-runs" if runs else ""}" cx="{at[0]:g}" cy="{at[1]:g}" r="{RADIUS}"/>'
    link = address(site.page_of(key), here)
    return f'<a href="{link}" aria-label="{name}"><title>{name}</title>{circle}</a>'


def genealogy_page(site: Site) -> str:
    """Methods from left to right, each beside what it builds on."""
    here = "genealogy.md"
    methods = site.catalogue.methods
    parents = {slug: [other for other in method.builds_on if other in methods] for slug, method in methods.items()}
    children: dict[str, list[str]] = defaultdict(list)
    for slug, found in parents.items():
        for parent in found:
            children[parent].append(slug)
    joined = [slug for slug in methods if parents[slug] or children[slug]]
    alone = [slug for slug in methods if slug not in joined]
    body = f"# {site.say('genealogy')}\n\n{site.say('genealogy lead')}\n\n"
    if joined:
        rows = [
            [method_link(site, slug, here), *(_links(site, found, here) for found in (parents[slug], children[slug]))]
            for slug in sorted(joined, key=lambda slug: methods[slug].name.casefold())
        ]
        header = [site.say(name) for name in ("method", "builds on", "taken up by")]
        drawing = _genealogy(site, joined, parents, here)
        body += _scrolling(site, "genealogy", drawing) + f"\n## {site.say('in words')}\n\n{ready(table(header, rows))}"
    if alone:
        body += f"\n## {site.say('stand alone')}\n\n{_links(site, alone, here)}\n"
    return page(site.say("genealogy"), body, hide=["navigation", "toc"], description=site.say("genealogy lead"))


def _links(site: Site, slugs: Sequence[str], here: str) -> str:
    return ("、" if site.language == "zh" else ", ").join(method_link(site, slug, here) for slug in slugs)


def year_of(site: Site, slug: str) -> int | None:
    """The year in which a method was first proposed, as far as the catalogue knows it."""
    entries = site.catalogue.entries
    years = [entries[key].year for key in site.catalogue.methods[slug].proposed_by if key in entries]
    return min((year for year in years if year), default=None)


def _places(
    site: Site, slugs: Sequence[str], parents: dict[str, list[str]]
) -> tuple[dict[str, tuple[int, int]], dict[str, str | None]]:
    """Column and row of each method, one column after the last of what it builds on; and its parent in a tree.

    The tree joins each method to the deepest of its parents; other lines are drawn across it.  A method that is
    found on the way to itself (which the catalogue should not hold) counts as building on nothing.
    """
    depth: dict[str, int] = {}

    def deepen(slug: str, above: frozenset[str]) -> int:
        if slug not in depth:
            held = [parent for parent in parents[slug] if parent not in above]
            depth[slug] = max((deepen(parent, above | {slug}) + 1 for parent in held), default=0)
        return depth[slug]

    for slug in slugs:
        deepen(slug, frozenset([slug]))
    tree: dict[str, str | None] = {}
    branches: dict[str | None, list[str]] = defaultdict(list)
    for slug in sorted(slugs, key=lambda slug: (year_of(site, slug) or 9999, slug)):
        held = [parent for parent in parents[slug] if depth[parent] < depth[slug]]
        tree[slug] = max(held, key=lambda parent: depth[parent]) if held else None
        branches[tree[slug]].append(slug)
    places: dict[str, tuple[int, int]] = {}
    next_row = 0

    def place(slug: str) -> None:
        nonlocal next_row
        places[slug] = (depth[slug], next_row)
        for child in branches[slug]:
            place(child)
        if not branches[slug]:
            next_row += 1

    for root in branches[None]:
        place(root)
    return places, tree


def _genealogy(site: Site, slugs: Sequence[str], parents: dict[str, list[str]], here: str) -> str:
    places, tree = _places(site, slugs, parents)
    at = {slug: (MARGIN + column * COLUMN, MARGIN + row * ROW) for slug, (column, row) in places.items()}
    lines = []
    for slug, (x, y) in at.items():
        for parent in parents[slug]:
            start, end = (at[parent][0] + BOX, at[parent][1] + BOX_HEIGHT / 2), (x, y + BOX_HEIGHT / 2)
            bend = (COLUMN - BOX) * 0.8
            points = [*start, start[0] + bend, start[1], end[0] - bend, end[1], *end]
            numbers = [f"{number:g}" for number in points]
            css = "sg-line" if tree[slug] == parent else "sg-line sg-across"
            lines.append(f'<path class="{css}" d="M{" ".join(numbers[:2])}C{" ".join(numbers[2:])}"/>')
    boxes = [_method(site, slug, place, here) for slug, place in at.items()]
    width = max(x for x, _ in at.values()) + BOX + MARGIN
    height = max(y for _, y in at.values()) + BOX_HEIGHT + MARGIN
    return _svg(site, "genealogy", width, height, [f'<g aria-hidden="true">{"".join(lines)}</g>', *boxes])


def _method(site: Site, slug: str, at: tuple[float, float], here: str) -> str:
    name = site.name_of(site.catalogue.methods[slug])
    year = year_of(site, slug)
    shown = _wrapped(name, LINE)
    x, y = at[0] + 8, at[1] + BOX_HEIGHT / 2 + 4 - 7.5 * (len(shown) - 1)
    lines = "".join(
        f'<tspan x="{x:g}" y="{y + 15 * number:g}">{text(line)}</tspan>' for number, line in enumerate(shown)
    )
    full = text(f"{name} ({year})" if year else name)
    css = "sg-box sg-runs" if site.module_of(slug) else "sg-box"
    box = f'<rect class="{css}" x="{at[0]:g}" y="{at[1]:g}" width="{BOX}" height="{BOX_HEIGHT}" rx="5"/>'
    link = address(f"methods/{slug}.md", here)
    return f'<a href="{link}" aria-label="{full}"><title>{full}</title>{box}<text class="sg-name">{lines}</text></a>'


def _wrapped(name: str, columns: int) -> list[str]:
    """A name on one or two lines of so many columns, a Chinese character taking two; what is longer ends in '…'."""
    words = name.split(" ")
    lines = [""]
    for word in words:
        if lines[-1] and _columns(f"{lines[-1]} {word}") > columns and len(lines) < 2:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return [_cut(line, columns) for line in lines]


def _columns(words: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in words)


def _cut(line: str, columns: int) -> str:
    if _columns(line) <= columns:
        return line
    while _columns(line) > columns - 1:
        line = line[:-1]
    return line + "…"


def _svg(site: Site, name: str, width: float, height: float, marks: Sequence[str]) -> str:
    label, said = f"sg-{name}-title", f"sg-{name}-desc"
    return (
        f'<svg class="sg-chart" role="group" aria-labelledby="{label}" aria-describedby="{said}" width="{width:g}" '
        f'height="{height:g}" viewBox="0 0 {width:g} {height:g}" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{label}">{site.say(name)}</title><desc id="{said}">{site.say(f"{name} lead")}</desc>'
        + "".join(marks)
        + "</svg>"
    )


def _scrolling(site: Site, name: str, drawing: str) -> str:
    """A drawing in a box that scrolls sideways, by keyboard as well."""
    return ready(f'<div class="sg-scroll" role="region" tabindex="0" aria-label="{site.say(name)}">{drawing}</div>')
