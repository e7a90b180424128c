"""Planning and judging of links, without a network: what an answer means, and what a row of days amounts to."""

from __future__ import annotations

import datetime
import html
from pathlib import Path

import pytest
from sightglass import catalogue, links, pages
from sightglass.errors import StoredError
from sightglass.links import Answer, Record
from sightglass.pages.links import links_page

DAY = datetime.date(2026, 3, 1)
FAILED = Answer("failed", "404 Not Found")
UNKNOWN = Answer("unknown", "403 Forbidden")
FINE = Answer("fine", "200 OK")
HOSTILE = "<script>alert(1)</script> **b** | x"


def days(*answers: Answer, marked: str | None = None) -> Record | None:
    """The record after one answer a day."""
    record = None
    for number, answer in enumerate(answers):
        record = links.remember(record, answer, DAY + datetime.timedelta(days=number), marked)
    return record


@pytest.mark.parametrize(
    ("redirects", "status", "kind", "now"),
    [
        ([], 200, "fine", None),
        ([], 204, "fine", None),
        ([], 404, "failed", None),
        ([], 410, "failed", None),
        ([], 500, "failed", None),
        ([], 999, "failed", None),
        ([], 401, "unknown", None),
        ([], 403, "unknown", None),
        ([], 429, "unknown", None),
        ([], 451, "unknown", None),
        ([(301, "http://b.example/y")], 200, "moved", "http://b.example/y"),
        ([(308, "http://a.example/z"), (301, "http://b.example/y")], 200, "moved", "http://b.example/y"),
        ([(301, "http://a.example/z"), (302, "http://b.example/y")], 200, "moved", "http://a.example/z"),
        ([(302, "http://b.example/y")], 200, "fine", None),  # for now: the old address stays the right one
        ([(301, "https://www.a.example/x/")], 200, "fine", None),  # nobody would correct that
        ([(301, "http://b.example/y")], 404, "failed", None),
        ([(301, "http://b.example/y")], 403, "unknown", None),
        ([(302, "http://a.example/")], 200, "doubtful", "http://a.example/"),
        ([(301, "http://b.example")], 200, "doubtful", "http://b.example"),
    ],
)
def test_what_an_answer_means(redirects: list, status: int, kind: str, now: str | None) -> None:
    answer = links.judge("http://a.example/x", redirects, status)
    assert (answer.kind, answer.now) == (kind, now)


def test_a_home_page_may_lead_to_a_home_page() -> None:
    assert (
        links.judge("http://a.example/", [(302, "http://a.example/?lang=en"), (302, "http://a.example")], 200) == FINE
    )


def test_dead_means_failures_on_three_different_days() -> None:
    assert days(FAILED).state == "failing"
    assert days(FAILED, FAILED).state == "failing"
    assert days(FAILED, FAILED, FAILED).state == "dead"
    again = links.remember(links.remember(days(FAILED), FAILED, DAY, None), FAILED, DAY, None)
    assert again.state == "failing"  # three times on one day are one failure
    assert again.failures == (DAY,)


def test_an_answer_ends_a_row_of_failures_and_an_open_question_does_not() -> None:
    assert days(FAILED, FAILED, FINE) is None
    assert days(FAILED, FAILED, FINE, FAILED).state == "failing"
    assert days(FAILED, FAILED, Answer("moved", "", "http://b.example/"), FAILED).failures == (
        DAY + datetime.timedelta(3),
    )
    assert days(FAILED, FAILED, UNKNOWN).state == "unknown"
    assert days(FAILED, UNKNOWN, FAILED, FAILED).state == "dead"
    assert days(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN).state == "unknown"
    assert days(FAILED, FAILED, FAILED, UNKNOWN).state == "dead"


def test_a_long_row_stays_short_in_the_file_and_keeps_its_first_day() -> None:
    record = days(*[FAILED] * 50)
    assert [day.isoformat() for day in record.failures] == ["2026-03-01", "2026-04-18", "2026-04-19"]


def test_what_the_catalogue_calls_dead_and_answers_is_told() -> None:
    assert days(FINE, marked="dead").state == "answers"
    assert days(FINE, marked="doubtful").state == "answers"
    assert days(FINE, marked="moved") is None


def test_the_plan_leaves_out_what_was_asked_and_begins_with_what_waits_longest() -> None:
    urls = ["http://a.example/1", "http://a.example/2", "http://b.example/", "http://sub.b.example/"]
    checked = {urls[0]: DAY, urls[1]: DAY - datetime.timedelta(9)}
    assert links.plan(urls, checked, since=DAY) == [urls[2], urls[3], urls[1]]
    assert links.plan(urls, checked, since=DAY, limit=1) == [urls[2]]
    assert links.plan(urls, checked, since=DAY + datetime.timedelta(1), host="a.example") == [urls[1], urls[0]]
    assert links.plan(urls, checked, since=DAY, host="B.example") == [urls[2], urls[3]]
    assert links.plan(["http://xb.example/"], {}, since=DAY, host="b.example") == []


def make(root: Path, files: dict[str, str]) -> catalogue.Catalogue:
    base = {"taxonomy.yaml": "families: []\ntopics: []\n", "venues.yaml": "[]\n"}
    for name, text in (base | files).items():
        path = root / "catalog" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return catalogue.load(root)


PAPER = """\
title: T
year: 2016
doi: "10.1/x<y"
arxiv: "1512.04150"
links:
  - url: http://a.example/x#part
    role: paper
    status: moved
    now: http://b.example/
  - url: http://c.example/
    role: code
    archived: https://web.archive.org/web/2019/http://c.example/
summary: s
confirmed:
  - source: page
    fields:
      - title
    at: http://a.example/x
kind: preprint
"""


def test_every_address_that_the_site_shows_is_known_with_its_places(tmp_path: Path) -> None:
    method = (
        "name: M\nfamily: f\nsummary: s\nsummary_zh: s\nfeasible: 'no'\nlinks: [{url: http://c.example/, role: code}]\n"
    )
    venue = "- {id: V, name: V, kind: conference, url: http://v.example/}\n"
    books = make(tmp_path, {"papers/p.yaml": PAPER, "methods/m.yaml": method, "venues.yaml": venue})
    known = links.addresses(books)
    places = {url: [(p.file.removeprefix("catalog/"), p.line) for p in known[url].places] for url in known}
    assert places == {
        "http://a.example/x": [("papers/p.yaml", 6), ("papers/p.yaml", 18)],
        "http://b.example/": [("papers/p.yaml", 9)],
        "http://c.example/": [("papers/p.yaml", 10), ("methods/m.yaml", 6)],
        "http://v.example/": [("venues.yaml", 1)],
        "https://arxiv.org/abs/1512.04150": [("papers/p.yaml", 4)],
        "https://doi.org/10.1/x%3Cy": [("papers/p.yaml", 3)],
        "https://web.archive.org/web/2019/http://c.example/": [("papers/p.yaml", 12)],
    }
    assert known["http://a.example/x"].marked == "moved"
    assert known["http://b.example/"].marked is None


def test_the_file_has_one_line_for_each_address_and_reads_back(tmp_path: Path) -> None:
    records = {
        "http://b.example/中": days(FAILED, FAILED),
        "http://a.example/": days(Answer("moved", "m", "http://c/")),
    }
    links.save(tmp_path, records)
    assert (tmp_path / links.STORE).read_text(encoding="utf-8") == (
        '{\n"version": 1,\n"links": {\n'
        '"http://a.example/": {"kind": "moved", "said": "m", "checked": "2026-03-01", "now": "http://c/"},\n'
        '"http://b.example/中": {"kind": "failed", "said": "404 Not Found", "checked": "2026-03-02", '
        '"failures": ["2026-03-01", "2026-03-02"]}\n}\n}\n'
    )
    assert links.load(tmp_path) == records
    links.save(tmp_path, {})
    assert links.load(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n"version": 1,\n"links": {\n,', "results/links.json:4:1"),
        ('{"version": 2, "links": {}}', "results/links.json:1:1"),
        ("[]", "results/links.json:1:1"),
        ('{\n"version": 1,\n"links": {\n"u": {"kind": "gone", "said": "", "checked": "2026-03-01"}}}', ":4:1: u: kind"),
        ('{\n"version": 1,\n"links": {\n"u": 3}}', ":4:1: u"),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_a_remedy(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / links.STORE).write_text(text, encoding="utf-8")
    with pytest.raises(StoredError) as raised:
        links.load(tmp_path)
    assert place in str(raised.value)
    assert "delete it" in str(raised.value)


def test_what_is_remembered_of_the_fine_may_be_lost_or_spoilt(tmp_path: Path) -> None:
    assert links.load_fine(tmp_path) == {}
    links.save_fine(tmp_path, {"http://a.example/": DAY})
    assert links.load_fine(tmp_path) == {"http://a.example/": DAY}
    for spoilt in ("{", "[1]", '{"a": 3}', '{"a": "soon"}', "\xff"):
        (tmp_path / links.FINE).write_text(spoilt, encoding="latin-1")
        assert links.load_fine(tmp_path) == {}


def test_the_page_shows_what_is_marked_and_what_was_found(tmp_path: Path) -> None:
    books = make(tmp_path, {"papers/p.yaml": PAPER})
    page = links_page(pages.Site(books))
    assert "Not checked yet" in page
    moved = page.split("## Moved")[1]
    assert "marked in the catalogue: moved" in moved
    assert 'href="http://b.example/"' in moved
    records = {
        "http://c.example/": Record(kind="failed", said=HOSTILE, checked=DAY, failures=(DAY, DAY, DAY)),
        "http://a.example/x": days(FAILED),
        "https://arxiv.org/abs/1512.04150": days(UNKNOWN),
        "http://no-longer-in-the-catalogue.example/": days(FAILED),
    }
    links.save(tmp_path, records)
    page = links_page(pages.Site(books))
    assert "Last checked on 1 March 2026" in page
    dead, rest = page.split("## Dead")[1].split("## Moved")
    moved, unknown = rest.split("## Unknown")
    assert 'href="http://c.example/"' in dead
    assert "failing since 1 March 2026" in dead
    assert ' href="../papers/p/">T</a>' in dead
    in_chinese = links_page(pages.Site(books).in_language("zh"))
    assert "## 失效" in in_chinese
    assert "自 2026 年 3 月 1 日 起访问失败" in in_chinese
    assert "1 March 2026: 404 Not Found" in moved  # what the catalogue marks stays where it marks it
    assert "arxiv.org/abs/1512.04150" in unknown
    assert "<script>" not in page
    assert HOSTILE in html.unescape(dead)
    assert "no-longer" not in page
    links.save(tmp_path, {"http://a.example/x": Record(kind="fine", said="200 OK", checked=DAY)})
    assert "200 OK" in links_page(pages.Site(books)).split("## Working again")[1]
    assert "links.md" in pages.build(pages.Site(books))


def test_the_stored_results_are_in_canonical_form(tmp_path: Path) -> None:
    root = catalogue.find_root(Path(__file__))
    if not (root / links.STORE).exists():
        pytest.skip("nothing was asked yet: sightglass links")
    links.save(tmp_path, links.load(root))
    assert (tmp_path / links.STORE).read_bytes() == (root / links.STORE).read_bytes()
