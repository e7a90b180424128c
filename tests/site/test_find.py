"""Finding, in a real browser: known items in both boxes, facets, the address, the Back button, keyboard, no script."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sightglass import catalogue, pages
from sightglass.pages.finding import index_files

ROOT = Path(__file__).parents[2]

HEADER, BROWSE = "[data-sg-search] input", ".sg-query"
ANSWERS = 5  # rows of what is no entry that the result page shows above its entries

# One session for a whole file of queries: the page's own engine answers them, with everything loaded, as the header's
# list shows the hits ("header") and as the rows of the result page stand ("browse").
ASK = """async ([address, answers, questions]) => {
  const { ANSWERS, load } = await import(address + "assets/find.js");
  const finder = await load().words();
  const name = ({ type, key, url }) => type === "entry" ? key : type === "method" ? "methods/" + key : url;
  const rows = {
    header: (query) => finder.best(query, 5, ["entry", ...ANSWERS]),
    browse: (query) => [...finder.answers(finder.match(query)).slice(0, answers), ...finder.best(query, 5, ["entry"])],
  };
  return questions.map(([query, box]) => rows[box](query).map(name));
}"""


class Item(NamedTuple):
    kind: str
    query: str
    wanted: list[str]

    @property
    def language(self) -> str:
        return "Chinese" if "Chinese" in self.kind else "English"


def items_of(file: str) -> list[Item]:
    lines = (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    return [Item(kind, query, wanted.split()) for kind, query, wanted in rows]


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page with the boxes on it, shared by the tests that only ask the engine."""
    opened = browser.new_page()
    opened.goto(address + "guide/")
    yield opened
    opened.close()


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open a page by itself; what it complains of fails the test."""
    contexts, faults = [], []

    def opened(path: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture(scope="module")
def entries(built: Path) -> list[dict[str, Any]]:
    """The catalogue's entries as the site publishes them."""
    return list(json.loads((built / "catalogue.json").read_text(encoding="utf-8"))["entries"])


def wait_for_facets(page: Any) -> None:
    page.wait_for_selector("[data-facet=kind] input", state="attached")


def status(page: Any) -> str:
    return str(page.locator("#sg-count").inner_text())


def shown(page: Any) -> list[str]:
    return [str(li.get_attribute("data-sg-key")) for li in page.locator(".sg-results > li").all()]


def check(page: Any, facet: str, value: str) -> None:
    page.locator(f"[data-facet={facet}]").evaluate("node => { node.open = true; }")
    page.locator(f'[data-facet={facet}] input[data-value="{value}"]').check()


def counts(page: Any, facet: str) -> dict[str, int]:
    """The values that a facet offers, with the numbers beside them."""
    labels = page.locator(f"[data-facet={facet}] label:not([hidden])").all()
    return {
        label.locator("input").get_attribute("data-value"): int(label.locator(".sg-count").text_content())
        for label in labels
    }


# Known items


FILES = ["known_items.txt", "everyday_items.txt"]


@pytest.mark.parametrize("file", FILES)
def test_known_items_are_among_the_first_three_in_both_boxes(page: Any, address: str, file: str, capsys: Any) -> None:
    items = items_of(file)
    assert len(items) >= 100
    assert len({item.query for item in items}) == len(items)
    questions = [[item.query, box] for item in items for box in ("header", "browse")]
    answers = page.evaluate(ASK, [address, ANSWERS, questions])
    rates: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    missed = defaultdict(list)
    for item, header, browse in zip(items, answers[::2], answers[1::2], strict=True):
        for box, hits in (("header", header), ("browse", browse)):
            rate = rates[box, item.language]
            rate["asked"] += 1
            rate["first"] += hits[:1] != [] and hits[0] in item.wanted
            rate["three"] += bool(set(hits[:3]) & set(item.wanted))
            if not set(hits[:3]) & set(item.wanted):
                missed[box, item.language].append(f"{item.query}: {hits[:3]}")
    with capsys.disabled():
        print()
        for (box, language), rate in rates.items():
            first, three = rate["first"] / rate["asked"], rate["three"] / rate["asked"]
            print(f"  {box} {language}: {rate['asked']} queries, first {first:.1%}, among three {three:.1%}")
    for key, rate in rates.items():
        assert rate["three"] / rate["asked"] >= 0.98, missed[key]
        assert rate["first"] / rate["asked"] >= 0.94, key


@pytest.mark.parametrize("file", FILES)
def test_the_known_items_name_things_that_exist(built: Path, file: str) -> None:
    for item in items_of(file):
        for wanted in item.wanted:
            found = [wanted] if "/" in wanted else [f"{f}/{wanted}" for f in ("papers", "tools", "posts", "resources")]
            assert any((built / path / "index.html").is_file() for path in found), (item.query, wanted)


def test_the_method_or_paper_of_a_name_comes_first(page: Any, address: str, built: Path, entries: list[Any]) -> None:
    index = json.loads((built / "find/index.json").read_text(encoding="utf-8"))
    asked: list[tuple[str, set[str]]] = []
    owners = defaultdict(set)  # two may share a name
    spelled = {}

    def plain(name: str) -> str:
        bare = re.sub(r"[^\w+]", "", name.casefold())
        spelled.setdefault(bare, name)
        return bare

    for method in index["methods"]:
        for name in (method["name"], method["name_zh"], method["key"], *method["aliases"]):
            owners[plain(name)].add(f"methods/{method['key']}")
    for entry in entries:
        for name in (entry["title"], entry.get("title_zh"), entry.get("abbreviation"), entry["key"]):
            if name:
                owners[plain(name)].add(entry["key"])
    papers = {entry["key"] for entry in entries if entry["folder"] == "papers"}
    for name, keys in owners.items():
        best = {key for key in keys if key in papers or key.startswith("methods/")}
        if name and best:
            asked.append((spelled[name], best))
    answers = page.evaluate(ASK, [address, ANSWERS, [[name, "header"] for name, _ in asked]])
    wrong = [(name, hits[:2]) for (name, best), hits in zip(asked, answers, strict=True) if hits[0] not in best]
    assert not wrong
    titles = [(entry["title"], entry["key"]) for entry in entries]
    answers = page.evaluate(ASK, [address, ANSWERS, [[title, "browse"] for title, _ in titles]])
    wrong = [(title, hits[:3]) for (title, key), hits in zip(titles, answers, strict=True) if key not in hits[:3]]
    assert not wrong


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("selvarju", "papers/selvaraju2017gradcam/"),
        ("grad cam++", "methods/grad-cam-pp/"),
        ("zeiler 2014", "papers/zeiler2014visualizing/"),
        ("类激活", "methods/cam/"),
        ("大脑黑盒", "posts/zhihu-google-building-blocks/"),
        ("add a paper", "contributing/"),
    ],
)
def test_typing_into_the_header_shows_it(page: Any, address: str, query: str, wanted: str) -> None:
    page.fill(HEADER, "")
    page.locator(HEADER).press_sequentially(query)
    page.wait_for_function(
        "url => [...document.querySelectorAll('#sg-hits a')].slice(0, 3).some((a) => a.href === url)",
        arg=address + wanted,
    )


def test_typing_into_browse_shows_it(open_page: Callable[..., Any]) -> None:
    page = open_page("browse/")
    wait_for_facets(page)
    for query, wanted in (
        ("visuallizing understanding", "zeiler2014visualizing"),
        ("大脑黑盒", "zhihu-google-building-blocks"),
    ):
        page.fill(BROWSE, "")
        page.locator(BROWSE).press_sequentially(query)
        assert wanted in shown(page)[:3]


ASKED = {
    "fergus 2014": "a",
    "visualising": "a",  # one letter exchanged
    "vizualising": "",  # two
    "netz": "",  # too short to be a typing error
    "黑箱": "b",
    "神经": "b",
    "箱黑": "",
    "layerwise": "b",
    "layer": "ba",  # in its title; in a name of the method that the other proposes
    "gradcam": "a",
    "grad-cam": "a",
    "oygard": "c",
    "lukasz": "c",
    "golge": "a",
    "欧洲": "b",
    "eccv": "b",
    "xyz": "c",
    "yz": "",  # two letters match at the start of a word
    "黑箱神经网络": "b",  # in pieces
    "fergus xyz": "ca",  # none has both, so each that has one
    "nothing xyz": "c",  # a word that stands nowhere is left out
    "how to fergus": "a",  # filler need not stand there
    "black box": "b",  # means the same as 黑箱
    "black-boxes": "b",
    "a black box story": "b",
    "?!": "",
    "nothing": "",
}
NEAR = {"abcde": True, "abde": True, "abxde": True, "abdce": True, "abcdef": True, "abedc": False, "xbcdy": False}


def test_the_engine_in_small(page: Any, address: str) -> None:
    """Folding, tokens, typing errors, and what is not a match."""
    answers = page.evaluate(
        """async ([address, queries, pairs]) => {
          const { Finder, fold, nearly } = await import(address + "assets/find.js");
          const finder = new Finder();
          const method = { key: "m", name: "Grad-CAM", name_zh: "梯度图", aliases: ["Layer maps"], family: "f" };
          const venues = { ECCV: ["European Conference", "欧洲会议"] };
          const subjects = [{ key: "f", type: "family", name: "Family", name_zh: "族", aliases: [] }];
          finder.addIndex({ entries: 3, subjects, venues, pages: [], methods: [method], synonyms: [["黑箱", "black box"]], filler: ["how", "to"] });
          const add = (key, title, title_zh, abbreviation, authors, year, venue, methods) => {
            const coded = (...values) => ({ values, cells: [values.map((_, place) => place)] });
            finder.addEntry({
              key: [key], title: [title], title_zh: [title_zh], abbreviation: [abbreviation], authors: [authors],
              authors_zh: [""], year: [year], proposes: [methods.length],
              folder: coded("papers"), kind: coded("report"), language: coded("en"), venue: coded(...venue), methods: coded(...methods),
              topics: coded(), frameworks: coded(), scope: coded("networks"),
            }, 0);
          };
          add("a", "Visualizing nets", "", "", "Rob Fergus\\nEren Gölge", 2014, [], ["m"]);
          add("b", "A layer-wise story", "看懂神经网络的黑箱", "", "", 0, ["ECCV"], []);
          add("c", "Other", "", "XYZ", "Łukasz Øygard", 2015, [], []);
          const ask = (query) => finder.best(query, 9, ["entry"]).map((record) => record.key).join("");
          return {
            asked: Object.fromEntries(queries.map((query) => [query, ask(query)])),
            empty: finder.match("  "), ignored: finder.match("nothing fergus").ignored, none: finder.match("nothing").ignored,
            suggested: ["xyy", "visualzng nets", "nothing", "fergus"].map((query) => finder.suggest(query, finder.match(query).ignored)),
            fold: fold("Ünïcode ß Ｗide"), near: pairs.map((pair) => nearly(...pair)),
          };
        }""",
        [address, list(ASKED), [["abcde", other] for other in NEAR]],
    )
    assert answers["near"] == list(NEAR.values())
    assert answers["fold"] == "unicode ss wide"
    assert answers["empty"] is None
    assert answers["ignored"] == answers["none"] == ["nothing"]
    assert answers["suggested"] == ["xyz", "visualizing nets", "", ""]
    assert answers["asked"] == ASKED


# The header's box


def test_the_header_box_is_a_combobox_for_the_keyboard(open_page: Callable[..., Any], address: str) -> None:
    page = open_page("guide/")
    page.keyboard.press("/")
    page.keyboard.type("zhou 2016 learning deep")
    page.wait_for_selector("#sg-hits [role=option]")
    box = page.locator(HEADER)
    assert box.get_attribute("aria-expanded") == "true"
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#sg-hits [aria-selected=true]")
    assert chosen.count() == 1
    assert box.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    page.keyboard.press("ArrowUp")  # round to the last, which leads to all hits
    assert page.locator("#sg-hits a").last.inner_text() == "See all hits for “zhou 2016 learning deep”"
    assert page.locator("#sg-hits [role=option]").last.get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(address + "papers/zhou2016learning/")
    page.keyboard.press("/")
    page.keyboard.type("lime")
    page.wait_for_selector("#sg-hits [role=option]")
    page.keyboard.press("Escape")
    assert page.locator("#sg-hits").is_hidden()
    page.keyboard.press("Enter")  # nothing chosen: all of it
    page.wait_for_url(re.compile(r"/browse/\?q=lime"))
    assert page.locator(BROWSE).input_value() == "lime"


def test_the_header_box_says_when_nothing_is_found_and_when_it_cannot_look(
    open_page: Callable[..., Any], browser: Any, address: str
) -> None:
    page = open_page("guide/")
    page.fill(HEADER, "qqqqzzzz")
    page.wait_for_function("document.querySelector('#sg-hits').textContent === 'Nothing found'")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/browse/\?q=qqqqzzzz"))
    page.fill(HEADER, "deconvvnnet")
    page.wait_for_selector("#sg-hits a")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/browse/\?q=deconvnet$"))
    offline = browser.new_page()
    offline.route("**/find/*.json", lambda route: route.abort())
    offline.goto(address + "browse/")
    offline.fill(HEADER, "lime")
    offline.wait_for_function("document.querySelector('#sg-hits').textContent === 'The search could not be loaded'")
    assert "could not be loaded" in status(offline)
    assert len(shown(offline)) == 50
    offline.close()


# Browse


def test_browse_shows_the_most_useful_entries_before_and_without_any_script(
    open_page: Callable[..., Any], entries: list[Any]
) -> None:
    plain = open_page("browse/", java_script_enabled=False)
    first = shown(plain)
    assert len(first) == 50
    running = [entry["key"] for entry in entries if entry.get("runs") and entry.get("proposes")]
    assert set(first[:5]) <= set(running)
    assert status(plain) == f"{len(entries)} of {len(entries)} entries"
    assert plain.locator(".sg-bar, .sg-filter, .sg-more").evaluate_all(
        "all => all.every((node) => getComputedStyle(node).display === 'none')"
    )
    indexes = "article a[href$='papers/']:not([rel]), article a[href$='years/']:not([rel])"  # without the next page's
    assert plain.locator(indexes).count() == 2
    scripted = open_page("browse/")
    wait_for_facets(scripted)
    links = "all => all.map((li) => li.querySelector('a').outerHTML)"
    written = plain.locator(".sg-results > li").evaluate_all(links)
    scripted.fill(BROWSE, "x")
    scripted.fill(BROWSE, "")  # now it is the script that draws
    scripted.wait_for_function("document.querySelector('.sg-results .sg-gist').textContent")
    drawn = scripted.locator(".sg-results > li").evaluate_all(links)
    base = scripted.url.split("browse/")[0]
    assert [link.replace(base, "../") for link in drawn] == written


def test_methods_guides_and_lists_stand_above_the_entries(open_page: Callable[..., Any], address: str) -> None:
    page = open_page("browse/?q=occlusion")
    wait_for_facets(page)
    rows = page.locator(".sg-answers li")
    first = rows.first.locator("a")
    assert first.get_attribute("href") == address + "methods/occlusion/"
    assert first.locator(".sg-badge").inner_text() == "Method"
    page.wait_for_function("document.querySelector('.sg-results .sg-gist').textContent")
    assert all(line.strip() for line in page.locator(".sg-rows .sg-gist").all_inner_texts())
    assert rows.first.bounding_box()["y"] < page.locator(".sg-results > li").first.bounding_box()["y"]
    page.fill(BROWSE, "how to cite")
    page.wait_for_function("document.querySelector('.sg-answers a').href.endsWith('/cite/')")
    page.fill(BROWSE, "")
    assert page.locator(".sg-answers").is_hidden()
    check(page, "family", "attribution")  # its methods, those that run first
    assert rows.count() == ANSWERS
    page.locator(".sg-more-answers").click()
    assert rows.count() > ANSWERS
    assert page.evaluate("document.activeElement.closest('li') === document.querySelectorAll('.sg-answers li')[5]")
    check(page, "kind", "papers")  # a filter that no method has
    assert page.locator(".sg-answers").is_hidden()


def test_where_nothing_is_found_the_page_says_how_to_go_on(open_page: Callable[..., Any], entries: list[Any]) -> None:
    page = open_page("browse/?q=qqqqzzzz")
    wait_for_facets(page)
    assert status(page) == "Nothing found for “qqqqzzzz”."
    assert page.locator(".sg-nothing li").count() == 3
    assert page.locator(".sg-maybe").is_hidden()
    page.locator(".sg-nothing li button").click()
    assert status(page) == f"{len(entries)} of {len(entries)} entries"
    assert page.locator(".sg-nothing").is_hidden()
    page.fill(BROWSE, "deconvvnnet")  # two letters too many
    assert page.locator(".sg-maybe").inner_text() == "Did you mean “deconvnet”?"
    page.locator(".sg-maybe button").click()
    assert page.locator(".sg-answers a").first.get_attribute("href").endswith("/methods/deconvnet/")
    assert page.url.endswith("q=deconvnet")
    page.fill(BROWSE, "zeiler qqqqzzzz")
    assert "zeiler2014visualizing" in shown(page)[:3]
    assert status(page).endswith("not found, ignored: qqqqzzzz")


def test_a_word_finds_what_is_called_by_another(open_page: Callable[..., Any]) -> None:
    page = open_page("zh/browse/?q=热度图")  # stands nowhere: the catalogue says 热力图, 热图 and heatmap
    wait_for_facets(page)
    assert page.locator(".sg-answers a").first.get_attribute("href").endswith("/zh/families/attribution/")
    assert len(shown(page)) > 10


def test_counts_of_facets_follow_the_other_choices(open_page: Callable[..., Any], entries: list[Any]) -> None:
    page = open_page("browse/")
    wait_for_facets(page)
    check(page, "family", "attribution")
    check(page, "kind", "tools")

    def number(**wanted: str) -> int:
        return sum(
            all(
                value in (entry.get(name) or [] if name == "families" else [entry.get(name)])
                for name, value in wanted.items()
            )
            for entry in entries
        )

    assert status(page) == f"{number(families='attribution', folder='tools')} of {len(entries)} entries"
    kinds, families = counts(page, "kind"), counts(page, "family")
    assert kinds["papers"] == number(families="attribution", folder="papers")  # without the choice among kinds
    assert kinds["library"] == number(families="attribution", kind="library")
    assert families["visualisation"] == number(families="visualisation", folder="tools")  # without that among families
    assert counts(page, "language")["en"] == number(families="attribution", folder="tools", language="en")
    assert "2009" not in counts(page, "year")  # leads nowhere now
    page.fill(BROWSE, "lime")
    assert sum(counts(page, "kind").values()) < sum(kinds.values())  # and the words count, too


@pytest.mark.parametrize(
    "facet",
    [
        "kind",
        "family",
        "method",
        "topic",
        "venue",
        "year",
        "language",
        "framework",
        "reproduction",
        "verified",
        "scope",
    ],
)
def test_every_facet_filters_by_what_it_says(open_page: Callable[..., Any], facet: str) -> None:
    page = open_page("browse/")
    wait_for_facets(page)
    offered = counts(page, facet)
    value, number = min(offered.items(), key=lambda pair: (pair[1], pair[0]))
    assert number > 0
    check(page, facet, value)
    assert status(page).startswith(f"{number} of ")
    assert f"{facet}=" in page.url
    again = open_page(page.url.split("/sightglass/")[1])  # the view can be sent
    wait_for_facets(again)
    assert status(again) == status(page)
    assert shown(again) == shown(page)
    assert again.locator(f'[data-facet={facet}] input[data-value="{value}"]').is_checked()


def test_sorting(open_page: Callable[..., Any], entries: list[Any]) -> None:
    page = open_page("browse/?q=visualizing")
    wait_for_facets(page)
    years = {entry["key"]: entry.get("year", 0) for entry in entries}
    titles = {entry["key"]: entry["title"] for entry in entries}
    by_relevance = shown(page)
    page.locator(".sg-bar select").select_option("year")
    by_year = shown(page)
    assert [years[key] for key in by_year] == sorted((years[key] for key in by_year), reverse=True)
    page.locator(".sg-bar select").select_option("title")
    initials = [
        titles[key][0].casefold() for key in shown(page) if titles[key][0].isascii() and titles[key][0].isalpha()
    ]
    assert initials == sorted(initials)
    assert by_relevance not in (by_year, shown(page))
    assert "sort=title" in page.url
    page.go_back()
    page.wait_for_function("document.querySelector('.sg-bar select').value === 'year'")
    assert shown(page) == by_year


def test_back_and_forward_walk_through_the_choices(open_page: Callable[..., Any], entries: list[Any]) -> None:
    page = open_page("browse/")
    wait_for_facets(page)
    everything = f"{len(entries)} of {len(entries)} entries"
    page.locator(BROWSE).press_sequentially("grad")
    page.wait_for_url(re.compile(r"q=grad$"))
    page.wait_for_function("document.querySelector('.sg-results .sg-gist').textContent")  # summaries are searched, too
    typed = status(page)
    check(page, "kind", "papers")
    both = status(page)
    assert len({everything, typed, both}) == 3
    page.go_back()
    page.wait_for_url(re.compile(r"q=grad$"))
    assert status(page) == typed
    assert page.locator(".sg-chosen").is_hidden()
    page.go_back()  # the whole of the typing is one step
    page.wait_for_url(re.compile(r"browse/$"))
    assert status(page) == everything
    assert page.locator(BROWSE).input_value() == ""
    page.go_forward()
    page.go_forward()
    page.wait_for_url(re.compile(r"kind=papers"))
    assert status(page) == both
    first = page.locator(".sg-results a").first
    first.click()
    page.wait_for_url(re.compile(r"/papers/"))
    page.go_back()
    page.wait_for_function("said => document.querySelector('#sg-count').textContent === said", arg=both)


def test_typing_and_leaving_at_once_keeps_the_words(open_page: Callable[..., Any]) -> None:
    page = open_page("browse/")
    wait_for_facets(page)
    page.locator(BROWSE).press_sequentially("zeiler")
    page.locator(".sg-results a").first.click()
    page.wait_for_url(re.compile(r"/papers/"))
    page.go_back()
    page.wait_for_url(re.compile(r"q=zeiler"))
    wait_for_facets(page)
    assert page.locator(BROWSE).input_value() == "zeiler"


def test_show_more_goes_on_where_it_was(open_page: Callable[..., Any], entries: list[Any]) -> None:
    page = open_page("browse/")
    wait_for_facets(page)
    page.locator(".sg-more").click()
    assert len(shown(page)) == 100
    assert page.evaluate("document.activeElement.closest('li').dataset.sgKey") == shown(page)[50]
    page.locator(".sg-results a").nth(80).click()
    page.wait_for_url(re.compile(r"/(papers|tools|posts|resources)/"))
    page.go_back()
    page.wait_for_function("document.querySelectorAll('.sg-results > li').length === 100")


def test_facets_by_keyboard_keep_the_focus_and_are_announced(open_page: Callable[..., Any]) -> None:
    page = open_page("browse/")
    wait_for_facets(page)
    region = page.locator("#sg-count")
    assert region.get_attribute("role") == "status"
    summary = page.locator("[data-facet=language] summary")
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    active = "document.activeElement.dataset.value"
    assert page.evaluate(active) == "en"
    page.keyboard.press("Tab")
    before = status(page)
    page.keyboard.press("Space")
    assert page.evaluate(active) == "zh"  # still here, though everything was counted anew
    assert page.evaluate("document.activeElement.checked")
    assert status(page) != before
    page.keyboard.press("Space")
    assert page.evaluate(active) == "zh"
    assert status(page) == before
    assert page.get_by_role("group", name="Language").get_by_role("checkbox").count() >= 2
    assert page.get_by_role("checkbox", name=re.compile(r"^Chinese \d+$")).count() == 1
    page.keyboard.press("Space")
    page.get_by_role("button", name="Remove Language: Chinese").press("Enter")
    assert status(page) == before
    assert page.evaluate("document.activeElement.name") == "q"  # the button is gone: somewhere sensible


def test_a_value_with_the_focus_does_not_vanish_when_it_leads_nowhere(open_page: Callable[..., Any]) -> None:
    page = open_page("browse/?q=zeiler&year=1999")
    wait_for_facets(page)
    assert status(page) == "Nothing matches all the chosen filters."
    box = page.locator('[data-facet=year] input[data-value="1999"]')
    box.focus()
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.dataset.value") == "1999"
    assert re.match(r"[1-9]\d* of ", status(page))


def test_what_stands_in_the_address_is_only_text(open_page: Callable[..., Any]) -> None:
    page = open_page("browse/?kind=%3Cimg src=x onerror=alert(1)%3E&sort=nonsense&q=%3Cb%3E&other=1")
    wait_for_facets(page)
    assert status(page) == "Nothing matches all the chosen filters."
    assert page.locator(".sg-browse img, .sg-browse b").count() == 0
    assert page.locator(".sg-bar select").input_value() == "relevance"


def test_browse_on_a_phone(open_page: Callable[..., Any]) -> None:
    page = open_page("browse/", viewport={"width": 390, "height": 800})
    wait_for_facets(page)
    assert page.locator("[data-facet=kind] input").first.is_hidden()
    page.locator(".sg-filter > summary").click()
    check(page, "kind", "posts")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".sg-chosen button").count() == 1


def test_the_chinese_page_has_its_facets_hits_and_links_in_chinese(open_page: Callable[..., Any], address: str) -> None:
    page = open_page("zh/browse/")
    wait_for_facets(page)
    assert page.get_by_role("group", name="方法类别").get_by_role("checkbox", name=re.compile("^归因")).count() == 1
    check(page, "kind", "blog")
    assert page.locator(".sg-chosen button").inner_text() == "类型: 博客 ×"
    assert re.fullmatch(r"共 \d+ 条，显示 \d+ 条", status(page))
    assert page.locator(".sg-results a").first.evaluate("node => node.href").startswith(address + "zh/posts/")
    page.fill(HEADER, "类激活映射")
    page.wait_for_selector("#sg-hits a")
    first = page.locator("#sg-hits a").first
    assert first.get_attribute("href") == address + "zh/methods/cam/"
    assert first.locator(".sg-meta").inner_text() == "方法"


# Ten thousand entries

LIMIT_BYTES = 1_000_000  # speed is measured by benchmarks.browse
ENTRIES = 10_000


@pytest.fixture(scope="module")
def large_index() -> dict[str, str]:
    """The files that the search loads, for the catalogue copied to 10,000 entries."""
    books = catalogue.load(ROOT)
    originals = list(books.entries.items())
    copies = {
        f"{key}-copy{number}": entry.model_copy(update={"title": f"{entry.title} ({number})"})
        for number in range(ENTRIES - len(originals))
        for key, entry in [originals[number % len(originals)]]
    }
    return index_files(pages.Site(replace(books, entries={**books.entries, **copies})))


@pytest.fixture
def large(open_page: Callable[..., Any], large_index: dict[str, str]) -> Callable[[str], Any]:
    """Open the browse page with the large index below it."""

    def opened(path: str) -> Any:
        def answer(route: Any) -> None:
            route.fulfill(
                body=large_index["find/" + route.request.url.rsplit("/", 1)[1]], content_type="application/json"
            )

        page = open_page("guide/")
        page.route("**/find/*.json", answer)
        page.add_init_script("""addEventListener("DOMContentLoaded", () => {
          new MutationObserver((_, observer) => { observer.disconnect(); window.found = performance.now(); })
            .observe(document.querySelector(".sg-results"), { childList: true });
        });""")
        page.goto(page.url.replace("guide/", path))
        return page

    return opened


def test_ten_thousand_entries_show_first_results_within_a_megabyte(
    large: Callable[[str], Any], large_index: dict[str, str]
) -> None:
    asked = """(until) => performance.getEntriesByType("resource")
      .filter((file) => file.startTime < until).map((file) => file.name)"""
    page = large("browse/?q=zeiler")
    page.wait_for_function("window.found")
    names = page.evaluate(asked, page.evaluate("window.found"))
    index = sum(len(large_index[path].encode()) for path in large_index if any(name.endswith(path) for name in names))
    rest = page.evaluate("""performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
      .filter((file) => !file.name.endsWith(".json")).reduce((sum, file) => sum + file.transferSize, 0)""")
    assert 0 < index + rest <= LIMIT_BYTES
    page.wait_for_function(
        "text => document.querySelector('#sg-count').textContent.endsWith(text)", arg=f"of {ENTRIES} entries"
    )
    assert "zeiler2014visualizing" in shown(page)
