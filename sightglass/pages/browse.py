"""The browse page as it is before, and without, any script: the newest entries, and the places that facets will fill.

``docs/assets/browse.js`` finds its words here, so that one place says them and each language has its own page.
"""

from __future__ import annotations

import html
import json
import posixpath

from sightglass.catalogue import ENTRY_FOLDERS
from sightglass.pages.entries import LANGUAGES, meta_line
from sightglass.pages.markup import page
from sightglass.pages.site import Site

FIRST = 50  # entries shown at once, by the page and by its script

FACETS = {
    "kind": "Kind",
    "family": "Family",
    "method": "Method",
    "topic": "Topic",
    "venue": "Venue",
    "year": "Year",
    "language": "Language",
    "framework": "Framework of the code",
    "reproduction": "Has a reproduction",
    "verified": "Claims verified",
}
SORTS = {"relevance": "Relevance", "year": "Newest first", "title": "Title"}
WORDS = {
    "count": "{shown} of {all} entries",
    "loading": "loading the rest …",
    "partly": "no entry has all these words; these have most of them",
    "failed": "The search could not be loaded. The lists below hold everything.",
    "others": "and others",
    "remove": "Remove {choice}",
    "yes": "yes",
    "no": "not yet",
    "papers": "all papers",
    "tools": "all tools",
    "posts": "all posts",
    "resources": "all resources",
    **LANGUAGES,
}


def browse_page(site: Site) -> str:
    """The page that lists everything."""
    here = "browse.md"
    keys = site.newest_first(list(site.catalogue.entries))
    hits = "\n".join(_hit(site, key, here) for key in keys[:FIRST])
    count = WORDS["count"].format(shown=len(keys), all=len(keys))
    facets = "\n".join(
        f'<details class="sg-facet" data-facet="{facet}"{" open" if facet in ("kind", "family") else ""}>'
        f'<summary>{title}</summary><div role="group" aria-label="{title}"></div></details>'
        for facet, title in FACETS.items()
    )
    sorts = "".join(f'<option value="{value}">{title}</option>' for value, title in SORTS.items())
    words = html.escape(json.dumps(WORDS, ensure_ascii=False))
    everything = ", ".join(f"[{folder}]({folder}/index.md)" for folder in ENTRY_FOLDERS)
    body = f"""# Browse

<div id="sg-browse" class="sg-browse" data-words="{words}">
<form class="sg-bar sg-scripted" role="search" aria-label="Everything">
<input type="search" name="q" class="sg-query" autocomplete="off" spellcheck="false" aria-label="Search in all entries" aria-describedby="sg-count" placeholder="Words, names, years">
<select name="sort" aria-label="Sort by">{sorts}</select>
</form>
<details class="sg-filter sg-scripted">
<summary>Filter</summary>
{facets}
</details>
<div class="sg-found">
<p id="sg-count" class="sg-meta" role="status">{count}</p>
<ul class="sg-chosen" aria-label="Chosen filters" hidden></ul>
<ul class="sg-results" aria-label="Entries">
{hits}
</ul>
<button type="button" class="md-button sg-more sg-scripted"{"" if len(keys) > FIRST else " hidden"}>Show more</button>
</div>
</div>

<noscript>Without JavaScript, these are the newest entries; everything is found in the lists below.</noscript>

All {everything}; by [family](families/index.md), [method](methods/index.md), [venue](venues/index.md),
[year](years/index.md) and [person](people/index.md).
{{ .sg-meta }}
"""
    return page("Browse", body, hide=["navigation", "toc"])


def _hit(site: Site, key: str, here: str) -> str:
    """An entry as ``browse.js`` draws it too."""
    entry = site.catalogue.entries[key]
    # MkDocs gives the page a folder of its own, so that a raw link starts one level up.
    address = posixpath.join("..", posixpath.relpath(site.page_of(key).removesuffix(".md"), posixpath.dirname(here)), "")
    title_zh = _span("sg-title-zh", entry.title_zh, "zh-Hans") if entry.title_zh else ""
    title = _span("sg-hit-title", entry.title, entry.language)
    meta = _span("sg-meta", meta_line(site, entry))
    return f'<li data-sg-key="{key}"><a href="{address}">{title}{title_zh}{meta}</a></li>'


def _span(css: str, words: str, language: str = "") -> str:
    lang = f' lang="{language}"' if language else ""
    return f'<span class="{css}"{lang}>{html.escape(" ".join(words.split()), quote=False)}</span>'
