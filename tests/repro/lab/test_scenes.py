"""Scenes: the same again on any machine, and a ground truth that is true."""

import numpy as np
import pytest

from repro.lab import scenes


@pytest.fixture(scope="module")
def some() -> scenes.Scenes:
    return scenes.render(np.arange(400), 0)


def test_a_scene_depends_on_seed_and_index_alone(some: scenes.Scenes) -> None:
    alone = scenes.render(np.array([399, 7]), 0)
    assert np.array_equal(alone.images, some.images[[399, 7]])
    assert np.array_equal(alone.boxes, some.boxes[[399, 7]])
    other = scenes.render(np.array([7]), 1)
    assert not np.array_equal(other.images, alone.images[1:])


def test_data_version_stands_for_these_scenes(some: scenes.Scenes) -> None:
    """If this fails, scenes have changed: raise DATA_VERSION, train the networks again, put the new numbers here."""
    assert scenes.DATA_VERSION == 1
    assert some.labels[:12].tolist() == [3, 0, 7, 6, 6, 8, 9, 8, 3, 2, 3, 6]
    assert some.images.mean((0, 2, 3)).tolist() == pytest.approx([126.96, 124.4, 127.77], abs=0.02)
    assert some.instance_masks.sum() == pytest.approx(280214, abs=20)
    assert some.distractor_mask.sum() == pytest.approx(52288, abs=20)


def test_boxes_and_masks_say_the_same(some: scenes.Scenes) -> None:
    for i in range(50):
        for slot in range(scenes.SLOTS):
            mask, (left, top, right, bottom) = some.instance_masks[i, slot], some.boxes[i, slot]
            if some.instance_classes[i, slot] < 0:
                assert not mask.any()
                assert (left, top, right, bottom) == (0, 0, 0, 0)
                continue
            assert mask[top:bottom, left:right].sum() == mask.sum() > 20
            assert mask[top, left:right].any()
            assert mask[bottom - 1, left:right].any()
            assert mask[top:bottom, left].any()
            assert mask[top:bottom, right - 1].any()


def test_no_pixel_belongs_to_two_things(some: scenes.Scenes) -> None:
    layers = np.concatenate([some.instance_masks, some.distractor_mask[:, None]], 1)
    assert layers.sum(1).max() == 1
    assert np.array_equal(layers.any(1), some.texture > 0)


def test_labels_textures_and_counts_are_those_of_the_classes(some: scenes.Scenes) -> None:
    present = some.instance_classes >= 0
    assert np.array_equal(np.unique(present.sum(1)), [1, 2, 3])
    assert (some.instance_classes == np.where(present, some.labels[:, None], -1)).all()
    assert set(some.labels.tolist()) == set(range(10))
    striped = scenes.TEXTURES.index("striped") + 1
    for label, name in enumerate(scenes.CLASSES):
        found = np.unique(some.texture[some.class_masks() & (some.labels == label)[:, None, None]])
        if name.startswith("striped"):
            assert found.tolist() == [striped]
        elif name in ("star", "cross", "ring"):
            assert found.tolist() == [1, 2, 3]
        else:
            assert striped not in found


def test_a_mask_shows_where_the_object_is() -> None:
    """A plain object on a flat background has one colour inside its mask and another in the rest of its box."""
    plain = scenes.render(np.arange(600), 3)
    checked = 0
    for i in np.flatnonzero((plain.backgrounds == 0) & (plain.labels == scenes.CLASSES.index("triangle"))):
        mask = plain.instance_masks[i, 0]
        inner = mask & np.roll(mask, 2, 0) & np.roll(mask, -2, 0) & np.roll(mask, 2, 1) & np.roll(mask, -2, 1)
        near = plain.instance_masks[i].any(0) | plain.distractor_mask[i]
        for _ in range(3):
            near = near | np.roll(near, 1, 0) | np.roll(near, -1, 0) | np.roll(near, 1, 1) | np.roll(near, -1, 1)
        inside, outside = plain.images[i][:, inner], plain.images[i][:, ~near]
        assert inside.std(1).max() < 1
        assert outside.std(1).max() < 1
        assert np.abs(inside.mean(1) - outside.mean(1)).min() > 50
        checked += 1
    assert checked >= 5


def test_two_classes() -> None:
    two = scenes.render(np.arange(100), 0, two_classes=True)
    assert ((two.instance_classes >= 0) == [True, True, False]).all()
    assert (two.instance_classes[:, 0] == two.labels).all()
    assert (two.instance_classes[:, 1] != two.labels).all()
    assert np.array_equal(two.class_masks(two.instance_classes[:, 1]), two.instance_masks[:, 1])


def test_colour_says_nothing_of_the_class_unless_it_is_tied() -> None:
    """Nearest mean colour of the object's own pixels, learnt on one half and tested on the other."""
    accuracy = {}
    for tied in (False, True):
        made = scenes.render(np.arange(1200), 0, colour_by_class=tied)
        masks = made.class_masks()
        colour = (made.images * masks[:, None]).sum((2, 3)) / masks.sum((1, 2))[:, None]
        means = np.stack([colour[:600][made.labels[:600] == label].mean(0) for label in range(10)])
        nearest = np.linalg.norm(colour[600:, None] - means, axis=-1).argmin(1)
        accuracy[tied] = (nearest == made.labels[600:]).mean()
    assert accuracy[False] < 0.2
    assert accuracy[True] > 0.4


def test_mean_pixels_say_nothing_of_the_class() -> None:
    """A linear probe on the image's 4x4 mean colours stays near chance (10%)."""
    made = scenes.render(np.arange(3000), 0)
    pooled = made.images.reshape(3000, 3, 4, 16, 4, 16).mean((3, 5)).reshape(3000, 48) / 255
    features = np.c_[pooled, np.ones(3000)]
    targets = np.eye(10)[made.labels]
    weights = np.linalg.lstsq(features[:2000], targets[:2000], rcond=None)[0]
    assert ((features[2000:] @ weights).argmax(1) == made.labels[2000:]).mean() < 0.16


def test_read_from_the_cache_as_made(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("SIGHTGLASS_CACHE", str(tmp_path))
    made = scenes.load(5, 2, two_classes=True)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    monkeypatch.setattr(scenes, "render", lambda *_, **__: pytest.fail("not read from the cache"))
    scenes._read.cache_clear()
    read = scenes.load(5, 2, two_classes=True)
    assert all(np.array_equal(value, getattr(read, name)) for name, value in vars(made).items())
    assert read.instance_masks.dtype == bool


def test_loaded_scenes_are_the_callers_own() -> None:
    made = scenes.load(6, 2)
    for _ in range(2):
        read = scenes.load(6, 2)
        for name, values in vars(read).items():
            assert np.array_equal(values, getattr(made, name))
            values.fill(0)


def test_training_and_measuring_never_meet() -> None:
    assert not np.array_equal(scenes.load(3, 0).images, scenes.load(3, 0, held_out=False).images)
    assert np.array_equal(scenes.load(3, 0).images, scenes.render(np.arange(3) + scenes.HELD_OUT, 0).images)
