"""Home, the two languages, the drawings, the feed, the sitemap and the 404 page, on the built site and in a browser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.site.conftest import pages_in

KINDS = [
    "",
    "papers/selvaraju2017gradcam/",
    "papers/index.html",
    "methods/cam/",
    "methods/",
    "families/",
    "families/attribution/",
    "venues/",
    "years/2016/",
    "people/",
    "lists/class-activation-maps/",
    "claims/",
    "timeline/",
    "genealogy/",
    "guide/",
    "founding-notes/",
    "cite/",
]
PUBLISHED = "http://127.0.0.1/sightglass/"  # where the fixture says that the site is published


@pytest.fixture(scope="module")
def visit(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open a page of the site, in one tab for each kind of window."""
    tabs: dict[tuple[int, str, bool], Any] = {}

    def open_page(path: str, *, width: int = 1280, scheme: str = "light", scripts: bool = True) -> Any:
        window = (width, scheme, scripts)
        if window not in tabs:
            tabs[window] = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,
                java_script_enabled=scripts,
                reduced_motion="reduce",
            ).new_page()
        tabs[window].goto(address + path)
        return tabs[window]

    yield open_page
    for tab in tabs.values():
        tab.context.close()


@pytest.fixture(scope="session")
def pages(built: Path) -> dict[str, str]:
    """The HTML of every page by its address within the site."""
    return {
        re.sub(r"^\.$", "", file.parent.relative_to(built).as_posix() + "/").removeprefix("./"): file.read_text("utf-8")
        for file in pages_in(built)
        if file.name == "index.html"
    }


# Home


@pytest.mark.parametrize("path", ["", "zh/"])
def test_home_says_what_this_is_on_one_screen(path: str, visit: Callable) -> None:
    page = visit(path)
    assert page.locator("article h1").count() == 1
    for part, count in (
        (".sg-home-search input", 1),
        (".sg-seen label", 6),
        (".sg-verified li", 1),
        (".sg-doors li", 4),
    ):
        assert page.locator(part).count() >= count, part
        assert all(box["y"] + box["height"] <= 900 for box in (e.bounding_box() for e in page.locator(part).all())), (
            part
        )
    doors = [link.get_attribute("href") for link in page.locator(".sg-doors strong a").all()]
    assert [re.sub(r"^(\.\./)*", "", str(door)) for door in doors] == [
        "methods/",
        "guide/#run-a-method",
        "lists/",
        "cite/",
    ]


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("path", ["", "zh/"])
def test_the_photograph_of_home_shows_another_method_by_key_and_nothing_moves(
    path: str, scripts: bool, visit: Callable
) -> None:
    page = visit(path, scripts=scripts)
    box, captions = page.locator(".sg-home").bounding_box(), page.locator(".sg-seen-said p")
    page.locator(".sg-seen input").nth(0).focus()
    page.keyboard.press("Space")
    for number in range(6):
        shown = [each for each in range(6) if captions.nth(each).is_visible()]
        assert shown == [number]
        style = page.locator(".sg-seen img").evaluate("image => getComputedStyle(image).objectPosition")
        assert style.startswith(f"{20 * number}%")
        assert page.locator(".sg-home").bounding_box() == box
        page.keyboard.press("ArrowRight")


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("path", ["", "zh/"])
def test_the_search_of_the_home_page_opens_browse_in_the_same_language(
    path: str, scripts: bool, visit: Callable, address: str
) -> None:
    page = visit(path, scripts=scripts)
    page.fill("#sg-home-query", "zeiler 2014")
    page.press("#sg-home-query", "Enter")
    page.wait_for_url(re.compile(re.escape(f"{address}{path}browse/?q=zeiler+2014")))


# Two languages


def test_every_page_names_its_language_and_its_counterpart(pages: dict[str, str]) -> None:
    assert len(pages) > 1000
    for path, source in pages.items():
        wanted = "zh-Hans" if path.startswith("zh/") else "en"
        assert f'<html lang="{wanted}"' in source, path
        named = dict(re.findall(r'rel="alternate " hreflang="([^"]+)" href="([^"]+)"', source))
        assert named[wanted] == PUBLISHED + path
        for link in named.values():
            other = link.removeprefix(PUBLISHED)
            assert other in pages, (path, link)
            assert f'hreflang="{wanted}" href="{PUBLISHED}{path}"' in pages[other], (path, "is not named in return")


def test_only_what_is_not_translated_lacks_a_counterpart(pages: dict[str, str]) -> None:
    alone = {path for path in pages if not path.startswith("zh/") and f"zh/{path}" not in pages}
    assert {path.partition("/")[0] for path in alone} <= {"contributing", "architecture", "tutorials", "data"}
    assert not [path for path in pages if path.startswith("zh/") and path.removeprefix("zh/") not in pages]


@pytest.mark.parametrize("path", KINDS)
def test_the_switch_leads_to_the_same_page_and_back(path: str, visit: Callable, address: str) -> None:
    page = visit(path)
    heading = page.locator("article h1").inner_text()
    page.click(".sg-language")
    assert page.url == f"{address}zh/{path.removesuffix('index.html')}"
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    page.click(".sg-language")
    assert page.url == address + path.removesuffix("index.html")
    assert page.locator("article h1").inner_text() == heading


def test_the_navigation_of_a_chinese_page_is_chinese_and_stays_there(visit: Callable) -> None:
    page = visit("zh/papers/selvaraju2017gradcam/")
    tabs = page.locator(".md-tabs__link")
    names = [tab.inner_text() for tab in tabs.all()]
    assert names[:5] == ["首页", "浏览", "方法", "论文结论", "阅读清单"]
    assert not re.search("[A-Za-z]", "".join(names))
    assert all("/zh/" in tab.evaluate("link => link.href") for tab in tabs.all())
    assert not re.search(r"[A-Za-z]{4,}", page.locator(".md-nav--primary").text_content().replace("Sightglass", ""))
    tabs.nth(1).click()
    assert page.locator(".md-tabs__item--active").inner_text() == "浏览"


def test_the_frame_of_a_chinese_page_is_chinese(visit: Callable) -> None:
    page = visit("zh/methods/cam/")
    assert page.get_attribute("[data-sg-search] input", "aria-label") == "搜索文献库"
    assert page.locator(".md-skip").inner_text().strip() == "跳转至"
    labels = page.locator("[data-md-component=palette] input")
    assert [label.get_attribute("aria-label") for label in labels.all()] == ["切换到深色模式", "切换到浅色模式"]
    assert "2026 年" in page.locator("article").inner_text()  # the date of the measurement


def test_a_guide_leads_to_its_translation(visit: Callable, address: str) -> None:
    page = visit("contributing/")
    page.click(".sg-language")
    assert page.url == f"{address}zh/contributing/"


# Drawings


@pytest.mark.parametrize("path", ["timeline/", "genealogy/", "zh/timeline/", "zh/genealogy/"])
def test_a_drawing_scrolls_on_a_phone_and_its_page_does_not(path: str, visit: Callable) -> None:
    page = visit(path, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    width, seen = page.evaluate("(box => [box.scrollWidth, box.clientWidth])(document.querySelector('.sg-scroll'))")
    assert width > seen
    page.focus(".sg-scroll")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.sg-scroll').scrollLeft > 0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("path", "folder"), [("timeline/", "papers"), ("zh/genealogy/", "methods")])
def test_a_mark_is_a_link_for_the_keyboard_and_can_be_seen(
    path: str, folder: str, scheme: str, visit: Callable
) -> None:
    page = visit(path, scheme=scheme)
    marks = page.locator(f".sg-chart a[href*='/{folder}/']")
    assert marks.count() > 40
    stroke = marks.first.evaluate("mark => getComputedStyle(mark.querySelector('circle, rect')).stroke")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert contrast(stroke, ground) >= 3  # WCAG 1.4.11 for what is no text
    name = marks.first.get_attribute("aria-label")
    marks.first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/{folder}/"))
    assert page.locator("article h1").inner_text().strip("¶ ") in str(name)


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours as the browser writes them: ``rgb(1, 2, 3)``."""

    def luminance(colour: str) -> float:
        parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# Type, tables, pictures


@pytest.mark.parametrize("path", [folder + path for path in KINDS for folder in ("", "zh/")])
def test_no_page_is_wider_than_a_phone(path: str, visit: Callable) -> None:
    assert visit(path, width=390, scheme="dark").evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    "path", ["", "zh/", "methods/", "methods/cam/", "zh/claims/", "papers/zhou2016learning/", "families/"]
)
def test_nothing_moves_while_a_page_loads(path: str, visit: Callable) -> None:
    page = visit(path)
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # lazy pictures arrive now
    page.wait_for_timeout(300)
    shift = page.evaluate(
        """() => new Promise((resolve) => {
          let sum = 0;
          const add = (entry) => { if (!entry.hadRecentInput) sum += entry.value; };
          const observer = new PerformanceObserver((list) => list.getEntries().forEach(add));
          observer.observe({ type: "layout-shift", buffered: true });
          setTimeout(() => resolve(sum), 100);
        })"""
    )
    assert shift < 0.02  # 0.1 is what counts as good


def test_every_picture_has_a_size_and_an_alternative(pages: dict[str, str]) -> None:
    seen = 0
    for path, source in pages.items():
        for image in re.findall(r"<img [^>]*>", source.partition("<article")[2].partition("</article>")[0]):
            seen += 1
            assert re.search(r'\balt="', image), (path, image)
            assert re.search(r'\bwidth="\d', image), (path, image)
            assert re.search(r'\bheight="\d', image), (path, image)
    assert seen > 20


def test_a_row_on_a_phone_is_a_card_that_names_its_cells(visit: Callable) -> None:
    page = visit("zh/choose/", width=390)
    table = page.locator(".sg-choice:not(.sg-strips)")  # cells of strips are a name, a picture and a sentence
    name = table.locator("th").nth(1).text_content()
    cell = table.locator("td").nth(1)
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content").startswith(f'"{name}')
    assert cell.bounding_box()["width"] > 250


@pytest.mark.parametrize("scripts", [True, False])
def test_the_ledger_is_folded_and_filtered_by_verdict(visit: Callable, scripts: bool) -> None:
    page = visit("claims/", scripts=scripts)
    claims = page.locator(".sg-claim")
    assert claims.count() > 100
    assert page.locator(".sg-claim:visible").count() <= 20
    assert page.locator(".sg-ledger > details:visible").count() <= 20
    missed = page.locator('[data-state="fails-as-expected"]').count()
    page.locator('[value="fails as expected"]').check()
    if scripts:
        assert 0 < page.locator(".sg-claim:visible").count() <= 20
        assert page.url.endswith("?verdict=fails+as+expected")
    page.locator(".sg-ledger details").evaluate_all("folds => folds.forEach((fold) => { fold.open = true; })")
    shown = [claim.get_attribute("data-state") for claim in page.locator(".sg-claim:visible").all()]
    assert shown == ["fails-as-expected"] * missed


def test_a_method_and_a_claim_of_the_ledger_have_addresses(visit: Callable) -> None:
    page = visit("claims/?method=lrp")
    assert page.locator(".sg-of-method:visible").count() == 1
    assert page.locator("select[name=method]").input_value() == "lrp"
    page = visit("claims/#cam-beats-gradient")
    claim = page.locator("#cam-beats-gradient")
    claim.wait_for(state="visible")
    top = claim.bounding_box()["y"]
    assert 0 <= top < 500
    assert visit("claims/?method=none&verdict=none").locator(".sg-ledger > details:visible").count() > 2


@pytest.mark.parametrize("scripts", [True, False])
def test_the_gallery_is_filtered_by_family_and_by_what_runs(visit: Callable, scripts: bool) -> None:
    page = visit("methods/", scripts=scripts)
    cards, sections = page.locator(".sg-cards li:visible"), page.locator(".sg-gallery section:visible")
    everything = cards.count()
    assert everything > 90
    first = page.locator(".sg-cards").first.locator("li")
    tops = [first.nth(number).bounding_box()["y"] for number in range(7)]
    assert len(set(tops[:6])) == 1 < len(set(tops))  # six beside each other
    assert first.first.locator("img").count() == 1
    page.locator(".sg-runs-only input").check()
    assert 0 < cards.count() == page.locator(".sg-cards li.sg-runs").count() < everything
    page.locator(".sg-runs-only input").uncheck()
    page.locator(".sg-families a[href='#inversion']").click()
    assert sections.count() == 1
    page.locator(".sg-families a[href='#all']").click()
    assert cards.count() > 90


@pytest.mark.parametrize("path", ["methods/", "zh/methods/"])
def test_the_gallery_fits_a_phone_with_its_families_folded(path: str, visit: Callable) -> None:
    page = visit(path, width=390)
    assert page.evaluate("document.documentElement.scrollHeight") <= 6000
    section = page.locator("#inversion")
    assert section.locator("li").first.is_hidden()
    section.locator("h2 a").click()
    assert section.locator("li").first.is_visible()


@pytest.mark.parametrize("path", ["zh/", "zh/papers/zhou2016learning/", "zh/guide/"])
def test_chinese_type_has_room_between_its_lines(path: str, visit: Callable) -> None:
    ratio = visit(path).evaluate(
        """() => {
          const chinese = (p) => /[\\u4e00-\\u9fff]{9}/.test(p.textContent);
          const style = getComputedStyle([...document.querySelectorAll("article p")].find(chinese));
          return parseFloat(style.lineHeight) / parseFloat(style.fontSize);
        }"""
    )
    assert ratio >= 1.7


# Without scripts


@pytest.mark.parametrize("path", ["zh/", "zh/papers/selvaraju2017gradcam/", "timeline/", "zh/genealogy/", "claims/"])
def test_everything_is_there_without_scripts(path: str, visit: Callable) -> None:
    with_scripts, without = visit(path), visit(path, scripts=False)
    with_scripts.locator(".sg-scripted").evaluate_all("all => all.forEach((node) => node.remove())")  # its controls
    words = [re.sub(r"\s+", "", page.locator("article").inner_text()) for page in (with_scripts, without)]
    assert len(words[1]) >= 0.98 * len(words[0])
    links = [page.locator("article a[href]:not([href^='#'])").count() for page in (with_scripts, without)]
    assert links[0] == links[1] > 5
    assert without.locator(".sg-language").is_visible()


# What machines read


def test_every_page_says_what_a_link_to_it_looks_like(built: Path, pages: dict[str, str]) -> None:
    for path, source in pages.items():
        tags = re.findall(r'<meta ((?:(?:property|name)="[^"]+" )+)content="([^"]*)">', source)
        card = {name: said for names, said in tags for name in re.findall(r'"([^"]+)"', names)}
        assert card["og:url"] == PUBLISHED + path
        assert card["og:title"] == card["twitter:title"] != ""
        assert card["og:description"] == card["twitter:description"] != "", path
        assert card["og:locale"] == ("zh_CN" if path.startswith("zh/") else "en_GB")
        picture = card["og:image"].removeprefix(PUBLISHED)
        assert (built / picture).is_file(), (path, picture)
        own = re.search(r"methods/([\w-]+)/$", path)
        photograph = f"pictures/photographs/{own[1]}.webp" if own else ""
        assert picture == (photograph if photograph and (built / photograph).is_file() else "assets/site.webp")
    assert "Learning Deep Features" in pages["zh/papers/zhou2016learning/"].partition('"og:title"')[2][:100]


def test_the_sitemap_lists_every_page_with_its_languages(built: Path, pages: dict[str, str]) -> None:
    names = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}
    root = ET.parse(built / "sitemap.xml").getroot()  # noqa: S314  # our own output
    listed = {url.findtext("s:loc", "", names): url for url in root.findall("s:url", names)}
    assert set(listed) == {PUBLISHED + path for path in pages}
    both = listed[f"{PUBLISHED}papers/zhou2016learning/"].findall("x:link", names)
    assert {link.get("hreflang"): link.get("href") for link in both} == {
        "en": f"{PUBLISHED}papers/zhou2016learning/",
        "zh-Hans": f"{PUBLISHED}zh/papers/zhou2016learning/",
    }


def test_pages_name_the_feed_if_there_is_one(built: Path, pages: dict[str, str]) -> None:
    there = (built / "feed.xml").is_file()  # a shallow clone or an export may know no dates
    for path in ("", "zh/papers/zhou2016learning/"):
        assert ('type="application/atom+xml"' in pages[path]) == there
    if there:
        assert 'href="../../feed.xml"' in pages["zh/papers/zhou2016learning/"]
        for folder in ("", "zh/"):
            assert ET.parse(built / folder / "feed.xml").getroot().tag.endswith("feed")  # noqa: S314  # our own output


# A page that is not there


def test_a_missing_page_offers_to_search_for_what_its_address_says(browser: Any, address: str, built: Path) -> None:
    page = browser.new_page()
    missing = "papers/zeiler2014visualising/"
    page.route(
        f"**/{missing}", lambda route: route.fulfill(status=404, content_type="text/html", path=built / "404.html")
    )
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on(
        "response",
        lambda response: response.status >= 400 and missing not in response.url and failed.append(response.url),
    )
    page.goto(address + missing)
    assert failed == []
    assert "Page not found" in page.locator("h1").inner_text()
    assert page.locator("article [lang=zh-Hans]").count() >= 2
    assert page.input_value("#sg-missing") == "zeiler 2014 visualising"
    page.press("#sg-missing", "Enter")
    page.wait_for_url(f"{address}browse/?q=zeiler+2014+visualising")
    page.close()
