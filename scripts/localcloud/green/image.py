"""The kind and size of an image, told from its header alone, never from a name; and the service's limits.

The headers are read by hand: Pillow refuses from 179 million pixels up what the service takes up to 250 million,
decodes an ICO on opening it, takes its largest image where the service takes the last, and knows neither HEIC nor SVG.
Nothing is decoded and nothing allocated by what a header claims, so that no image can be a bomb.

Formats and limits: the vendor's page, "Image requirements". Unverified: BigTIFF and gzipped SVG (unsupported here), a
GIF counted by its logical screen, a TIFF by its first page, whether 20 MB are 20 * 1024 * 1024 bytes.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scripts.localcloud.green.answer import Refused
from scripts.localcloud.green.svg import svg_size

LARGEST_BYTES = 20 * 1024 * 1024
LARGEST_SIDE_PX = 16_384
LARGEST_AREA_PX = 250_000_000
HEIC_SIDE_PX = 8_192
TOO_LARGE = 406
UNSUPPORTED = 407

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_BYTES = 33
_BMP_CORE_HEADER_BYTES = 12
_BMP_INFO_HEADER_BYTES = 40
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_JPEG_BARE = frozenset((0x01, *range(0xD0, 0xD9)))
_JPEG_FILLER = 0xFF
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN_OR_END = frozenset((0xD9, 0xDA))
_TIFF_SHORT = 3
_TIFF_WIDTH = 256
_TIFF_HEIGHT = 257
_VP8_START_CODE = b"\x9d\x01\x2a"
_VP8L_SIGNATURE = 0x2F


@dataclass(frozen=True, slots=True)
class Picture:
    """A supported image. `width` and `height` are in pixels, at least 1."""

    kind: str
    width: int
    height: int


def check_image(image: bytes) -> Picture:
    """The picture in these bytes. Raises Refused, 407 for no supported format or a broken header, 406 past a limit."""
    if len(image) > LARGEST_BYTES:
        raise Refused(TOO_LARGE)
    try:
        picture = _read(image)
    except (struct.error, IndexError) as exc:
        raise Refused(UNSUPPORTED) from exc
    if picture is None or min(picture.width, picture.height) < 1:
        raise Refused(UNSUPPORTED)
    longest = max(picture.width, picture.height)
    if longest > LARGEST_SIDE_PX or picture.width * picture.height > LARGEST_AREA_PX:
        raise Refused(TOO_LARGE)
    if picture.kind == "HEIC" and longest >= HEIC_SIDE_PX:
        raise Refused(TOO_LARGE)
    return picture


def _read(image: bytes) -> Picture | None:
    for kind, read_size in _READERS.items():
        size = read_size(image)
        if size is not None:
            return Picture(kind, *size)
    return None


def _png_size(image: bytes) -> tuple[int, int] | None:
    header = image[:_PNG_HEADER_BYTES]
    if not header.startswith(_PNG) or header[8:16] != b"\x00\x00\x00\rIHDR":
        return None
    width, height = struct.unpack_from(">II", header, 16)
    (checksum,) = struct.unpack_from(">I", header, 29)
    return (width, height) if checksum == zlib.crc32(header[12:29]) else None


def _jpeg_size(image: bytes) -> tuple[int, int] | None:
    if not image.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while image[at] == _JPEG_FILLER:
        marker = image[at + 1]
        if marker == _JPEG_FILLER:
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", image, at + 5)
            return width, height
        elif marker in _JPEG_SCAN_OR_END:
            return None
        else:
            at += 2 + struct.unpack_from(">H", image, at + 2)[0]
    return None


def _gif_size(image: bytes) -> tuple[int, int] | None:
    if not image.startswith((b"GIF87a", b"GIF89a")):
        return None
    width, height = struct.unpack_from("<HH", image, 6)
    return width, height


def _bmp_size(image: bytes) -> tuple[int, int] | None:
    return _dib_size(image, 14) if image.startswith(b"BM") else None


def _dib_size(image: bytes, at: int) -> tuple[int, int] | None:
    """The size in a bitmap's own header, which BMP and ICO share; a negative height means rows from the top."""
    (header_bytes,) = struct.unpack_from("<I", image, at)
    if header_bytes == _BMP_CORE_HEADER_BYTES:
        width, height = struct.unpack_from("<HH", image, at + 4)
        return width, height
    if header_bytes < _BMP_INFO_HEADER_BYTES:
        return None
    width, height = struct.unpack_from("<ii", image, at + 4)
    return width, abs(height)


def _webp_size(image: bytes) -> tuple[int, int] | None:
    if image[:4] != b"RIFF" or image[8:12] != b"WEBP":
        return None
    chunk = image[12:16]
    if chunk == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", image, 24)
        return 1 + low_width + (high_width << 16), 1 + low_height + (high_height << 16)
    if chunk == b"VP8L" and image[20] == _VP8L_SIGNATURE:
        (bits,) = struct.unpack_from("<I", image, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and image[23:26] == _VP8_START_CODE:
        width, height = struct.unpack_from("<HH", image, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff_size(image: bytes) -> tuple[int, int] | None:
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(image[:4])
    if order is None:
        return None
    (directory,) = struct.unpack_from(f"{order}I", image, 4)
    (count,) = struct.unpack_from(f"{order}H", image, directory)
    sides = {}
    for at in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", image, at)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT):
            # The format allows 16 and 32-bit numbers here.
            (sides[tag],) = struct.unpack_from(f"{order}{'H' if kind == _TIFF_SHORT else 'I'}", image, at + 8)
    return sides.get(_TIFF_WIDTH, 0), sides.get(_TIFF_HEIGHT, 0)


def _ico_size(image: bytes) -> tuple[int, int] | None:
    """The size of the last image: a PNG, or a bitmap whose height counts its mask too."""
    if not image.startswith(b"\x00\x00\x01\x00"):
        return None
    (count,) = struct.unpack_from("<H", image, 4)
    if count == 0:
        return None
    size_bytes, at = struct.unpack_from("<II", image, 6 + 16 * (count - 1) + 8)
    last = image[at : at + size_bytes]
    if last.startswith(_PNG):
        return _png_size(last)
    size = _dib_size(last, 0)
    return (size[0], size[1] // 2) if size else None


def _heic_size(image: bytes) -> tuple[int, int] | None:
    """The largest of the `ispe` boxes: those of tiles and thumbnails are smaller."""
    if image[4:8] != b"ftyp":
        return None
    (ftyp_bytes,) = struct.unpack_from(">I", image)
    brands = {image[at : at + 4] for at in (8, *range(16, min(ftyp_bytes, 512), 4))}
    if not brands & _HEIC_BRANDS or image[8:12] in (b"avif", b"avis"):
        return None
    sizes: list[tuple[int, int]] = []
    for meta_at, meta_end in _boxes(image, b"meta", 0, len(image)):
        for iprp in _boxes(image, b"iprp", meta_at + 4, meta_end):
            for ipco in _boxes(image, b"ipco", *iprp):
                sizes += [struct.unpack_from(">II", image, at + 4) for at, _ in _boxes(image, b"ispe", *ipco)]
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _boxes(image: bytes, kind: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the contents of each such box begin and end, among those that lie side by side from `at` to `end`."""
    while at + 8 <= end:
        size, found = struct.unpack_from(">I4s", image, at)
        header = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", image, at + 8)
            header = 16
        elif size == 0:
            size = end - at
        if size < header:
            return
        if found == kind:
            yield at + header, min(at + size, end)
        at += size


_READERS: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "PNG": _png_size,
    "JPEG": _jpeg_size,
    "GIF": _gif_size,
    "BMP": _bmp_size,
    "WEBP": _webp_size,
    "TIFF": _tiff_size,
    "ICO": _ico_size,
    "HEIC": _heic_size,
    "SVG": svg_size,
}
