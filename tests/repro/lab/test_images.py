"""Any photograph can be read, and what can't be read is said in one sentence."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from repro.lab import images
from repro.lab.errors import ImageFileError, TooLargeError


def saved(tmp_path, image: Image.Image, name: str = "image.png", **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


def test_colours_and_orientation(tmp_path) -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 2] = [255, 0, 51]
    found = images.load(saved(tmp_path, Image.fromarray(pixels)))
    assert found.shape == (3, 2, 3)  # height before width
    torch.testing.assert_close(found[:, 0, 2], torch.tensor([1, 0, 0.2]))
    assert found[:, 1].sum() == 0


def test_transparent_parts_are_white(tmp_path) -> None:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    assert images.load(saved(tmp_path, image))[:, 0].T.tolist() == [[1, 0, 0], [1, 1, 1]]
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 0, 255, 0])
    palette.putpixel((1, 0), 1)
    assert images.load(saved(tmp_path, palette, transparency=0))[:, 0].T.tolist() == [[1, 1, 1], [0, 1, 0]]


@pytest.mark.parametrize("mode", ["L", "1", "LA", "CMYK", "P"])
def test_every_mode_becomes_three_channels(tmp_path, mode: str) -> None:
    name = "image.tif" if mode == "CMYK" else "image.png"
    grey = Image.new("L", (4, 4), 255).convert(mode)
    assert images.load(saved(tmp_path, grey, name)).tolist() == [[[1.0] * 4] * 4] * 3


def test_sixteen_bits_are_scaled_not_cut(tmp_path) -> None:
    values = np.array([[0, 16384, 65535]], np.uint16)
    found = images.load(saved(tmp_path, Image.fromarray(values)))
    torch.testing.assert_close(found[1, 0], torch.tensor([0, 0.25, 1]), atol=1e-4, rtol=0)


def test_whole_numbers_of_32_bits_and_numbers_that_are_none(tmp_path) -> None:
    found = images.load(saved(tmp_path, Image.fromarray(np.array([[0, 51, 255]], np.int32)), "bytes.tif"))
    assert found[0, 0].tolist() == pytest.approx([0, 0.2, 1])
    found = images.load(saved(tmp_path, Image.fromarray(np.array([[0, 10**9, 2 * 10**9]], np.int32)), "long.tif"))
    torch.testing.assert_close(found[1, 0], torch.tensor([0, 0.5, 1]))
    found = images.load(saved(tmp_path, Image.fromarray(np.array([[np.nan, 0.5]], np.float32)), "float.tif"))
    assert found[0].tolist() == [[0, 0.5]]


def test_colours_are_srgbs_whatever_the_profile(tmp_path) -> None:
    image = Image.new("RGB", (2, 2), (200, 100, 50))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # is no profile of an RGB image
    plain = images.load(saved(tmp_path, image))
    assert torch.equal(images.load(saved(tmp_path, image, icc_profile=lab)), plain)
    assert torch.equal(images.load(saved(tmp_path, image, icc_profile=b"broken")), plain)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    torch.testing.assert_close(images.load(saved(tmp_path, image, icc_profile=srgb)), plain, atol=0.005, rtol=0)
    swapped = images.load(saved(tmp_path, image, icc_profile=_red_and_blue_swapped(srgb)))
    assert swapped[0].mean() < swapped[2].mean()


def _red_and_blue_swapped(profile: bytes) -> bytes:
    """The profile with the tags of its primaries exchanged."""
    return profile.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")


def test_the_cameras_rotation_is_applied(tmp_path) -> None:
    image = Image.new("RGB", (4, 2))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    image.putpixel((0, 0), (255, 255, 255))
    found = images.load(saved(tmp_path, image, exif=exif))
    assert found.shape == (3, 4, 2)
    assert found[0].nonzero().tolist() == [[0, 1]]


def test_large_images_are_reduced(tmp_path) -> None:
    assert images.load(saved(tmp_path, Image.new("RGB", (5000, 40)))).shape == (3, 16, 2048)
    jpeg = images.load(saved(tmp_path, Image.new("RGB", (9000, 7000), "white"), "image.jpg"))  # 63 million pixels
    assert max(jpeg.shape) == 2048
    assert jpeg.mean() == 1


@pytest.mark.filterwarnings("error")  # the limit here is stricter than Pillow's warning
@pytest.mark.parametrize("size", [(10_000, 10_000), (20_000, 20_000)])
def test_images_beyond_the_limit_are_refused_unread(tmp_path, size: tuple[int, int]) -> None:
    with pytest.raises(TooLargeError):
        images.load(saved(tmp_path, Image.new("1", size)))


def test_unreadable_files_are_refused_in_one_line(tmp_path) -> None:
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(whole, "PNG")
    avif = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(avif, "AVIF")
    damaged = bytearray(avif.getvalue())
    damaged[-len(damaged) // 2 :] = bytes(len(damaged) // 2)
    broken = {
        "damaged.avif": bytes(damaged),
        "numbers.ppm": b"P6 x y 255\n",
        "text.png": b"not an image",
        "empty.jpg": b"",
        "cut.png": whole.getvalue()[:1500],
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    }
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageFileError) as caught:
            images.load(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    for path in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(ImageFileError):
            images.load(path)


def test_bytes_are_read_like_files(tmp_path) -> None:
    path = saved(tmp_path, Image.effect_noise((20, 10), 50).convert("RGB"))
    assert torch.equal(images.decode(path.read_bytes(), "address"), images.load(path))
    with pytest.raises(ImageFileError) as caught:
        images.decode(path.read_bytes()[:60], "address")
    assert str(caught.value).startswith("address ")
