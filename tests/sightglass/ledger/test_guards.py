"""The guards of the keys find what the keys miss."""

from pathlib import Path

import pytest
from sightglass import ledger
from sightglass.ledger.measuring import Job

from .conftest import write

EXPERIMENT = "repro/experiments/attribution/made_up.py"


@pytest.mark.parametrize(
    ("old", "new", "missed"),
    [
        (
            "made_up(far.VALUE)",
            "__import__('repro.lab.hidden').lab.hidden.half()",  # no name leads there
            ["repro.lab.hidden:half was called"],
        ),
        (
            "files.read(WEIGHTS / f",
            "open(WEIGHTS / f",  # read past the record
            [f"repro/lab/weights/small-{seed}.safetensors was opened" for seed in (0, 1)],
        ),
        (
            "files.read(WEIGHTS / f",
            "(WEIGHTS / f'small-{seed}.json').read_bytes(), files.read(WEIGHTS / f",  # how the weights came about
            [],
        ),
        ("made_up(far.VALUE)", "made_up((lambda: far.VALUE)())", []),
        ("made_up(far.VALUE)", "made_up(far.VALUE if open(__file__).close() is None else 0)", []),  # code, not data
    ],
)
def test_what_a_run_uses_outside_its_key_is_named(
    importable: Path, method, old: str, new: str, missed: list[str]
) -> None:
    hidden = "def made():\n    return 3\n\n\nTHREE = made()\n\n\ndef half():\n    return 0.5\n"
    text = (importable / EXPERIMENT).read_text()
    assert old in text
    write(importable, {"repro/lab/hidden.py": hidden, EXPERIMENT: text.replace(old, new)})
    (found,) = ledger.measure([Job("made-up", method(), (0, 1))], importable, guarded=True)
    assert found.outside_key == missed  # 'made' is called by an import: the statement counts, not the call
