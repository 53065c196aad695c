"""Pictures taken sideways, whichever part of the file says so."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from gpt_nas_jax.datasets import pictures, registry

XMP = '<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{}"/>'
CARRIERS = {
    "Exif of JPEG": ("jpg", "exif"),
    "XMP of JPEG": ("jpg", "xmp"),
    "Exif of WebP": ("webp", "exif"),
    "XMP of WebP": ("webp", "xmp"),
    "Exif of AVIF": ("avif", "exif"),
    "XMP of AVIF": ("avif", "xmp"),
    "tag of TIFF": ("tif", "exif"),
    "XMP of TIFF": ("tif", "xmp"),
    "Exif of PNG": ("png", "exif"),
    "XMP of PNG": ("png", "xmp"),
    "profile of PNG": ("png", "profile"),
    "Exif after the pixels of PNG": ("png", "late exif"),
    "XMP after the pixels of PNG": ("png", "late xmp"),
    "profile after the pixels of PNG": ("png", "late profile"),
}


def photo(path: Path, carrier: str, orientation: int) -> None:
    """Writes a picture of 6x5 pixels that says how it is to be turned."""
    noise = np.random.default_rng(orientation).integers(0, 256, (5, 6, 3), np.uint8)
    image = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = orientation
    xmp = XMP.format(orientation).encode()
    if path.suffix == ".png":
        profile = f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n"
        chunks = {
            "exif": (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")),
            "xmp": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
            "profile": (b"tEXt", b"Raw profile type exif\0" + profile.encode()),
        }
        kind, content = chunks[carrier.removeprefix("late ")]
        checksum = zlib.crc32(kind + content)
        chunk = len(content).to_bytes(4) + kind + content + checksum.to_bytes(4)
        # Some programs write a date there, which turns nothing.
        info = PngImagePlugin.PngInfo()
        info.add_text("date:create", "2024-01-01")
        image.save(path, pnginfo=info)
        plain = path.read_bytes()
        # The first chunk, the header, has 25 bytes and the last 12.
        place = len(plain) - 12 if carrier.startswith("late") else 8 + 25
        path.write_bytes(plain[:place] + chunk + plain[place:])
    elif path.suffix == ".tif" and carrier == "xmp":
        image.save(path, tiffinfo={700: xmp})
    else:
        image.save(path, **{carrier: exif if carrier == "exif" else xmp})


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(("suffix", "carrier"), CARRIERS.values(), ids=CARRIERS)
def test_the_size_is_that_of_the_turned_picture(
    tmp_path: Path, suffix: str, carrier: str, orientation: int
) -> None:
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("needs a Pillow that reads AVIF")
    path = tmp_path / f"a.{suffix}"
    photo(path, carrier, orientation)
    size = (5, 6) if orientation in (6, 8) else (6, 5)
    assert pictures.size(path) == size
    assert pictures.read(path, 0).shape == (*size[::-1], 3)


@pytest.mark.parametrize("stream", ["no", "yes"])
def test_a_folder_of_pictures_taken_sideways_keeps_their_size(
    tmp_path: Path, stream: str
) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number, (suffix, carrier) in enumerate(CARRIERS.values()):
            if suffix != "avif":
                photo(tmp_path / name / f"{number}.{suffix}", carrier, 6)
    dataset = registry.load("folder", tmp_path, stream=stream)
    assert dataset.train.size == (6, 5, 3)
    assert dataset.side == 0
