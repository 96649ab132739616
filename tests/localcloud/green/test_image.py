"""What the moderation stand-in takes for an image, and how large it thinks it is."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scripts.localcloud.green.answer import Refused
from scripts.localcloud.green.image import Picture, check_image


def saved(kind: str, size: tuple[int, int] = (301, 203), **options: object) -> bytes:
    """A real image, written by Pillow."""
    file = io.BytesIO()
    Image.new("RGB", size, "orange").save(file, kind, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """The first 33 bytes of a PNG."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def jpeg_header(width: int, height: int) -> bytes:
    """Start of image, filling, a long application segment, a bare marker, and a progressive frame."""
    segment = b"\xff\xe1" + struct.pack(">H", 5000) + bytes(4998)
    return b"\xff\xd8\xff" + segment + b"\xff\x01" + b"\xff\xc2" + struct.pack(">HBHH", 11, 8, height, width)


def gif_header(width: int, height: int) -> bytes:
    """A GIF up to its logical screen."""
    return b"GIF89a" + struct.pack("<HH", width, height)


def bmp_header(width: int, height: int) -> bytes:
    """A bitmap with its rows from the top, which is written as a negative height."""
    return b"BM" + bytes(12) + struct.pack("<Iii", 40, width, -height)


def os2_bmp_header(width: int, height: int) -> bytes:
    """A bitmap of the oldest kind."""
    return b"BM" + bytes(12) + struct.pack("<IHH", 12, width, height)


def webp_header(width: int, height: int) -> bytes:
    """An extended WebP, whose canvas may have 16,777,216 pixels a side."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x00\x00\x00\x00WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas


def tiff_header(width: int, height: int) -> bytes:
    """A TIFF in the other byte order, with 32-bit sides."""
    entries = struct.pack(">HHII", 254, 4, 1, 0) + struct.pack(">HHII", 256, 4, 1, width)
    return b"MM\x00*" + struct.pack(">IH", 8, 3) + entries + struct.pack(">HHII", 257, 4, 1, height)


def box(kind: bytes, *contents: bytes) -> bytes:
    """One box of an ISO media file."""
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def long_box(kind: bytes, content: bytes) -> bytes:
    """The same, with its size in 64 bits."""
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


def heic_header(width: int, height: int, brands: bytes = b"mif1\x00\x00\x00\x00mif1heic") -> bytes:
    """A HEIC of tiles: their size comes first, that of the whole later."""
    sizes = [box(b"ispe", struct.pack(">III", 0, *size)) for size in ((512, 512), (width, height), (320, 240))]
    properties = box(b"iprp", long_box(b"ipco", box(b"hvcC", bytes(9)) + b"".join(sizes)))
    return box(b"ftyp", brands) + box(b"free") + box(b"meta", bytes(4), box(b"hdlr", bytes(20)), properties)


def svg(width: int, height: int) -> bytes:
    """A plain SVG."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}px"/>'.encode()


def ico(*images: bytes) -> bytes:
    """An icon of these images, whose directory says nothing of their sizes."""
    directory, at = b"", 6 + 16 * len(images)
    for image in images:
        directory += bytes(8) + struct.pack("<II", len(image), at)
        at += len(image)
    return struct.pack("<HHH", 0, 1, len(images)) + directory + b"".join(images)


def ico_header(width: int, height: int) -> bytes:
    """An icon whose last image is a PNG."""
    return ico(png_header(1, 1), png_header(width, height))


HEADERS: dict[str, Callable[[int, int], bytes]] = {
    "PNG": png_header,
    "JPEG": jpeg_header,
    "GIF": gif_header,
    "BMP": bmp_header,
    "WEBP": webp_header,
    "TIFF": tiff_header,
    "ICO": ico_header,
    "SVG": svg,
}


def code_of(image: bytes) -> int:
    """The code with which an image is refused."""
    with pytest.raises(Refused) as refused:
        check_image(image)
    return refused.value.code


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("PNG", saved("PNG")),
        ("JPEG", saved("JPEG")),
        ("JPEG", saved("JPEG", progressive=True, exif=b"Exif\x00\x00" + bytes(2000))),
        ("GIF", saved("GIF")),
        ("GIF", saved("GIF", save_all=True, append_images=[Image.new("RGB", (9, 9))])),
        ("BMP", saved("BMP")),
        ("WEBP", saved("WEBP")),
        ("WEBP", saved("WEBP", lossless=True)),
        ("WEBP", saved("WEBP", save_all=True, append_images=[Image.new("RGB", (301, 203))])),
        ("TIFF", saved("TIFF")),
        ("TIFF", saved("TIFF", compression="tiff_deflate")),
    ],
)
def test_real_images_are_known_by_their_bytes(kind: str, image: bytes) -> None:
    """Kind and size of what Pillow writes are read right."""
    assert check_image(image) == Picture(kind, 301, 203)


def test_a_real_icon_is_known() -> None:
    """Pillow writes an icon's largest image last."""
    assert check_image(saved("ICO", (64, 48), sizes=[(16, 12), (64, 48)])) == Picture("ICO", 64, 48)


@pytest.mark.parametrize("kind", HEADERS)
def test_sides_of_16384_pass_and_longer_ones_do_not(kind: str) -> None:
    """The limit is on each side, and inclusive."""
    header = HEADERS[kind]
    assert check_image(header(16_384, 5)) == Picture(kind, 16_384, 5)
    assert check_image(header(5, 16_384)) == Picture(kind, 5, 16_384)
    assert code_of(header(16_385, 5)) == 406
    assert code_of(header(5, 16_385)) == 406


@pytest.mark.parametrize("kind", HEADERS)
def test_250_million_pixels_pass_and_more_do_not(kind: str) -> None:
    """The limit on the area is inclusive too; nothing is decoded for it."""
    header = HEADERS[kind]
    assert check_image(header(15_625, 16_000)) == Picture(kind, 15_625, 16_000)
    assert code_of(header(15_626, 16_000)) == 406


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_cut_short_is_no_image(kind: str) -> None:
    """Whatever is missing at the end of a bare header, it is refused as 407."""
    whole = HEADERS[kind](300, 200)
    assert {code_of(whole[:length]) for length in range(len(whole))} == {407}


def test_a_heic_must_stay_under_8192() -> None:
    """The longest edge must be less than that, whichever it is."""
    assert check_image(heic_header(8191, 600)) == Picture("HEIC", 8191, 600)
    assert code_of(heic_header(8192, 600)) == 406
    assert code_of(heic_header(600, 8192)) == 406


@pytest.mark.parametrize("brands", [b"heic\x00\x00\x00\x00mif1", b"heix\x00\x00\x00\x00", b"msf1\x00\x00\x00\x00hevc"])
def test_heic_is_known_by_its_brands(brands: bytes) -> None:
    """The brand may be the major one or among the compatible ones."""
    assert check_image(heic_header(700, 600, brands)).kind == "HEIC"


@pytest.mark.parametrize(
    "brands",
    [
        b"avif\x00\x00\x00\x00mif1miaf",
        b"mif1\x00\x00\x00\x00mif1avif",
        b"avif\x00\x00\x00\x00heic",
        b"isom\x00\x00\x00\x00mp42",
    ],
)
def test_what_shares_the_container_is_not_supported(brands: bytes) -> None:
    """AVIF and films are no HEIC."""
    assert code_of(heic_header(700, 600, brands)) == 407


def test_a_heic_without_a_size_is_broken() -> None:
    """The brand alone is not enough."""
    assert code_of(box(b"ftyp", b"heic\x00\x00\x00\x00") + box(b"meta", bytes(4))) == 407


def test_the_last_box_of_a_heic_may_leave_its_size_open() -> None:
    """A size of 0 means to the end; a size smaller than the box's own header ends the reading."""
    meta = heic_header(700, 600).partition(b"free")[2]
    brand = box(b"ftyp", b"heic\x00\x00\x00\x00")
    assert check_image(brand + bytes(4) + meta[4:]) == Picture("HEIC", 700, 600)
    assert code_of(brand + b"\x00\x00\x00\x07" + meta[4:]) == 407


def test_a_bitmap_of_the_oldest_kind_is_measured() -> None:
    """Its header has 16-bit sides."""
    assert check_image(os2_bmp_header(300, 200)) == Picture("BMP", 300, 200)


def test_the_last_image_of_an_icon_counts() -> None:
    """Earlier images are not looked at, however large; a bitmap in an icon counts its mask as height."""
    bitmap = struct.pack("<Iii", 40, 64, 2 * 48)
    assert check_image(ico(png_header(16_000, 16_000), bitmap)) == Picture("ICO", 64, 48)
    assert code_of(ico(bitmap, png_header(16_000, 16_000))) == 406


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ('<svg width="20" height="10"></svg>', (20, 10)),
        ("\ufeff\n<?xml version='1.0'?><!-- <html> --><svg width='20' height='10'/>", (20, 10)),
        ('<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd"><svg width="20" height="10"/>', (20, 10)),
        ('<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]> <svg width="20" height="10">&b;</svg>', (20, 10)),
        ('<s:svg xmlns:s="http://www.w3.org/2000/svg" title="a > b" width="1in" height="72pt"/>', (96, 96)),
        ('<svg viewBox="0 0 640 480"/>', (640, 480)),
        ('<svg width="100%" height="auto" viewBox="0,0,640.5,480"/>', (641, 480)),
        ('<svg viewBox="0 0"/>', (300, 150)),
        ("<svg>", (300, 150)),
    ],
)
def test_an_svg_is_measured_by_its_root(text: str, size: tuple[int, int]) -> None:
    """Width and height, else the viewBox, else what CSS takes; entities are never expanded."""
    assert check_image(text.encode()) == Picture("SVG", *size)


def test_an_svg_may_be_utf_16() -> None:
    """Another encoding with its mark is read too."""
    assert check_image('<svg width="20" height="10"/>'.encode("utf-16")) == Picture("SVG", 20, 10)


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"\x00" * 64,
        b"hello",
        b"%PDF-1.7",
        b"<html><svg width='1' height='1'/></html>",
        b"<svgs width='1'/>",
        b"<!-- <svg width='1' height='1'/>",
        b"<!DOCTYPE svg [",
        b"<!DOCTYPE svg [ ]",
        b"\xff\x0a JPEG XL",
        b"\xff\xd8\xff\xda\x00\x00",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(20),
        b"\x00\x00\x01\x00\x00\x00",
        b"II+\x00" + bytes(60),
        b"II*\x00\x08\x00\x00\x00\x00\x00",
        png_header(5, 5)[:-1] + b"\x00",
        gif_header(0, 5),
        b"BM" + bytes(40),
        b"\xff\xd8\xff\xe0\x00\x02\x00\x00",
        ico(b"BM" + bytes(60)),
        struct.pack("<I", 1),
        saved("PPM"),
    ],
)
def test_anything_else_is_not_supported(image: bytes) -> None:
    """Other formats, empty files and broken headers are 407."""
    assert code_of(image) == 407


@given(st.sampled_from([*(header(300, 200) for header in HEADERS.values()), heic_header(300, 200)]), st.data())
@settings(max_examples=300, deadline=None)
def test_broken_bytes_are_refused_or_measured(image: bytes, data: st.DataObject) -> None:
    """Whatever becomes of a header, the answer is a picture within the limits or a refusal."""
    broken = bytearray(image)
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = check_image(bytes(broken))
    except Refused:
        return
    assert 1 <= min(picture.width, picture.height) <= max(picture.width, picture.height) <= 16_384
