"""The feed of additions: its dates are git's, also where git knows less or nothing."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sightglass import pages
from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import Family, Method, Paper, Taxonomy
from sightglass.pages.additions import ATOM, NEWEST, added, feed
from sightglass.settings import Settings

A = f"{{{ATOM}}}"
XML = "{http://www.w3.org/XML/1998/namespace}"


def git(folder: Path, *words: str, when: str = "2026-01-01T12:00:00+00:00") -> str:
    environment = {"GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z", "HOME": str(folder)}
    environment |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/bin:/bin"}
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Three commits: two files; a third one; then one renamed, one changed."""
    if shutil.which("git") is None:
        pytest.skip("git is missing; apt-get install git")
    root = tmp_path / "work"
    (root / "catalog/papers").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    for number, (name, when) in enumerate((("one", "2026-01-01"), ("two", "2026-01-01"), ("三", "2026-02-02"))):
        (root / f"catalog/papers/{name}.yaml").write_text(f"title: {name} {number} and more words to tell it by\n" * 5)
        git(root, "add", ".")
        if name != "one":
            git(root, "commit", "-q", "-m", "more", when=f"{when}T12:00:00+00:00")
    git(root, "mv", "catalog/papers/one.yaml", "catalog/papers/uno.yaml")
    (root / "catalog/papers/two.yaml").write_text("title: changed\n")
    git(root, "commit", "-qam", "rename and change", when="2026-03-03T12:00:00+00:00")
    return root


def days(dates: dict[str, datetime]) -> dict[str, str]:
    return {path.removeprefix("catalog/papers/"): when.date().isoformat() for path, when in dates.items()}


def test_a_file_came_with_the_commit_that_added_it_under_whatever_name(history: Path) -> None:
    found = days(added(history))
    assert {name: found[name] for name in ("uno.yaml", "two.yaml", "三.yaml")} == {
        "uno.yaml": "2026-01-01",
        "two.yaml": "2026-01-01",
        "三.yaml": "2026-02-02",
    }


def test_a_shallow_clone_invents_no_date(history: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{history}", str(clone))
    assert (clone / "catalog/papers/uno.yaml").is_file()
    assert added(clone) == {}
    deeper = tmp_path / "deeper"
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{history}", str(deeper))
    assert days(added(deeper)) == {}  # what the oldest commit at hand holds may be older than it


def test_what_a_shallow_clone_does_see_arrive_has_its_date(history: Path, tmp_path: Path) -> None:
    (history / "catalog/papers/new.yaml").write_text("title: new\n")
    git(history, "add", ".")
    git(history, "commit", "-qm", "new", when="2026-04-04T12:00:00+00:00")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{history}", str(clone))
    assert days(added(clone)) == {"new.yaml": "2026-04-04"}


def test_an_export_without_git_has_no_dates_even_inside_another_checkout(history: Path) -> None:
    export = history / "catalog/export"
    shutil.copytree(history / "catalog/papers", export / "catalog/papers")
    git(history, "add", ".")
    git(history, "commit", "-qm", "an export inside")
    assert added(export) == {}
    assert added(history / "nowhere") == {}


def site(root: Path, count: int = 2, address: str = "") -> pages.Site:
    taxonomy = Taxonomy(
        families=[Family(id="f", name="F", name_zh="族", description="d", description_zh="述")], topics=[]
    )
    entries = {
        f"k{i}": Paper.model_validate(
            {
                "title": f"T <b>{i}</b> & \x07co",
                "summary": "S.",
                "kind": "journal",
                "authors": ["Zhou, Bolei"],
                "language": "en",
                "summary_zh": "摘要" if i else None,
            }
        )
        for i in range(count)
    }
    method = {"name": "M", "name_zh": "法", "summary": "Does.", "summary_zh": "要", "family": "f", "feasible": "yes"}
    dates = {f"catalog/papers/k{i}.yaml": datetime(2026, 1, 1 + i % 28, 12, i // 28, tzinfo=UTC) for i in range(count)}
    dates["catalog/methods/m.yaml"] = datetime(2025, 12, 31, tzinfo=UTC)
    books = Catalogue(
        root=root, entries=entries, methods={"m": Method.model_validate(method)}, lists={}, taxonomy=taxonomy, venues={}
    )
    return pages.Site(books, settings=Settings(site=address), added=dates)


def test_the_feed_is_atom_newest_first(tmp_path: Path) -> None:
    root = ET.fromstring(str(feed(site(tmp_path))))  # noqa: S314  # our own output
    assert root.tag == f"{A}feed"
    assert [entry.findtext(f"{A}title") for entry in root.iter(f"{A}entry")] == [
        "T <b>1</b> & co",
        "T <b>0</b> & co",
        "M",
    ]
    for element in (root, *root.iter(f"{A}entry")):  # what RFC 4287 requires of a feed and of an entry
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{A}{name}")) == 1
            assert element.findtext(f"{A}{name}")
    for entry in root.iter(f"{A}entry"):
        assert entry.find(f"{A}author/{A}name") is not None
        assert datetime.fromisoformat(str(entry.findtext(f"{A}updated"))).tzinfo
    assert root.findtext(f"{A}updated") == "2026-01-02T12:00:00+00:00"
    ids = [element.text for element in root.iter(f"{A}id")]
    assert len(set(ids)) == len(ids)


def test_ids_do_not_move_with_the_address_of_the_site_and_links_do(tmp_path: Path) -> None:
    def seen(address: str) -> tuple[list[str | None], list[str | None]]:
        root = ET.fromstring(str(feed(site(tmp_path, address=address))))  # noqa: S314  # our own output
        return [e.text for e in root.iter(f"{A}id")], [e.get("href") for e in root.iter(f"{A}link")]

    (here, relative), (there, absolute) = seen(""), seen("https://o.example/s/")
    assert here == there
    assert relative == ["feed.xml", "./", "papers/k1/", "papers/k0/", "methods/m/"]
    assert absolute[0] == "https://o.example/s/feed.xml"
    assert absolute[2] == "https://o.example/s/papers/k1/"


def test_a_chinese_feed_says_which_words_are_english(tmp_path: Path) -> None:
    root = ET.fromstring(str(feed(site(tmp_path).in_language("zh"))))  # noqa: S314  # our own output
    assert root.get(f"{XML}lang") == "zh-Hans"
    summaries = list(root.iter(f"{A}summary"))
    assert [(e.text, e.get(f"{XML}lang")) for e in summaries] == [("摘要", "zh-Hans"), ("S.", "en"), ("要", "zh-Hans")]
    assert [e.get(f"{XML}lang") for e in root.findall(f"{A}entry/{A}title")] == ["en", "en", "zh-Hans"]


def test_a_feed_is_not_endless_and_not_there_without_dates(tmp_path: Path) -> None:
    many = ET.fromstring(str(feed(site(tmp_path, 80))))  # noqa: S314  # our own output
    assert len(many.findall(f"{A}entry")) == NEWEST
    undated = pages.Site(site(tmp_path).catalogue)
    assert feed(undated) is None
    assert "feed.xml" not in pages.build(undated)
    assert {"feed.xml", "zh/feed.xml"} <= set(pages.build(site(tmp_path)))
