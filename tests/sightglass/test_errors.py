"""Each kind of bad input to the package raises its own class of error; only this test reads the messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sightglass
from sightglass import catalogue, errors, links
from sightglass.catalogue import canonical
from sightglass.catalogue.models import Claim, Paper
from sightglass.errors import SightglassError
from sightglass.importing import Venues, bibtex, exchange
from sightglass.importing.services import from_arxiv, from_crossref
from sightglass.ledger import benchmark, keys, objects, results, tutorials
from sightglass.running import runnable

from tests.wording import Raised, classes_of, faults, raised, untold

CLASSES = classes_of(SightglassError)
ELSEWHERE = {
    *("fail", "OSError", "SystemExit", "typer.Exit", "httpx.ReadTimeout"),  # the command line's own, the system's
    *(
        "FileExistsError",
        "Abort",
        "PluginError",
        "_NoAnswerError",
        "_refused",
    ),  # MkDocs'; what ends one question or one file
    "ValueError",  # within a model: pydantic gathers them
}


def sentences() -> list[Raised]:
    return list(raised(Path(sightglass.__file__).parent.rglob("*.py")))


def test_each_error_is_of_a_class_that_says_what_does_not_fit() -> None:
    found = sentences()
    assert len(found) > 60
    assert [f"{one.place} {one.error}" for one in found if one.error not in {*CLASSES, *ELSEWHERE}] == []
    assert {one.place.partition(":")[0] for one in found if one.error == "ValueError"} == {"models.py"}
    assert {one.error for one in found} >= CLASSES.keys()  # none is there for nothing


def test_each_class_says_in_a_line_what_it_is_for() -> None:
    assert untold(SightglassError) == []


def test_each_sentence_is_one_plain_line() -> None:
    own = {*CLASSES, "fail"} - {"TutorialError"}  # which carries its cell's own error
    wrong = {f"{one.place}: {one.words}": faults(one.words) for one in sentences() if one.error in own and one.words}
    assert {sentence: rules for sentence, rules in wrong.items() if rules} == {}


def claim(**fields: object) -> Claim:
    given = {"id": "c", "statement": "s", "paper": "p", "place": "1", "quantity": "q", "unit": "u", **fields}
    return Claim.model_validate(given)


def stored(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def method(model: object, steps: int = 20) -> None: ...


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda root: catalogue.find_root(root),
            errors.CatalogueError,
            "ROOT:1:1: no catalog/taxonomy.yaml here or above; run this in a checkout or set SIGHTGLASS_ROOT [catalogue]",
        ),
        (lambda _: canonical.canonical("word", Paper), errors.FormError, "the file holds neither keys nor a list"),
        (
            lambda _: bibtex.read("notes"),
            errors.BibtexError,
            "no entry in it; a BibTeX entry begins with @article{key, …",
        ),
        (
            lambda _: exchange.read_ris("notes"),
            errors.ImportingError,
            "no entry in it; an entry of RIS begins with a line 'TY  - JOUR'",
        ),
        (
            lambda _: exchange.read_csl("[]"),
            errors.ImportingError,
            "no entry in it; CSL-JSON is a list of objects with 'type' and 'title'",
        ),
        (
            lambda _: from_arxiv("<html></html>", "1504.05678", Venues({})),
            errors.AnswerError,
            "arXiv answered with a page instead of a feed; try again later",
        ),
        (
            lambda _: from_crossref({"message": []}, "10.5555/1", Venues({})),
            errors.AnswerError,
            "Crossref answered in a form that is not known here (at 'message')",
        ),
        (
            lambda root: results.load(stored(root / "cam.json", "{")),
            errors.StoredError,
            "ROOT/cam.json is no result (the whole: Invalid JSON: EOF while parsing an object at line 1 column 1): "
            "run sightglass verify cam",
        ),
        (
            lambda root: (stored(benchmark.path_of(root, "cuda"), '[{"device": "cuda"}]'), benchmark.load_all(root)),
            errors.StoredError,
            "ROOT/results/bench/cuda.json is no result of the benchmark (0.device_name: Field required): run make bench",
        ),
        (
            lambda root: (stored(tutorials.path_of(root, "cam"), "[]"), tutorials.load(root, "cam")),
            errors.StoredError,
            "ROOT/results/tutorials/cam.json holds no outputs: run sightglass tutorials cam",
        ),
        (
            lambda root: (stored(root / links.STORE, "[]"), links.load(root)),
            errors.StoredError,
            "results/links.json:1:1: not results of version 1; take the file from git again, or delete it and ask anew",
        ),
        (
            lambda root: keys.code_of(root, "grad-cam"),
            errors.NoExperimentError,
            "grad-cam has no experiment: there is no repro/experiments/<family>/grad_cam.py",
        ),
        (
            lambda root: keys.source_digest(root, "grad-cam"),
            errors.NoExperimentError,
            "grad-cam has no reproduction: there is no repro/<family>/grad_cam.py",
        ),
        (lambda root: objects.reached(root, "repro.a", ["f"]), errors.UnreadableError, "there is no module repro.a"),
        (
            lambda root: (stored(root / "repro/a.py", "from b import *\n"), objects.reached(root, "repro.a", ["f"])),
            errors.UnreadableError,
            "repro, line 1: a star import from b cannot be followed",
        ),
        (
            lambda _: runnable.chosen(method, ["steps=x"], "m"),
            errors.SettingError,
            "steps=x does not fit: steps=20 (int)",
        ),
        (
            lambda _: runnable.chosen(method, ["stepps=7"], "m"),
            errors.SettingError,
            "m has no option 'stepps': there are steps=20 (int)",
        ),
    ],
)
def test_what_everybody_meets_first_is_said_in_these_words(
    call: Callable[[Path], object],
    error: type[Exception],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(tmp_path))
    with pytest.raises(error) as caught:
        call(tmp_path)
    assert str(caught.value).replace(str(tmp_path), "ROOT") == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "a claim needs a bound: at_least, at_most or both"),
        ({"at_least": 1, "expect": "fails"}, "a claim that is expected to fail needs a reason"),
        (
            {"gated": False, "expect": "fails", "reason": "r"},
            "a claim that is only reported has no verdict to expect: leave 'expect' out",
        ),
    ],
)
def test_what_a_claim_lacks_is_said_in_these_words(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        claim(**fields)
