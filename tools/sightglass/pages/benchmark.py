"""The page of the benchmark: each method's time and memory as ratios to its floor, beside its peers', from the JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from sightglass.ledger import benchmark
from sightglass.ledger.benchmark import FLOOR, OURS, Benchmark, Row
from sightglass.pages.entries import method_link
from sightglass.pages.markup import page, ready, spoken, table, text, to
from sightglass.pages.phrases import PHRASES, day
from sightglass.pages.site import Site
from sightglass.running import runnable

HERE = "benchmark.md"
LEVEL = 0.02  # memory that differs by less is the same


def benchmark_page(site: Site) -> str:
    """What was measured on each device, or that nothing was yet; StoredError if a stored result cannot be read."""
    title = site.say("bench.title")
    sections = [_device(site, *found) for found in benchmark.load_all(site.root).items()] or [
        site.say("bench.none") + "\n"
    ]
    lead = f"# {title}\n\n{site.say('bench.lead')}\n\n"
    return page(title, lead + "\n".join(sections), hide=["navigation", "toc"])


def _device(site: Site, device: str, runs: Sequence[Benchmark]) -> str:
    rows = sorted((row for run in runs for row in run.rows), key=lambda row: (row.method, row.batch))
    parts = [f"## {text(device.upper())}\n"]
    parts += [_measured(site, run, of_several=len(runs) > 1) + "\n" for run in runs]
    parts.append(_comparison(site, rows))
    for model in sorted({row.model for row in rows}, reverse=True):  # VGG16 first
        parts += [f"### `{model}`\n", _table(site, [row for row in rows if row.model == model])]
    if why_not := {what: why for run in reversed(runs) for what, why in run.left_out.items()}:
        colon = "：" if site.language == "zh" else ": "
        left_out = [f"{text(what)}{colon}{_why(site, why)}" for what, why in sorted(why_not.items())]
        parts.append(f"{site.say('bench.left out')}\n\n" + "\n".join(f"- {what}" for what in left_out) + "\n")
    return "\n".join(parts)


def _measured(site: Site, run: Benchmark, *, of_several: bool) -> str:
    """How a run was made and, if it is one of several, of which methods it is."""
    named = [f"{name} {number}" for name, number in run.versions.items()]
    said = site.say(
        "bench.measured",
        command=run.command,
        name=text(run.device_name),
        date=text(day(site.language, run.date)),
        minutes=f"{run.seconds / 60:.0f}",
        size=run.image_size,
        versions=spoken(text(", ".join(named)), "en", site.language),
    )
    if not of_several:
        return said
    methods = site.say("bench.then").join(_name(site, name) for name in dict.fromkeys(row.method for row in run.rows))
    return site.say("bench.of", said=said, methods=methods)


def _why(site: Site, why: str) -> str:
    """Why something was left out, as ``benchmarks.methods`` wrote it down."""
    return site.say(f"bench.why.{why}") if f"bench.why.{why}" in PHRASES else spoken(text(why), "en", site.language)


def _comparison(site: Site, measured: list[Row]) -> str:
    """Where ours is slower or hungrier than a peer, beyond what the rounds differ by."""
    lines = []
    for what, rows in (("slower", _slower(measured)), ("hungrier", _hungrier(measured))):
        told = site.say("bench.then").join(
            site.say("bench.row", method=_name(site, row.method), model=row.model, count=row.batch) for row in rows
        )
        lines.append(f"- {site.say(f'bench.{what}', rows=told) if told else site.say(f'bench.never {what}')}")
    return "\n".join(lines) + "\n"


def _slower(rows: list[Row]) -> list[Row]:
    found = []
    for row in rows:
        ours = row.slower(OURS)
        peers = [theirs for name in row.runs if name not in (OURS, FLOOR) and (theirs := row.slower(name))]
        if ours and any(ours[0] - ours[1] > ratio + spread for ratio, spread in peers):
            found.append(row)
    return found


def _hungrier(rows: list[Row]) -> list[Row]:
    found = []
    for row in rows:
        ours = row.hungrier(OURS)
        peers = [theirs for name in row.runs if name not in (OURS, FLOOR) and (theirs := row.hungrier(name))]
        if ours is not None and any(ours > theirs * (1 + LEVEL) for theirs in peers):
            found.append(row)
    return found


def _table(site: Site, rows: list[Row]) -> str:
    peers = list(dict.fromkeys(name for row in rows for name in row.runs if name not in (FLOOR, OURS)))
    header = [site.say(f"bench.{name}") for name in ("method", "batch", "rounds", "floor")]
    lines = []
    for row in rows:
        floor = row.runs[FLOOR]
        held = "" if floor.memory is None else f"<br><small>{floor.memory:.0f} MiB</small>"
        absolute = f"{statistics.median(floor.seconds):.3g} s{held}" if floor.seconds else "–"
        lines.append(
            [_name(site, row.method), str(row.batch), str(len(floor.seconds)), absolute]
            + [_cell(site, row, name) for name in (OURS, *peers)]
        )
    names = [spoken(text(name), "en", site.language) for name in ("Sightglass", *peers)]
    return ready(table([*header, *names], lines, css="sg-bench", stacks=True))


def _cell(site: Site, row: Row, name: str) -> str:
    """Time with its spread, and memory below it, as ratios to the floor."""
    quick, lean = row.slower(name), row.hungrier(name)
    if quick is None:
        return "–"
    shown = f"{quick[0]:.2f}" + (f"&nbsp;±&nbsp;{quick[1]:.2f}" if len(row.runs[name].seconds) > 1 else "")
    return shown + ("" if lean is None else f"<br><small>{site.say('bench.memory', ratio=f'{lean:.2f}')}</small>")


def rows_of(runs: Iterable[Benchmark], slug: str, methods: Iterable[str], model: str = "resnet50") -> dict[str, Row]:
    """A method's rows for one image on one model, by the name of the variant; '' is the method itself."""
    known = list(methods)
    return {
        variant: row
        for run in runs
        for row in run.rows
        if row.model == model and row.batch == 1 and row.slower(OURS)
        for owner, variant in [_variant(row.method, known)]
        if owner == slug
    }


def speed(site: Site, slug: str, here: str) -> str:
    """One line on how long a method takes, with a link to the page; empty if it was not measured."""
    for runs in benchmark.load_all(site.root).values():
        shown = []
        for variant, row in rows_of(runs, slug, site.catalogue.methods).items():
            ratio = row.slower(OURS)
            seconds = f"{statistics.median(row.runs[OURS].seconds):.2g}"
            told = site.say("quick row", seconds=seconds, ratio=f"{ratio[0] if ratio else 0:.2f}")
            shown.append((f"<code>{variant}</code> " if variant else "") + told)
        found = runnable.find(site.root, slug)
        if shown and found and found.takes("patch"):
            shown.append(site.say("few squares"))
        if shown:
            line = site.say("quick", size=runs[0].image_size, rows=site.say("bench.then").join(shown))
            return f"<p>{line} {to(HERE, site.say('to benchmark'), here)}</p>\n"
    return ""


def _variant(name: str, methods: Iterable[str]) -> tuple[str, str]:
    """``lrp-epsilon`` is the variant 'epsilon' of the catalogue's method ``lrp``; the method is '' if unknown."""
    slug = max((slug for slug in methods if f"{name}-".startswith(f"{slug}-")), key=len, default="")
    return slug, name.removeprefix(slug).removeprefix("-")


def _name(site: Site, name: str) -> str:
    slug, variant = _variant(name, site.catalogue.methods)
    if not slug:
        return f"<code>{name}</code>"
    return method_link(site, slug, HERE) + (f" <code>{variant}</code>" if variant else "")
