"""Tutorials: pages from text, and notebooks that run by themselves wherever they are opened."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from sightglass.ledger import tutorials as kept
from sightglass.pages import Site, methods, notebooks, tutorials
from sightglass.pages.entries import entry_page
from sightglass.settings import Settings

from tests.sightglass.pages.test_pages import body, catalogue, method, paper

ROOT = Path(__file__).resolve().parents[2]
ADDRESSES = Settings(repository="https://github.com/someone/sightglass/")
pytest.importorskip("jupytext")  # the light installation has no notebooks

TEXT = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Counting, step by step

# %%
import repro

print(1 + 1)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "docs" / "tutorials"
    folder.mkdir(parents=True)
    (folder / "counting.py").write_text(TEXT, encoding="utf-8")
    return tmp_path / "root"


def built(root: Path, addresses: Settings = ADDRESSES) -> dict[str, str]:
    site = Site(catalogue(root, {}), settings=addresses)
    return {path: str(content) for path, content in tutorials.build(site).items()}


def page(root: Path, addresses: Settings = ADDRESSES, folder: str = "") -> str:
    """The page's HTML, as mkdocs-jupyter renders it and the site finishes it."""
    convert = pytest.importorskip("mkdocs_jupyter.convert")  # the light installation has no notebooks
    notebooks.prepare()
    notebook = root / "page.ipynb"
    notebook.write_text(built(root, addresses)[f"{folder}tutorials/counting/index.ipynb"], encoding="utf-8")
    return notebooks.finished(convert.nb2html(str(notebook), custom_mathjax_url=""))[0]


def cells(root: Path, addresses: Settings = ADDRESSES) -> list[str]:
    notebook = json.loads(built(root, addresses)["tutorials/counting.ipynb"])
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def test_a_page_offers_the_notebook_and_colab(root: Path) -> None:
    shown = page(root)
    assert re.search(r'<a download[^>]* href="\.\./counting\.ipynb"', shown)
    address = "https://colab.research.google.com/github/someone/sightglass/blob/notebooks/tutorials/counting.ipynb"
    assert address in shown
    assert "docs/tutorials/counting.py" in shown


def test_a_translation_brings_the_text_and_the_tutorial_code_and_outputs(root: Path) -> None:
    assert 'href="../../tutorials/counting/">Counting, step by step' in built(root)["zh/tutorials/index.md"]
    translation = root / "docs" / "zh" / "tutorials" / "counting.py"
    translation.parent.mkdir(parents=True)
    translation.write_text("# %% [markdown]\n# # 数数：逐步讲解\n#\n# 一加一。\n", encoding="utf-8")
    picture = kept.Output(picture="counting-1.webp", width=2, height=1)
    cell = kept.Cell(source=kept.digest("import repro\n\nprint(1 + 1)"), outputs=[picture])
    outputs = kept.Kept(date="2026-03-05", seconds=1, versions={}, key="", objects={}, files={}, cells=[cell])
    kept.write(root, "counting", kept.Executed(outputs))
    pages = built(root)
    shown = page(root, folder="zh/")
    assert re.search(r'<h1 id="_1">数数：逐步讲解<a class="headerlink" href="#_1"', shown)
    assert "一加一。" in shown
    assert "print(1 + 1)" in re.sub("<[^>]*>", "", shown)
    assert re.search(r'<a download[^>]* href="\.\./\.\./\.\./tutorials/counting\.ipynb">下载笔记本', shown)
    assert "docs/zh/tutorials/counting.py" in shown
    assert "Counting" not in shown
    image = re.search(r"<img [^>]*>", shown)
    assert image is not None
    for mark in ('alt="上面单元的输出"', 'src="../../../tutorials/counting-1.webp"', 'width="2"', 'height="1"'):
        assert mark in image[0]
    assert "执行于 2026 年 3 月 5 日" in shown
    assert 'href="counting/">数数' in pages["zh/tutorials/index.md"]
    assert "数数" not in page(root)
    translation.write_text("# %% [markdown]\n# # 一\n\n# %% [markdown]\n# 二\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"docs/zh/tutorials/counting\.py has 2 text cells, the tutorial 1"):
        built(root)


def test_a_page_is_cells_alone_highlighted_and_linked_as_elsewhere(root: Path) -> None:
    """Nothing of the styles, scripts and prompts that mkdocs-jupyter puts into a page is in it."""
    folder = root / "docs" / "tutorials"
    fenced = "# ## Again `twice`\n#\n# ```sh\n# ls | wc\n# ```\n#\n# | a | b |\n# | - | - |\n# | 1 | 2 |\n"
    (folder / "counting.py").write_text(TEXT + f"\n# %% [markdown]\n{fenced}\n# %% [markdown]\n# ## Again `twice`\n")
    shown = page(root)
    assert not re.findall(
        r"<(?:style|script|link|button|svg)|jp-|tabindex|\bdata:|https?://(?!(?:colab|github)\.)", shown
    )
    found = re.findall(r'<h2 id="([^"]*)">Again <code>twice</code><a class="headerlink" href="#\1"', shown)
    assert found == ["again-twice", "again-twice_1"]
    cell, shell = re.findall(
        r'<div class="highlight"><pre><span></span><code>(.*?)</code></pre></div>', shown, re.DOTALL
    )
    assert '<span class="kn">import</span>' in cell
    assert re.sub("<[^>]*>", "", shell).strip() == "ls | wc"
    assert "<td>1</td>" in shown


def test_every_tutorial_is_translated() -> None:
    folders = (ROOT / "docs" / "tutorials", ROOT / "docs" / "zh" / "tutorials")
    english, chinese = ({path.name for path in folder.glob("*.py")} for folder in folders)
    assert english == chinese


@pytest.mark.parametrize("repository", ["", "https://gitlab.com/someone/sightglass/"])
def test_colab_is_offered_only_for_what_it_can_open(root: Path, repository: str) -> None:
    assert "colab" not in page(root, Settings(repository=repository))


def test_the_branch_of_the_links_is_the_one_that_is_published() -> None:
    script = (ROOT / ".ci" / "publish-notebooks").read_text(encoding="utf-8")
    assert f"git init -q -b {tutorials.BRANCH}\n" in script
    assert ".ci/publish-notebooks" in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_the_notebook_installs_what_it_needs_and_the_text_does_not(root: Path) -> None:
    first, *others = cells(root)
    assert 'find_spec("repro") is None' in first
    assert "git+https://github.com/someone/sightglass" in first
    assert others == cells(root, Settings())  # without an address there is nothing to install from
    assert "pip" not in page(root)


def test_a_notebook_knows_nothing_of_this_machine_and_is_the_same_each_time(root: Path) -> None:
    notebook = built(root)["tutorials/counting.ipynb"]
    assert str(root) not in notebook
    assert "jupytext" not in notebook
    assert notebook == built(root)["tutorials/counting.ipynb"]


@pytest.fixture
def kernel(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toy tutorial beside a toy package ``repro`` that a kernel can import."""
    pytest.importorskip("ipykernel")  # the light installation has no notebooks
    lab = root / "repro" / "lab"
    lab.mkdir(parents=True)
    (root / "repro" / "__init__.py").write_text("")
    (lab / "__init__.py").write_text("SIZE = 1\n")
    (lab / "files.py").write_text("def note(path): ...\n")
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(root))
    (root / "catalog").mkdir()
    (root / "catalog" / "taxonomy.yaml").touch()
    return root / "docs" / "tutorials" / "counting.py"


def test_outputs_are_kept_and_shown_and_go_stale(kernel: Path, root: Path) -> None:
    weights = root / "weights.bin"
    weights.write_bytes(b"1")
    source = TEXT.replace(
        "import repro\n\nprint(1 + 1)",
        "from pathlib import Path\nfrom repro.lab import SIZE, files\n\n# %%\nfiles.note(Path('weights.bin'))\nprint(SIZE + 1)",
    )
    kernel.write_text(source)
    assert "Shown without its outputs" in page(root)
    kept.write(root, "counting", kept.execute(root, "counting"))
    shown = page(root)
    assert '<div class="highlight sg-output"><pre><code>2</code></pre></div>' in shown
    assert '"outputs": [],' in built(root)["tutorials/counting.ipynb"]
    assert "stale" not in shown

    def because() -> list[str]:
        return kept.why_stale(root, "counting", kept.load(root, "counting"))

    kernel.write_text(source.replace("# %%\nfiles", "# %%\n# a comment\nfiles"))
    assert because() == []
    kernel.write_text(source)
    weights.write_bytes(b"2")
    assert because() == ["weights.bin changed"]
    weights.write_bytes(b"1")
    (root / "repro" / "lab" / "__init__.py").write_text("SIZE = 2\n")
    assert because() == ["repro.lab:SIZE changed"]
    assert "stale: the code has changed since" in page(root)
    kernel.write_text(source.replace("SIZE + 1", "SIZE + 2"))
    assert "sg-output" not in page(root)  # an output beside another cell would be wrong


def test_pictures_are_kept_light(kernel: Path, root: Path) -> None:
    drawing = "import numpy as np\nimport matplotlib.pyplot as plt\nplt.figure(figsize=(8, 8))\n"
    drawing += "plt.imshow(np.random.default_rng(0).random((600, 600, 3)))\nplt.show()"
    kernel.write_text(TEXT.replace("import repro\n\nprint(1 + 1)", drawing))
    executed = kept.execute(root, "counting")
    assert sum(map(len, executed.pictures.values())) <= kept.PICTURE_BYTES
    kept.write(root, "counting", executed)
    assert re.search(r'<img alt="Output of the cell above"[^>]* src="\.\./counting-1\.webp"', page(root))
    assert built(root)["tutorials/counting-1.webp"]


def test_the_command_executes_what_is_stale_and_fails_with_a_cell(kernel: Path, root: Path, sightglass) -> None:
    done = sightglass("tutorials", "--stale")
    assert (done.code, "counting" in done.out) == (0, True)
    assert "no tutorial is stale" in sightglass("tutorials", "--stale").out
    kernel.write_text(TEXT.replace("1 + 1", "1 / 0"))
    before = kept.path_of(root, "counting").read_bytes()
    done = sightglass("tutorials", "--check")
    assert done.code == 1
    assert "counting.py: a cell failed" in done.err
    assert "ZeroDivisionError" in done.err
    assert kept.path_of(root, "counting").read_bytes() == before
    assert sightglass("tutorials", "count").code == 2


def test_slow_prints_are_one_block(kernel: Path, root: Path) -> None:
    slowly = "0, flush=True)\nimport time\ntime.sleep(1)\nprint(1"
    kernel.write_text(TEXT.replace("1 + 1", slowly))
    kept.write(root, "counting", kept.execute(root, "counting"))
    assert "<code>0\n1</code>" in page(root)


def test_tutorial_method_and_paper_lead_to_each_other(root: Path) -> None:
    (root / "docs/zh/tutorials").mkdir(parents=True)
    (root / "docs/zh/tutorials/counting.py").write_text("# %% [markdown]\n# # 数数\n", encoding="utf-8")
    entries = {"known": paper(proposes=["counting"], title="Counting <b>"), "other": paper()}
    site = Site(catalogue(root, entries, {"counting": method(name="Counting", proposed_by=["known"])}))
    for language in ("en", "zh"):
        local, folder = site.in_language(language), "zh/" if language == "zh" else ""
        [first, *_] = json.loads(tutorials.build(site)[f"{folder}tutorials/counting/index.ipynb"])["cells"]
        assert '<a href="../../methods/counting/">Counting</a>' in first["source"]
        assert '<a lang="en" href="../../papers/known/">Counting &lt;b&gt;</a>' in first["source"]
        for leading in (methods.method_page(local, "counting"), entry_page(local, "known")):
            assert body(leading).count('href="../../tutorials/counting/"') == 1
        assert "tutorials/" not in entry_page(local, "other")


def test_a_real_notebook_runs_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a fresh kernel, with nothing but an importable project; the installing cell then has nothing to do."""
    pytest.importorskip("torch")  # the light installation has no torch
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")  # nor notebooks
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SIGHTGLASS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SIGHTGLASS_ROOT", raising=False)
    source = tutorials.build(Site(catalogue(ROOT, {}), settings=ADDRESSES))["tutorials/cam.ipynb"]
    folder = tmp_path / "empty"
    folder.mkdir()
    notebook = nbformat.reads(str(source), as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not notebook.cells[0].outputs
    assert list(folder.iterdir()) == []


def test_notebooks_are_published_as_one_commit_of_a_branch(tmp_path: Path, require_program) -> None:
    git = require_program("git", "install git")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def run(*words: object) -> str:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    made, remote = tmp_path / "made", tmp_path / "remote.git"
    made.mkdir()
    run(git, "init", "-q", "--bare", remote)
    for names in (["a", "b"], ["b", "c"]):
        for old in made.iterdir():
            old.unlink()
        for name in names:
            (made / f"{name}.ipynb").write_text("{}")
        run(ROOT / ".ci" / "publish-notebooks", made, remote)
        listed = run(git, "-C", remote, "ls-tree", "-r", "--name-only", tutorials.BRANCH).split()
        assert listed == [f"tutorials/{name}.ipynb" for name in names]  # what was deleted is gone
        assert run(git, "-C", remote, "rev-list", "--count", tutorials.BRANCH).strip() == "1"
