"""What Pillow decodes: any format of the service but SVG and HEIC, to a small RGB picture, a band at a time."""

import io
import struct
from collections.abc import Iterator
from typing import Final

from PIL import ExifTags, Image, ImageOps

from scripts.localcloud.green.answer import Refused
from scripts.localcloud.green.image import UNSUPPORTED

LOOKED_AT_PX: Final = 2048
_BAND_PX = 4_000_000
_ICO_HEADER_BYTES = 6
_ICO_ENTRY_BYTES = 16

# Pillow's own limit is below the service's, and warns first; ours is checked as soon as Pillow has read a header.
Image.MAX_IMAGE_PIXELS = None


def decode_raster(image: bytes, kind: str, largest_px: int) -> Image.Image:
    """An RGB copy, upright, no longer than LOOKED_AT_PX. Raises Refused 407, also for more than `largest_px` pixels."""
    try:
        if kind == "ICO":
            image = _last_of_ico(image)
        with Image.open(io.BytesIO(image), formats=[kind]) as opened:
            return shrink(opened, largest_px)
    except Refused:
        raise
    except Exception as exc:  # on broken bytes decoders raise whatever they happen to trip over
        raise Refused(UNSUPPORTED) from exc


def shrink(opened: Image.Image, largest_px: int) -> Image.Image:
    """The copy of an image that is open but not decoded yet. Raises Refused, and whatever its decoder does."""
    if opened.width * opened.height > largest_px:  # a header inside says more than the first one did
        raise Refused(UNSUPPORTED)
    opened.draft("RGB", (LOOKED_AT_PX, LOOKED_AT_PX))  # a JPEG is decoded at 1/2, 1/4 or 1/8
    opened.load()
    decoded = _grey(opened) if opened.mode.startswith(("I", "F")) else opened
    factor = max(1, max(decoded.size) // LOOKED_AT_PX)
    small = Image.new("RGB", (-(-decoded.width // factor), -(-decoded.height // factor)))
    for top, band in _bands(decoded, factor):
        small.paste(_rgb(band).reduce(factor), (0, top // factor))
    small.thumbnail((LOOKED_AT_PX, LOOKED_AT_PX))
    small.getexif()[ExifTags.Base.Orientation] = _orientation(opened)
    return ImageOps.exif_transpose(small)


def _last_of_ico(image: bytes) -> bytes:
    """An ICO of the last image alone, for Pillow takes the largest."""
    (count,) = struct.unpack_from("<H", image, 4)
    at = _ICO_HEADER_BYTES + _ICO_ENTRY_BYTES * (count - 1)
    size_bytes, data_at = struct.unpack_from("<II", image, at + 8)
    entry = image[at : at + 8] + struct.pack("<II", size_bytes, _ICO_HEADER_BYTES + _ICO_ENTRY_BYTES)
    return struct.pack("<HHH", 0, 1, 1) + entry + image[data_at : data_at + size_bytes]


def _grey(opened: Image.Image) -> Image.Image:
    """16 and 32-bit greys as 8-bit ones, from the darkest to the lightest."""
    wide = opened.convert("F")
    extrema = wide.getextrema()
    if not isinstance(extrema[0], float) or not isinstance(extrema[1], float):
        raise TypeError(f"a picture of one band has two extrema, not {extrema!r}")
    darkest, lightest = extrema[0], extrema[1]
    scale = 255 / ((lightest - darkest) or 1)
    return wide.point(lambda grey: grey * scale - darkest * scale).convert("L")


def _bands(decoded: Image.Image, factor: int) -> Iterator[tuple[int, Image.Image]]:
    """Strips over the whole width, with the row that each begins at: RGB would need four bytes a pixel at once."""
    rows = max(1, _BAND_PX // decoded.width // factor) * factor
    for top in range(0, decoded.height, rows):
        yield top, decoded.crop((0, top, decoded.width, min(top + rows, decoded.height)))


def _rgb(band: Image.Image) -> Image.Image:
    if not band.has_transparency_data:
        return band.convert("RGB")
    page = Image.new("RGBA", band.size, "white")
    page.alpha_composite(band.convert("RGBA"))
    return page.convert("RGB")


def _orientation(opened: Image.Image) -> int:
    """How a camera was held, 1 to 8; 1 where the note is broken, which spoils no picture."""
    try:
        orientation = opened.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return 1
    return orientation if orientation in range(1, 9) else 1
