"""Tutorials: notebooks kept as text (jupytext's percent format) under ``docs/tutorials/``, one for each method.

A page shows the outputs that ``sightglass tutorials`` has kept; building it executes nothing and needs no torch.  (The
plugin mkdocs-jupyter keys its cache on the notebook alone, keeps a failed cell as a success and makes pages of 600 KB;
here the cells go through the same theme as every other page.)  A Chinese page takes its text cells from the file of
the same name under ``docs/zh/tutorials/``, and the code and its outputs from the English one.

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

from sightglass.errors import TranslationError
from sightglass.ledger import tutorials as kept
from sightglass.ledger.tutorials import FOLDER
from sightglass.pages.markup import address, out, page, to, unbroken
from sightglass.pages.phrases import FOLDERS, day, phrase
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
    """Pages in each language, pictures and ``.ipynb`` files of all tutorials by path, and their index.

    TranslationError if a translation has not as many text cells as its tutorial.
    """
    built: dict[str, str | bytes] = {}
    notebooks: dict[str, Any] = {}
    for file in sorted((root / FOLDER).glob("*.py")):
        slug = file.stem
        notebooks[slug], plain = _notebook(file.read_text(encoding="utf-8"), slug, addresses)
        built[f"tutorials/{slug}.ipynb"] = plain
        for picture in (root / "results" / "tutorials").glob(f"{slug}-[0-9]*.webp"):
            built[f"tutorials/{picture.name}"] = picture.read_bytes()
    executed = {slug: kept.load(root, slug) for slug in notebooks}
    stale = {slug for slug, outputs in executed.items() if outputs and kept.why_stale(root, slug, outputs)}
    for language, folder in FOLDERS.items():
        here, heading = f"{folder}tutorials/index.md", phrase(language, "nav.Tutorials")
        index = [f"# {heading}\n", phrase(language, "tutorials lead") + "\n"]
        for slug, notebook in notebooks.items():
            source = f"docs/{folder}tutorials/{slug}.py"
            shown, path = notebook, f"tutorials/{slug}.md"
            if (root / source).is_file():
                shown = _translated(notebook, root / source, source) if folder else notebook
                path = folder + path
                note = _note(slug, executed[slug], slug in stale, language)
                head = f"{_buttons(slug, source, addresses, language)}\n{{ .sg-facts }}\n{note}"
                title, _, rest = _markdown(shown, executed[slug], language).partition("\n")
                built[path] = page(_heading(shown) or slug, f"{title}\n\n{head}\n{rest}", source=source)
            index.append(f"- {to(path, _heading(shown) or slug, here)}")
        built[here] = page(heading, "\n".join(index))
    return built


@functools.lru_cache(maxsize=256)
def _notebook(source: str, slug: str, addresses: Settings) -> tuple[Any, str]:
    """A tutorial's cells, and its ``.ipynb``."""
    import jupytext  # here, not above: the pure pages do not need it

    notebook = jupytext.reads(source, fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook, str(jupytext.writes(_by_itself(notebook, slug, addresses), fmt="ipynb"))


def _translated(notebook: Any, path: Path, source: str) -> Any:
    """The notebook with the text cells of another."""
    import jupytext

    translated = copy.deepcopy(notebook)
    both = (translated, jupytext.read(path))
    cells = [[cell for cell in each.cells if cell.cell_type == "markdown"] for each in both]
    if len(cells[0]) != len(cells[1]):
        raise TranslationError(f"{source} has {len(cells[1])} text cells, the tutorial {len(cells[0])}")
    for cell, chinese in zip(*cells, strict=True):
        cell.source = unbroken(chinese.source)
    return translated


def _heading(notebook: Any) -> str:
    """The text of the first heading."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    first = re.search(r"^# (.+)$", text, re.MULTILINE)
    return first[1].strip() if first else ""


def _buttons(slug: str, source: str, addresses: Settings, language: str) -> str:
    """Where the notebook is found as a file."""
    file = address(f"tutorials/{slug}.ipynb", f"{FOLDERS[language]}tutorials/{slug}.md")
    buttons = [f'<a href="{file}" download>{phrase(language, "tutorial download")}</a>']
    if addresses.repository.startswith(GITHUB):
        colab = addresses.repository.replace(GITHUB, COLAB, 1)
        buttons.append(out(f"{colab}blob/{BRANCH}/tutorials/{slug}.ipynb", phrase(language, "tutorial colab")))
    if addresses.repository:
        buttons.append(out(f"{addresses.repository}blob/main/{source}", phrase(language, "tutorial source")))
    return " · ".join(buttons)


def _note(slug: str, outputs: kept.Kept | None, stale: bool, language: str) -> str:
    """When the outputs were made."""
    if outputs is None:
        return f"\n!!! note\n    {phrase(language, 'tutorial not executed', slug=slug)}\n"
    when, seconds = day(language, outputs.date), f"{outputs.seconds:.0f}"
    state = "tutorial stale" if stale else "tutorial executed"
    return f"\n{phrase(language, state, date=when, seconds=seconds)}\n{{ .sg-facts }}\n"


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


def _markdown(notebook: Any, outputs: kept.Kept | None, language: str) -> str:
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
                parts += [_output(output, language) for output in beside.outputs]
    return "\n\n".join(parts) + "\n"


def _output(output: kept.Output, language: str) -> str:
    if output.picture:
        size = f"width={output.width} height={output.height}"
        path = "../../tutorials/" if FOLDERS[language] else ""
        return f"![{phrase(language, 'tutorial output')}]({path}{output.picture}){{ {size} loading=lazy }}"
    return f"```text\n{output.text}\n```"
