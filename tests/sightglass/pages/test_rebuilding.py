"""The served site: after a change the page shows it, whatever changed, and pages that are the same are left alone."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from sightglass import ledger
from sightglass.commands import catalogue as command
from sightglass.ledger import Quantity, Result, tutorials
from sightglass.pages import rebuilding, rendering

CLAIM = """\
claims:
  - id: bright
    statement: The glow is bright.
    statement_zh: 辉光很亮。
    paper: okafor2013glow
    place: Section 2
    quantity: brightness
    unit: share
    at_least: 0.5
    ours: true
"""


class Served:
    """A site as ``mkdocs serve`` builds it, without the server; counts the builds of everything."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder, self.whole = root, folder, 0
        config = self._build()
        self.server = config.plugins.on_serve(SimpleNamespace(), config=config, builder=self._build)

    def _build(self) -> Any:
        self.whole += 1
        config = load_config(str(self.root / "mkdocs.yml"), site_dir=str(self.folder))
        config.plugins.on_startup(command="serve", dirty=False)
        build(config, serve_url="http://127.0.0.1:8000/")
        return config

    def change(self, path: str, old: str, new: str) -> list[str]:
        """Change a file and rebuild; the paths in the site that were written."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        return self.rebuild()

    def rebuild(self) -> list[str]:
        before = {path: path.stat().st_mtime_ns for path in self.folder.rglob("*") if path.is_file()}
        self.server.builder()
        after = {path: path.stat().st_mtime_ns for path in self.folder.rglob("*") if path.is_file()}
        return sorted(p.relative_to(self.folder).as_posix() for p in after if after[p] != before.get(p))

    def page(self, address: str) -> str:
        return (self.folder / address / "index.html").read_text(encoding="utf-8")

    def everything(self) -> dict[str, bytes]:
        """What all pages hold, but for the date of the build."""
        files = {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in self.folder.rglob("*.*")}
        return {name: content for name, content in files.items() if not name.endswith(".gz")}


@pytest.fixture
def served(toy_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    return Served(toy_site, tmp_path / "www")


PAPER = "catalog/papers/okafor2013glow.yaml"
TITLE = ("title: Gradients that Glow", "title: Gradients that Shine")


def test_a_changed_title_is_on_every_page_that_names_it_and_others_are_not_written(served: Served) -> None:
    written = served.change(PAPER, *TITLE)
    assert served.whole == 1
    for address in ("papers/okafor2013glow", "zh/papers/okafor2013glow", "papers", "methods/gradient-glow"):
        assert "Gradients that Shine" in served.page(address)
        assert f"{address}/index.html" in written
    assert not [path for path in written if path.startswith(("assets/", "guide/", "zh/guide/", "topics/"))]


def test_after_a_quick_rebuild_every_file_is_what_a_whole_build_makes(served: Served) -> None:
    served.change(PAPER, *TITLE)
    served.change("catalog/methods/heat-sum.yaml", "name: Heat sum", "name: Sum of heat")
    served.change("catalog/venues.yaml", "kind: journal", "kind: conference")
    quick = served.everything()
    assert served.whole == 1
    served._build()
    assert quick == served.everything()


def test_a_renamed_page_is_renamed_where_its_neighbours_name_it(served: Served) -> None:
    written = served.change("catalog/papers/lin2015where.yaml", "Where the Network Looks", "Why the Network Looks")
    assert served.whole == 1
    for language in ("", "zh/"):
        assert f"{language}papers/okafor2013glow/index.html" in written
        neighbours = served.page(f"{language}papers/okafor2013glow").partition('class="sg-neighbours"')[2]
        assert "Why the Network Looks" in neighbours


def test_a_mistake_ends_the_rebuild_and_leaves_the_pages_until_it_is_mended(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Abort):
        served.change(PAPER, "kind: journal", "kind: jurnal")
    assert "did you mean 'journal'" in caplog.text
    assert "Gradients that Glow" in served.page("papers/okafor2013glow")
    assert served.change(PAPER, "kind: jurnal", "kind: journal") == []
    served.change(PAPER, *TITLE)
    assert "Gradients that Shine" in served.page("papers/okafor2013glow")
    assert served.whole == 1


def test_a_broken_link_ends_the_rebuild_and_the_next_one_builds_everything(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sightglass.pages.rendering._leads", lambda *_: False)
        with pytest.raises(Abort):
            served.change(PAPER, *TITLE)
    served.rebuild()
    assert served.whole == 2
    assert "Gradients that Shine" in served.page("papers/okafor2013glow")


def test_a_new_result_is_on_the_page_of_its_method(served: Served) -> None:
    method = served.root / "catalog/methods/gradient-glow.yaml"
    method.write_text(method.read_text(encoding="utf-8") + CLAIM, encoding="utf-8")
    served.rebuild()
    assert "0.75" not in served.page("methods/gradient-glow")
    result = Result(
        method="gradient-glow", device="cpu", device_name="a processor", command="c", date="2026-01-01", seconds=1,
        seeds=[0], verdicts={"bright": "holds"}, quantities={"brightness": Quantity.of([0.75])}, versions={},
    )  # fmt: skip  # a record
    ledger.write(served.root, result)
    served.rebuild()
    assert "0.75" in served.page("methods/gradient-glow")
    assert served.whole == 1


def test_outputs_kept_anew_are_on_the_page_of_their_tutorial(served: Served) -> None:
    cell = tutorials.Cell(source=tutorials.digest("print(1 + 1)"), outputs=[tutorials.Output(text="two")])
    outputs = tutorials.Kept(date="2026-03-05", seconds=1, versions={}, key="", objects={}, files={}, cells=[cell])
    tutorials.write(served.root, "counting", tutorials.Executed(outputs))
    assert served.rebuild() == [f"{folder}tutorials/counting/index.html" for folder in ("", "zh/")]
    assert served.whole == 1
    quick = served.everything()
    assert b"<code>two</code>" in quick["zh/tutorials/counting/index.html"]
    served._build()
    assert quick == served.everything()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("overrides/main.html", "{{ super() }}", "{{ super() }}<!-- changed -->"),
        ("docs/guide.md", "A paragraph.", "A paragraph <!-- changed -->."),
        ("docs/index.md", "Papers, tools", "<!-- changed --> Papers, tools"),
    ],
)
def test_a_changed_template_or_guide_builds_everything(served: Served, path: str, old: str, new: str) -> None:
    served.change(path, old, new)
    assert served.whole == 2
    assert "<!-- changed -->" in served.page("" if "guide" not in path else "guide")


def test_a_new_entry_builds_everything(served: Served) -> None:
    folder = served.root / "catalog/resources"
    known = (folder / "seeing-layers.yaml").read_text(encoding="utf-8")
    new = re.sub("^title: .*$", "title: Seeing Numbers", known, flags=re.MULTILINE)
    (folder / "seeing-numbers.yaml").write_text(new.replace("seeing-layers", "seeing-numbers"), encoding="utf-8")
    served.rebuild()
    assert served.whole == 2
    assert "Seeing Numbers" in served.page("resources/seeing-numbers")


def test_code_of_the_site_that_has_changed_starts_the_server_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTGLASS_AGAIN", str(command.AGAIN))
    phrases = Path(rebuilding.__file__).with_name("phrases.py")
    monkeypatch.setitem(rebuilding._code, phrases, b"as it was when the server started")
    with pytest.raises(SystemExit) as ended:
        served.rebuild()
    assert ended.value.code == command.AGAIN


def test_the_command_starts_a_server_again_that_asks_for_it(
    toy: Path, sightglass: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [command.AGAIN, command.AGAIN, 3]
    monkeypatch.setattr("subprocess.run", lambda *_, **__: SimpleNamespace(returncode=codes.pop(0)))
    assert sightglass("site", "--serve").code == 3
    assert codes == []


def test_files_that_editors_leave_for_a_moment_do_not_matter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "here").write_bytes(b"x")
    assert rebuilding.held(tmp_path) == {tmp_path / "here": b"x"}


def test_the_navigation_of_each_page_is_the_theme_s_own_and_leads_where_it_says(served: Served) -> None:
    for folder in ("papers", "zh/papers", "methods"):
        page = served.page(f"{folder}/{'okafor2013glow' if 'papers' in folder else 'gradient-glow'}")
        navigation = re.search(r'<nav class="md-nav md-nav--primary.*?</nav>\n</div>', page, re.DOTALL)
        assert navigation is not None
        targets = re.findall(r'href="([^"]*)"', navigation[0])
        assert len(targets) > 20
        for target in targets:
            assert (served.folder / folder / "one" / target / "index.html").resolve().is_file(), target
    assert "md-nav__link--active" in served.page("papers")
    assert "md-nav__link--active" not in served.page("papers/okafor2013glow")


def test_white_space_goes_where_it_cannot_be_seen() -> None:
    page = "<p>\n    one  two\n</p>\n\n<pre>\n  a\n\n    b\n</pre>\n  <script>\n  `\n  `</script>\n"
    assert rendering.squeezed(page) == "<p>\none  two\n</p>\n<pre>\n  a\n\n    b\n</pre>\n<script>\n  `\n  `</script>\n"
