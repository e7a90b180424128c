"""Models by name, their preprocessing, layers and classes."""

import pytest
import torch
from safetensors.torch import save_file

from repro.lab import models, networks


def test_preprocessing_is_torchvisions() -> None:
    vision = models._torchvision()
    for name, height, width in (("resnet18", 300, 401), ("efficientnet_b1", 500, 260), ("resnet18", 50, 70)):
        image = torch.rand(3, height, width)
        weights = vision.models.get_model_weights(name).DEFAULT
        preprocessing = models._preprocessing(weights)
        expected = weights.transforms()(image)
        torch.testing.assert_close(
            preprocessing.normalise(preprocessing.view(image))[0], expected, atol=1e-5, rtol=1e-5
        )


def test_a_lab_network_by_name() -> None:
    loaded = models.load("lab:gap-scenes", seed=1)
    image = torch.rand(3, 64, 64)
    view = loaded.preprocessing.view(image)
    torch.testing.assert_close(view, image, atol=1e-6, rtol=0)
    expected = networks.load("gap-scenes", 1)(image[None])
    torch.testing.assert_close(loaded.model(loaded.preprocessing.normalise(view)), expected, atol=1e-4, rtol=1e-4)
    assert loaded.classes[9] == "ring"


@pytest.mark.parametrize("kind", ["safetensors", "pth", "wrapped.pth"])
def test_own_weights_from_a_file(tmp_path, kind: str) -> None:
    """A network trained on seven classes of one's own, saved plainly or as training scripts do."""
    original = models._torchvision().models.resnet18(num_classes=7).eval()
    state, path = original.state_dict(), tmp_path / f"own.{kind}"
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "pth":
        torch.save(state, path)
    else:
        torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    loaded = models.load("resnet18", str(path))
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(loaded.model(images), original(images))
    assert loaded.classes == ()
    assert not loaded.model.training


@pytest.mark.parametrize("auxiliary", [True, False])
def test_googlenet_with_and_without_its_auxiliary_heads(tmp_path, auxiliary: bool) -> None:
    original = models._torchvision().models.googlenet(num_classes=5, aux_logits=auxiliary, init_weights=False).eval()
    save_file(original.state_dict(), tmp_path / "own.safetensors")
    images = torch.rand(1, 3, 64, 64)
    loaded = models.load("googlenet", str(tmp_path / "own.safetensors"))
    assert torch.equal(loaded.model(images), original(images))


class Code:
    def __reduce__(self):
        return (pytest.fail, ("code in a weights file was run",))


def test_random_weights_are_the_same_each_time() -> None:
    before = torch.random.get_rng_state()
    first, second, other = (models.load("resnet18", "random", seed).model.fc.weight for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_files_that_are_no_weights_are_refused(tmp_path) -> None:
    torch.save({"model": Code()}, tmp_path / "code.pth")
    (tmp_path / "text.safetensors").write_text("weights")
    (tmp_path / "text.pth").write_text("weights")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"fc.weight": torch.ones(1000, 512)}, tmp_path / "part.pth")
    reasons = {"code.pth": "cannot be read", "text.safetensors": "cannot be read", "text.pth": "cannot be read"}
    reasons |= {"list.pth": "no state dict", "part.pth": "do not fit", "none.pth": "there is no file"}
    for name, reason in reasons.items():
        with pytest.raises(ValueError, match=reason) as caught:
            models.load("resnet18", str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_names_that_do_not_exist_come_with_candidates() -> None:
    with pytest.raises(ValueError, match="did you mean resnet18"):
        models.load("resnet-18", "random")
    with pytest.raises(ValueError, match="IMAGENET1K_V1"):
        models.load("resnet18", "IMAGENET")
    with pytest.raises(ValueError, match="needs weights: DEFAULT"):
        models.load("resnet18")
    with pytest.raises(ValueError, match="weights of its own"):
        models.load("lab:gap-scenes", "DEFAULT")


def test_layers_by_name() -> None:
    model = networks.load("gap-scenes", 0)
    assert models.layer(model, "features.10") is model.features[10]
    with pytest.raises(ValueError, match="try features"):
        models.layer(model, "feature")
    with pytest.raises(ValueError, match="no layer ''"):
        models.layer(model, "")


def test_classes_by_number_and_name() -> None:
    classes = ["tench", "great white shark", "tiger shark", "Tiger cat"]
    assert models.class_index(classes, "3", 4) == 3
    assert models.class_index(classes, "tiger CAT", 4) == 3
    assert models.class_index(classes, "white", 4) == 1
    for chosen, reason in (
        ("shark", "great white shark, tiger shark"),
        ("trench", "did you mean tench"),
        ("4", "0 to 3"),
    ):
        with pytest.raises(ValueError, match=reason):
            models.class_index(classes, chosen, 4)
    with pytest.raises(ValueError, match="give a number"):
        models.class_index((), "cat", 4)
