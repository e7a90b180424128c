"""Models by name, their preprocessing, layers and classes."""

import copy

import pytest
import torch
from safetensors.torch import save_file
from torch import fx, nn

from repro.engine import pooling
from repro.engine.errors import ClassesError, ImagesError, LayerError
from repro.lab import digits, models, networks
from repro.lab.errors import ModelError, WeightsError
from repro.lab.models import vision


def test_a_view_normalised_inside_is_torchvisions_preprocessing() -> None:
    """What the model is given in [0, 1] reaches its own forward exactly as torchvision's transforms would have it."""
    library = models.torchvision()
    sizes = (("squeezenet1_1", 300, 401), ("efficientnet_b1", 500, 260), ("squeezenet1_1", 50, 70))
    for name, height, width in (*sizes, ("squeezenet1_1", 394, 500), ("squeezenet1_1", 98, 120)):
        image = torch.rand(3, height, width)
        weights = library.models.get_model_weights(name).DEFAULT
        view = vision.preprocessing(weights).view(image)
        inner = Given()
        vision.normalised(inner, weights)(view[None])
        torch.testing.assert_close(inner.given[0], weights.transforms()(image), atol=1e-5, rtol=1e-5)


def test_an_image_of_hardly_any_width_is_refused() -> None:
    preprocessing = models.Preprocessing(256, 224)
    assert preprocessing.view(torch.rand(3, 1, 64)).shape == (3, 224, 224)
    with pytest.raises(ImagesError):
        preprocessing.view(torch.rand(3, 1, 65))


class Given(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.given = images
        return images


def test_a_model_that_normalises_inside_is_the_same_model() -> None:
    library = models.torchvision()
    loaded = models.load("squeezenet1_1", "random").model
    plain = library.models.squeezenet1_1()
    plain.load_state_dict(loaded.state_dict())  # not a key more or less
    assert [name for name, _ in loaded.named_modules()] == [name for name, _ in plain.named_modules()]
    assert isinstance(loaded, library.models.SqueezeNet)
    assert type(loaded).__name__ == "SqueezeNet"
    images = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    expected = plain.double().eval()(normalised(images))
    for model in (loaded, copy.deepcopy(loaded), fx.symbolic_trace(loaded)):
        torch.testing.assert_close(model.double()(images), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "channels", "size"), [("lab:gap-scenes", 3, 64), ("lab:lenet-mnist", 1, 28)])
def test_a_lab_network_by_name(name: str, channels: int, size: int) -> None:
    loaded = models.load(name, seed=1)
    image = torch.rand(channels, size, size)
    view = loaded.preprocessing.view(image)
    torch.testing.assert_close(view, image, atol=1e-6, rtol=0)
    expected = networks.load(name.removeprefix("lab:"), 1)(image[None])
    torch.testing.assert_close(loaded.model(view[None]), expected, atol=1e-4, rtol=1e-4)
    assert loaded.classes[9] == ("ring" if channels == 3 else "9")


def test_grey_and_colour_become_what_the_model_takes() -> None:
    colour = torch.tensor([1.0, 0, 0])[:, None, None].expand(3, 4, 4)
    grey = models.Preprocessing(4, 4, 1).view(colour)
    torch.testing.assert_close(grey, torch.full((1, 4, 4), 0.299))
    assert torch.equal(models.Preprocessing(4, 4).view(grey), grey.expand(3, 4, 4))


@pytest.mark.parametrize(("name", "said"), [("lab:gap-scenes", 4), ("lab:lenet-mnist", None)])
def test_the_example_suits_the_model(name: str, said: int | None) -> None:
    """The scene has two checked squares; the digit is the first that is held out."""
    loaded, image = models.load(name), models.example(name)
    expected = digits.load(1, 0).labels[0] if said is None else said
    assert int(loaded.model(loaded.preprocessing.view(image)[None]).argmax()) == expected
    photograph = models.example("resnet50")
    assert photograph.shape == (3, 300, 300)
    assert 0 <= photograph.min() < photograph.max() <= 1


@pytest.mark.parametrize(
    ("name", "layer"),
    [("lab:gap-scenes", "features"), ("lab:lenet-mnist", "features.4"), ("squeezenet1_1", "classifier.2")],
)
def test_the_layer_of_the_last_maps(name: str, layer: str) -> None:
    """Its output is what Grad-CAM takes if no layer is named."""
    loaded = models.load(name, "random" if ":" not in name else None)
    images = loaded.preprocessing.view(models.example(name))[None]
    assert models.last_maps_layer(loaded.model, images) == layer
    maps = []
    for each in (None, models.layer(loaded.model, layer)):
        with pooling.maps_and_logits(loaded.model, images, each) as (found, _):
            maps.append(found)
    assert torch.equal(*maps)
    assert not loaded.model._forward_hooks


def test_a_model_without_maps_is_told_so() -> None:
    flat = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2))
    with pytest.raises(LayerError):
        models.last_maps_layer(flat, torch.rand(1, 3, 8, 8))


@pytest.mark.parametrize("kind", ["safetensors", "pth", "wrapped.pth"])
def test_own_weights_from_a_file(tmp_path, kind: str) -> None:
    """A network trained on seven classes of one's own, saved plainly or as training scripts do."""
    original = models.torchvision().models.resnet18(num_classes=7).eval()
    state, path = original.state_dict(), tmp_path / f"own.{kind}"
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "pth":
        torch.save(state, path)
    else:
        torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    loaded = models.load("resnet18", str(path))
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(loaded.model(images), original(normalised(images)))
    assert loaded.classes == ()
    assert not loaded.model.training


@pytest.mark.parametrize("auxiliary", [True, False])
def test_googlenet_with_and_without_its_auxiliary_heads(tmp_path, auxiliary: bool) -> None:
    original = models.torchvision().models.googlenet(num_classes=5, aux_logits=auxiliary, init_weights=False).eval()
    save_file(original.state_dict(), tmp_path / "own.safetensors")
    images = torch.rand(1, 3, 64, 64)
    loaded = models.load("googlenet", str(tmp_path / "own.safetensors"))
    assert torch.equal(loaded.model(images), original(normalised(images)))


def test_squeezenet_of_own_classes(tmp_path) -> None:
    """Its last layer is a convolution, and the file has its keys in the alphabet's order."""
    original = models.torchvision().models.squeezenet1_1(num_classes=5).eval()
    save_file(original.state_dict(), tmp_path / "own.safetensors")
    images = torch.rand(1, 3, 64, 64)
    loaded = models.load("squeezenet1_1", str(tmp_path / "own.safetensors"))
    assert torch.equal(loaded.model(images), original(normalised(images)))


def normalised(images: torch.Tensor) -> torch.Tensor:
    """As ImageNet's weights want it."""
    mean, std = (torch.tensor(each)[:, None, None] for each in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return (images - mean) / std


class Code:
    def __reduce__(self):
        return (pytest.fail, ("code in a weights file was run",))


def test_random_weights_are_the_same_each_time() -> None:
    before = torch.random.get_rng_state()
    first, second, other = (models.load("resnet18", "random", seed).model.fc.weight for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.filterwarnings("error")  # the one line is all there is to read
def test_files_that_are_no_weights_are_refused(tmp_path) -> None:
    torch.save({"model": Code()}, tmp_path / "code.pth")
    (tmp_path / "text.safetensors").write_text("weights")
    (tmp_path / "text.pth").write_text("weights")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"fc.weight": torch.ones(1000, 512)}, tmp_path / "part.pth")
    torch.save({}, tmp_path / "empty.pth")
    (tmp_path / "short.pth").write_text("hello")
    (tmp_path / "noise.pth").write_bytes(bytes(range(128, 256)))
    for name in [*sorted(path.name for path in tmp_path.iterdir()), "missing.pth"]:
        with pytest.raises(WeightsError) as caught:
            models.load("resnet18", str(tmp_path / name))
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_names_that_do_not_exist_come_with_candidates() -> None:
    for name, weights, candidate in (
        ("resnet-18", "random", "resnet18"),
        ("vgg15", None, "vgg16"),
        ("gap-scenes", None, "lab:gap-scenes"),
    ):
        with pytest.raises(ModelError) as caught:
            models.load(name, weights)
        assert candidate in str(caught.value)
    with pytest.raises(WeightsError) as caught:
        models.load("resnet18", "IMAGENET")
    assert "IMAGENET1K_V1" in str(caught.value)


@pytest.mark.parametrize(("name", "weights"), [("resnet18", None), ("lab:gap-scenes", "DEFAULT")])
def test_weights_belong_to_torchvisions_models_alone(name: str, weights: str | None) -> None:
    with pytest.raises(ModelError):
        models.load(name, weights)


def test_layers_by_name() -> None:
    model = networks.load("gap-scenes", 0)
    assert models.layer(model, "features.10") is model.features[10]
    with pytest.raises(LayerError) as caught:
        models.layer(model, "feature")
    assert "features" in str(caught.value)
    with pytest.raises(LayerError):
        models.layer(model, "")  # the model itself


def test_classes_by_number_and_name() -> None:
    classes = ["tench", "great white shark", "tiger shark", "Tiger cat"]
    assert models.class_index(classes, "3", 4) == 3
    assert models.class_index(classes, "tiger CAT", 4) == 3
    assert models.class_index(classes, "white", 4) == 1
    for chosen in ("shark", "trench", "4", "-1"):
        with pytest.raises(ClassesError):
            models.class_index(classes, chosen, 4)
    with pytest.raises(ClassesError):
        models.class_index((), "cat", 4)
