"""Pictures taken sideways, whichever part of the file says so."""

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from gpt_nas_jax.datasets import pictures, registry, survey
from gpt_nas_jax.datasets.source import Source

XMP = '<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{}"/>'
MODES = ("L", "I;16", "P", "RGBA", "CMYK")
"""Pixels of TIFFs besides RGB, as Pillow names them."""

CARRIERS = {
    "Exif of JPEG": ("jpg", "exif"),
    "XMP of JPEG": ("jpg", "xmp"),
    "Exif of WebP": ("webp", "exif"),
    "XMP of WebP": ("webp", "xmp"),
    "Exif of AVIF": ("avif", "exif"),
    "XMP of AVIF": ("avif", "xmp"),
    "tag of TIFF": ("tif", "exif"),
    "XMP of TIFF": ("tif", "xmp"),
    **{f"tag of TIFF, {mode}": (f"{mode}.tif", "exif") for mode in MODES},
    "Exif of PNG": ("png", "exif"),
    "XMP of PNG": ("png", "xmp"),
    "profile of PNG": ("png", "profile"),
    "Exif after the pixels of PNG": ("png", "late exif"),
    "XMP after the pixels of PNG": ("png", "late xmp"),
    "profile after the pixels of PNG": ("png", "late profile"),
}


def photo(path: Path, carrier: str, orientation: int) -> None:
    """Writes a picture of 6x5 pixels that says how it is to be turned."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    image = Image.fromarray(noise)
    mode = path.name.split(".")[-2]
    if mode == "I;16":
        image = Image.fromarray(257 * noise[..., 0].astype(np.uint16))
    elif mode in MODES:
        image = image.convert(mode)
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


TURNS = {1: 0, 3: 2, 6: -1, 8: 1}
"""Quarter turns to the left by which a picture of this orientation becomes upright."""


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize(("suffix", "carrier"), CARRIERS.values(), ids=CARRIERS)
def test_size_and_pixels_are_those_of_the_turned_picture(
    tmp_path: Path, suffix: str, carrier: str, orientation: int
) -> None:
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("needs a Pillow that reads AVIF")
    upright, turned = tmp_path / f"upright.{suffix}", tmp_path / f"turned.{suffix}"
    photo(upright, carrier, 1)
    photo(turned, carrier, orientation)
    expected = np.rot90(pictures.read(upright, 0), TURNS[orientation])
    np.testing.assert_array_equal(pictures.read(turned, 0), expected, strict=True)
    assert pictures.size(turned) == expected.shape[1::-1]


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


def test_facts_cached_by_another_version_of_the_reader_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / "a.bmp"]
    source = Source(tmp_path)

    def brightest(value: int) -> int:
        Image.fromarray(np.full((5, 6), value, np.uint8)).save(paths[0])
        # Neither size nor time tells that the pixels are others.
        os.utime(paths[0], (0, 0))
        return survey.of(paths, source).highest

    assert (brightest(1), brightest(2)) == (1, 1)
    monkeypatch.setattr(pictures, "VERSION", pictures.VERSION + 1)
    assert brightest(2) == 2
