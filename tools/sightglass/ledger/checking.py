"""Whether what was measured now is what the ledger says."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from sightglass.catalogue.models import Claim
from sightglass.ledger.results import Quantity, Result, is_expected, verdict

SIX_DIGITS = 1e-6


@dataclass
class Comparison:
    """Differences fail a check; drift is only told."""

    differences: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)


def compare(claims: Sequence[Claim], now: Result, stored: Result) -> Comparison:
    """Verdicts must be the same everywhere; values to six digits where the processor is the same.

    Values are compared seed by seed, for the seeds that both have.  On another processor a value may move by as much
    as it differs between seeds; if it moves further, that is drift.  If only some seeds were measured, the
    verdict is computed with the ledger's values for the others.
    """
    found, common = Comparison(), [seed for seed in now.seeds if seed in stored.seeds]
    for claim in claims if common == now.seeds else []:  # other seeds may give other verdicts
        word, wanted = verdict(claim, completed(now, stored)), verdict(claim, stored)
        if word != wanted:
            found.differences.append(f"{now.method}: {claim.id} {told(word)}, in the ledger: {wanted}")
    same = now.device_name == stored.device_name
    for name in sorted(stored.quantities.keys() | now.quantities.keys()):
        if name not in now.quantities or name not in stored.quantities:
            where = "the ledger has it, measure() does not" if name in stored.quantities else "the ledger lacks it"
            found.differences.append(f"{now.method}: {name}: {where}")
            continue
        held = stored.quantities[name]
        if repr(held) != repr(Quantity.of(held.values)):
            found.differences.append(f"{now.method}: {name}: its mean and spread do not follow from its values")
        ours = [now.quantities[name].values[now.seeds.index(seed)] for seed in common]
        theirs = [held.values[stored.seeds.index(seed)] for seed in common]
        if same and not _equal(ours, theirs):
            found.differences.append(f"{now.method}: {name} is {_list(ours)}, in the ledger {_list(theirs)}")
        elif not same and common:
            mean, before = statistics.fmean(ours), statistics.fmean(theirs)
            if abs(mean - before) > held.spread + SIX_DIGITS * max(1, abs(before)):
                moved = f"{now.method}: {name} is {mean:.6g}, in the ledger {before:.6g} ± {held.spread:.2g}"
                found.drift.append(f"{moved} on {stored.device_name}")
    return found


def completed(now: Result, stored: Result) -> Result:
    """``now`` with the ledger's values for the seeds that were not measured."""
    quantities = dict(now.quantities)
    for name in now.quantities.keys() & stored.quantities.keys():
        measured = dict(zip(now.seeds, now.quantities[name].values, strict=True))
        held = zip(stored.seeds, stored.quantities[name].values, strict=True)
        quantities[name] = Quantity.of(measured.get(seed, value) for seed, value in held)
    return now.model_copy(update={"seeds": stored.seeds, "quantities": quantities})


def unexpected(claims: Sequence[Claim], now: Result) -> list[str]:
    """Claims that turn out otherwise than the catalogue expects; what is only reported never does."""
    words = {claim.id: verdict(claim, now) for claim in claims}
    return [
        f"{now.method}: {claim.id} {told(words[claim.id])}, expected: {claim.expect}"
        for claim in claims
        if not is_expected(claim, words[claim.id])
    ]


def told(word: str) -> str:
    """A verdict as the end of a sentence that begins with the claim."""
    words = {"holds": "holds", "fails": "does not hold", "reported": "is only reported", "not run": "was not measured"}
    return words[word]


def _equal(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    return len(ours) == len(theirs) and all(
        a == b or (a != a and b != b) or abs(a - b) <= SIX_DIGITS * max(1, abs(b))
        for a, b in zip(ours, theirs, strict=True)
    )


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.9g}" for value in values)
