"""The pages as a plain MkDocs project: MkDocs builds the same pages from it without our hook."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from mkdocs.commands.build import build
from mkdocs.config import load_config
from sightglass.pages import exporting


def built(config: Path, folder: Path) -> Path:
    loaded = load_config(str(config), site_dir=str(folder))
    loaded.plugins.on_startup(command="build", dirty=False)
    build(loaded)
    return folder


def held(folder: Path, *, but: tuple[str, ...] = ()) -> set[str]:
    """The paths of all files of a site, without those that only one of them has by intention."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {path for path in paths if not path.startswith(but)}


def test_no_page_and_no_file_is_lost(toy_site: Path, tmp_path: Path, sightglass: Callable[..., Any]) -> None:
    done = sightglass("site", "--markdown", str(tmp_path / "plain"))
    assert done.code == 0, done.err
    plain = built(tmp_path / "plain/mkdocs.yml", tmp_path / "from-plain")
    ours = built(toy_site / "mkdocs.yml", tmp_path / "ours")
    assert held(plain, but=("search/", "sitemap", exporting.STYLE)) == held(ours)
    assert len(held(ours)) > 100
    page = (plain / "papers/okafor2013glow/index.html").read_text(encoding="utf-8")
    assert '<meta name="citation_author" content="Chidi Okafor">' in page
    assert "<!-- ready -->" not in page
    assert "<code>print" in re.sub(
        "<span[^>]*>|</span>", "", (plain / "tutorials/counting/index.html").read_text("utf-8")
    )
    assert '<html lang="zh-Hans"' in (plain / "zh/methods/gradient-glow/index.html").read_text(encoding="utf-8")


def test_the_project_needs_nothing_of_ours(toy_site: Path) -> None:
    files = exporting.project(toy_site)
    config = yaml.safe_load(files["mkdocs.yml"])
    assert "hooks" not in config
    assert config["plugins"] == ["search"]
    for name in exporting.TEMPLATES:
        text = (toy_site / "overrides" / name).read_text(encoding="utf-8")
        assert "say(" not in text.replace("{{ say('additions') }}", ""), name  # that one stands where there are feeds
    chinese = next(item["中文"] for item in config["nav"] if "中文" in item)
    assert {"首页": "zh/index.md"} in chinese


def test_an_export_is_replaced_as_a_whole_and_nothing_else_is(
    toy_site: Path, tmp_path: Path, sightglass: Callable[..., Any]
) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    exporting.write(folder, {"mkdocs.yml": exporting.MARK, "docs/old.md": "# Old\n"})
    exporting.write(folder, {"mkdocs.yml": exporting.MARK, "docs/new.md": "# New\n"})
    assert held(folder) == {"mkdocs.yml", "docs/new.md"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    (folder / "mkdocs.yml").write_text("site_name: Somebody's own\n", encoding="utf-8")
    done = sightglass("site", "--markdown", str(folder))
    assert done.code == 2
    assert "holds something that is no export" in done.err
    assert (folder / "docs/new.md").is_file()


def test_what_does_not_fit_is_said_in_a_sentence(
    toy_site: Path, tmp_path: Path, sightglass: Callable[..., Any]
) -> None:
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    for words in (("--serve",), ("--output", "x")):
        assert sightglass("site", "--markdown", str(tmp_path / "plain"), *words).code == 2
    assert sightglass("site", "--markdown", str(file)).code == 2
    assert sightglass("site", "--markdown", str(file / "below")).code == 2
    paper = toy_site / "catalog/papers/okafor2013glow.yaml"
    paper.write_text(paper.read_text(encoding="utf-8").replace("journal", "jurnal"), encoding="utf-8")
    done = sightglass("site", "--markdown", str(tmp_path / "plain"))
    assert done.code == 1
    assert "did you mean 'journal'" in done.err
    assert not (tmp_path / "plain").exists()


@pytest.mark.parametrize("failing", ["write_bytes", "rename"])
def test_a_failure_leaves_the_old_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    folder = tmp_path / "plain"
    exporting.write(folder, {"mkdocs.yml": exporting.MARK, "docs/old.md": "# Old\n"})
    files: dict[str, Any] = {"mkdocs.yml": exporting.MARK, "docs/new.md": "# New\n"}

    works = getattr(Path, failing)

    def fails(path: Path, argument: Any) -> Any:
        if path.name in ("new", "new.md"):
            raise OSError("no space left")
        return works(path, argument)

    monkeypatch.setattr(Path, failing, fails)
    with pytest.raises(OSError, match="no space left"):
        exporting.write(folder, files)
    assert held(folder) == {"mkdocs.yml", "docs/old.md"}
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
