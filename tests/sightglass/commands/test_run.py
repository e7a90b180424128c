"""``run`` as a user meets it: one image, a folder, an address; methods of every kind."""

from __future__ import annotations

import http.server
import importlib.util
import io
import json
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sightglass.running import image_requests

from tests.sightglass.commands import calling

torch = pytest.importorskip("torch")  # the light installation has no torch
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(ROOT))


def call(*arguments: object, code: int = 0) -> Any:
    return calling.call("run", *_on_small(arguments), code=code)


def refused(*arguments: object) -> str:
    return calling.refused("run", *_on_small(arguments))


def _on_small(arguments: tuple[object, ...]) -> tuple[object, ...]:
    """The arguments, with a small and quick model if they name none."""
    model = () if "--model" in arguments else ("--model", "lab:gap-scenes")
    return *arguments, *model, "--device", "cpu"


def rows(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def metadata(path: Path) -> dict[str, str]:
    with Image.open(path) as picture:
        return dict(picture.text)


def encoded(colour: str = "red", kind: str = "PNG", size: tuple[int, int] = (90, 70)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, kind)
    return data.getvalue()


Stand = Callable[[str, str, str], None]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """A method that exists only here: ``stand_in(family, slug, source)``, in a catalogue root of its own."""
    root = tmp_path / "root"
    (root / "catalog").mkdir(parents=True)
    (root / "catalog" / "taxonomy.yaml").touch()
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(root))

    def make(family: str, slug: str, source: str) -> None:
        path = root / "repro" / family / f"{slug.replace('-', '_')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "from __future__ import annotations\nimport torch\nfrom torch import Tensor\n"
            "from typing import Literal\nfrom repro.engine.results import AdversarialImages, Heatmap, Images, PreImages, Reconstruction\n"
            + textwrap.dedent(source),
            encoding="utf-8",
        )
        name = f"repro.{family}.{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setitem(sys.modules, name, module)

    return make


# One image


def test_a_picture_of_the_example(tmp_path: Path) -> None:
    out, stored = tmp_path / "cam.png", tmp_path / "cam.npy"
    (facts,) = rows(call("cam", "--image", "example", "--out", out, "--save-map", stored, "--json"))
    heatmap = np.load(stored)
    assert heatmap.shape == (16, 16)
    assert heatmap.mean() == pytest.approx(facts["logit"], abs=1e-3)  # no bias: the mean is the logit
    assert facts["class_name"] == "checked square"
    assert facts["maximum"] == pytest.approx(heatmap.max(), abs=1e-3)
    with Image.open(out) as picture:
        assert picture.width > 1000
    assert metadata(out)["class_name"] == "checked square"
    assert metadata(out)["layer"] == "features"
    assert metadata(out)["Software"] == "Sightglass"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cam.npy", "cam.png"]


def test_an_own_photograph_on_a_torchvision_model(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.effect_noise((400, 300), 80).convert("RGB").save(photo)
    options = ("--model", "resnet18", "--weights", "random", "--layer", "layer4", "--class", "tiger cat")
    output = call("cam", "--image", photo, "--out", tmp_path / "x.png", *options).stdout
    assert "tiger cat" in output
    assert (tmp_path / "x.png").stat().st_size > 10_000


def test_a_digit_has_one_grey_channel(tmp_path: Path) -> None:
    """From a colour photograph as well: what LeNet sees is grey."""
    photo = tmp_path / "three.png"
    Image.new("RGB", (56, 56), (255, 0, 0)).save(photo)
    for image in ("example", photo):
        out = tmp_path / "out.png"
        call(
            "guided-backprop", "--image", image, "--model", "lab:lenet-mnist", "--out", out, "--save-map", f"{out}.npy"
        )
        values = np.load(f"{out}.npy")
        assert values.shape == (28, 28)


def test_a_photograph_on_a_network_of_shapes_comes_with_a_hint(tmp_path: Path) -> None:
    Image.new("RGB", (80, 60), "red").save(tmp_path / "photo.png")
    said = call("cam", "--image", tmp_path / "photo.png", "--out", tmp_path / "x.png").stderr
    assert "--model photo:efficientnet-lite0 knows photographs" in said


def test_without_a_model_a_network_of_photographs_is_asked(tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    options = ["run", "--image", "example", "--device", "cpu", "--json", "--out", str(out)]
    (facts,) = rows(calling.call(*options, "cam"))
    assert (facts["model"], facts["class_name"], facts["shape"]) == (
        "photo:efficientnet-lite0",
        "Egyptian cat",
        [1, 7, 7],
    )
    (facts,) = rows(calling.call(*options, "deconvnet"))  # it needs max pooling
    assert facts["model"] == "lab:zf-scenes"
    assert "max poolings" in refused("deconvnet", *options[1:3], *options[6:], "--model", "photo:efficientnet-lite0")


def test_a_model_in_a_file_of_ones_own(tmp_path: Path) -> None:
    own, out = tmp_path / "own.py", tmp_path / "x.png"
    source = "from torch import nn\ndef net():\n    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), 32, ['cat', 'dog']\n"
    own.write_text(source)
    photo = tmp_path / "photo.png"
    photo.write_bytes(encoded())
    run = ("grad-cam", "--image", photo, "--out", out, "--model", f"{own}:net")
    (facts,) = rows(call(*run, "--class", "dog", "--json"))
    assert (facts["class_name"], facts["shape"]) == ("dog", [1, 30, 30])
    assert "comes with its weights" in refused(*run, "--weights", "random")
    own.write_text("import torch\ntorch.no_such_thing\n")
    assert "own.py stopped with AttributeError (" in refused(*run)


def test_options_reach_the_function(tmp_path: Path) -> None:
    plain, counter, out = tmp_path / "plain.npy", tmp_path / "counter.npy", tmp_path / "x.png"
    call("grad-cam", "--image", "example", "--out", out, "--save-map", plain)
    call("grad-cam", "--image", "example", "--out", out, "--save-map", counter, "--set", "counterfactual=true")
    assert not np.allclose(np.load(plain), np.load(counter))
    assert json.loads(metadata(out)["options"]) == {"counterfactual": True}


def test_occlusions_grid_lies_where_its_squares_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from repro.attribution import occlusion
    from repro.lab import figures

    drawn = []
    monkeypatch.setattr(
        figures, "overlay", lambda image, heatmap, scale: drawn.append(heatmap) or np.zeros((64, 64, 3))
    )
    out, saved = tmp_path / "x.png", tmp_path / "x.npy"
    call("occlusion", "--image", "example", "--out", out, "--save-map", saved, "--set", "patch=32")
    falls = np.load(saved)
    expected = occlusion.on_pixels(torch.from_numpy(falls)[None, None], (64, 64), patch=32)[0]
    assert any(torch.equal(heatmap, expected) for heatmap in drawn)


def test_lime_is_given_superpixels_that_follow_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from repro.lab import superpixels

    made, slic = [], superpixels.slic
    monkeypatch.setattr(superpixels, "slic", lambda *given: made.append((given[1], slic(*given))) or made[-1][1])
    out, saved = tmp_path / "x.png", tmp_path / "x.npy"
    call("lime", "--image", "example", "--out", out, "--save-map", saved, "--set", "samples=12", "--set", "parts=30")
    ((count, segments),), weights = made, np.load(saved)
    assert count == 30
    assert all(np.ptp(weights[segments[0].numpy() == part]) == 0 for part in segments.unique())
    assert len(np.unique(weights)) > 10
    assert "fill=0.5 (mean|float)" in refused("lime", "--image", "example", "--out", out, "--set", "fill=black")


def test_what_does_not_fit_is_said_in_one_line_with_a_remedy(tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    run = ("cam", "--image", "example", "--out", out)
    assert "did you mean 'cam'" in refused("can", "--image", "example", "--out", out)
    assert "there is no file" in refused("cam", "--image", tmp_path / "none.jpg", "--out", out)
    assert "give --image FILE" in refused("cam", "--out", out)
    assert "make it first" in refused("cam", "--image", "example", "--out", tmp_path / "none" / "x.png")
    assert "should end in .png" in refused("cam", "--image", "example", "--out", tmp_path / "x.jpg")
    assert "should end in .npy" in refused(*run, "--save-map", tmp_path / "x.csv")
    assert "did you mean resnet18" in refused(*run, "--model", "resnet-18", "--weights", "random")
    assert "needs weights" in refused(*run, "--model", "resnet18")
    assert "try features" in refused(*run, "--layer", "feature")
    assert "did you mean star" in refused(*run, "--class", "starr")
    assert "0 to 9" in refused(*run, "--class", "10")
    assert "--class is empty" in refused(*run, "--class", "")
    assert "--image is empty" in refused("cam", "--image", "", "--out", out)
    assert "CAM" in refused(*run, "--model", "vgg11", "--weights", "random")
    assert "leave --unit out" in refused(*run, "--unit", "3")
    assert "leave --layer out" in refused("guided-backprop", "--image", "example", "--out", out, "--layer", "features")
    assert "counterfactual=false (bool)" in refused("grad-cam", *run[1:], "--set", "counter=true")
    assert "counterfactual=maybe does not fit" in refused("grad-cam", *run[1:], "--set", "counterfactual=maybe")
    assert "name=value" in refused("grad-cam", *run[1:], "--set", "counterfactual")
    assert "1 or more, not -1" in refused("occlusion", *run[1:], "--set", "batch=-1")
    assert "output=exponential (exponential|softmax)" in refused("grad-cam-pp", *run[1:], "--set", "output=logit")
    text = tmp_path / "text.png"
    text.write_text("no image")
    assert "save it as PNG or JPEG" in refused("cam", "--image", text, "--out", out)
    assert "auto, cpu, cuda and mps" in calling.refused("run", *run, "--device", "gpu")
    assert not out.exists()


def test_the_photograph_itself_is_never_overwritten(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(encoded())
    assert "another name" in refused("cam", "--image", photo, "--out", photo)
    assert photo.read_bytes() == encoded()


def test_without_torch_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))
    assert "pip install" in refused("cam", "--image", "example", "--out", tmp_path / "x.png")
    assert "pip install" in refused("cam", "--image", tmp_path, "--out", tmp_path / "out")


# Methods of every kind, by their signatures


def test_a_reconstruction_of_the_strongest_unit(tmp_path: Path, stand_in: Stand) -> None:
    stand_in(
        "visualisation",
        "mirror",
        """
        def mirror(model, images, target_layer, channels, positions=None) -> Reconstruction:
            assert positions is None and channels.shape == (1,)
            return images * torch.where(torch.arange(64) < 32, -1, 1)
        """,
    )
    out = tmp_path / "x.png"
    (facts,) = rows(call("mirror", "--image", "example", "--out", out, "--json", "--save-map", tmp_path / "x.npy"))
    from repro.engine import watching
    from repro.lab import models, networks

    network, image = networks.load("gap-scenes"), models.example("lab:gap-scenes")
    with torch.no_grad(), watching.activations(network, network.features) as outputs:
        network(image[None])
    strongest = outputs[0][0].amax((1, 2))
    assert (facts["layer"], facts["unit"]) == ("features", int(strongest.argmax()))
    assert facts["activation"] == pytest.approx(float(strongest.max()), rel=1e-5)
    assert np.load(tmp_path / "x.npy").min() < 0  # signed, as it was returned
    (facts,) = rows(call("mirror", "--image", "example", "--out", out, "--json", "--unit", 3, "--layer", "features.3"))
    assert (facts["layer"], facts["unit"]) == ("features.3", 3)
    assert "0 to 63" in refused("mirror", "--image", "example", "--out", out, "--unit", 64)
    assert "leave --class out" in refused("mirror", "--image", "example", "--out", out, "--class", 3)


def test_an_inverted_image_with_progress(tmp_path: Path, stand_in: Stand) -> None:
    stand_in(
        "inversion",
        "blur",
        """
        def blur(model, images, target_layer, *, steps: int = 3, report=lambda share: None) -> PreImages:
            assert isinstance(target_layer, torch.nn.Module)
            for step in range(steps):
                report((step + 1) / steps)
            return torch.full_like(images, 1 / steps)
        """,
    )
    out = tmp_path / "x.png"
    (facts,) = rows(call("blur", "--image", "example", "--out", out, "--json", "--set", "steps=5"))
    assert facts["maximum"] == pytest.approx(0.2)
    assert facts["predicted"] == "checked square"
    assert "class" not in facts
    assert "then" in call("blur", "--image", "example", "--out", out).stdout


def test_an_adversarial_image(tmp_path: Path, stand_in: Stand) -> None:
    stand_in(
        "adversarial",
        "nudge",
        """
        def nudge(model, images, target_classes, *, attack: Literal["up", "down"] = "up", budget: float = 0.1) -> AdversarialImages:
            return (images + (budget if attack == "up" else -budget)).clamp(0, 1)
        """,
    )
    call("nudge", "--image", "example", "--out", tmp_path / "x.png", "--set", "budget=0", "--set", "attack=down")
    facts = metadata(tmp_path / "x.png")
    assert facts["becomes"] == facts["predicted"] != facts["class_name"]  # it was to become the second choice
    said = refused("nudge", "--image", "example", "--out", tmp_path / "y.png", "--set", "size=3")
    assert "attack=up (up|down), budget=0.1 (float)" in said


def test_an_image_from_nothing(tmp_path: Path, stand_in: Stand) -> None:
    stand_in(
        "adversarial",
        "dream-up",
        """
        def dream_up(model, target_classes, *, shape=(1, 28, 28), seed: int = 0, report=lambda share: None) -> Images:
            return torch.rand(1, *shape, generator=torch.Generator().manual_seed(seed))
        """,
    )
    out = tmp_path / "x.png"
    (facts,) = rows(call("dream-up", "--class", "star", "--out", out, "--json"))
    assert facts["shape"] == [3, 64, 64]
    assert facts["class_name"] == "star"
    assert "with --class" in refused("dream-up", "--out", out)
    assert "leave --image out" in refused("dream-up", "--class", "star", "--image", "example", "--out", out)


STEPWISE = """
from repro.engine.optimise import optimise

def grow(model, target_classes, *, shape=(1, 28, 28), steps: int = 4, report=lambda share: None) -> Images:
    def step(x, gradient, values):
        if x.max() > 0.5:
            raise KeyboardInterrupt
        return x + 0.25
    def total(images):
        return images.sum((1, 2, 3))
    return optimise(torch.zeros(1, *shape), total, step, steps, report=report)[0]
"""


def test_a_stopped_search_keeps_the_image_so_far(tmp_path: Path, stand_in: Stand, monkeypatch) -> None:
    from sightglass.commands import run

    stand_in("adversarial", "grow", STEPWISE)
    monkeypatch.setattr(run, "PREVIEW", 0.0)
    previews, write = [], run.write_whole
    monkeypatch.setattr(run, "write_whole", lambda path, data: previews.append((path, data)) or write(path, data))
    out, array = tmp_path / "x.png", tmp_path / "x.npy"
    said = call("grow", "--class", "star", "--out", out, "--save-map", array, code=130).stderr
    assert f"stopped at 75%: {out} shows the image so far" in said
    assert "0 of 1" not in said
    assert np.load(array).max() == 0.75
    assert metadata(out)["stopped_at"] == "0.75"
    assert [path for path, _ in previews] == [out] * 3 + [array]
    assert all(b"Sightglass" in data for path, data in previews if path == out)  # so that a folder's run replaces it
    call("grow", "--class", "star", "--out", out, "--set", "steps=2")
    assert "stopped_at" not in metadata(out)


def test_what_only_python_can_use_is_refused(tmp_path: Path, stand_in: Stand) -> None:
    stand_in("representation", "compare", "def compare(first, second): ...")
    stand_in("attribution", "against", "def against(model, images, target_classes, baselines) -> Heatmap: ...")
    stand_in("attribution", "liar", "def liar(model, images, target_classes) -> Heatmap:\n    return images.flatten()")
    stand_in("attribution", "lost", "def lost(model, images, target_classes) -> Heatmap:\n    return images / 0")
    given = ("--image", "example", "--out", tmp_path / "x.png")
    assert "its page" in refused("compare", *given)
    assert "baselines" in refused("against", *given)
    assert "in Python" in refused("liar", *given)
    assert "no numbers" in refused("lost", *given)
    assert list(tmp_path.glob("*.png")) == []


# A folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(encoded("red"))
    (folder / "a.jpg").write_bytes(encoded("blue", "JPEG"))
    (folder / "broken.jpg").write_bytes(encoded("blue", "JPEG")[:200])
    (folder / "notes.txt").write_text("no image, and not told as broken")
    (folder / ".hidden.png").write_bytes(encoded())
    (folder / "deeper").mkdir()
    (folder / "deeper" / "c.png").write_bytes(encoded())
    return folder


def test_a_folder_of_images(tmp_path: Path, photos: Path) -> None:
    out, maps = tmp_path / "out", tmp_path / "maps"
    result = call("cam", "--image", photos, "--out", out, "--save-map", maps, code=1)
    assert sorted(path.name for path in out.iterdir()) == ["a.jpg.png", "a.png.png"]
    assert sorted(path.name for path in maps.iterdir()) == ["a.jpg.npy", "a.png.npy"]
    assert "3 images, 2 made, 1 failed" in result.stdout
    assert "broken.jpg: " in result.stderr
    again = rows(call("cam", "--image", photos, "--out", out, "--json", code=1))
    assert {(row["image"], row["state"]) for row in again} == {
        (str(photos / name), state) for name, state in (("a.jpg", "kept"), ("a.png", "kept"), ("broken.jpg", "failed"))
    }
    assert "notes.txt" not in result.stderr


def test_a_folder_goes_on_where_it_was_and_makes_anew_what_changed(tmp_path: Path, photos: Path) -> None:
    (photos / "broken.jpg").unlink()
    given = ("cam", "--image", photos, "--out", tmp_path / "out", "--json")
    states = lambda *more: {Path(row["image"]).name: row["state"] for row in rows(call(*given, *more))}  # noqa: E731  # one expression
    assert states() == {"a.jpg": "made", "a.png": "made"}
    first = rows(call(*given))
    assert states() == {"a.jpg": "kept", "a.png": "kept"}
    assert all(row["class_name"] for row in first)  # what is kept is told as well
    (photos / "a.png").write_bytes(encoded("green"))
    assert states() == {"a.jpg": "kept", "a.png": "made"}
    (tmp_path / "out" / "a.jpg.png").unlink()
    assert states() == {"a.jpg": "made", "a.png": "kept"}
    assert states("--class", "star") == {"a.jpg": "made", "a.png": "made"}
    assert states("--class", "star", "--force") == {"a.jpg": "made", "a.png": "made"}
    assert states("--class", "star", "--save-map", tmp_path / "maps") == {"a.jpg": "made", "a.png": "made"}
    assert states("--class", "star", "--save-map", tmp_path / "maps") == {"a.jpg": "kept", "a.png": "kept"}


def test_what_is_kept_is_not_decoded_again(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "broken.jpg").unlink()
    given = ("cam", "--image", photos, "--out", tmp_path / "out", "--json")
    call(*given)
    monkeypatch.setattr("repro.lab.images.decode", pytest.fail)
    assert [row["state"] for row in rows(call(*given))] == ["kept", "kept"]


def test_a_name_too_long_for_a_picture_beside_it_fails_alone(tmp_path: Path, photos: Path) -> None:
    (photos / ("x" * 240 + ".png")).write_bytes(encoded())
    result = call("cam", "--image", photos, "--out", tmp_path / "out", code=1)
    assert "too long a name" in result.stderr
    assert "4 images, 2 made, 2 failed" in result.stdout


def test_a_file_that_is_no_picture_of_ours_is_left_alone(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png.png").write_bytes(encoded("black"))
    result = call("cam", "--image", photos, "--out", out, "--json", code=1)
    failed = {Path(row["image"]).name: row["error"] for row in rows(result) if row["state"] == "failed"}
    assert set(failed) == {"a.png", "broken.jpg"}
    assert "--force" in failed["a.png"]
    assert (out / "a.png.png").read_bytes() == encoded("black")
    call("cam", "--image", photos, "--out", out, "--force", code=1)
    assert metadata(out / "a.png.png")["Software"] == "Sightglass"


def test_what_stops_every_image_stops_the_run(tmp_path: Path, photos: Path) -> None:
    options = ("--model", "vgg11", "--weights", "random")
    assert "CAM" in refused("cam", "--image", photos, "--out", tmp_path / "out", *options)


def test_folders_that_do_not_fit_are_refused(tmp_path: Path, photos: Path) -> None:
    empty = tmp_path / "empty"
    (empty / "deeper").mkdir(parents=True)
    assert "not followed" in refused("cam", "--image", empty, "--out", tmp_path / "out")
    assert "must be a folder" in refused("cam", "--image", photos, "--out", tmp_path / "x.png")
    assert "give another one" in refused("cam", "--image", photos, "--out", photos)
    assert "make it first" in refused("cam", "--image", photos, "--out", tmp_path / "none" / "out")


def test_a_stopped_run_keeps_what_is_finished(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sightglass.running import explain

    show, seen = explain.show, []

    def stop(*words: Any) -> Any:
        seen.append(words)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return show(*words)

    monkeypatch.setattr(explain, "show", stop)
    result = call("cam", "--image", photos, "--out", tmp_path / "out", code=130)
    assert "stopped: 1 of 3 done; run the same command to continue" in result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.jpg.png"]


# An address


class Server:
    """A local server with one answer for each path: status, headers, body."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/slow":
                    time.sleep(2.5)
                status, headers, body = outer.answers[self.path]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:  # the client has gone
                    self.close_connection = True

            def log_message(self, *words: Any) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.at = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    local = Server()
    yield local
    local.http.shutdown()
    local.http.server_close()


def test_an_image_from_the_web(tmp_path: Path, server: Server) -> None:
    server.answers["/moved"] = (302, {"Location": "/pictures/cat.jpg"}, b"")
    server.answers["/pictures/cat.jpg"] = (200, {"Content-Type": "image/jpeg"}, encoded("blue", "JPEG"))
    (facts,) = rows(call("cam", "--image", f"{server.at}/moved", "--out", tmp_path / "x.png", "--json"))
    assert facts["image"] == f"{server.at}/moved"
    assert metadata(tmp_path / "x.png")["source"] == f"{server.at}/moved"
    call("cam", "--image", f"{server.at}/pictures/cat.jpg", "--out", tmp_path)
    assert (tmp_path / "cat.jpg.png").exists()


def test_addresses_that_give_no_image(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "x.png"
    server.answers |= {
        "/page": (200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>"),
        "/liar.png": (200, {"Content-Type": "image/png"}, b"<html>"),
        "/cut.png": (200, {"Content-Type": "image/png", "Content-Length": "9999"}, encoded()[:100]),
        "/gone.png": (404, {}, b""),
        "/round": (302, {"Location": "/round"}, b""),
        "/file": (302, {"Location": "file:///etc/hostname"}, b""),
        "/large": (200, {"Content-Length": str(10**9)}, b""),
        "/endless": (200, {}, b"x" * 200_000),
        "/slow": (200, {}, b""),
    }
    monkeypatch.setattr(image_requests.fetch, "__kwdefaults__", {"limit": 100_000, "seconds": 1.0, "longest": 5.0})
    said = {path: refused("cam", "--image", server.at + path, "--out", out) for path in server.answers}
    for path, words in {
        "/page": "address of the image itself",
        "/liar.png": "save it as PNG or JPEG",
        "/cut.png": "without sending complete message",
        "/gone.png": "answers 404 Not Found",
        "/round": "redirects more than",
        "/file": "no web address",
        "/large": "is larger than",
        "/endless": "is larger than",
        "/slow": "no answer within 1 s",
    }.items():
        assert words in said[path], said[path]
    assert "connection refused" in refused("cam", "--image", "http://127.0.0.1:1/x.png", "--out", out)
    assert "http:" in refused("cam", "--image", "http://", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://example.org/a/cat.jpg?size=3", "cat.jpg"),
        ("https://example.org/", "example.org"),
        ("https://example.org/a%2F..%2Fb c", "b-c"),
        ("https://example.org/猫.png", "猫.png"),
        ("https://example.org/..", "example.org"),
    ],
)
def test_the_name_of_what_is_at_an_address(address: str, name: str) -> None:
    assert image_requests.name_of(address) == name


def test_help_has_examples() -> None:
    result = calling.call("run", "--help")
    assert "sightglass run cam --image example" in " ".join(result.stdout.split())
