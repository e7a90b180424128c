"""Pictures of photographs: which experiments draw one, and what makes a picture stale."""

from pathlib import Path

from sightglass import ledger
from sightglass.ledger import photographs

EXPERIMENT = "repro/experiments/attribution/made_up.py"


def test_a_picture_is_as_fresh_as_the_code_behind_it(checkout: Path) -> None:
    assert photographs.drawn_by(checkout) == {}
    path = checkout / EXPERIMENT
    path.write_text(path.read_text() + "\n\ndef photograph():\n    return made_up(1)\n")
    assert photographs.drawn_by(checkout) == {"made-up": "repro.experiments.attribution.made_up"}

    def why() -> list[str]:
        rows = [row for row in ledger.stale_parts(checkout, ["made-up"]) if row["part"] == "photograph"]
        assert {ledger.remedy(rows)} <= {"", "sightglass photographs --stale"}
        return [reason for row in rows for reason in row["because"]]

    assert why() == ["it is missing"]
    picture = checkout / "results/photographs/made-up.webp"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"RIFF; key 0123456789abcdef;")
    assert why() == ["its code has changed"]
    picture.write_bytes(f"; key {photographs.key(checkout, 'repro.experiments.attribution.made_up')}".encode())
    assert why() == []
    path.write_text(path.read_text().replace("seed / 10", "seed / 20"))  # of measure()
    assert why() == []
    (checkout / "repro/attribution/made_up.py").write_text("def made_up(value):\n    return -value\n")
    assert why() == ["its code has changed"]
    path.write_text("def photograph(: pass")
    assert "line 1" in why()[0]


def test_an_animation_is_a_picture_of_its_own(checkout: Path) -> None:
    path = checkout / EXPERIMENT
    path.write_text(path.read_text() + "\n\ndef animation():\n    return made_up(1)\n")
    assert photographs.drawn_by(checkout) == {}
    assert photographs.drawn_by(checkout, photographs.ANIMATION).keys() == {"made-up"}
    (row,) = [row for row in ledger.stale_parts(checkout, ["made-up"]) if row["part"] == "animation"]
    assert row["because"] == ["it is missing"]
    assert ledger.remedy([row]) == "sightglass photographs --stale"


def test_a_method_that_was_not_asked_for_is_not_named(checkout: Path) -> None:
    path = checkout / EXPERIMENT
    path.write_text(path.read_text() + "\n\ndef photograph():\n    return 1\n")
    assert ledger.stale_parts(checkout, ["other"]) == []
