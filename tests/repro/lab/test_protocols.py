"""Each protocol on maps whose numbers are known, and on small networks."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from repro.lab import controls, metrics, networks, protocols, scenes


def true_maps(of: scenes.Scenes) -> Tensor:
    return torch.from_numpy(of.class_masks()[:, None]).float()


def test_a_map_of_the_objects_is_right_and_its_opposite_is_wrong() -> None:
    one = scenes.one_object(20, 0)
    maps = {"true": true_maps(one), "opposite": 1 - true_maps(one)}
    boxes = protocols.boxes(maps, one, 0.2)
    assert set(boxes) == {f"{name}-boxes" for name in ("true", "opposite", "centre", "random")}
    assert boxes["true-boxes"] == 1
    assert boxes["opposite-boxes"] < boxes["centre-boxes"] + 0.2
    assert protocols.tuned_boxes(maps, one)["true-tuned-boxes"] == 1
    pointing = protocols.pointing(maps, one)
    assert (pointing["true-pointing"], pointing["opposite-pointing"]) == (1, 0)
    assert pointing["random-pointing"] == pytest.approx(one.class_masks().mean())
    energy = protocols.energy(maps | {"even": torch.ones(20, 3, 64, 64)}, one.class_masks())
    assert (energy["true-energy"], energy["opposite-energy"]) == (1, 0)
    assert energy["even-energy"] == pytest.approx(energy["chance-energy"])


def test_a_map_that_follows_the_class_is_right_of_two() -> None:
    two = scenes.load(12, 0, two_classes=True)
    model = nn.Linear(1, 1)

    def follows(_: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
        return torch.from_numpy(two.class_masks(classes.numpy())[:, None]).float()

    def first(_: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
        return torch.from_numpy(two.instance_masks[:, :1]).float()

    maps = {f.__name__: protocols.for_both_classes(f, model, two) for f in (follows, first)}
    assert protocols.right_of_two(maps, two) == {"follows-right-of-two": 1, "first-right-of-two": 0.5}


def test_faithfulness_of_a_map_of_the_objects_beats_its_opposite() -> None:
    model, made = networks.load("fc-scenes", 0), scenes.one_object(16, 0)
    images, classes = networks.inputs(made.images, made.labels)
    maps = {"true": true_maps(made), "opposite": 1 - true_maps(made)}
    kept = protocols.masked_confidence(model, images, classes, maps, {"grey": 0.5})
    assert kept["true-drop-grey"] < kept["opposite-drop-grey"]
    assert kept["true-win-over-opposite-grey"] > 0.5
    assert set(kept) == {*(f"{n}-{q}-grey" for n in maps for q in ("drop", "increase")), "true-win-over-opposite-grey"}
    curves = protocols.deletion_insertion(model, images, classes, maps, 0.5, steps=8)
    assert curves["true-deletion"] < curves["opposite-deletion"]
    assert curves["true-insertion"] > curves["opposite-insertion"]
    flipped = protocols.pixel_flipping(model, images, classes, maps, {"grey": torch.full_like(images, 0.5)})
    assert flipped["true-grey-aopc"] > flipped["opposite-grey-aopc"]


def test_agreement_with_occlusion_is_one_where_the_falls_are_what_the_patches_cover() -> None:
    maps = controls.noise(torch.zeros(3, 3, 64, 64))
    falls = nn.functional.avg_pool2d(maps, 16, 8)
    assert protocols.agreement_with_occlusion({"map": maps}, falls)["map-occlusion"] == pytest.approx(1)


def test_a_method_that_ignores_the_network_passes_no_randomisation() -> None:
    model, images, classes = networks.load("fc-scenes", 0), torch.rand(4, 3, 64, 64), torch.arange(4)
    methods = {"gradient": controls.saliency, "edges": lambda _, images, __: controls.edges(images)}
    found = protocols.randomisation(methods, model, images, classes, ("classifier.0", "classifier.2"))
    assert found["edges-randomised"] == pytest.approx(1)
    assert found["gradient-randomised"] < 0.95


class Three(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.low, self.middle, self.high = (nn.Linear(6, 6, bias=False) for _ in range(3))


def test_cascading_randomisation_shuffles_layer_by_layer_from_the_top() -> None:
    """Each of the maps shows one layer's weights: it changes when, and only when, that layer is shuffled."""
    model = Three()

    def weights(each: nn.Module) -> Tensor:
        return torch.stack([each.get_submodule(name).weight for name in ("low", "middle", "high")])[:, None].detach()

    found = protocols.cascading_randomisation(weights, model)
    changed = {name: (correlations < 0.9).tolist() for name, correlations in found.items()}
    assert list(found) == ["high", "middle", "low"]
    assert changed == {"high": [False, False, True], "middle": [False, True, True], "low": [True, True, True]}
    shuffled = controls.randomised(model, "middle")
    expected = [1, metrics.rank_correlation(weights(model)[1:2], weights(shuffled)[1:2])[0], 1]
    np.testing.assert_allclose(protocols.cascading_randomisation(weights, model, ["middle"])["middle"], expected)
