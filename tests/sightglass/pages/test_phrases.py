"""The interface in two languages: no phrase lacks one, and no English one shows on a Chinese page."""

from __future__ import annotations

import html.parser
import re
import shutil
import string
from pathlib import Path
from typing import get_args

import markdown
import pytest
import yaml
from sightglass import pages
from sightglass.catalogue import ENTRY_FOLDERS, FOLDERS, Catalogue
from sightglass.catalogue.models import (
    Entry,
    Family,
    Language,
    Link,
    LinkRole,
    Method,
    ReadingItem,
    ReadingList,
    SourceKind,
    Taxonomy,
    Topic,
    Venue,
)
from sightglass.ledger import Quantity, Result, benchmark
from sightglass.ledger.benchmark import Benchmark, Row, Run
from sightglass.pages import laboratory, languages, markup, phrases

ROOT = Path(__file__).resolve().parents[3]
EXTENSIONS = ["admonition", "attr_list", "md_in_html", "tables", "toc", "pymdownx.details", "pymdownx.highlight"]
EXTENSIONS += ["pymdownx.superfences", "pymdownx.tabbed"]
SAME_IN_BOTH = {"field.doi", "field.isbn", "field.arxiv"}
# Proper names and formats that Chinese readers write in Latin letters.
LATIN = {
    "BibTeX",
    "biblatex",
    "RIS",
    "CSL",
    "JSON",
    "APA",
    "GB",
    "bib",
    "ris",
    "ics",
    "JavaScript",
    "Sightglass",
    "arXiv",
}
LATIN |= {"Markdown", "MiB", "kB", "CPU"}
LATIN |= {"ResNet", "DenseNet", "VGG", "AlexNet", "ImageNet", "ReLU", "GELU", "SiLU", "AOPC", "ROC"}  # the field's
LATIN |= set(re.findall(r"[A-Za-z]{2,}", " ".join(laboratory.IN_CHINESE.values())))
LATIN |= {"zennit", "cpu", "seed", "CVPR", "doi", "example"}  # the toy catalogue's own


def faults(key: str, english: str, chinese: str) -> list[str]:
    """What is wrong with a phrase in its two languages."""
    named = [{name for _, name, _, _ in string.Formatter().parse(words) if name} for words in (english, chinese)]
    untranslated = not re.search(r"[\u3400-\u9fff]", chinese) and re.search(r"[A-Za-z]", english)
    found = [f"{key}: no English"] if not english.strip() else []
    found += [f"{key}: no Chinese"] if untranslated and key not in SAME_IN_BOTH else []
    return found + ([f"{key}: other names to fill in"] if named[0] != named[1] else [])


def test_each_phrase_stands_in_both_languages_with_the_same_names_to_fill_in() -> None:
    assert len(phrases.PHRASES) > 300
    assert [fault for key, words in phrases.PHRASES.items() for fault in faults(key, *words)] == []
    assert len(faults("key", " ", "x")) == 1
    assert len(faults("key", "{n} words", "words")) == 2


def test_every_word_of_the_vocabularies_has_a_phrase() -> None:
    wanted = {f"kind.{kind}" for folder in ENTRY_FOLDERS for kind in get_args(FOLDERS[folder].__annotations__["kind"])}
    kinds = {folder: FOLDERS[folder].model_fields["kind"].annotation for folder in ENTRY_FOLDERS}
    wanted |= {f"kind.{kind}" for annotation in kinds.values() for kind in get_args(annotation)}
    wanted |= {f"venue.{kind}" for kind in get_args(Venue.model_fields["kind"].annotation)}
    wanted |= {f"role.{role}" for role in get_args(LinkRole)}
    wanted |= {f"language.{language}" for language in get_args(Language)}
    wanted |= {f"source.{source}" for source in get_args(SourceKind)}
    status = Link.model_fields["status"].annotation
    wanted |= {f"status.{word}" for part in get_args(status) for word in get_args(part)}
    wanted |= {f"feasible.{word}" for word in get_args(Method.model_fields["feasible"].annotation)}
    assert len(wanted) > 60
    assert wanted <= set(phrases.PHRASES)


def test_every_field_that_the_catalogue_confirms_has_a_name() -> None:
    fields = set()
    for path in (ROOT / "catalog").glob("*/*.yaml"):
        for confirmation in re.findall(r"fields:\n((?: +- \w+\n)+)", path.read_text(encoding="utf-8")):
            fields |= set(re.findall(r"- (\w+)", confirmation))
    assert "authors" in fields
    assert {f"field.{name}" for name in fields & set(Entry.model_fields)} <= set(phrases.PHRASES)


def test_every_title_of_the_navigation_has_a_phrase() -> None:
    class Loader(yaml.SafeLoader):
        """mkdocs.yml may hold tags of Python; only the navigation matters here."""

    Loader.add_multi_constructor("", lambda loader, suffix, node: None)
    # our own file, which carries a tag that the safe loader does not know
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)  # noqa: S506  # a safe loader that knows mkdocs' tags

    def titles(items: list[dict]) -> list[str]:
        found = []
        for item in items:
            for title, value in item.items():
                found += [title, *(titles(value) if isinstance(value, list) else [])]
        return found

    assert [title for title in titles(config["nav"]) if f"nav.{title}" not in phrases.PHRASES] == []
    assert [phrases.PHRASES[f"nav.{title}"][0] for title in titles(config["nav"])] == titles(config["nav"])


def test_dates_read_as_people_write_them() -> None:
    assert phrases.day("en", "2026-03-05") == "5 March 2026"
    assert phrases.day("zh", "2026-03-05") == "2026 年 3 月 5 日"
    assert phrases.day("zh", "2026-03-05T10:00:00Z") == "2026 年 3 月 5 日"
    assert phrases.day("en", "some day") == "some day"


def test_a_place_in_a_paper_is_abbreviated_as_chinese_does() -> None:
    assert phrases.abbreviated("Sec. 4.1, Table 1; Fig. 2") == "第 4.1 节，表 1；图 2"
    assert phrases.abbreviated("Eq. (2), Eq. (A.3)") == "式（2），式（A.3）"
    assert phrases.abbreviated("Sec. 4, Feature Invariance, Fig. 5 (a)") == "第 4 节，Feature Invariance，图 5 (a)"


def test_a_line_break_in_chinese_is_no_space() -> None:
    assert markup.unbroken("一，\n二\n三 CAM\n四\nB。\n“五”") == "一，二三 CAM\n四\nB。“五”"
    kept = "# 一\n\n二。\n\n- 三。\n- 四。\n1. 五。\n2. 六。\n\n| 七 |\n| 八 |\n\n```text\n九，\n十\n```"
    assert markup.unbroken(kept) == kept
    assert markup.unbroken("1. 五，\n   六。\n2. 七") == "1. 五，六。\n2. 七"


def test_pages_know_their_counterparts() -> None:
    known = frozenset(["", "zh/", "papers/x/", "zh/papers/x/", "contributing/"])
    assert languages.language_of("zh/papers/x/") == "zh"
    assert languages.language_of("zhou/") == "en"
    assert languages.alternates("papers/x/", known) == {"en": "papers/x/", "zh-Hans": "zh/papers/x/"}
    assert languages.alternates("zh/papers/x/", known) == {"en": "papers/x/", "zh-Hans": "zh/papers/x/"}
    assert languages.alternates("contributing/", known) == {"en": "contributing/"}
    assert languages.other("", "zh", known) == "zh/"
    assert languages.other("zh/", "en", known) == ""
    assert languages.other("contributing/", "zh", known) == "zh/"  # not translated: to the home page


class Reader(html.parser.HTMLParser):
    """What a reader of a Chinese page sees or hears, without code and without what is marked as English."""

    SILENT = ("code", "pre", "script", "style")

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.words: list[str] = []
        self.feed(source)

    @property
    def silent(self) -> bool:
        return any(silent for _, silent in self.open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        silent = tag in self.SILENT or attributes.get("lang") == "en" or "Z3988" in (attributes.get("class") or "")
        if not (silent or self.silent):
            self.words += [attributes.get(name) or "" for name in ("alt", "title", "aria-label", "placeholder")]
        if tag not in ("img", "br", "input", "meta", "link", "hr"):
            self.open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


def english_in(page: str) -> set[str]:
    """Words in Latin letters that a reader of the page meets."""
    body = page.split("\n---\n", 1)[1]
    seen = Reader(markdown.markdown(body, extensions=EXTENSIONS))
    words = set(re.findall(r"[A-Za-z]{2,}", " ".join(seen.words)))
    return words - LATIN


@pytest.fixture
def chinese_site(tmp_path: Path) -> pages.Site:
    """A catalogue in which everything that could be Chinese is, so that any English word is the interface's."""
    (tmp_path / "results/cpu").mkdir(parents=True)
    picture = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000280000001e0")
    (tmp_path / "results/cpu/m.webp").write_bytes(picture)
    run = Run(seconds=[1.0, 2.0], memory=3.0)
    rows = [Row(method="m-rule", model="vgg16", batch=8, runs=dict.fromkeys(("floor", "sightglass", "captum"), run))]
    measured = Benchmark(
        device="cpu",
        device_name="处理器",
        command="python -m benchmarks.methods",
        date="2026-01-02",
        seconds=60,
        image_size=224,
        versions={"captum": "1"},
        left_out={"zennit": "not installed"},
        rows=rows,
    )
    benchmark.write(benchmark.path_of(tmp_path, "cpu"), [measured, measured])
    shutil.copytree(ROOT / "repro/lab", tmp_path / "repro/lab")
    (tmp_path / "results/laboratory.png").write_bytes(picture)
    shared = {
        "title": "题",
        "language": "zh",
        "summary": "S in English.",
        "summary_zh": "摘要",
        "topics": ["survey", "attribution"],
    }
    confirmed = [
        {"source": source, "fields": ["title", "authors", "year"], "at": "https://a.example/"}
        for source in get_args(SourceKind)
    ]
    roles = [{"url": "https://a.example/", "role": role} for role in get_args(LinkRole)]
    states = [
        {
            "url": "https://a.example/",
            "role": "page",
            "status": "moved",
            "now": "https://b.example/",
            "note": "A note.",
            "note_zh": "链接说明",
        },
        {"url": "https://a.example/", "role": "page", "status": "dead"},
        {"url": "https://a.example/", "role": "page", "status": "doubtful", "language": "en"},
    ]
    paper = {
        "kind": "conference",
        "authors": ["周, 一", "周, 二", "周, 三", "周, 四"],
        "year": 2016,
        "venue": "CVPR",
        "volume": "3",
        "number": "2",
        "pages": "1-9",
        "links": roles + states,
        "confirmed": confirmed,
        "unconfirmed": "Something in English.",
        "unconfirmed_zh": "条目存疑",
        "founding_notes": {
            "lines": ["004:L1"],
            "corrections": [{"line": "004:L1", "said": "误", "truth": "The truth.", "truth_zh": "实情"}],
        },
    }
    entries = {
        key: FOLDERS["papers"].model_validate(shared | paper | {"proposes": ["m"] if key == "k1" else [], **more})
        for key, more in {
            "k1": {},
            "k2": {"builds_on": ["k1"], "about": ["m"]},
            "k3": {"identified": False, "about": ["m"], "year": None, "title": "题三", "summary_zh": None},
        }.items()
    }
    for folder in ("tools", "posts", "resources"):
        for kind in get_args(FOLDERS[folder].model_fields["kind"].annotation):
            entries[f"{folder[0]}{kind}"] = FOLDERS[folder].model_validate(
                shared | {"kind": kind, "accompanies": ["k1"], "venue": "P"}
            )
    translated = {"reason_zh": "网络太小", "reported_zh": "此处 0.4", "unit_zh": "比例", "place_zh": "脚注"}
    claims = [
        {
            "id": f"c{i}",
            "statement": "A claim.",
            "paper": "k1",
            "place": "Sec. 1",
            "quantity": quantity,
            "unit": "share",
        }
        | more
        for i, (quantity, more) in enumerate(
            [
                ("q", {"at_least": 0.5, "statement_zh": "论断一"}),
                ("q", {"at_least": 0.1, "at_most": 0.2}),
                (
                    "q",
                    {"at_most": 0.1, "expect": "fails", "reason": "Too small.", "reported": "about 0.4"} | translated,
                ),
            ]
        )
    ]
    method = {"name": "Method", "name_zh": "法", "summary": "It does.", "summary_zh": "要", "family": "attribution"}
    why = {"feasible_why_zh": "原因", "unconfirmed_zh": "方法存疑"}
    methods = {
        "m": Method.model_validate(
            method | {"feasible": "yes", "claims": claims, "proposed_by": ["k1"], "aliases": ["又名"]}
        ),
        "n": Method.model_validate(
            method | {"feasible": "no", "feasible_why": "Why not.", "builds_on": ["m"], "unconfirmed": "What."} | why
        ),
        "o": Method.model_validate(method | {"feasible": "partly", "builds_on": ["m"]}),
    }
    session = {
        "title": "A session",
        "title_zh": "讨论",
        "notes": "Notes.",
        "notes_zh": "会议记录",
        "items": [
            {
                "key": "k1",
                "sections": "Sec. 2",
                "sections_zh": "第二节",
                "questions": ["Why?"],
                "questions_zh": ["为何？"],
            },
            {"key": "m"},
        ],
    }
    result = Result(
        method="m",
        device="cpu",
        quantities={"q": Quantity(values=[0.6, 0.7], mean=0.65, spread=0.05)},
        seeds=[0, 1],
        command="sightglass verify m",
        date="2026-01-02",
        seconds=12.0,
        device_name="处理器",
        versions={},
        verdicts={},
    )
    books = Catalogue(
        root=tmp_path,
        entries=entries,
        methods=methods,
        lists={
            "l": ReadingList.model_validate(
                {"title": "A list", "title_zh": "清单", "summary": "Why.", "summary_zh": "摘要", "sessions": [session]}
            )
        },
        taxonomy=Taxonomy(
            families=[
                Family(
                    id="attribution", name="Attribution", name_zh="归因", description="What?", description_zh="什么？"
                )
            ],
            topics=[Topic(id="survey", name="Surveys", name_zh="综述")],
        ),
        venues={
            "CVPR": Venue(id="CVPR", name="Conference on Vision", kind="conference"),
            "P": Venue(id="P", name="Platform", name_zh="平台", kind="platform"),
        },
    )
    return pages.Site(books, {"m": [result]})


def test_no_english_shows_on_a_chinese_page(chinese_site: pages.Site) -> None:
    built = pages.build(chinese_site)
    found = {path: english_in(str(page)) for path, page in built.items() if re.fullmatch(r"zh/.*\.md", path)}
    assert len(found) > 40
    assert {path: words for path, words in found.items() if words} == {}
    assert english_in(str(built["papers/k1.md"])) >= {"Links", "Cite", "Related"}  # the test sees what it looks for


def test_a_chinese_page_takes_the_chinese_where_there_is_one(chinese_site: pages.Site) -> None:
    built = {path: str(page) for path, page in pages.build(chinese_site).items()}
    said = {
        "papers/k1.md": {"A note.": "链接说明", "Something in English.": "条目存疑", "The truth.": "实情"},
        "methods/m.md": {"Too small.": "网络太小", "about 0.4": "此处 0.4", "Sec. 1": "第 1 节"},
        "claims.md": {"Too small.": "网络太小", "Sec. 1": "脚注"},
        "methods/n.md": {"Why not.": "原因", "What.": "方法存疑"},
        "lists/l.md": {"Notes.": "会议记录", '<span class="sg-sections">Sec. 2': "第二节"},
    }
    for path, words in said.items():
        for english, chinese in words.items():
            assert (english in built[path], chinese in built[path]) == (True, False), path
            assert chinese in built[f"zh/{path}"], path
    assert "    - 为何？" in built["zh/lists/l.md"]
    assert "Too small." not in built["zh/claims.md"]
    assert '<span lang="en">share</span>' in built["zh/claims.md"]  # of a claim that nobody has translated


def test_each_question_has_its_chinese_one_or_none_has() -> None:
    with pytest.raises(ValueError, match="1 questions, 2 in Chinese"):
        ReadingItem(key="k", questions=["Why?"], questions_zh=["为何？", "如何？"])


def test_every_page_stands_in_both_languages(chinese_site: pages.Site) -> None:
    built = {path for path in pages.build(chinese_site) if path.endswith(".md")}
    assert {path.removeprefix("zh/") for path in built if path.startswith("zh/")} == {
        path for path in built if not path.startswith("zh/")
    }


def test_a_title_keeps_its_language_and_a_summary_falls_back_to_english(chinese_site: pages.Site) -> None:
    built = pages.build(chinese_site)
    assert "# 题 { lang=zh" in str(built["zh/papers/k1.md"])
    assert re.search(r'<p [^>]*lang="zh-Hans"[^>]*>摘要</p>', str(built["zh/papers/k1.md"]))
    assert "S in English." not in str(built["zh/papers/k1.md"])
    assert re.search(r'<p [^>]*lang="en"[^>]*>S in English\.</p>', str(built["zh/papers/k3.md"]))


def test_files_are_built_once_and_chinese_pages_lead_to_them(chinese_site: pages.Site) -> None:
    built = pages.build(chinese_site)
    assert not [path for path in built if path.startswith("zh/") and not path.endswith((".md", "index.html"))]
    assert 'href="../k1.bib"' in str(built["papers/k1.md"])
    assert 'href="../../../papers/k1.bib"' in str(built["zh/papers/k1.md"])
    assert 'src="../../../pictures/cpu/m.webp"' in str(built["zh/methods/m.md"])


def test_pictures_state_their_size(chinese_site: pages.Site) -> None:
    for path in ("methods/m.md", "zh/methods/m.md", "methods/index.md", "papers/k1.md", "zh/laboratory.md"):
        assert 'width="640" height="480"' in str(pages.build(chinese_site)[path]), path
