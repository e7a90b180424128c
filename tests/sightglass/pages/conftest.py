"""A small site: the toy catalogue with the project's templates, styles and home pages, stubs for its guides, a tutorial."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]


@pytest.fixture
def toy_site(toy: Path) -> Path:
    """A checkout with the toy catalogue that MkDocs builds in a second, strictly."""
    for folder in ("overrides", "docs/assets", "tools/sightglass"):
        shutil.copytree(ROOT / folder, toy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("repro", "results"):
        (toy / folder).mkdir()
    for page in ("index.md", "zh/index.md"):
        (toy / "docs" / page).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "docs" / page, toy / "docs" / page)
    for guide in ("cite/index", "guide", "data", "founding-notes", "architecture", "contributing"):
        for path in (toy / f"docs/{guide}.md", toy / f"docs/zh/{guide}.md"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"# {guide}\n\n## Run a method\n\n## Read as a group\n\nA paragraph.\n", encoding="utf-8")
    for folder, text in (("docs", "Counting, step by step"), ("docs/zh", "数数：逐步讲解")):
        (toy / folder / "tutorials").mkdir()
        tutorial = f"# %% [markdown]\n# # {text}\n#\n# ## 1 + 1\n\n# %%\nprint(1 + 1)\n"
        (toy / folder / "tutorials/counting.py").write_text(tutorial, encoding="utf-8")
    (toy / "CONTRIBUTING.md").write_text("# Contribute\n", encoding="utf-8")
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    (toy / "mkdocs.yml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return toy
