"""Measuring, with a small made-up method."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from sightglass import ledger
from sightglass.errors import MeasurementError, NoExperimentError
from sightglass.ledger import measuring
from sightglass.ledger.measuring import Job

from .conftest import write

EXPERIMENT = "repro/experiments/attribution/made_up.py"


def test_measuring_gathers_seeds_files_and_verdicts(importable: Path, claim, method) -> None:
    claims = [claim(at_least=0.5), claim(id="d", at_least=0.6), claim(id="e", quantity="none", at_least=0)]
    heard: list[str] = []
    job = Job("made-up", method(claims=claims), (0, 1))
    (found,) = ledger.measure([job], importable, guarded=True, report=heard.append)
    result = found.result
    assert heard == ["made-up"] * 3
    assert result.quantities["q"].values == [0.5, 0.6]
    assert result.verdicts == {"c": "holds", "d": "fails", "e": "not run"}
    assert result.command == "sightglass verify made-up --seeds 0,1"
    assert list(result.files) == [f"repro/lab/weights/small-{seed}.safetensors" for seed in (0, 1)]
    assert {"repro.lab.far:VALUE", "repro.attribution.made_up:made_up"} < result.objects.keys()
    assert result.picture_objects.keys() == {
        "repro.experiments.attribution.made_up:figure",
        "repro.lab.figures:Figure",
    }
    assert result.versions.keys() == {"python", "pillow"}
    assert result.device_name.startswith("a processor, ")
    assert found.outside_key == []
    assert not (importable / "results").exists()
    ledger.write(importable, result, found.picture)
    assert ledger.stale_parts(importable, ["made-up"]) == []


def test_only_what_is_asked_for_is_done(importable: Path, claim, method) -> None:
    claims = [claim(at_least=0.5)]
    (both,) = ledger.measure([Job("made-up", method(claims=claims), (0, 1))], importable)
    write(importable, {EXPERIMENT: (importable / EXPERIMENT).read_text().replace("made_up(3)", "made_up(4)")})
    (drawn,) = ledger.measure([Job("made-up", method(claims=claims), (0, 1), both.result, numbers=False)], importable)
    assert drawn.result.quantities == both.result.quantities
    assert drawn.result.key == both.result.key
    assert drawn.result.picture_key != both.result.picture_key
    (again,) = ledger.measure([Job("made-up", method(), (0, 1), drawn.result, picture=False)], importable)
    assert again.picture is None
    assert again.result.picture_key == drawn.result.picture_key
    ledger.write(importable, again.result, b"picture")
    assert ledger.stale_parts(importable, ["made-up"]) == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("def measure(seed, device):\n    return {'q': 1 / seed}\n", "made-up (measure, seed 0): ZeroDivisionError"),
        ("def measure(seed, device):\n    return {f'q{seed}': 1}\n", "made-up: seed 1"),  # other quantities than seed 0
    ],
)
def test_a_method_that_fails_is_named(importable: Path, method, body: str, named: str) -> None:
    figure = "def figure(seed, device):\n    from repro.lab import figures\n    return figures.Figure()\n"
    write(importable, {EXPERIMENT: body + figure})
    with pytest.raises(MeasurementError) as caught:
        list(ledger.measure([Job("made-up", method(), (0, 1))], importable))
    assert str(caught.value).startswith(named)


def test_what_is_measured_is_handed_over_before_a_later_method_fails(importable: Path, method, result) -> None:
    worse = "def measure(seed, device):\n    return {'q': 1 / seed}\nfigure = None\n"
    write(importable, {"repro/experiments/attribution/worse.py": worse})
    slow, quick = (result([1.0], seconds=seconds) for seconds in (100, 1))
    jobs = [Job("worse", method(), (0,), quick), Job("made-up", method(), (0,), slow)]
    found = ledger.measure(jobs, importable)
    assert next(found).slug == "made-up"  # what took longest goes first
    with pytest.raises(MeasurementError) as caught:
        next(found)
    assert str(caught.value).startswith("worse ")
    with pytest.raises(NoExperimentError):
        next(ledger.measure([Job("nothing", method(), (0,))], importable))


def test_seconds_are_those_of_the_last_time(result) -> None:
    assert measuring.seconds_of(None) == {"seed": 60, "picture": 60}
    assert measuring.seconds_of(result([1, 2, 3], seconds=12)) == {"seed": 4, "picture": 4}
    assert measuring.seconds_of(result([1, 2], seconds=12, picture_seconds=2.5)) == {"seed": 6, "picture": 2.5}


def test_pictures_keep_where_they_come_from_and_are_light() -> None:
    image = pytest.importorskip("PIL.Image")  # the light installation has no Pillow
    noise = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(400 * 400 * 3 // 32 + 1))[: 400 * 400 * 3]
    for picture, lossless in (
        (image.new("RGB", (400, 300), "red"), True),
        (image.frombytes("RGB", (400, 400), noise), False),
    ):
        png = io.BytesIO()
        picture.save(png, "PNG")
        made = measuring.webp(png.getvalue(), {"method": "made-up", "seed": 0})
        assert len(made) <= measuring.PICTURE_BYTES
        opened = image.open(io.BytesIO(made))
        assert (opened.format, opened.size) == ("WEBP", picture.size)
        assert (opened.convert("RGB").tobytes() == picture.tobytes()) is lossless
        notes = opened.getexif()
        assert json.loads(notes[measuring.DESCRIPTION]) == {"method": "made-up", "seed": 0}
        assert notes[measuring.SOFTWARE] == "Sightglass"
