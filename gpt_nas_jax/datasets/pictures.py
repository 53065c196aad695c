"""Decodes, resizes and crops pictures with Pillow."""

import contextlib
import functools
import io
import math
import os
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features

from gpt_nas_jax.types import DataError

VERSION = 2
"""Of the decoding; raise it whenever pixels are read differently."""

_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".ppm", ".pgm"),
)
_ADVICE = {
    **dict.fromkeys((".heic", ".heif"), "convert to JPEG"),
    ".avif": "convert to PNG, or install pillow>=11.3",
}
_GREY = {"1", "L", "LA", "La"}
_COLOUR = {"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
# 16-bit greyscale, in either byte order. Pillow's I is 16-bit PGM, scaled to 65535, and
# 32-bit greyscale in other formats.
_DEEP = {"I;16", "I;16L", "I;16B", "I;16N", "I"}
_ORIENTATION = 0x0112
_SIDEWAYS = range(5, 9)
"""Exif orientations that swap width and height."""
_PNG_SIGNATURE = 8
_PNG_KEYWORDS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
"""Of the texts in which a PNG may hold an orientation, besides its Exif."""
_PNG_HEAD = 8 + max(map(len, _PNG_KEYWORDS))
_SCALES = (0.08, 1.0)
_RATIOS = (3 / 4, 4 / 3)
_ATTEMPTS = 10


class UnreadableError(DataError):
    """A file cannot be read as a picture.

    Attributes:
      path: of the file.
      reason: why not, in a few words.
    """

    def __init__(self, path: pathlib.Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path} cannot be read as a picture: {reason}; replace or remove it"
        )

    def __reduce__(self) -> tuple[type, tuple[pathlib.Path, str]]:
        # Worker processes send it.
        return type(self), (self.path, self.reason)


@functools.cache
def suffixes() -> tuple[str, ...]:
    """File suffixes of readable pictures, in lower case."""
    # Older versions of Pillow warn if asked for a format that they do not know.
    avif = "avif" in features.modules and features.check("avif")
    return (*_SUFFIXES, ".avif") if avif else _SUFFIXES


def advice(suffix: str) -> str:
    """Advice for an unsupported kind of picture; empty if there is none."""
    return "" if suffix in suffixes() else _ADVICE.get(suffix, "")


def read(path: pathlib.Path, side: int) -> np.ndarray:
    """Reads one picture, rotated by its orientation; drops transparency.

    Args:
      path: of any format that Pillow supports, with 8 bits per channel, or 16 in
        greyscale, which are scaled to 8.
      side: resize the short side to it and cut out the centre; 0 for the whole.

    Returns:
      ``uint8[H, W, C]``, with one channel if the file is greyscale, else three.

    Raises:
      UnreadableError: the file cannot be read as a picture.
    """
    with _readable(path) as image:
        mode = "L" if image.mode in _GREY | _DEEP else "RGB"
        return _pixels(_eight_bits(ImageOps.exif_transpose(image)), mode, side)


def size(path: pathlib.Path) -> tuple[int, int]:
    """Width and height of an upright picture, without decoding it where possible.

    Raises:
      UnreadableError: the file cannot be read as a picture.
    """
    with _readable(path) as image:
        if image.format == "PNG" and _ends_with_orientation(path):
            image.load()
        # The method of PNG would decode every picture to look for Exif at its end.
        orientation = Image.Image.getexif(image).get(_ORIENTATION, 1)
        # Pillow swaps the size of a TIFF itself, but only by this tag.
        swapped = _ORIENTATION in getattr(image, "tag_v2", ())
        sideways = orientation in _SIDEWAYS and not swapped
        return image.size[::-1] if sideways else image.size


def _ends_with_orientation(path: pathlib.Path) -> bool:
    """Whether a PNG may state its orientation after its pixels."""
    after = False
    with path.open("rb") as file:
        file.seek(_PNG_SIGNATURE)
        # Each chunk has 4 bytes of length, 4 of type, its content and 4 of checksum.
        while len(head := file.read(_PNG_HEAD)) >= 8:
            kind, content = head[4:8], head[8:]
            after = after or kind == b"IDAT"
            if after and (kind == b"eXIf" or content.startswith(_PNG_KEYWORDS)):
                return True
            file.seek(12 + int.from_bytes(head[:4]) - len(head), os.SEEK_CUR)
    return False


def prepared(
    path: pathlib.Path, short: int, side: int, channels: int, upright: bool
) -> np.ndarray:
    """Reads one picture as input of a network, without transparency.

    Args:
      path: as in `read`.
      short: the short side is resized to it; 0 for the whole picture as it is.
      side: of the centre that is then cut out.
      channels: 1 for greyscale, 3 for colours, whatever the file has.
      upright: turn it as its orientation says.

    Returns:
      ``uint8[H, W, channels]``.

    Raises:
      UnreadableError: the file cannot be read as a picture.
    """
    with _readable(path) as image:
        if short > side:
            # As for ImageNet in training, see `decode_centre`.
            image.draft("RGB", (short, short))
        held = ImageOps.exif_transpose(image) if upright else image
        converted = _eight_bits(held).convert("L" if channels == 1 else "RGB")
        cut = centre(converted, short, side) if short else converted
        pixels = np.asarray(cut)
    return pixels if pixels.ndim == 3 else pixels[..., None]


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[Image.Image]:
    """Opens a picture; raises UnreadableError with a one-line reason."""
    try:
        # Given a path, Pillow maps uncompressed files into memory, and scrambles TIFFs
        # that are to be turned sideways.
        with path.open("rb") as file, Image.open(file) as image:
            wide = image.mode == "I" and image.format != "PPM"
            if wide or image.mode not in _GREY | _COLOUR | _DEEP:
                raise ValueError(
                    f"pixels of type {image.mode}, not 8 bits a channel, or 16 in grey"
                )
            yield image
    except UnidentifiedImageError as error:
        raise UnreadableError(path, "no known format, or damaged") from error
    # Pillow has no error class of its own for damaged files.
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise UnreadableError(path, reason) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """A picture with 8 bits per channel."""
    if image.mode not in _DEEP:
        return image
    # Pillow's own conversion clips values above 255.
    pixels = np.asarray(image).astype(np.float64) * (255 / 65535)
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def decode(encoded: bytes, channels: int, side: int) -> np.ndarray:
    """Decodes one picture without rotating it, ``uint8[H, W, channels]``.

    Args:
      encoded: JPEG, PNG or WebP.
      channels: 1 for greyscale, 3 for colours.
      side: resize the short side to it and cut out the centre; 0 for the whole.
    """
    # Given the formats, Pillow does not try others, which would double the time.
    with Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG", "WEBP")) as image:
        return _pixels(image, "L" if channels == 1 else "RGB", side)


def _pixels(image: Image.Image, mode: str, side: int) -> np.ndarray:
    converted = image if image.mode == mode else image.convert(mode)
    pixels = np.asarray(centre(converted, side, side) if side else converted)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Stacks pictures of one size, ``uint8[N, H, W, C]``; broadcasts greyscale ones."""
    channels = max(picture.shape[-1] for picture in pictures)
    first = pictures[0].shape[:2]
    stacked = np.empty((len(pictures), *first, channels), np.uint8)
    for row, picture in enumerate(pictures):
        stacked[row] = picture
    return stacked


def centre(image: Image.Image, short: int, side: int) -> Image.Image:
    """Resizes the short side to ``short`` and cuts out the central ``side`` pixels."""
    width, height = image.size
    shortest = min(width, height)
    # The region of the original that remains, to resize and crop in one step.
    kept = shortest * side / short
    left, top = (width - kept) / 2, (height - kept) / 2
    box = (left, top, left + kept, top + kept)
    return image.resize((side, side), Image.Resampling.BILINEAR, box)


def short_side(side: int) -> int:
    """The short side that an ImageNet picture is resized to before a crop."""
    return round(side * 256 / 224)


def decode_centre(encoded: bytes, side: int) -> np.ndarray:
    """Decodes a picture for evaluation, ``uint8[side, side, 3]``.

    The central 224 of 256 pixels of the short side, as usual for ImageNet, scaled.
    """
    short = short_side(side)
    with _opened(encoded) as image:
        # JPEG is decoded at 1/8, 1/4 or 1/2 of its size if that is enough.
        image.draft("RGB", (short, short))
        return np.asarray(centre(image.convert("RGB"), short, side))


def decode_random(
    encoded: bytes, side: int, flip: bool, random: np.random.Generator
) -> np.ndarray:
    """Decodes a random crop for training, ``uint8[side, side, 3]``.

    A crop with 0.08 to 1 of the area and an aspect ratio of 3/4 to 4/3 is resized, and
    mirrored with probability one half (Szegedy et al., arXiv 1409.4842).

    Args:
      encoded: JPEG or PNG.
      side: of the result, in pixels.
      flip: whether a mirrored image keeps its label; if not, it is not mirrored.
      random: draws crop and mirroring.
    """
    with _opened(encoded) as image:
        box = _random_box(image.size, random)
        scale = max(side / (box[2] - box[0]), side / (box[3] - box[1]))
        full = image.size
        image.draft("RGB", tuple(math.ceil(length * scale) for length in full))
        shrunk = [now / before for now, before in zip(image.size, full, strict=True)]
        within = tuple(edge * shrunk[axis % 2] for axis, edge in enumerate(box))
        part = image.convert("RGB").resize(
            (side, side), Image.Resampling.BILINEAR, within
        )
        pixels = np.asarray(part)
    mirrored = random.random() < 0.5
    return np.ascontiguousarray(pixels[:, ::-1]) if flip and mirrored else pixels


def _opened(encoded: bytes) -> Image.Image:
    return Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG"))


def _random_box(
    size: tuple[int, int], random: np.random.Generator
) -> tuple[int, int, int, int]:
    """Left, upper, right and lower edge of a random crop; central if none fits."""
    width, height = size
    for _ in range(_ATTEMPTS):
        area = width * height * random.uniform(*_SCALES)
        ratio = math.exp(random.uniform(*map(math.log, _RATIOS)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left = int(random.integers(width - w + 1))
            top = int(random.integers(height - h + 1))
            return left, top, left + w, top + h
    w = min(width, round(height * _RATIOS[1]))
    h = min(height, round(width / _RATIOS[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h
