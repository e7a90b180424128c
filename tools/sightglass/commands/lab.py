"""Methods and the laboratory: ``methods``, ``train``; and what ``run`` and ``verify`` share with them.

torch is imported only inside the commands that compute: looking things up does without.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from sightglass import catalogue as catalogues
from sightglass import ledger
from sightglass.commands.catalogue import AsJson, fail, print_json
from sightglass.running import runnable

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.", metavar="NAME")]
INSTALL = "torch is not installed: make setup, or pip install -e '.[lab]' in the checkout, installs what this needs"


def methods(as_json: AsJson = False) -> None:
    """List the methods that run here, with what each needs and returns, its claims, and what was measured.

    'Needs' lists what 'sightglass run' passes to the method; what is in brackets has a default. Some methods
    can only be called from Python: their pages and tutorials show how.

    Examples:  sightglass methods  |  sightglass methods --json
    """
    with plain_errors():
        catalogue = catalogues.load()
        results = ledger.load_all(catalogue.root)
    rows: list[dict[str, Any]] = []
    for slug, method in catalogue.methods.items():
        if ledger.module_of(catalogue.root, slug):
            stored = results.get(slug, [])
            verdicts = {
                result.device: {claim.id: ledger.verdict(claim, result) for claim in method.claims} for result in stored
            }
            stale = [result.device for result in stored if ledger.is_stale(result, catalogue.root)]
            found = runnable.find(catalogue.root, slug)
            runs = found is not None and found.why_not is None
            row: dict[str, Any] = {
                "method": slug,
                "name": method.name,
                "family": method.family,
                "runs": runs,
                "needs": found.needs if found and runs else [],
                "gives": found.gives if found and runs else None,
                "claims": len(method.claims),
            }
            rows.append(row | {"verdicts": verdicts, "stale": stale})
    if as_json:
        print_json(rows)
        return
    table = Table("Method", "Family", "Needs", "Gives", "Claims", "Measured", box=None, pad_edge=False)
    for row in rows:
        told = [
            f"{device}: {list(words.values()).count('holds')} hold, {list(words.values()).count('fails')} do not"
            + (" (stale)" if device in row["stale"] else "")
            for device, words in row["verdicts"].items()
        ]
        use = (", ".join(row["needs"]), row["gives"]) if row["runs"] else ("in Python", "")
        table.add_row(row["method"], row["family"], *use, str(row["claims"]), "; ".join(told) or "not run")
    print_table(table)


def train(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NETWORK]...", help="Default: all networks.")] = None,
    seed: Annotated[list[int] | None, typer.Option(min=0, help="Can be repeated. Default: 0, 1 and 2.")] = None,
) -> None:
    """Train the laboratory's networks again (a minute or two each) and write repro/lab/weights/.

    A run that was stopped continues after its last epoch.

    Examples:  sightglass train  |  sightglass train gap-scenes --seed 0
    """
    with plain_errors():
        need_torch()
        from repro.lab import networks, training

        for name in names or networks.NAMES:
            if name not in networks.NAMES:
                hint = catalogues.nearest(name, networks.NAMES) or f": there are {', '.join(networks.NAMES)}"
                raise fail(f"no network is called '{name}'{hint}")
        for name in names or networks.NAMES:
            for number in seed or [0, 1, 2]:
                record = training.train(name, number)
                typer.echo(f"{name}, seed {number}: accuracy {record['accuracy']:.3f} in {record['seconds']:.0f} s")


def print_table(table: Table) -> None:
    """As wide as the terminal; into a file or a pipe without cutting anything."""
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


@contextmanager
def plain_errors() -> Iterator[None]:
    """What a user can mend ends the command with one line, never with a traceback."""
    try:
        yield
    except ValueError as error:
        raise fail(str(error)) from error
    except BrokenPipeError:  # whoever read the output has had enough
        raise
    except OSError as error:
        raise fail(f"{error.filename or 'the output'}: {error.strerror or error}") from error
    except RuntimeError as error:
        if "out of memory" not in str(error).lower():
            raise
        raise fail("the device has too little memory for this: try --device cpu") from error


def need_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise fail(INSTALL)


def chosen_device(name: str) -> str:
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if name not in there:
        raise fail(f"no device is called '{name}': there are auto, cpu, cuda and mps")
    if not there[name]:
        raise fail(f"{name} is not available here: use --device {next(d for d in ('cuda', 'mps', 'cpu') if there[d])}")
    return name
