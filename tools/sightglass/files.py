"""Files written whole or not at all, by the laboratory's writer, and what a user asked to have written."""

from __future__ import annotations

from pathlib import Path

from repro.lab.files import whole


def write_whole(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path``; nobody ever sees half of it, and a file that is there keeps its permissions.

    Raises OSError, which names ``path``.
    """
    with whole(path) as file:
        if path.exists():
            Path(file.name).chmod(path.stat().st_mode & 0o777)
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def write_output(path: Path, content: bytes) -> None:
    """Write what ``--output`` names: the file that a link leads to whole, a pipe or a device as it is."""
    if path.is_file() or not path.exists():
        write_whole(path.resolve(), content)
    else:
        path.write_bytes(content)
