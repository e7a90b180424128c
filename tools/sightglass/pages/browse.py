"""The result page as it is before, and without, any script: the most useful entries, and places that the script fills.

``docs/assets/browse.js`` takes its words from here: they stand among the phrases of the interface, in each language.
"""

from __future__ import annotations

import html
import json

from sightglass.catalogue import ENTRY_FOLDERS, folder_of
from sightglass.pages import together
from sightglass.pages.entries import meta_span
from sightglass.pages.finding import most_useful_first
from sightglass.pages.markup import HTML_LANGUAGE, address, page, ready, to
from sightglass.pages.phrases import PHRASES
from sightglass.pages.site import Site

FIRST = 50  # entries shown at once, by the page and by its script
HERE = "browse.md"
SCRIPTS = ["assets/basket-texts.js"]  # beside the search box's, which starts the page

FACETS = {  # the name in the address, and the phrase
    "kind": "kind",
    "family": "family",
    "method": "method",
    "topic": "topic",
    "venue": "venue",
    "year": "year",
    "language": "language",
    "framework": "framework of code",
    "reproduction": "has a reproduction",
    "verified": "claims verified",
    "scope": "scope",
}
OPEN = ("kind", "family")
SAID = 160  # letters of a summary that a row shows at most
ANSWERS = ("method", "family", "topic", "guide", "tutorial", "list", "page")
SORTS = {"relevance": "by relevance", "year": "newest first", "title": "by title"}


def browse_page(site: Site) -> str:
    """The page that lists everything, in the site's language."""
    keys = most_useful_first(site)
    hits = "\n".join(_hit(site, key) for key in keys[:FIRST])
    facets = "\n".join(_facet(site, facet, phrase) for facet, phrase in FACETS.items())
    sorts = "".join(f'<option value="{value}">{site.say(phrase)}</option>' for value, phrase in SORTS.items())
    words = html.escape(json.dumps(_words(site), ensure_ascii=False))
    comma = "、" if site.language == "zh" else ", "
    folders = comma.join(to(f"{folder}/index.md", site.say(folder).lower(), HERE) for folder in ENTRY_FOLDERS)
    more = "" if len(keys) > FIRST else " hidden"
    count = site.say("found", shown=len(keys), all=len(keys))
    made = f"""<div id="sg-browse" class="sg-browse" data-words="{words}">
<form class="sg-bar sg-scripted" role="search" aria-label="{site.say("browse")}">
<input type="search" name="q" class="sg-query" autocomplete="off" spellcheck="false"
  aria-label="{site.say("search entries")}" placeholder="{site.say("words to search")}">
<select name="sort" aria-label="{site.say("sort by")}">{sorts}</select>
</form>
<details class="sg-filter sg-scripted">
<summary>{site.say("filter")}</summary>
{facets}
</details>
<div class="sg-found">
<p id="sg-count" class="sg-meta" role="status">{count}</p>
{together.results(site)}<ul class="sg-chosen" aria-label="{site.say("chosen filters")}" hidden></ul>
{_nothing(site)}
<section class="sg-answers" aria-labelledby="sg-answers" hidden>
<h2 id="sg-answers">{site.say("answers")}</h2>
<ul class="sg-rows"></ul>
<button type="button" class="sg-more-answers"></button>
<h2>{site.say("entries")}</h2>
</section>
<ul class="sg-rows sg-results" aria-label="{site.say("entries")}">
{hits}
</ul>
<button type="button" class="md-button sg-more sg-scripted"{more}>{site.say("show more")}</button>
</div>
</div>

<noscript>{site.say("without javascript")}</noscript>
"""
    lists = f"{site.say('browse lists', folders=folders)}\n{{ .sg-meta }}\n"
    body = f"# {site.say('browse')}\n\n{ready(made)}\n{lists}"
    return page(site.say("browse"), body, hide=["navigation", "toc"], scripts=SCRIPTS)


def _nothing(site: Site) -> str:
    """What stands there where nothing is found: what it may have been meant as, and three ways on."""
    pages = {"methods": "methods/index.md", "families": "families/index.md"}
    ways = site.say("ways on", **{name: address(path, HERE) for name, path in pages.items()})
    add = site.say("ways on add", contributing=address(site.written("contributing.md"), HERE))
    everything = f'<button type="button" class="sg-link">{site.say("show all entries")}</button>'
    return f"""<div class="sg-nothing" hidden>
<p class="sg-maybe"><button type="button" class="sg-link"></button></p>
<ul><li>{ways}</li><li>{everything}</li><li>{add}</li></ul>
</div>"""


def _facet(site: Site, facet: str, phrase: str) -> str:
    title, open_ = site.say(phrase), " open" if facet in OPEN else ""
    return (
        f'<details class="sg-facet" data-facet="{facet}"{open_}><summary>{title}</summary>'
        f'<div role="group" aria-label="{title}"></div></details>'
    )


def _words(site: Site) -> dict[str, str]:
    """What the script says, as templates; and the names of values, by facet and value."""
    named = {key: site.say(key) for key in PHRASES if key.startswith(("kind.", "language."))}
    folders = {f"kind.{folder}": site.say(f"all {folder}") for folder in ENTRY_FOLDERS}
    answers = {
        f"{facet}.{word}": site.say(word) for facet in ("reproduction", "verified") for word in ("yes", "not yet")
    } | {f"scope.{word}": site.say(word) for word in ("networks", "beside")}
    badges = {f"hit.{type_}": site.say(f"hit.{type_}") for type_ in (*ENTRY_FOLDERS, *ANSWERS)}
    templates = {
        "count": "found",
        "loading": "loading",
        "partly": "partly",
        "failed": "failed",
        "others": "and others",
        "remove": "remove",
        "ignored": "ignored",
        "nothing": "found nothing",
        "nothing chosen": "found nothing chosen",
        "maybe": "hit.maybe",
        "more": "show more answers",
    }
    return (
        {name: PHRASES[key][site.language == "zh"] for name, key in templates.items()}
        | named
        | folders
        | answers
        | badges
    )


def _hit(site: Site, key: str) -> str:
    """An entry as ``hits.js`` draws it too."""
    entry = site.catalogue.entries[key]
    title_zh = _span("sg-title-zh", entry.title_zh, "zh") if entry.title_zh else ""
    title = _span("sg-hit-title", entry.title, entry.language) + _span("sg-badge", site.say(f"hit.{folder_of(entry)}"))
    said, tongue = entry.summary, "en"
    if site.language == "zh" and entry.summary_zh:
        said, tongue = entry.summary_zh, "zh"
    line = _span("sg-gist", shortened(said), "" if tongue == site.language else tongue)
    link = f'<a href="{address(site.page_of(key), HERE)}">{title}{title_zh}{meta_span(site, entry)}{line}</a>'
    return f'<li data-sg-key="{key}">{link}</li>'


def shortened(said: str) -> str:
    """A summary as long as a row has room for it."""
    return said if len(said) <= SAID else f"{said[: SAID - 1].rstrip()}…"


def _span(css: str, words: str, language: str = "") -> str:
    lang = f' lang="{HTML_LANGUAGE.get(language, language)}"' if language else ""
    return f'<span class="{css}"{lang}>{html.escape(" ".join(words.split()), quote=False)}</span>'
