"""JSON Schemas out of the models, so that editors complete and check the YAML while it is written."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from sightglass import catalogue
from sightglass.files import write_whole

FOLDER = "schema"


def schema(kind: str) -> str:
    """The JSON Schema of the files of one folder, or of ``taxonomy.yaml`` or ``venues.yaml``, as text."""
    built = TypeAdapter(catalogue.MODELS[kind]).json_schema()
    for definition in [built, *built.get("$defs", {}).values()]:
        authors = definition.get("properties", {}).get("authors")
        if authors:  # in a file an author may be a string
            authors["items"] = {"anyOf": [{"type": "string"}, authors["items"]]}
    built = {"$schema": "https://json-schema.org/draft/2020-12/schema", **built}
    return json.dumps(built, ensure_ascii=False, indent=2) + "\n"


def write(root: Path) -> list[str]:
    """Write all schemas to ``schema/``; returns the paths written."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    paths = []
    for kind in catalogue.MODELS:
        path = folder / f"{kind}.json"
        write_whole(path, schema(kind))
        paths.append(path.relative_to(root).as_posix())
    return paths
