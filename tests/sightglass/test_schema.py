"""The JSON Schemas are the model's, every file fits them, and editors know where they belong."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from sightglass import catalogue
from sightglass.catalogue import schema

PROJECT = Path(__file__).resolve().parents[2]
TOY = Path(__file__).parent / "toy"


def validator(kind: str) -> jsonschema.protocols.Validator:
    built = json.loads(schema.schema(kind))
    return jsonschema.validators.validator_for(built)(built)


@pytest.mark.parametrize("kind", catalogue.MODELS)
def test_the_files_in_schema_are_those_of_the_model(kind: str) -> None:
    path = PROJECT / "schema" / f"{kind}.json"
    assert path.read_text(encoding="utf-8") == schema.schema(kind), "run: sightglass schema --write"


def test_no_other_schema_lies_about() -> None:
    assert {path.stem for path in (PROJECT / "schema").iterdir()} == set(catalogue.MODELS)


@pytest.mark.parametrize("root", [TOY, PROJECT], ids=["toy", "catalogue"])
@pytest.mark.parametrize("kind", catalogue.MODELS)
def test_every_file_fits_its_schema(kind: str, root: Path) -> None:
    judge = validator(kind)
    paths = [*(root / "catalog").glob(f"{kind}/*.yaml"), *(root / "catalog").glob(f"{kind}.yaml")]
    assert paths
    for path in paths:
        errors = [error.message for error in judge.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))]
        assert not errors, f"{path.name}: {errors}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"titel": "x"}, "'titel' was unexpected"),
        ({"year": "2015"}, "'2015' is not"),
        ({"kind": "conferense"}, "'conferense' is not one of"),
        ({"links": [{"url": "https://example.org/", "role": "coed"}]}, "'coed' is not one of"),
        ({"authors": [5]}, "5 is not valid"),
        ({"summary": None}, "None is not of type 'string'"),
        ({"month": 13}, "13 is"),
        ({"about": ["Grad_CAM"]}, "'Grad_CAM' does not match"),
    ],
)
def test_a_schema_refuses_what_the_check_refuses(change: dict[str, object], said: str) -> None:
    data = yaml.safe_load((TOY / "catalog/papers/okafor2013glow.yaml").read_text("utf-8")) | change
    assert any(said in error.message for error in validator("papers").iter_errors(data))


def test_an_author_is_a_string_or_a_mapping() -> None:
    data = yaml.safe_load((TOY / "catalog/papers/lin2015where.yaml").read_text("utf-8"))
    assert {type(author) for author in data["authors"]} == {str, dict}
    assert list(validator("papers").iter_errors(data)) == []


def test_the_editor_finds_the_schema_of_every_folder() -> None:
    mapped = json.loads((PROJECT / ".vscode/settings.json").read_text(encoding="utf-8"))["yaml.schemas"]
    for kind in catalogue.MODELS:
        file = f"catalog/{kind}/x.yaml" if kind in catalogue.FOLDERS else f"catalog/{kind}.yaml"
        assert [name for name, pattern in mapped.items() if fnmatch.fnmatch(file, pattern)] == [f"schema/{kind}.json"]
        assert (PROJECT / "schema" / f"{kind}.json").is_file()
