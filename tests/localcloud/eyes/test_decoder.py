"""Decoding: the frame that the service judges, and nothing that an image can do to us."""

import base64
import io
import resource
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scripts.environment.making import ROOT
from scripts.localcloud.eyes.decoder import decode
from scripts.localcloud.eyes.raster import LOOKED_AT_PX
from scripts.localcloud.green.answer import Refused

RED, BLUE = (200, 30, 30), (30, 30, 200)
TOLERANCE = 12
# 64 x 64 px of one red, made with pillow-heif for this test.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAA"
    "AERAAAEAAQAAAAABegABAAAAAAAAABoAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA1mlwcnAAAAC3"
    "aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAA"
    "AwAeoCCBBZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAABBw"
    "aXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAACJtZGF0AAAAFigBrxmA93yFN//3+Mf9fav+KQV4tHA="
)


def write(picture: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a file of that kind."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def red(width: int = 64, height: int = 64) -> Image.Image:
    """A picture of one colour."""
    return Image.new("RGB", (width, height), RED)


def middle(picture: Image.Image) -> tuple[int, ...]:
    """The colour in the middle."""
    colour = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(colour, tuple)
    return colour


def assert_is(picture: Image.Image, colour: tuple[int, ...]) -> None:
    """The picture is of that colour, as far as lossy formats go."""
    assert picture.mode == "RGB"
    assert all(abs(a - b) <= TOLERANCE for a, b in zip(middle(picture), colour, strict=True)), middle(picture)


def code(image: bytes) -> int:
    """The code that the image is refused with, 200 if it is decoded."""
    try:
        decoded = decode(image)
    except Refused as refusal:
        return refusal.code
    assert decoded.mode == "RGB"
    assert max(decoded.size) <= LOOKED_AT_PX
    return 200


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "ICO"])
def test_format_is_decoded(kind: str) -> None:
    """Each raster format of the service comes out in its colours."""
    assert_is(decode(write(red(), kind)), RED)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
def test_mode_is_decoded(mode: str) -> None:
    """Greys, palettes, transparency, printers' colours, wide greys: all become RGB, light where they were light."""
    grey = Image.new("L", (64, 64), 0)
    grey.paste(255, (16, 16, 48, 48))
    wide = {"I;16": lambda: grey.convert("I").point(lambda level: level * 200).convert("I;16")}
    picture = wide.get(mode, lambda: grey.convert(mode))()
    decoded = decode(write(picture, "TIFF"))
    assert (decoded.getpixel((2, 2)), middle(decoded)) == ((0, 0, 0), (255, 255, 255))


def test_heic_is_decoded() -> None:
    """HEIC is read, in a process of its own."""
    assert_is(decode(HEIC), RED)


def test_svg_is_drawn_on_white() -> None:
    """A drawing is drawn large whatever size it asks for, on white."""
    decoded = decode(b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4"><rect width="2" height="2"/></svg>')
    assert decoded.size == (1024, 512)
    assert (decoded.getpixel((100, 100)), decoded.getpixel((1000, 500))) == ((0, 0, 0), (255, 255, 255))


def test_first_frame_of_an_animation_is_looked_at() -> None:
    """As the vendor's page says of GIF; WEBP likewise."""
    blue = Image.new("RGB", (64, 64), BLUE)
    for kind in ("GIF", "WEBP"):
        assert_is(decode(write(red(), kind, save_all=True, append_images=[blue])), RED)


def test_last_image_of_an_icon_is_looked_at() -> None:
    """As the vendor's page says of ICO, even where an earlier one is larger."""
    images = [write(red(128, 128), "PNG"), write(Image.new("RGB", (32, 32), BLUE), "PNG")]
    at = 6 + 16 * len(images)
    entries = b""
    for side, image in zip((128, 32), images, strict=True):
        entries += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(image), at)
        at += len(image)
    decoded = decode(struct.pack("<HHH", 0, 1, 2) + entries + b"".join(images))
    assert decoded.size == (32, 32)
    assert_is(decoded, BLUE)


def test_transparent_parts_are_white() -> None:
    """Dark text on nothing is dark on white."""
    assert middle(decode(write(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "PNG"))) == (255, 255, 255)


def test_picture_is_turned_upright() -> None:
    """The camera's note of how it was held is obeyed, as browsers do."""
    picture = red(40, 20)
    notes = picture.getexif()
    notes[0x0112] = 6
    assert decode(write(picture, "JPEG", exif=notes)).size == (20, 40)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_large_picture_becomes_small(kind: str) -> None:
    """What is longer than 2,048 px is shrunk, its proportions kept."""
    decoded = decode(write(red(6000, 1500), kind))
    assert decoded.size == (LOOKED_AT_PX, LOOKED_AT_PX // 4)
    assert_is(decoded, RED)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("mode", "kind"), [("1", "PNG"), ("RGB", "PNG"), ("L", "TIFF")])
def test_huge_picture_does_not_fill_our_memory(mode: str, kind: str) -> None:
    """A hundred million pixels in a small file are decoded elsewhere: this process hardly grows."""
    options = {"compression": "tiff_deflate"} if kind == "TIFF" else {}
    image = write(Image.new(mode, (10_000, 10_000), 1), kind, **options)
    assert len(image) < 1_000_000
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    decoded = decode(image)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 100_000
    assert decoded.size == (LOOKED_AT_PX, LOOKED_AT_PX)


@pytest.mark.parametrize(
    "svg",
    [
        '<image href="/dev/zero" width="9" height="9"/>',
        "<use href='#a'/>" * 3,
        '<filter id="f"><feGaussianBlur stdDeviation="99999"/></filter><rect width="9" height="9" filter="url(#f)"/>',
    ],
)
def test_nasty_drawing_ends(svg: str) -> None:
    """Devices, dangling and nested references, absurd filters: drawn without, or refused."""
    image = f'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99">{svg}</svg>'.encode()
    assert code(image) in (200, 407)


def test_drawing_that_multiplies_itself_is_refused() -> None:
    """Ten references to ten references and so on, nine deep: the process that draws it is ended."""
    ten_times = "".join(f'<g id="l{level}">' + f'<use href="#l{level - 1}"/>' * 10 + "</g>" for level in range(1, 10))
    defined = f'<defs><rect id="l0" width="9" height="9"/>{ten_times}</defs><use href="#l9"/>'
    assert code(f'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99">{defined}</svg>'.encode()) == 407


def cut(image: bytes) -> bytes:
    """The first half."""
    return image[: len(image) // 2]


@pytest.mark.parametrize(
    "image",
    [
        cut((ROOT / "samples" / "sk_moon.jpg").read_bytes()),
        cut((ROOT / "samples" / "txt_clean.png").read_bytes()),
        HEIC[:-20],
        b"hello",
        b"",
        b"<svg",
        b"GIF89a\x10\x00\x10\x00",
    ],
)
def test_truncated_or_empty_is_unsupported(image: bytes) -> None:
    """Whatever a decoder raises on broken bytes, the answer is 407."""
    assert code(image) == 407


def test_frame_larger_than_its_screen_is_refused() -> None:
    """A GIF whose frame is far larger than the size in its header is not decoded."""
    picture = bytearray(write(red(10, 10), "GIF"))
    at = picture.index(b"\x2c", 13)
    picture[at + 5 : at + 9] = struct.pack("<HH", 60_000, 60_000)
    assert code(bytes(picture)) == 407


WHOLE: list[Callable[[], bytes]] = [
    lambda kind=kind: write(red(24, 24), kind)  # type: ignore[misc]
    for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "ICO")
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), st.floats(0.2, 1))
def test_any_bytes_are_decoded_or_refused(
    make: Callable[[], bytes], flips: list[tuple[float, int]], kept: float
) -> None:
    """However an image is spoiled, it becomes a picture or a refusal, and no other exception."""
    image = bytearray(make())
    for place, value in flips:
        image[int(place * (len(image) - 1))] = value
    assert code(bytes(image[: int(kept * len(image))])) in (200, 406, 407)
