"""``sightglass readme``: the table of methods in README.md."""

from __future__ import annotations

import typer

from sightglass import catalogue as catalogues
from sightglass import ledger
from sightglass.commands.catalogue import fail
from sightglass.commands.lab import plain_errors
from sightglass.errors import ReadmeError
from sightglass.files import write_whole
from sightglass.pages import Site
from sightglass.pages import readme as pages


def readme() -> None:
    """Write the table of the methods that run into README.md; a test fails when it is out of date.

    Examples:  sightglass readme
    """
    with plain_errors():
        catalogue = catalogues.load()
        results = ledger.load_all(catalogue.root)
    path = catalogue.root / "README.md"
    try:
        old = path.read_text(encoding="utf-8")
        new = pages.filled(Site(catalogue, results), old)
        if new != old:
            write_whole(path, new)
    except OSError as error:
        raise fail(f"{path.name}: {error.strerror}") from None
    except ReadmeError as error:
        raise fail(str(error)) from None
    typer.echo("rewritten: README.md" if new != old else "README.md is up to date")
