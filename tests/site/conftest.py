"""The built site, served from a sub-path as on Pages, and a browser to look at it."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BROWSER_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def build(root: Path, folder: Path, **environment: str) -> None:
    """Build the site of a checkout as ``make serve`` shows it (tutorials not executed), strictly."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment |= {"NO_MKDOCS_2_WARNING": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tools")])
    done = subprocess.run(
        command, cwd=root, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def pages_in(built: Path) -> list[Path]:
    """All pages, without those that only lead on to another address."""
    return [path for path in sorted(built.rglob("*.html")) if b'http-equiv="refresh"' not in path.read_bytes()[:1000]]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address, while it lasts, of a site in the folder ``sightglass`` of this one."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/sightglass/"
    server.shutdown()


@pytest.fixture(scope="session")
def built(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The folder of the site."""
    published = "http://127.0.0.1/sightglass/"  # only the path counts: the 404 page needs it
    return once("www", lambda www: build(ROOT, www / "sightglass", SIGHTGLASS_SITE=published)) / "sightglass"


@pytest.fixture(scope="session")
def address(built: Path) -> Iterator[str]:
    """Where the site is served."""
    with served(built.parent) as found:
        yield found


@pytest.fixture(scope="session")
def browser(require_program: Callable[[str, str], str]) -> Iterator[object]:
    """Headless Chromium; its shell without a window opens a page in half the time."""
    remedy = "on Debian: apt-get install chromium-headless-shell"
    shell, whole = "chromium-headless-shell", "chromium"
    path = require_program(shell if shutil.which(shell) or not shutil.which(whole) else whole, remedy)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield launched
        launched.close()
