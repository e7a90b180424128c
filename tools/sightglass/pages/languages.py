"""Which page is which in the other language: addresses, and the navigation's titles."""

from __future__ import annotations

from sightglass.pages.phrases import FOLDERS, LANGUAGES


def language_of(url: str) -> str:
    """The interface's language on the page at ``url`` (relative to the site): ``zh`` below ``zh/``, else ``en``."""
    return next((language for language, folder in FOLDERS.items() if folder and url.startswith(folder)), "en")


def counterpart(path: str, language: str) -> str:
    """The path or address of the same page in ``language``."""
    return FOLDERS[language] + path.removeprefix(FOLDERS[language_of(path)])


def alternates(url: str, known: frozenset[str]) -> dict[str, str]:
    """The address of a page in each language that has it, by HTML's name of the language; its own is among them."""
    found = {html: counterpart(url, language) for language, html in LANGUAGES.items()}
    return {html: address for html, address in found.items() if address in known}


def other(url: str, language: str, known: frozenset[str]) -> str:
    """Where the switch to ``language`` leads: to the same page, or to the home page if there is no such page."""
    address = counterpart(url, language)
    return address if address in known else FOLDERS[language]
