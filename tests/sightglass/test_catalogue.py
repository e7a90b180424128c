"""The catalogue as a library: what is read, where the root is, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from sightglass import catalogue
from sightglass.catalogue.models import Person
from sightglass.errors import CatalogueError

TOY = Path(__file__).parent / "toy"


def test_entries_methods_lists_and_vocabularies_are_typed() -> None:
    books = catalogue.load(TOY)
    assert list(books.entries) == ["glowkit", "lin2015where", "okafor2013glow", "seeing-layers", "zhihu-heat-sum"]
    assert list(books.topics) == ["attribution", "visualisation", "survey", "toolkit"]
    assert list(books.of_folder("posts")) == ["zhihu-heat-sum"]
    assert books.files["methods/heat-sum"] == "catalog/methods/heat-sum.yaml"
    paper = books.entries["lin2015where"]
    assert [author.display for author in paper.authors] == [
        "Ada Lin",
        "Jürgen van der Berg",
        "周文",
        "Institute for Toy Vision",
    ]
    assert books.methods_of(paper) == ["heat-sum", "gradient-glow"]
    assert catalogue.folder_of(paper) == "papers"
    assert books.lists["first-weeks"].sessions[0].items[0].key == "okafor2013glow"


@pytest.mark.parametrize(
    ("name", "family", "given", "slug"),
    [
        ("van der Maaten, Laurens", "van der Maaten", "Laurens", "laurens-van-der-maaten"),
        ("Øland, Łukasz", "Øland", "Łukasz", "lukasz-oland"),
        ("de, X", "de", "X", "x-de"),
    ],
)
def test_parts_of_a_name(name: str, family: str, given: str, slug: str) -> None:
    person = Person(name=name)
    assert (person.family, person.given, person.slug) == (family, given, slug)


@pytest.mark.parametrize(
    ("name", "sort", "filed"),
    [
        ("van der Maaten, Laurens", None, "van-der-maaten-laurens"),
        ("Øland, Łukasz", None, "oland-lukasz"),
        ("周, 博磊", "Zhou, Bolei", "zhou-bolei"),
    ],
)
def test_people_are_filed_by_family_name(name: str, sort: str | None, filed: str) -> None:
    assert Person(name=name, sort=sort).filed == filed


def test_a_group_is_never_taken_apart() -> None:
    group = Person(name="Toys, Inc.", organisation=True)
    assert (group.family, group.given, group.display) == ("Toys, Inc.", "", "Toys, Inc.")


def test_load_raises_with_every_problem_and_its_place(toy: Path) -> None:
    (toy / "catalog/tools/glowkit.yaml").write_text("title: [\n", "utf-8")
    (toy / "catalog/posts/zhihu-heat-sum.yaml").write_text("titel: x\n", "utf-8")
    with pytest.raises(CatalogueError) as caught:
        catalogue.load(toy)
    assert [problem.rule for problem in caught.value.problems] == [
        "missing-key",
        "missing-key",
        "missing-key",
        "unknown-key",
        "yaml-syntax",
    ]
    assert "catalog/posts/zhihu-heat-sum.yaml:1:1: unknown key 'titel', did you mean 'title'?" in str(caught.value)


def test_the_root_is_found_from_below_and_by_its_name(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert catalogue.find_root() == toy  # SIGHTGLASS_ROOT
    monkeypatch.delenv("SIGHTGLASS_ROOT")
    assert catalogue.find_root(toy / "catalog" / "papers") == toy
    monkeypatch.chdir(toy / "catalog" / "lists")
    assert catalogue.find_root() == toy


def test_elsewhere_the_checkout_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGHTGLASS_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert catalogue.find_root() == Path(catalogue.__file__).parents[3]


def test_a_root_without_a_catalogue_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(tmp_path))
    with pytest.raises(CatalogueError) as caught:
        catalogue.find_root()
    assert [problem.file for problem in caught.value.problems] == [str(tmp_path)]


def test_reading_changes_no_file(toy: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in toy.rglob("*.yaml")}
    catalogue.load(toy)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in toy.rglob("*.yaml")} == before
