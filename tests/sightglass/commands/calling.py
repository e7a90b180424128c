"""A command called as a user calls it, in this process."""

from __future__ import annotations

from typing import Any

from sightglass.cli import app
from typer.testing import CliRunner


def call(*arguments: object, code: int = 0) -> Any:
    """What ``sightglass`` with these arguments leaves; it has to end with exit code ``code``."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def refused(*arguments: object) -> str:
    """What a command says that ends with exit code 2: one line on stderr, nothing on stdout, no traceback."""
    result = call(*arguments, code=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.stderr
    return str(result.stderr)
