"""What the tutorials print and draw, kept beside the ledger, so that the site shows it without executing anything.

A tutorial is a notebook kept as text under ``docs/tutorials/``.  ``results/tutorials/<name>.json`` holds the outputs of
its code cells and the key under which they were made: the code of the cells, the objects that it reaches, the files
that it read.  Its pictures lie beside it as WebP.  nbclient executes a tutorial in a fresh kernel.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sightglass.errors import StoredError, TutorialError
from sightglass.files import write_whole
from sightglass.ledger import keys, objects

FOLDER = "docs/tutorials"
CELL_SECONDS = 600
PICTURE_BYTES = 150_000  # of all pictures of a tutorial together
QUALITIES = (95, 90, 80, 65, 50, 30)
# Run before and after a tutorial's own cells: which files of ours it read.
_WATCH = """\
from repro.lab import files as _files
_read, _note = set(), _files.note
_files.note = lambda path: (_read.add(str(path.absolute())), _note(path))[1]"""
_TELL = "import json as _json; print(_json.dumps(sorted(_read)))"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(_Model):
    """What a cell printed, or the name of a picture that it drew with its size in pixels."""

    text: str | None = None
    picture: str | None = None
    width: int = 0
    height: int = 0


class Cell(_Model):
    """A code cell: a digest of its source, and what came out."""

    source: str
    outputs: list[Output]


class Kept(_Model):
    """All that is kept of one execution."""

    date: str
    seconds: float
    versions: dict[str, str]
    key: str
    objects: dict[str, str]
    files: dict[str, str]
    cells: list[Cell]


@dataclass
class Executed:
    """An execution that is not kept yet, with its pictures by name."""

    kept: Kept
    pictures: dict[str, bytes] = field(default_factory=dict)


def names(root: Path) -> list[str]:
    """All tutorials there are."""
    return sorted(path.stem for path in (root / FOLDER).glob("*.py"))


def path_of(root: Path, name: str) -> Path:
    """Where the outputs of a tutorial are kept."""
    return root / "results" / "tutorials" / f"{name}.json"


def load(root: Path, name: str) -> Kept | None:
    """What is kept of a tutorial; StoredError, with the remedy, for a file that is no such thing."""
    path = path_of(root, name)
    if not path.is_file():
        return None
    try:
        return Kept.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StoredError(f"{path} holds no outputs: run sightglass tutorials {name}") from error


def why_stale(root: Path, name: str, kept: Kept | None) -> list[str]:
    """What has changed since a tutorial was executed; nothing if its outputs are what the code would give today."""
    if kept is None:
        return ["never executed"]
    now, files = objects.follow_script(root, root / FOLDER / f"{name}.py").objects, keys.digests(root, kept.files)
    missing = [picture for cell in kept.cells for each in cell.outputs if (picture := each.picture)]
    lost = [f"{each} is missing" for each in missing if not path_of(root, each).with_name(each).is_file()]
    if keys.key(now, files, [], "") == kept.key:
        return lost
    gone = kept.objects.keys() - now.keys()
    return keys.changes(kept.objects | kept.files, now | files, gone) + lost


def write(root: Path, name: str, executed: Executed) -> None:
    """Keep an execution: its pictures, then its outputs; pictures of an earlier one go."""
    path = path_of(root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    for picture, content in executed.pictures.items():
        write_whole(path.with_name(picture), content)
    write_whole(path, executed.kept.model_dump_json(indent=1, exclude_defaults=True) + "\n")
    for old in path.parent.glob(f"{name}-[0-9]*.webp"):
        if old.name not in executed.pictures:
            old.unlink()


def digest(source: str) -> str:
    """Of a cell's source, to tell whether outputs are still beside their cell."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def execute(root: Path, name: str) -> Executed:
    """Execute a tutorial in a fresh kernel.  Raises TutorialError for the first cell that fails."""
    import jupytext
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    path = root / FOLDER / f"{name}.py"
    notebook = jupytext.read(path)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    own = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    notebook.cells = [nbformat.v4.new_code_cell(_WATCH), *own, nbformat.v4.new_code_cell(_TELL)]
    reached = objects.follow_script(root, path)  # before: a file may change while it runs
    start = time.perf_counter()
    try:  # what a cell prints is one block, however slowly it comes
        where = {"metadata": {"path": str(root)}}
        NotebookClient(notebook, timeout=CELL_SECONDS, resources=where, coalesce_streams=True).execute()
    except (CellExecutionError, CellTimeoutError) as error:
        raise TutorialError(f"{path.relative_to(root)}: a cell failed\n{error}") from error
    seconds = time.perf_counter() - start
    files = keys.digests(root, json.loads(notebook.cells[-1].outputs[0].text))
    cells, drawn = _outputs(own, name)
    kept = Kept(
        date=datetime.now(UTC).date().isoformat(),
        seconds=round(seconds, 1),
        versions=keys.versions_of(root, reached.packages),
        key=keys.key(reached.objects, files, [], ""),
        objects=reached.objects,
        files=files,
        cells=cells,
    )
    return Executed(kept, webp(drawn))


def _outputs(cells: Sequence[Any], name: str) -> tuple[list[Cell], dict[str, bytes]]:
    """Of each cell what it printed and drew, in order, and the pictures as PNG."""
    from PIL import Image

    found, drawn = [], dict[str, bytes]()
    for cell in cells:
        outputs = []
        for output in cell.outputs:
            data = output.get("data", {})
            if output.output_type == "stream":
                outputs.append(Output(text=output.text.rstrip()))
            elif "image/png" in data:
                picture = f"{name}-{len(drawn) + 1}.webp"
                drawn[picture] = base64.b64decode(data["image/png"])
                width, height = Image.open(io.BytesIO(drawn[picture])).size
                outputs.append(Output(picture=picture, width=width, height=height))
            elif "text/plain" in data:
                outputs.append(Output(text=data["text/plain"].rstrip()))
        found.append(Cell(source=digest(cell.source), outputs=outputs))
    return found, drawn


def webp(pictures: dict[str, bytes]) -> dict[str, bytes]:
    """Pictures as WebP: without loss if they are light enough together, else all with as little as it takes."""
    from PIL import Image

    made: dict[str, bytes] = {}
    ways: list[dict[str, Any]] = [{"lossless": True}, *({"quality": quality} for quality in QUALITIES)]
    for options in ways:
        for name, png in pictures.items():
            written = io.BytesIO()
            Image.open(io.BytesIO(png)).convert("RGB").save(written, "WEBP", method=4, **options)
            made[name] = written.getvalue()
        if sum(map(len, made.values())) <= PICTURE_BYTES:
            break
    return made
