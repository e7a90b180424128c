"""Tutorials executed and their outputs kept: ``tutorials``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from sightglass import catalogue as catalogues
from sightglass.commands.catalogue import fail
from sightglass.commands.lab import need_torch, plain_errors
from sightglass.errors import TutorialError
from sightglass.ledger import selecting
from sightglass.ledger import tutorials as kept

AT_ONCE = 2  # kernels
EXIT_FAILED = 1


def tutorials(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Default: all.")] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Only those whose code or files have changed.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: execute what is stale, and some of the others in turn.")
    ] = False,
) -> None:
    """Execute the tutorials, two at a time, and keep what they print and draw in results/tutorials/.

    The site shows what is kept and executes nothing. Exit code 1: a cell failed; 2: an argument is wrong.

    Examples:  sightglass tutorials  |  sightglass tutorials cam  |  sightglass tutorials --stale
    """
    with plain_errors():
        root = catalogues.find_root()
        there = kept.names(root)
        for name in names or []:
            if name not in there:
                raise fail(f"no tutorial '{name}'{catalogues.nearest(name, there)}")
        chosen = {name: kept.why_stale(root, name, kept.load(root, name)) for name in names or there}
        if stale or check:
            number = selecting.run_number(root) if check else -1
            turns = {name for name in chosen if selecting.turn(name) == number % selecting.ROUNDS} if check else set()
            chosen = {name: why for name, why in chosen.items() if why or name in turns}
        if not chosen:
            typer.echo("no tutorial is stale")
            return
        need_torch()
        failed = []
        with Progress(console=Console(stderr=True)) as progress, ThreadPoolExecutor(AT_ONCE) as executor:
            task = progress.add_task("executing", total=len(chosen))
            work = {executor.submit(kept.execute, root, name): name for name in chosen}
            for future in as_completed(work):
                name = work[future]
                progress.update(task, advance=1, description=f"executed {name}")
                try:
                    executed = future.result()
                except TutorialError as error:
                    failed.append(str(error))
                    continue
                if not check:
                    kept.write(root, name, executed)
                why = "; ".join(chosen[name][:3]) or "as asked"
                typer.echo(f"{name}: {executed.kept.seconds:.0f} s ({why})")
        for message in failed:
            typer.echo(message, err=True)
        if failed:
            raise typer.Exit(EXIT_FAILED)
