"""What all tests share: the programs and modules that judge, and the toy records they judge."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from filelock import FileLock
from sightglass.catalogue import FOLDERS
from sightglass.catalogue.models import Entry, Method, Topic, Venue


def pytest_configure() -> None:
    """One thread for each process: as many processes run beside each other as there are processors."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch reads it when it is loaded, in what tests start too


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all processes of this run."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def once(shared: Path) -> Callable[[str, Callable[[Path], object]], Path]:
    """``once(name, make)``: a shared folder that the first process to ask for it fills with ``make(folder)``."""

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, complete = shared / name, shared / f"{name}.complete"
        with FileLock(shared / f"{name}.lock"):
            if not complete.exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                complete.touch()
        return folder

    return made


@pytest.fixture(autouse=True, scope="session")
def _own_cache(shared: Path) -> Iterator[None]:
    """The user's cache is left alone; what one process makes, such as scenes, the others read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTGLASS_CACHE", str(shared / "cache"))
        yield


def _missing(name: str, remedy: str) -> None:
    message = f"{name} is missing; {remedy}"
    if os.environ.get("SIGHTGLASS_REQUIRE_ALL") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def require_program() -> Callable[[str, str], str]:
    """``require_program(name, remedy)``: its path; if it is missing, the test is skipped (or fails, see below).

    With ``SIGHTGLASS_REQUIRE_ALL=1`` in the environment nothing is skipped for want of a program or a module.
    """

    def require(name: str, remedy: str) -> str:
        path = shutil.which(name)
        if path is None:
            _missing(name, remedy)
        return str(path)

    return require


@pytest.fixture(scope="session")
def require_module() -> Callable[[str, str], ModuleType]:
    """``require_module(name, remedy)``: the imported module, as ``require_program`` does for programs."""

    def require(name: str, remedy: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ImportError:
            _missing(name, remedy)
            raise

    return require


@pytest.fixture(scope="session")
def require_font() -> Callable[[Sequence[str], str], None]:
    """``require_font(names, remedy)``: one of these fonts is there; else as ``require_program`` does."""

    def require(names: Sequence[str], remedy: str) -> None:
        from matplotlib import font_manager

        if not {font.name for font in font_manager.fontManager.ttflist} & set(names):
            _missing(f"a font such as {names[0]}", remedy)

    return require


@dataclass(frozen=True)
class Records:
    """Entries, venues, topics and methods that a catalogue might hold."""

    entries: Mapping[str, Entry]
    venues: Mapping[str, Venue]
    topics: Mapping[str, Topic]
    methods: Mapping[str, Method]


@pytest.fixture(scope="session")
def awkward() -> Records:
    """Made-up entries with everything that has ever broken a citation."""
    path = Path(__file__).parent / "sightglass" / "data" / "awkward.yaml"
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = {
        key: FOLDERS[folder].model_validate(entry) for folder in FOLDERS for key, entry in data.get(folder, {}).items()
    }
    topics = {topic["id"]: Topic.model_validate(topic) for topic in data.pop("topics")}
    methods = {key: value for key, value in entries.items() if isinstance(value, Method)}
    entries = {key: value for key, value in entries.items() if key not in methods}
    return Records(entries, {venue["id"]: Venue.model_validate(venue) for venue in data["venues"]}, topics, methods)
