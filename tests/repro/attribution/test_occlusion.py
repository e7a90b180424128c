"""Occlusion against loops over squares, numbers worked out by hand, and captum."""

import copy

import pytest
import torch
from torch import Tensor, nn

from repro.attribution.occlusion import map_occlusion, occlusion, on_pixels
from repro.engine.errors import ClassesError, LayerError, OptionsError

CONTRACT = {"occlusion": {}, "map_occlusion": {}}
BENCHMARK = {
    "occlusion": {
        "floor": ("forward_whole_and_covered", 80, 72),  # three by three places, one after the other
        "ours": lambda s: occlusion(s.model, s.images, s.classes, patch=80, stride=72, batch=1),
        "peers": {
            "captum": ("captum", "Occlusion", {"sliding_window_shapes": (3, 80, 80), "strides": (3, 72, 72)}),
            "zennit": ("zennit_occlusion", 80, 72),
        },
        "batches": (1,),  # ten passes are long enough
    }
}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps, self.relu, self.dropout = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Dropout()
        self.linear = nn.Linear(4, 3)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.dropout(self.relu(self.maps(images)).mean((2, 3))))


class MeanOfColour(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


def images_of(count: int, height: int = 11, width: int = 14) -> Tensor:
    return torch.rand(count, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def slow_occlusion(net: nn.Module, images: Tensor, classes: list[int], patch: int, stride: int, fill: float) -> Tensor:
    """Zeiler and Fergus 2014, Sec. 4.2: one square, one image at a time, until a square reaches the border."""
    rows = []
    for image, c in zip(images, classes, strict=True):
        before, rows_of_image, top = net(image[None]).softmax(1)[0, c], [], 0
        while True:
            falls, left = [], 0
            while True:
                covered = image.clone()
                for y in range(top, min(top + patch, image.shape[1])):
                    for x in range(left, min(left + patch, image.shape[2])):
                        covered[:, y, x] = fill
                falls.append(before - net(covered[None]).softmax(1)[0, c])
                if left + patch >= image.shape[2]:
                    break
                left += stride
            rows_of_image.append(torch.stack(falls))
            if top + patch >= image.shape[1]:
                break
            top += stride
        rows.append(torch.stack(rows_of_image))
    return torch.stack(rows)[:, None]


def test_the_fall_of_the_logit_under_a_grey_square_by_hand() -> None:
    images = torch.zeros(2, 3, 8, 8)
    images[0, 1, :4, 4:] = 1.0  # a bright quarter, in the second colour
    falls = occlusion(MeanOfColour(), images, torch.tensor([1, 1]), patch=4, stride=4, of="logit")
    # 16 of 64 pixels go from 1 to a half; elsewhere they go from 0 to a half
    torch.testing.assert_close(falls[0, 0], torch.tensor([[-0.125, 0.125], [-0.125, -0.125]]))
    torch.testing.assert_close(falls[1, 0], torch.full((2, 2), -0.125))


@pytest.mark.parametrize(("patch", "stride"), [(4, 2), (5, 4), (3, 3), (11, 1)])
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_equals_the_definition_in_loops(patch: int, stride: int, batch: int) -> None:
    net, images, classes, shares = Net().eval(), images_of(3), [2, 0, 1], []
    with torch.no_grad():
        expected = slow_occlusion(net, images, classes, patch, stride, 0.5)
    found = occlusion(net, images, torch.tensor(classes), patch=patch, stride=stride, batch=batch, report=shares.append)
    torch.testing.assert_close(found, expected)
    assert found.abs().max() > 0
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_each_colour_has_its_own_fill() -> None:
    images, fill = torch.zeros(1, 3, 4, 4), torch.tensor([1.0, 2.0, 3.0])[:, None, None]
    for c in range(3):
        falls = occlusion(MeanOfColour(), images, torch.tensor([c]), patch=2, stride=2, fill=fill, of="logit")
        torch.testing.assert_close(falls, torch.full((1, 1, 2, 2), -(c + 1) / 4))


def test_what_is_as_grey_as_the_square_changes_nothing() -> None:
    found = occlusion(Net().eval(), torch.full((2, 3, 8, 8), 0.5).double(), torch.tensor([0, 1]), patch=4, stride=2)
    assert found.abs().max() < 1e-15


def test_batch_of_different_classes_equals_one_by_one() -> None:
    net, images, classes = Net().eval(), images_of(3), torch.tensor([2, 0, 1])
    one_by_one = [occlusion(net, images[i : i + 1], classes[i : i + 1], patch=4, stride=4) for i in range(3)]
    torch.testing.assert_close(occlusion(net, images, classes, patch=4, stride=4), torch.cat(one_by_one))


def test_the_strongest_map_is_followed_in_each_image() -> None:
    net = nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(32, 2))
    net[0].weight.data = torch.eye(2)[:, :, None, None]
    images = torch.zeros(2, 2, 4, 4)
    images[0, 0], images[1, 1] = 1.0, 1.0
    images[0, 1, :2, :2], images[1, 0, :2, :2] = 3.0, 3.0  # a higher maximum, and a smaller sum
    for layer in (net[0], net[1]):
        falls, channels = map_occlusion(net, images, layer, patch=2, stride=2, fill=0.0)
        assert channels.tolist() == [0, 1]
        assert falls.tolist() == [[[[4.0, 4.0], [4.0, 4.0]]]] * 2
    with pytest.raises(LayerError):
        map_occlusion(net, images, net[3], patch=2, stride=2)


def test_on_pixels_by_hand_and_back_to_a_constant() -> None:
    falls = torch.tensor([[[[1.0, 3.0]]]])  # squares of 2 by 2 at columns 0 and 1
    assert on_pixels(falls, (2, 3), patch=2, stride=1).tolist() == [[[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]]]
    cut = on_pixels(torch.full((1, 1, 3, 4), 0.7), (11, 14), patch=5, stride=3)  # the last ones reach over the border
    torch.testing.assert_close(cut, torch.full((1, 1, 11, 14), 0.7))
    with pytest.raises(OptionsError):
        on_pixels(falls, (4, 4), patch=2, stride=1)


def test_equals_captum(require_module) -> None:
    attr = require_module("captum.attr", "pip install captum")
    net, images, classes = Net().eval(), images_of(2), torch.tensor([2, 1])
    expected = attr.Occlusion(net).attribute(
        images, sliding_window_shapes=(3, 4, 4), strides=(3, 3, 3), baselines=0.5, target=classes
    )
    found = on_pixels(occlusion(net, images, classes, patch=4, stride=3, of="logit"), (11, 14), patch=4, stride=3)
    # it returns float32 whatever it is given
    torch.testing.assert_close(found.expand_as(expected).float(), expected.float(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was_found(fails: bool, around) -> None:
    net = Net().train()
    net.maps.eval()
    before = copy.deepcopy(net.state_dict())
    with around():
        images = images_of(2)
        kept = images.clone()
        if fails:
            with pytest.raises(ClassesError):
                occlusion(net, images, torch.tensor([0, 3]), patch=4, stride=4)
        else:
            falls = [occlusion(net, images, torch.tensor([0, 1]), patch=4, stride=4) for _ in range(2)]
            assert torch.equal(*falls)  # no dropout
            map_occlusion(net, images, net.relu, patch=4, stride=4)
        assert torch.equal(images, kept)
    assert [m.training for m in (net, net.maps, net.dropout)] == [True, False, True]
    assert all(not m._forward_hooks for m in net.modules())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize(("patch", "stride"), [(12, 1), (4, 0), (4, 5), (0, 0)])
def test_squares_that_do_not_fit_are_refused(patch: int, stride: int) -> None:
    with pytest.raises(OptionsError):
        occlusion(Net(), images_of(1), torch.tensor([0]), patch=patch, stride=stride)


def test_an_unknown_score_is_refused() -> None:
    with pytest.raises(OptionsError):
        occlusion(Net(), images_of(1), torch.tensor([0]), patch=4, stride=4, of="loss")
