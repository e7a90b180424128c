"""Which files a run reads is recorded, also where a cache answers."""

import threading
from pathlib import Path

import pytest
import torch
from PIL import Image

from repro.lab import files, images, networks
from repro.lab.models import weight_files


@pytest.fixture
def two(tmp_path) -> list[Path]:
    paths = [tmp_path / "first", tmp_path / "second"]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def test_what_is_read_inside_the_block_is_recorded(two: list[Path]) -> None:
    files.read(two[0])
    with files.recording() as paths:
        assert files.read(two[1]) == b"second"
        files.read(two[1])
    assert paths == {two[1]}
    files.read(two[0])
    assert paths == {two[1]}


def test_paths_are_absolute(two: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two[0].parent)
    with files.recording() as paths:
        files.read(Path("first"))
    assert paths == {two[0]}


def test_an_inner_block_belongs_to_the_outer_one_too(two: list[Path]) -> None:
    with files.recording() as outer:
        files.read(two[0])
        with files.recording() as inner:
            files.read(two[1])
        with pytest.raises(FileNotFoundError), files.recording():  # a block that fails leaves the outer one in place
            files.read(two[0].with_name("missing"))
        files.read(two[0])
    assert inner == {two[1]}
    assert outer == {*two, two[0].with_name("missing")}


def test_another_thread_records_for_itself(two: list[Path]) -> None:
    with files.recording() as paths:
        other = threading.Thread(target=files.read, args=(two[0],))
        other.start()
        other.join()
    assert paths == set()


def test_cached_weights_are_recorded_each_time() -> None:
    for _ in range(2):
        with files.recording() as paths:
            networks.load("lenet-mnist", 0)
            networks.load("gap-scenes", 1)
        assert paths == {networks.WEIGHTS / f"{name}.safetensors" for name in ("lenet-mnist-0", "gap-scenes-1")}


def test_images_and_weights_of_ones_own_are_recorded(tmp_path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "image.png")
    torch.save({"a": torch.zeros(1)}, tmp_path / "weights.pth")
    with files.recording() as paths:
        images.load(tmp_path / "image.png")
        weight_files.state(tmp_path / "weights.pth")
    assert paths == {tmp_path / "image.png", tmp_path / "weights.pth"}
