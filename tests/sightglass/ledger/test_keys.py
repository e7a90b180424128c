"""Keys: what makes a result or a picture stale, and what is said of it."""

from pathlib import Path

import pytest
from sightglass import ledger
from sightglass.errors import NoExperimentError
from sightglass.ledger import keys

ROOT = Path(__file__).resolve().parents[3]
EXPERIMENT = "repro/experiments/attribution/made_up.py"
WEIGHTS = "repro/lab/weights/small-0.safetensors"


@pytest.fixture
def fresh(checkout: Path, result) -> ledger.Result:
    """A result of the made-up method whose keys are those of today."""
    code, files = keys.code_of(checkout, "made-up"), keys.digests(checkout, [WEIGHTS])
    stored = result(
        [1.0],
        method="made-up",
        key=keys.key(code.measure, files, [0], "cpu"),
        files=files,
        objects=code.measure,
        picture_key=keys.key(code.figure, {}, [0], "cpu"),
        picture_objects={name: digest for name, digest in code.figure.items() if name not in code.measure},
    )
    ledger.write(checkout, stored, b"picture")
    return stored


def edit(root: Path, name: str, old: str, new: str) -> None:
    assert old in (root / name).read_text()
    (root / name).write_text((root / name).read_text().replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new", "result_", "picture"),
    [
        ("repro/lab/far.py", "0.5", "0.6", ["repro.lab.far:VALUE changed"], []),
        (
            "repro/attribution/made_up.py",
            "return value",
            "return -value",
            ["repro.attribution.made_up:made_up changed"],
            ["repro.attribution.made_up:made_up changed"],
        ),
        ("repro/lab/figures.py", '"red"', '"blue"', [], ["repro.lab.figures:Figure changed"]),
        (WEIGHTS, "weights", "trained again", [f"{WEIGHTS} changed"], []),
        ("repro/lab/weights/unused-0.safetensors", "not", "nor", [], []),
        ("repro/lab/far.py", "0.5", "0.5  # half", [], []),
        (
            EXPERIMENT,
            "made_up(far.VALUE) +",
            "",
            [
                "repro.experiments.attribution.made_up:measure changed",
                "repro.attribution.made_up:made_up is no longer used",
                "repro.lab.far:VALUE is no longer used",
            ],
            [],
        ),
        (
            "repro/lab/far.py",
            "VALUE = 0.5",
            "HALF = 0.5\nVALUE = HALF",
            ["repro.lab.far:VALUE changed", "repro.lab.far:HALF is new"],
            [],
        ),
        (EXPERIMENT, "made_up(3)\n", "\n", [], ["repro.experiments.attribution.made_up:figure changed"]),
    ],
)
def test_what_changed_is_named(
    checkout: Path, fresh: ledger.Result, name: str, old: str, new: str, result_: list[str], picture: list[str]
) -> None:
    assert not ledger.is_stale(fresh, checkout)
    assert ledger.why_picture_stale(fresh, checkout) == []
    edit(checkout, name, old, new)
    assert ledger.why_stale(fresh, checkout) == result_
    assert ledger.why_picture_stale(fresh, checkout) == picture
    assert ledger.is_stale(fresh, checkout) is bool(result_)


def test_files_and_experiments_that_are_gone(checkout: Path, fresh: ledger.Result) -> None:
    (checkout / WEIGHTS).unlink()
    assert ledger.why_stale(fresh, checkout) == [f"{WEIGHTS} changed"]
    ledger.picture_of(checkout, "cpu", "made-up").unlink()
    assert ledger.why_picture_stale(fresh, checkout) == ["it is missing"]
    edit(checkout, EXPERIMENT, "def measure(", "def measure((")
    assert "line" in ledger.why_stale(fresh, checkout)[0]
    (checkout / EXPERIMENT).unlink()
    assert "no experiment" in ledger.why_stale(fresh, checkout)[0]


@pytest.mark.parametrize("changes", [{"seeds": [1]}, {"device": "cuda"}, {"key": "another"}, {"key": ""}])
def test_seeds_and_device_are_part_of_the_key(checkout: Path, fresh: ledger.Result, changes: dict) -> None:
    assert ledger.is_stale(fresh.model_copy(update=changes), checkout)


def test_parts_that_are_stale_or_missing(checkout: Path, fresh: ledger.Result) -> None:
    slugs = ["made-up", "has-no-code"]
    assert ledger.stale_parts(checkout, slugs) == []
    edit(checkout, "repro/attribution/made_up.py", "return value", "return -value")
    rows = ledger.stale_parts(checkout, slugs)
    assert [(row["method"], row["device"], row["part"]) for row in rows] == [
        ("made-up", "cpu", "result"),
        ("made-up", "cpu", "picture"),
    ]
    ledger.path_of(checkout, "cpu", "made-up").unlink()
    assert [row["because"] for row in ledger.stale_parts(checkout, slugs)] == [["never measured"]]


def test_files_outside_the_project_are_no_part_of_a_key(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.mktemp("cache") / "scenes.npz"
    cache.write_bytes(b"made again at any time")
    assert keys.digests(checkout, [cache, checkout / WEIGHTS]).keys() == {WEIGHTS}


def test_versions_are_those_that_the_project_pins(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("# pinned\ntorch==2.0\nscikit_image==0.26.0\n")
    found = keys.versions_of(tmp_path, ["torch", "skimage", "pydantic", "json", "nowhere"])
    assert found.pop("pydantic")[0].isdecimal()  # not pinned there: as installed
    assert found == {"torch": "2.0", "scikit-image": "0.26.0", "nowhere": "not installed"}
    assert (
        keys.environment({"a": "1", "b": "2"}) == keys.environment({"b": "2", "a": "1"}) != keys.environment({"a": "1"})
    )


def test_the_source_of_a_method_is_its_own_code(checkout: Path) -> None:
    before = ledger.source_digest(checkout, "made-up")
    edit(checkout, EXPERIMENT, "0.25", "0.75")
    assert ledger.source_digest(checkout, "made-up") == before
    edit(checkout, "repro/attribution/made_up.py", "return value", "return -value")
    assert ledger.source_digest(checkout, "made-up") != before
    with pytest.raises(NoExperimentError):
        ledger.source_digest(checkout, "nothing")


def test_all_packages_that_experiments_import_are_pinned() -> None:
    measured = [slug for slug in ledger.load_all(ROOT) if ledger.experiment_of(ROOT, slug)]
    found = {package for slug in measured for package in keys.code_of(ROOT, slug).packages}
    assert "not installed" not in keys.versions_of(ROOT, found).values()
