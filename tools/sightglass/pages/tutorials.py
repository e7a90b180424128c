"""Tutorials: notebooks kept as text (jupytext's percent format) under ``docs/tutorials/``, one for each method.

nbclient executes them in a fresh kernel at every full build, so that a page's outputs come from the code as it is
now, and the first error stops the build.  (mkdocs-jupyter keys its cache on the notebook alone, keeps a failed cell as
a success and makes pages of 600 KB; here the cells go through the same theme as every other page.)

Beside each page lies its ``.ipynb``, without outputs, made here and never by hand.  Its first cell installs the project
where it is missing, so that it runs wherever it is opened.  CI puts these files into the branch ``notebooks`` of the
repository, for Google Colab opens notebooks from GitHub and from nowhere else on the web.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from pathlib import Path
from typing import Any

from sightglass.pages.markup import out, page, to
from sightglass.settings import Settings

FOLDER = "docs/tutorials"
CELL_SECONDS = 600
BRANCH = "notebooks"  # where .ci/publish-notebooks puts the .ipynb files
GITHUB = "https://github.com/"
COLAB = "https://colab.research.google.com/github/"
INSTALL = """\
# Where the project is missing, as on Google Colab, this installs it.  A torch that is there already is kept.
import importlib.util

if importlib.util.find_spec("repro") is None:
    if importlib.util.find_spec("torch") is None:
        %pip install -q "sightglass[lab] @ git+{repository}"
    else:
        %pip install -q safetensors scikit-image scikit-learn matplotlib
        %pip install -q --no-deps "git+{repository}"
"""


class TutorialError(Exception):
    """A cell of a tutorial failed; the message names the file and carries the cell's error."""


def build(root: Path, *, addresses: Settings, execute: bool) -> dict[str, str | bytes]:
    """Pages, pictures and ``.ipynb`` files of all tutorials by path, and their index."""
    built: dict[str, str | bytes] = {}
    index = ["# Tutorials\n", "Each is a notebook: equations beside code, with something to change.\n"]
    for path in sorted((root / FOLDER).glob("*.py")):
        pages = _tutorial(path, root, addresses, execute)
        built |= pages
        title = re.search(r'^title: "(.*)"$', str(pages[f"tutorials/{path.stem}.md"]), re.MULTILINE)
        index.append(f"- {to(f'tutorials/{path.stem}.md', title[1] if title else path.stem, 'tutorials/index.md')}")
    built["tutorials/index.md"] = page("Tutorials", "\n".join(index))
    return built


def _tutorial(path: Path, root: Path, addresses: Settings, execute: bool) -> dict[str, str | bytes]:
    import jupytext  # here, not above: the pure pages do not need it

    notebook = jupytext.read(path)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    plain = str(jupytext.writes(_by_itself(notebook, path.stem, addresses), fmt="ipynb"))
    if execute:
        _execute(notebook, path, root)
    slug = path.stem
    body, files = _markdown(notebook, slug)
    first = re.search(r"^# (.+)$", body, re.MULTILINE)
    title = first[1].strip() if first else slug
    source = f"{FOLDER}/{path.name}"
    buttons = [f'<a href="../{slug}.ipynb" download>Download as a notebook</a>']
    if addresses.repository.startswith(GITHUB):
        colab = addresses.repository.replace(GITHUB, COLAB, 1)
        buttons.append(out(f"{colab}blob/{BRANCH}/tutorials/{slug}.ipynb", "Open in Colab"))
    if addresses.repository:
        buttons.append(out(f"{addresses.repository}blob/main/{source}", "Source"))
    note = "" if execute else "\n!!! note\n    Shown without its outputs: `make site` executes it.\n"
    head, _, rest = body.partition("\n")
    text = f"{head}\n\n{' · '.join(buttons)}\n{{ .sg-facts }}\n{note}\n{rest}"
    return {f"tutorials/{slug}.md": page(title, text, source=source), f"tutorials/{slug}.ipynb": plain, **files}


def _by_itself(notebook: Any, slug: str, addresses: Settings) -> Any:
    """The notebook for people who have nothing but this one file; the same each time it is made."""
    import nbformat

    alone = copy.deepcopy(notebook)
    alone.metadata = {"kernelspec": notebook.metadata["kernelspec"]}  # jupytext's are about the text file
    if addresses.repository:
        source = INSTALL.format(repository=addresses.repository.rstrip("/")).rstrip()
        alone.cells.insert(0, nbformat.v4.new_code_cell(source))
    for number, cell in enumerate(alone.cells):  # new ids at each build would make each file a new one
        cell.id = hashlib.sha256(f"{slug} {number}".encode()).hexdigest()[:8]
    return alone


def _execute(notebook: Any, path: Path, root: Path) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    where = {"metadata": {"path": str(root)}}
    # what a cell prints is one block, however slowly it comes
    client = NotebookClient(notebook, timeout=CELL_SECONDS, resources=where, coalesce_streams=True)
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        raise TutorialError(f"{path.relative_to(root)}: a cell failed\n{error}") from error


def _markdown(notebook: Any, slug: str) -> tuple[str, dict[str, str | bytes]]:
    """Cells as Markdown; pictures as files beside the page."""
    parts: list[str] = []
    files: dict[str, str | bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                parts.append(f"```text\n{output.text.rstrip()}\n```")
            elif "data" in output and "image/png" in output.data:
                name = f"{slug}-{len(files) + 1}.png"
                files[f"tutorials/{name}"] = base64.b64decode(output.data["image/png"])
                parts.append(f"![Output of the cell above]({name})")
            elif "data" in output and "text/plain" in output.data:
                parts.append(f"```text\n{output.data['text/plain'].rstrip()}\n```")
    return "\n\n".join(parts) + "\n", files
