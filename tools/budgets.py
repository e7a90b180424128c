"""The lines that a method and its experiment may have; ``make lint`` runs this.

A paper's idea fits on a page or two of code.  What does not fit has a part that belongs into ``repro/engine`` or
``repro/lab``, or stands below with its reason.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

LINES, MEDIAN = 110, 70
EXCEPTIONS: dict[str, str] = {}  # "repro/attribution/lrp.py" to the reason


def modules(root: Path) -> dict[str, list[Path]]:
    """Methods and experiments, found by where they lie."""
    beside = ("engine", "lab", "experiments")
    methods = [path for path in root.glob("repro/*/*.py") if path.parent.name not in beside]
    found = {"methods": methods, "experiments": list(root.glob("repro/experiments/*/*.py"))}
    return {kind: sorted(path for path in paths if path.name != "__init__.py") for kind, paths in found.items()}


def check(root: Path, exceptions: dict[str, str]) -> tuple[list[str], list[str]]:
    """One line for each kind, and what is too long or an exception no longer."""
    summary, problems = [], []
    for kind, paths in modules(root).items():
        lines = {
            path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in paths
        }
        if lines:
            median = statistics.median(lines.values())
            summary.append(
                f"{len(lines)} {kind}: median {median:g} lines (aim {MEDIAN}), longest {max(lines.values())}"
            )
        problems += [
            f"{path} has {count} lines, {LINES} are allowed"
            for path, count in lines.items()
            if count > LINES and path not in exceptions
        ]
        problems += [
            f"{path} is short enough: it needs no exception"
            for path, count in lines.items()
            if count <= LINES and path in exceptions
        ]
    return summary, problems


def main() -> int:
    summary, problems = check(Path(__file__).resolve().parents[1], EXCEPTIONS)
    print("\n".join([*summary, *problems]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
