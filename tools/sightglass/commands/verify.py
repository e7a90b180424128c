"""The ledger kept up to date: ``verify`` measures claims, ``stale`` says which results the code has outgrown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sightglass import catalogue as catalogues
from sightglass import ledger
from sightglass.catalogue.models import Claim, Method
from sightglass.commands.catalogue import AsJson, fail, print_json
from sightglass.commands.lab import Device, chosen_device, need_torch, plain_errors, print_table
from sightglass.errors import StoredError
from sightglass.ledger import checking, figure_labels, selecting
from sightglass.ledger.measuring import Job
from sightglass.running import strips

SEEDS = [0, 1, 2]
EXIT_DIFFERS = 1
Names = Annotated[list[str] | None, typer.Argument(metavar="[METHOD]...", help="Default: all that run here.")]


@dataclass
class _Told:
    """What a run found, for people and as JSON."""

    claims: list[dict[str, Any]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    measured: dict[str, str] = field(default_factory=dict)  # and why
    rest_on_their_key: dict[str, str] = field(default_factory=dict)  # and when they were measured last
    notes: list[str] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)  # of which the numbers were up to date


def verify(
    names: Names = None,
    device: Device = "cpu",
    seeds: Annotated[
        str | None,
        typer.Option(help="Seeds of networks and scenes, separated by commas. Default: those of the ledger, or 0,1,2."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes at once; 0: one for each processor.")] = 0,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only results and pictures whose code or files have changed.")
    ] = False,
    shard: Annotated[
        str | None, typer.Option(help="One of several parts that take equally long: 2/4.", metavar="PART/COUNT")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the ledger disagrees with what is measured.")
    ] = False,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="MINUTES",
            help="With --check: measure what is stale, what changed and what is due, then more while time is left.",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="With --budget: the commit to compare with. Default: the newest that is two days old.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the claims of methods again and write the ledger: results/<device>/<method>.json and the picture.

    With --check, values must agree with the ledger to six digits. On another make of processor only the
    verdicts must agree; values that moved by more than the seeds differ are listed.

    Exit code 1: a claim's verdict is not the expected one (or, with --check, not the ledger's); 2: an
    argument is wrong.

    Examples:  sightglass verify  |  sightglass verify cam --seeds 0,1,2,3,4  |  sightglass verify --stale
    |  sightglass verify --check --budget 8  |  sightglass verify --check --shard 2/4
    """
    with plain_errors():
        if (budget is not None and not check) or (base and budget is None):
            raise fail("--budget goes with --check, and --base with --budget")
        catalogue = catalogues.load()
        root, chosen = catalogue.root, _chosen(catalogue, names or [])
        numbers = _seeds(seeds) if seeds else None
        need_torch()
        place = chosen_device(device)
        stored = {slug: _stored(root, place, slug, must=check) for slug in chosen}
        if shard:
            part, count = _part(shard)
            chosen = {slug: chosen[slug] for slug in selecting.shard(stored, part, count)}
        labels = {slug: {} if check else figure_labels.of(catalogue, slug) for slug in chosen}
        wanted = [_job(slug, method, numbers, stored[slug], labels[slug]) for slug, method in chosen.items()]
        if stale:
            wanted = [job for each in wanted if (job := _stale_part(each, root))]
        processes = jobs or (1 if place != "cpu" else ledger.processors())
        told = _Told()
        if budget is not None:
            plan = selecting.plan(
                root, {job.slug: job.stored for job in wanted}, place, budget=budget, base=base, processes=processes
            )
            wanted = [_within(plan, job) for job in wanted if job.slug in plan.reasons]
            told.measured, told.rest_on_their_key, told.notes = plan.reasons, plan.resting, plan.notes
            if plan.seeds:
                told.notes.append(
                    f"time was short, so these were measured with one seed only: {', '.join(sorted(plan.seeds))}"
                )
            if plan.must > budget:
                told.notes.append(
                    f"what must be measured takes about {plan.must:.0f} minutes, more than the budget of {budget:g}"
                )
        for job, found in _measure(wanted, root, place, processes, check):
            told.drawn += [] if job.numbers else [job.slug]
            if found.unlabelled:
                untranslated = "; ".join(found.unlabelled)
                told.notes.append(f"{job.slug}: labels of its figure without Chinese (labels_zh): {untranslated}")
            shown = found.result
            if budget is not None and job.stored:
                shown = checking.completed(shown, job.stored)
            told.claims += [_claim_row(job.slug, claim, shown) for claim in job.method.claims if job.numbers]
            told.differences += [f"{job.slug}: {what}, though its key does not hold it" for what in found.outside_key]
            if not check:
                told.differences += checking.unexpected(job.method.claims, found.result) if job.numbers else []
            elif job.stored is None:
                told.differences.append(f"{job.slug}: nothing in the ledger for {place}; sightglass verify writes it")
            else:
                comparison = checking.compare(job.method.claims, found.result, job.stored)
                told.differences += comparison.differences
                told.drift += comparison.drift
    _tell(told, as_json)
    if told.differences:
        raise typer.Exit(EXIT_DIFFERS)


def _measure(
    wanted: Sequence[Job], root: Path, device: str, processes: int, check: bool
) -> list[tuple[Job, ledger.Measured]]:
    """Measure jobs, and unless this is a check write each as soon as it is done."""
    tasks = sum(len(job.seeds) * job.numbers + job.picture for job in wanted)
    by_slug, found = {job.slug: job for job in wanted}, []
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("measuring", total=tasks)
        for one in ledger.measure(
            wanted,
            root,
            device=device,
            processes=min(processes, tasks) or 1,
            guarded=check,
            report=lambda slug: progress.update(bar, advance=1, description=f"measured {slug}"),
        ):
            found.append((by_slug[one.slug], one))
            if not check:
                ledger.write(root, one.result, one.picture, one.picture_zh)
    return sorted(found, key=lambda pair: pair[0].slug)


def _tell(told: _Told, as_json: bool) -> None:
    if as_json:
        print_json(asdict(told))
        return
    table = Table("Method", "Claim", "Measured", "Bound", "Verdict", "Expected", box=None, pad_edge=False)
    for row in told.claims:
        table.add_row(*(str(row[key]) for key in ("method", "claim", "measured", "bound", "verdict", "expected")))
    if told.claims:
        print_table(table)
    for title, lines in (
        ("Measured", [f"{slug} ({why})" for slug, why in sorted(told.measured.items())]),
        ("Not measured, as their key is the same", [f"{s} (last on {d})" for s, d in told.rest_on_their_key.items()]),
        ("Moved by more than seeds differ", told.drift),
        ("Note", told.notes),
        ("Drawn again", told.drawn),
    ):
        if lines:
            typer.echo(f"{title}: {'; '.join(lines)}.")
    if not told.claims and not told.measured and not told.drawn:
        typer.echo("Nothing to measure: all results are up to date.")
    for difference in told.differences:
        typer.echo(difference, err=True)


def stale(
    names: Names = None,
    as_json: AsJson = False,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 if anything is stale.")] = False,
) -> None:
    """List the results and pictures that are out of date, and what changed; takes seconds and needs no torch.

    A result is stale if a function, class or constant that its measurement reaches has changed, or a file that it read.
    Comments, docstrings, annotations and the texts of errors do not count.

    Examples:  sightglass stale  |  sightglass stale cam  |  sightglass stale --json  |  sightglass stale --check
    """
    with plain_errors():
        catalogue = catalogues.load()
        chosen = _chosen(catalogue, names or [])
        found = [
            *ledger.stale_parts(catalogue.root, chosen),
            *figure_labels.stale_parts(catalogue, chosen),
            *strips.stale_parts(catalogue, chosen),
        ]
    if as_json:
        print_json(found)
    else:
        for row in found:
            what = row["method"] + (f" on {row['device']}" if row["device"] != "cpu" else "")
            what += "" if row["part"] == "result" else f", {row['part']}"
            typer.echo(f"{what}: {_some(row['because'])}")
        counts = {part: sum(row["part"] == part for row in found) for part in ledger.REMEDIES}
        counted = [f"{count} {part}{'' if count == 1 else 's'}" for part, count in counts.items() if count]
        typer.echo(f"stale: {', '.join(counted)}; run {ledger.remedy(found)}" if found else "nothing is stale")
    if check and found:
        raise typer.Exit(EXIT_DIFFERS)


def _some(reasons: list[str], most: int = 3) -> str:
    shown = "; ".join(reasons[:most])
    return shown + (f"; and {len(reasons) - most} more" if len(reasons) > most else "")


def _chosen(catalogue: catalogues.Catalogue, names: list[str]) -> dict[str, Method]:
    """Methods by slug, all that have an experiment unless named."""
    runnable = {slug: m for slug, m in catalogue.methods.items() if ledger.experiment_of(catalogue.root, slug)}
    for name in names:
        if name not in catalogue.methods:
            raise fail(
                f"no method '{name}'{catalogues.nearest(name, catalogue.methods)}; sightglass methods lists them"
            )
        if name not in runnable:
            raise fail(f"{name} has no reproduction yet; sightglass methods lists those that run here")
    return {name: runnable[name] for name in names} or runnable


def _stored(root: Path, device: str, slug: str, *, must: bool) -> ledger.Result | None:
    """What the ledger has; if it is going to be written over, what can't be read counts as nothing."""
    path = ledger.path_of(root, device, slug)
    try:
        return ledger.load(path) if path.is_file() else None
    except StoredError:
        if must:
            raise
        return None


def _job(
    slug: str, method: Method, seeds: list[int] | None, stored: ledger.Result | None, labels: Mapping[str, str]
) -> Job:
    return Job(slug, method, seeds or (stored.seeds if stored else SEEDS), stored, labels_zh=labels)


def _within(plan: selecting.Plan, job: Job) -> Job:
    """The job, or if the plan has no time for all of it, with some of its seeds and without the picture."""
    seeds = plan.seeds.get(job.slug)
    return replace(job, seeds=seeds, picture=False) if seeds else job


def _stale_part(job: Job, root: Path) -> Job | None:
    """The job without what is still fresh; None if all of it is."""
    if job.stored is None:
        return job
    numbers = bool(ledger.why_stale(job.stored, root)) or list(job.seeds) != job.stored.seeds
    picture = bool(ledger.why_picture_stale(job.stored, root)) or job.seeds[:1] != job.stored.seeds[:1]
    picture = picture or bool(job.labels_zh and figure_labels.why_stale(root, job.stored, job.labels_zh))
    return replace(job, numbers=numbers, picture=picture) if numbers or picture else None


def _seeds(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len(set(parts)) != len(parts):
        raise fail(f"'{text}' are no seeds: give different whole numbers with commas, as 0,1,2")
    return [int(part) for part in parts]


def _part(text: str) -> tuple[int, int]:
    part, _, count = text.partition("/")
    if not (part.isdecimal() and count.isdecimal() and 1 <= int(part) <= int(count)):
        raise fail(f"'{text}' is no part of several: 2/4 is the second of four")
    return int(part), int(count)


def _claim_row(slug: str, claim: Claim, result: ledger.Result) -> dict[str, Any]:
    quantity = ledger.measured(claim, result)
    bounds = [f"{sign} {value:g}" for sign, value in (("≥", claim.at_least), ("≤", claim.at_most)) if value is not None]
    return {
        "method": slug,
        "claim": claim.id,
        "quantity": claim.quantity,
        "values": quantity.values if quantity else [],
        "measured": f"{quantity.mean:.3g} ± {quantity.spread:.2g}" if quantity else "–",
        "bound": ", ".join(bounds),
        "verdict": ledger.verdict(claim, result),
        "expected": claim.expect if claim.gated else "–",
    }
