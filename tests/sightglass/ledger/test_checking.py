"""A check finds what the ledger does not say."""

import math

import pytest
from sightglass.ledger import Quantity, checking

VALUES = [0.5, 0.6, 0.7]


def compared(result, claims, now: list[float], **stored) -> checking.Comparison:
    return checking.compare(claims, result(now), result(VALUES, **stored))


def test_equal_to_six_digits_is_equal(result, claim) -> None:
    claims = [claim(at_least=0.5)]
    assert compared(result, claims, VALUES) == checking.Comparison()
    assert compared(result, claims, [0.5 + 4e-7, 0.6, 0.7]) == checking.Comparison()
    large = result([1e6, math.nan, math.inf])
    assert checking.compare([], result([1e6 + 0.5, math.nan, math.inf]), large) == checking.Comparison()


def test_a_value_edited_by_hand_is_found(result, claim) -> None:
    (found,) = compared(result, [claim(at_least=0.5)], [0.5, 0.6, 0.70001]).differences
    assert found == "m: q is 0.5, 0.6, 0.70001, in the ledger 0.5, 0.6, 0.7"
    edited = {"q": Quantity(values=VALUES, mean=0.9, spread=0.1)}
    assert "do not follow" in compared(result, [], VALUES, quantities=edited).differences[0]


def test_another_verdict_is_a_difference_on_any_processor(result, claim) -> None:
    for name in ("a processor", "another"):
        found = compared(result, [claim(at_least=0.5)], [0.499, 0.6, 0.7], device_name=name)
        assert "m: c does not hold, in the ledger: holds" in found.differences
    assert compared(result, [claim(gated=False)], [0.4999, 0.6, 0.7], device_name="another") == checking.Comparison()


def test_on_another_processor_values_may_move_as_much_as_seeds_differ(result, claim) -> None:
    claims = [claim(at_least=0.4)]
    assert compared(result, claims, [0.55, 0.65, 0.75], device_name="another") == checking.Comparison()
    found = compared(result, claims, [0.65, 0.75, 0.85], device_name="another")
    assert found.differences == []
    assert found.drift == ["m: q is 0.75, in the ledger 0.6 ± 0.1 on another"]


def test_only_seeds_that_both_have_are_compared(result, claim) -> None:
    stored = result(VALUES)
    fewer = result([0.7], seeds=[2])
    assert checking.compare([claim(at_least=0.65)], fewer, stored) == checking.Comparison()  # the ledger says fails
    assert checking.compare(
        [claim(at_least=0.5)], result([0.4], seeds=[2], device_name="another"), stored
    ).differences == ["m: c does not hold, in the ledger: holds"]
    moved = result([0.8], seeds=[2])
    assert checking.compare([], moved, stored).differences == ["m: q is 0.8, in the ledger 0.7"]
    assert checking.compare([], result([0.8], seeds=[7]), stored) == checking.Comparison()


def test_seeds_that_were_not_measured_have_the_values_of_the_ledger(result) -> None:
    found = checking.completed(result([0.4], seeds=[1]), result(VALUES))
    assert (found.seeds, found.quantities["q"].values) == ([0, 1, 2], [0.5, 0.4, 0.7])


def test_quantities_that_come_or_go_are_differences(result) -> None:
    stored = {"r": Quantity.of(VALUES)}
    found = compared(result, [], VALUES, quantities=stored)
    assert found.differences == ["m: q: the ledger lacks it", "m: r: the ledger has it, measure() does not"]


def test_what_is_not_expected_is_named(result, claim) -> None:
    claims = [claim(at_least=0.55), claim(id="d", at_most=0.6, expect="fails", reason="r"), claim(id="e", gated=False)]
    assert checking.unexpected(claims, result(VALUES)) == ["m: c does not hold, expected: holds"]
    assert checking.unexpected(claims, result([])) == [
        f"m: {name} was not measured, expected: {word}"
        for name, word in (("c", "holds"), ("d", "fails"), ("e", "holds"))
    ]


@pytest.mark.parametrize("word", ["holds", "fails", "reported", "not run"])
def test_every_verdict_can_be_told(word: str) -> None:
    assert checking.told(word)
