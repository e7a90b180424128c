"""Read a person's own photograph, whatever its format, or say in one sentence what is wrong with it."""

from __future__ import annotations

import contextlib
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from repro.lab import files
from repro.lab.errors import ImageFileError, TooLargeError

LIMIT = 50_000_000  # pixels that are decoded at most
SMALLER = f"make it smaller than {LIMIT // 1_000_000} million pixels first"
LONGEST = 2048  # what is larger is made smaller: no network here sees more
SUFFIXES = (  # of the files in a folder that are taken for images
    *(".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".jp2"),
    *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)


def load(path: Path | str) -> Tensor:
    """The image as sRGB in [0, 1], ``(3, H, W)``, upright, its longer side at most 2048 pixels.

    Transparent parts are put on white, grey becomes three equal channels, 16 bits are scaled (not cut) to [0, 1], and
    the camera's rotation and an RGB or CMYK image's colour profile are applied.  Of an animation the first picture
    counts.

    Raises ImageFileError for a file that is missing, broken or not an image, TooLargeError above 50 million pixels.
    """
    files.note(Path(path))
    return _read(Path(path), str(path))


def decode(data: bytes, name: str) -> Tensor:
    """The same of an image file's bytes; ``name`` is what an error calls it."""
    return _read(BytesIO(data), name)


def _read(source: Path | BytesIO, path: str) -> Tensor:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is stricter
            with Image.open(source) as image:
                image.draft("RGB", (LONGEST, LONGEST))  # a JPEG can be read at a half, a quarter or an eighth
                if image.width * image.height > LIMIT:
                    raise TooLargeError(f"{path} has {image.width} x {image.height} pixels: {SMALLER}")
                array = _as_rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise ImageFileError(f"there is no file {path}") from None
    except TooLargeError:
        raise
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"{path} is far too large: {SMALLER}") from error
    except UnidentifiedImageError as error:
        raise ImageFileError(
            f"{path} cannot be read as an image (it is in no known format): save it as PNG or JPEG"
        ) from error
    except (OSError, SyntaxError, EOFError, ValueError, RuntimeError) as error:  # each format has its own
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageFileError(
            f"{path} cannot be read as an image ({reason}): it may be damaged, save it again"
        ) from error
    return torch.from_numpy(array.transpose(2, 0, 1).copy())


def _as_rgb(image: Image.Image) -> np.ndarray:
    """``(H, W, 3)`` in [0, 1], reduced to the longest side."""
    scale = LONGEST / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale))) if scale < 1 else image.size
    if image.mode.startswith(("I", "F")):  # one channel of 16 or 32 bits: convert("RGB") would cut all above 255
        values = np.asarray(image, np.float32)
        values = np.nan_to_num(values)
        most = float(values.max())
        usual = {"F": 1.0, "I": 255.0 if most <= 255 else 65535.0}  # 32 bits hold values of 8 bits or of 16
        full = max(most, usual.get(image.mode, 65535.0))
        image = Image.fromarray(np.clip(values / full, 0, 1)).resize(size, Image.Resampling.BILINEAR)
        return np.repeat(np.asarray(image)[:, :, None], 3, 2)
    if (profile := image.info.get("icc_profile")) and image.mode in ("RGB", "CMYK"):
        with contextlib.suppress(ImageCms.PyCMSError, OSError):  # a broken profile: the values as they are
            own = ImageCms.ImageCmsProfile(BytesIO(profile))
            image = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float32) / 255
