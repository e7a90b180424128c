"""How quick and how heavy finding is, for the catalogue as it is and copied to 10,000 entries, in headless Chromium.

    python -m benchmarks.browse                     # both; building 10,000 pages takes minutes
    python -m benchmarks.browse --entries 2000
    python -m benchmarks.browse --site built/site   # a site that is already there

Keystrokes are real key events; each is timed from the event's own time stamp to the moment after the frame that shows
its results, and once more without the wait for the screen.  Transfer is what Python's http.server sends, uncompressed.
"""

from __future__ import annotations

import argparse
import http.server
import shutil
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.site import COPIED, ROOT, build, enlarge
from playwright.sync_api import Browser, sync_playwright

TYPED = [
    "zeiler 2014",
    "grad cam++",
    "visuallizing understanding",
    "deep neural networks",
    "e",
    "类激活映射",
    "对抗样本攻击方法",
]
LIMIT_MS, LIMIT_BYTES = 100, 1_000_000

# From the key event's time stamp to after the next frame; a message posted in a frame is handled once it is drawn.
TIMING = """
window.keys = [];
addEventListener("input", (event) => {
  const start = window.pressed || event.timeStamp;
  window.pressed = 0;
  window.before = performance.now();
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => window.keys.push(performance.now() - start);
    port2.postMessage(0);
  });
}, true);
// The boxes' own listeners come between the one above and this one.
addEventListener("input", () => { window.work = performance.now() - window.before; });
addEventListener("keydown", (event) => { window.pressed = event.timeStamp; }, true);
addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector(".sg-results");
  if (list) new MutationObserver((_, observer) => { observer.disconnect(); window.found = performance.now(); })
    .observe(list, { childList: true });
});
window.asked = (until) => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((file) => file.startTime < until).reduce((sum, file) => sum + file.transferSize, 0);
"""


@contextmanager
def served(site: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """The address of a site served from a sub-path, and how many bytes have been sent so far."""
    sent = 0

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return super().translate_path(path.removeprefix("/sightglass"))

        def copyfile(self, source: Any, outputfile: Any) -> None:
            nonlocal sent
            with suppress(ConnectionError):  # a page may be closed while its files are on their way
                while block := source.read(16384):
                    outputfile.write(block)
                    sent += len(block)

        def log_message(self, *_: object) -> None:
            pass

    # the server builds a handler for each request from a callable; a name for it would say no more
    handler = lambda *given: Handler(*given, directory=str(site))  # noqa: E731  # one expression
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/sightglass/", lambda: sent
    server.shutdown()


def first_results(browser: Browser, address: str, query: str) -> tuple[int, float]:
    """Bytes asked for, and milliseconds passed, until the browse page shows results in a browser that has seen nothing.

    What was still on its way by then counts as a whole.
    """
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(TIMING)
    page.goto(f"{address}browse/" + (f"?q={query}" if query else ""), wait_until="networkidle")
    if query:
        page.wait_for_function("window.found")
        shown = page.evaluate("window.found")
    else:  # the page brings its first results itself
        shown = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    found = page.evaluate("(until) => window.asked(until)", shown), shown
    context.close()
    return found


def keystrokes(browser: Browser, address: str, path: str, box: str) -> tuple[list[float], list[float]]:
    """Milliseconds of each keystroke in a box, the whole index loaded: to the drawn frame, and of the script alone."""
    page = browser.new_page()
    page.add_init_script(TIMING)
    page.goto(address + path)
    page.evaluate(
        "async (base) => { const { load } = await import(base + 'assets/find.js'); await load().words(); }", address
    )
    page.focus(box)
    drawn: list[float] = []
    alone: list[float] = []
    for words in TYPED:
        page.fill(box, "")
        page.wait_for_timeout(100)
        for letter in words:
            page.evaluate("window.keys = []")
            page.keyboard.insert_text(letter) if letter > "\u3000" else page.keyboard.press(
                " " if letter == " " else letter
            )
            page.wait_for_function("window.keys.length")
            drawn.append(page.evaluate("window.keys[0]"))
            alone.append(page.evaluate("window.work"))
    page.close()
    return drawn, alone


def weigh(browser: Browser, address: str, sent: Callable[[], int], path: str) -> int:
    """Bytes that a page asks for by itself."""
    start = sent()
    context = browser.new_context()
    page = context.new_page()
    page.goto(address + path, wait_until="networkidle")
    context.close()
    return sent() - start


def report(site: Path) -> bool:
    """Print the figures of one site; whether the limits hold."""
    with served(site) as (address, sent), sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        good = True
        for query in ("", "zeiler"):
            size, milliseconds = first_results(browser, address, query)
            good &= size <= LIMIT_BYTES
            what = f"browse/?q={query}" if query else "browse/"
            print(f"  first results of {what:17} {size / 1e3:8.0f} KB {milliseconds:7.0f} ms")
        for name, path, box in (("browse", "browse/", ".sg-query"), ("header", "guide/", "[data-sg-search] input")):
            drawn, alone = keystrokes(browser, address, path, box)
            good &= max(drawn) < LIMIT_MS
            print(
                f"  a key in the {name}'s box    median {statistics.median(drawn):5.1f} ms, worst {max(drawn):5.1f} ms"
                f"  (script alone: {statistics.median(alone):.1f}, {max(alone):.1f}; {len(drawn)} keys)"
            )
        for path in ("", "browse/", "papers/zhou2016learning/", "methods/cam/"):
            print(f"  weight of /{path:27} {weigh(browser, address, sent, path) / 1e3:8.0f} KB")
        browser.close()
    return good


def main() -> None:
    """Measure, print, and fail if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--entries", type=int, default=10_000, help="how many entries the catalogue is copied to")
    parser.add_argument("--site", type=Path, help="measure this built site only")
    options = parser.parse_args()
    if options.site:
        print(options.site)
        raise SystemExit(not report(options.site))
    good = True
    for entries in (0, options.entries):
        with tempfile.TemporaryDirectory() as folder:
            ours = Path(folder)
            for name in COPIED:
                source = ROOT / name
                (shutil.copytree if source.is_dir() else shutil.copy)(source, ours / name)
            if entries:
                enlarge(ours, entries)
            build(ours / "mkdocs.yml", ours / "site")
            print(f"{entries} entries" if entries else "the catalogue as it is")
            good &= report(ours / "site")
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
