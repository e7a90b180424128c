"""What README.md, CONTRIBUTING.md and the page on citing show is true today."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import sightglass
from sightglass import catalogue, ledger, pages
from sightglass.catalogue import check
from sightglass.pages import contents, readme

ROOT = Path(__file__).parents[2]


def test_the_table_of_methods_in_the_readme_is_up_to_date() -> None:
    """Else: ``sightglass readme``."""
    site = pages.Site(catalogue.load(ROOT), ledger.load_all(ROOT))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.filled(site, text) == text
    assert text.count("](repro/experiments/") > 10
    for path in re.findall(r"\]\(((?:repro|catalog|docs|results)/[^)]+)\)", text):
        assert (ROOT / path).exists(), path


def test_a_readme_without_a_place_for_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="methods"):
        readme.filled(pages.Site(catalogue.load(ROOT)), "# Sightglass\n")


@pytest.mark.parametrize("guide", ["CONTRIBUTING.md", "docs/zh/contributing.md"])
def test_the_sample_of_a_paper_is_accepted(guide: str, tmp_path: Path) -> None:
    sample = re.search(r"```yaml\n(title:.*?)```", (ROOT / guide).read_text(encoding="utf-8"), re.DOTALL)
    assert sample is not None
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    for folder in ("repro", "docs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    paper = tmp_path / "catalog/papers/zhou2016learning.yaml"
    paper.write_text(sample[1], encoding="utf-8")
    assert check.check(tmp_path)[1] == []
    paper.write_text(sample[1].replace("title: L", "titel: L"), encoding="utf-8")
    assert check.check(tmp_path)[1] != []


def test_the_link_to_a_new_issue_is_whole_where_the_repository_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTGLASS_REPOSITORY", "https://code.example.org/x")
    guides = {"zh/contributing.md": (ROOT / "docs/zh/contributing.md").read_text(encoding="utf-8")}
    for path in ("contributing.md", "zh/contributing.md"):
        assert "](https://code.example.org/x/issues/new?title=" in str(contents.generate(ROOT, guides)[path])
    monkeypatch.setenv("SIGHTGLASS_REPOSITORY", "")
    assert "issues/new" not in str(contents.generate(ROOT, guides)["contributing.md"])


@pytest.mark.parametrize("guide", ["docs/cite/index.md", "docs/zh/cite/index.md"])
def test_the_citation_of_the_site_has_its_version(guide: str) -> None:
    assert f"version = {{{sightglass.__version__}}}" in (ROOT / guide).read_text(encoding="utf-8")
