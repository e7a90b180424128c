"""Fetch an image from the web: http or https, few redirects, a limit on time and size, and errors that say what to do.

What comes is decoded like any file, so that a page that calls itself an image is found out.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from pathlib import PurePosixPath

import httpx
from sightglass import __version__
from sightglass.errors import ImageError
from sightglass.links.requests import MOST_REDIRECTS, fault

LIMIT = 50_000_000  # bytes
SECONDS = 20.0  # for the connection, and for each piece of the answer
LONGEST = 120.0  # for the whole of it


def is_address(text: str) -> bool:
    """Whether this is meant as a web address rather than a file."""
    return text.lower().startswith(("http://", "https://"))


def name_of(address: str) -> str:
    """A file name for what is at an address: the last part of its path, or its host."""
    url = httpx.URL(address)
    last = PurePosixPath(url.path).name or url.host
    return (
        "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in last)[-100:].lstrip(".") or "image"
    )


def fetch(address: str, *, limit: int = LIMIT, seconds: float = SECONDS, longest: float = LONGEST) -> tuple[bytes, str]:
    """The bytes at an address, and the kind of content that the server calls them (image/jpeg).

    Raises ImageError, in one sentence, if there is no answer, another status than 200, too much, or it takes too long.
    """
    headers = {"User-Agent": f"sightglass/{__version__}", "Accept": "image/*"}
    saved = "save the image with a browser and give the file"
    client = httpx.Client(follow_redirects=True, max_redirects=MOST_REDIRECTS, timeout=seconds, headers=headers)
    try:
        with client, client.stream("GET", address) as response:
            if response.status_code != HTTPStatus.OK:
                said = f"{response.status_code} {response.reason_phrase}".strip()
                raise ImageError(f"{address} answers {said}: {saved}")
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            start, data = time.monotonic(), bytearray()
            announced = response.headers.get("Content-Length", "")
            for piece in response.iter_bytes() if not _too_much(announced, limit) else ():
                data += piece
                if time.monotonic() - start > longest:
                    raise ImageError(f"{address} sends too slowly ({longest:g} s were not enough): {saved}")
                if len(data) > limit:
                    break
            if _too_much(announced, limit) or len(data) > limit:
                raise ImageError(f"{address} is larger than {limit // 1_000_000} MB: {saved}, made smaller")
            return bytes(data), kind
    except httpx.TooManyRedirects:
        raise ImageError(f"{address} redirects more than {MOST_REDIRECTS} times: {saved}") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
        raise ImageError(f"{address} leads to what is no web address ({error}): {saved}") from error
    except (httpx.HTTPError, OSError) as error:
        raise ImageError(f"{address}: {fault(error, seconds).said}: check the address, or {saved}") from error


def _too_much(announced: str, limit: int) -> bool:
    return announced.isdecimal() and int(announced) > limit
