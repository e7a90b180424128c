"""Inpainting what-if against its definition in loops, models that see one region, and scikit-image's inpainting."""

import numpy as np
import pytest
import torch
from skimage.restoration import inpaint_biharmonic
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.inpainting_what_if import inpainting_what_if, what_if, without
from repro.engine.errors import OptionsError
from repro.lab import networks, scenes

CONTRACT = {"inpainting_what_if": {"parts": 4}}  # large regions: half precision rounds small differences away
BENCHMARK = {
    "inpainting_what_if": {
        "floor": ("forward_versions", 9, 9),
        "ours": lambda s: inpainting_what_if(s.model, s.images, s.classes, parts=9, batch=9),
        "peers": {},
        "batches": (1,),  # nine passes are long enough
    }
}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps, self.linear = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        return 9 * self.linear(self.maps(images).relu().amax((2, 3)))


class Corner(nn.Module):
    """Sees nine pixels at the top left."""

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :2, :3, :3].sum((2, 3))


def images_of(count: int, size: int = 12) -> Tensor:
    return torch.rand(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def slow_what_if(net: nn.Module, image: Tensor, c: int, segments: Tensor, grow: int) -> Tensor:
    """Removes one region after another, grown pixel by pixel, as a person would; Eq. (b)."""
    from tests.repro.engine.test_inpainting import slow_harmonic  # the benchmark reads this file without the tests

    found, before = torch.zeros(segments.shape, dtype=image.dtype), net(image[None]).softmax(1)[0, c]
    size = len(segments)
    for number in segments.unique():
        hole = torch.zeros_like(segments, dtype=torch.bool)
        for y, x in (segments == number).nonzero().tolist():
            hole[max(0, y - grow) : min(size, y + grow + 1), max(0, x - grow) : min(size, x + grow + 1)] = True
        after = net(slow_harmonic(image, hole)[None]).softmax(1)[0, c]
        found[segments == number] = before - after
    return found


@pytest.mark.parametrize("batch", [5, 64])
@pytest.mark.parametrize("grow", [0, 2])
def test_equals_the_definition(batch: int, grow: int) -> None:
    net, images = Net(), images_of(2)
    segments = torch.randint(0, 3, (2, 2, 3), generator=torch.Generator().manual_seed(3)) * 10 - 10
    segments = segments.repeat_interleave(6, 1).repeat_interleave(4, 2)
    found = inpainting_what_if(net, images, torch.tensor([2, 0]), segments, grow=grow, batch=batch)
    with torch.no_grad():
        expected = [slow_what_if(net, *each, grow) for each in zip(images, (2, 0), segments, strict=True)]
    torch.testing.assert_close(found[:, 0], torch.stack(expected), rtol=1e-9, atol=1e-11)
    assert found.abs().max() > 0.01


def test_the_heatmap_is_what_each_single_what_if_tells() -> None:
    net, images, classes = Net(), images_of(1), torch.tensor([1])
    segments = torch.arange(2).repeat_interleave(6)[None, :, None].expand(1, 12, 12)
    found = inpainting_what_if(net, images, classes, segments, grow=1)
    for number, row in ((0, 0), (1, 11)):
        removed = what_if(net, images, segments == number, grow=1)
        torch.testing.assert_close(found[0, 0, row, 0], removed.before[0, 1] - removed.after[0, 1], rtol=0, atol=1e-12)
        torch.testing.assert_close(removed.after, net(removed.images).softmax(1), rtol=0, atol=1e-12)


def test_what_the_model_does_not_see_costs_nothing() -> None:
    found = inpainting_what_if(Corner(), images_of(1), torch.tensor([0]), parts=9, grow=1)
    assert found[0, 0, :4, :4].abs().min() > 1e-3
    assert found[0, 0, 5:].abs().max() == found[0, 0, :, 5:].abs().max() == 0


@pytest.mark.parametrize("fill", ["inpainted", 0.25])
def test_an_empty_mask_changes_nothing_and_outside_a_mask_nothing_changes(fill: float | str) -> None:
    images, masks = images_of(2), torch.zeros(2, 12, 12, dtype=torch.bool)
    removed = what_if(Net(), images, masks, fill=fill)
    assert torch.equal(removed.images, images)
    assert torch.equal(removed.before, removed.after)
    masks[:, 4:7, 5:6] = True
    changed = (without(images, masks, fill, grow=2) != images).any(1)
    assert changed.nonzero().amin(0).tolist() == [0, 2, 3]
    assert changed.nonzero().amax(0).tolist() == [1, 8, 7]


def test_grey_is_the_value_that_is_asked_for() -> None:
    masks = torch.zeros(1, 12, 12, dtype=torch.bool)
    masks[:, :2] = True
    assert (without(images_of(1), masks, 0.25, grow=0)[:, :, :2] == 0.25).all()


def test_of_a_logit_it_is_the_difference_of_logits() -> None:
    images, segments = images_of(1), torch.zeros(1, 12, 12, dtype=torch.long)
    segments[:, :4, :4] = 1
    found = inpainting_what_if(Corner(), images, torch.tensor([1]), segments, grow=0, of="logit")
    filled = without(images, segments == 1, grow=0)
    expected = (images - filled)[0, 1, :3, :3].sum()
    torch.testing.assert_close(found[0, 0, 0, 0], expected, rtol=0, atol=1e-12)


def test_another_inpainting_gives_the_network_the_same_question() -> None:
    """Scikit-image's biharmonic fill is smoother at the rim and may overshoot; to the network it is the same."""
    model, one = networks.load("gap-scenes", 0), scenes.one_object(16, 0)
    images, classes = networks.inputs(one.images, one.labels)
    removed = what_if(model, images, torch.from_numpy(one.class_masks()))
    holes = functional.max_pool2d(torch.from_numpy(one.class_masks())[:, None].float(), 5, 1, 2)[:, 0].bool().numpy()
    theirs = np.stack(
        [
            inpaint_biharmonic(image, hole, channel_axis=-1)
            for image, hole in zip(images.permute(0, 2, 3, 1).numpy(), holes, strict=True)
        ]
    )
    with torch.no_grad():
        after = model(torch.from_numpy(theirs).float().permute(0, 3, 1, 2)).softmax(1)
    mine, other = ((removed.before - each).gather(1, classes[:, None]).mean() for each in (removed.after, after))
    assert mine > 0.7
    assert abs(mine - other) < 0.1


@pytest.mark.parametrize(
    "options",
    [{"grow": -1}, {"fill": "black"}, {"of": "loss"}, {"batch": 0}, {"parts": 0}, {"segments": torch.ones(1, 12, 12)}],
)
def test_options_that_do_not_fit_are_refused(options) -> None:
    with pytest.raises(OptionsError):
        inpainting_what_if(Net(), images_of(1), torch.tensor([0]), **options)


@pytest.mark.parametrize("masks", [torch.ones(1, 12, 12), torch.ones(12, 12, dtype=torch.bool)])
def test_masks_that_do_not_fit_are_refused(masks: Tensor) -> None:
    with pytest.raises(OptionsError):
        what_if(Net(), images_of(1), masks)
