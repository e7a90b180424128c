"""A picture of the built home page for README.md and cards: ``python tools/site_picture.py``, after ``make site``."""

from __future__ import annotations

import functools
import http.server
import io
import threading
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
OUT, BYTES = ROOT / "docs/assets/site.webp", 80_000
WIDTH, HEIGHT = 1200, 860


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    """Take the picture in Chromium and write it as light as it has to be."""
    handler = functools.partial(_Quiet, directory=str(ROOT / "site"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"http://127.0.0.1:{server.server_port}/", wait_until="networkidle")
        taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    for quality in (85, 70, 55, 40):
        taken.save(OUT, "WEBP", quality=quality, method=6)
        if OUT.stat().st_size <= BYTES:
            break
    print(f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
