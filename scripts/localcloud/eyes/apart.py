"""Decodes one image in a process of its own: bytes on standard input, a small picture (PPM) on standard output.

    python -m scripts.localcloud.eyes.apart KIND

Whatever goes wrong ends the process with another exit code than 0. SVG files may name files of this machine, as
pictures to draw; the limits hold for what reading them does.
"""

import codecs
import contextlib
import io
import resource
import sys
import tempfile
from typing import Final

import pi_heif
import resvg_py
from PIL import Image, ImageFont

from scripts.localcloud.eyes.raster import decode_raster, shrink
from scripts.localcloud.green.answer import Refused
from scripts.localcloud.green.image import LARGEST_AREA_PX

MEMORY_BYTES: Final = 2 * 1024**3
CPU_S: Final = 6
SVG_PX: Final = 1024
_DPI: Final = 96  # of CSS; it is needed for sizes in points


def main() -> None:
    """Limit this process, then decode."""
    for what, limit in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_S), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):  # macOS has no limit on address space
            resource.setrlimit(what, (limit, limit))
    try:
        decode(sys.stdin.buffer.read(), sys.argv[1]).save(sys.stdout.buffer, "PPM")
    except (Refused, OSError, ValueError, RuntimeError, SyntaxError, EOFError, MemoryError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def decode(image: bytes, kind: str) -> Image.Image:
    """The small picture. Raises Refused, or what the decoder of that kind raises."""
    match kind:
        case "SVG":
            return decode_raster(_draw(image), "PNG", SVG_PX * SVG_PX * 64)
        case "HEIC":
            pi_heif.register_heif_opener()
            with Image.open(io.BytesIO(image), formats=["HEIF"]) as opened:
                return shrink(opened, LARGEST_AREA_PX)
    return decode_raster(image, kind, LARGEST_AREA_PX)


def _draw(image: bytes) -> bytes:
    """A PNG of the drawing, SVG_PX wide: the size that it asks for says little, since it can be shown at any."""
    wide = image.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = image.decode("utf-16" if wide else "utf-8-sig", "replace")
    font = ImageFont.load_default(SVG_PX)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType")  # noqa: TRY004 - a wheel has it; no fault of the image
    with tempfile.NamedTemporaryFile(suffix=".ttf") as file:
        file.write(font.font_bytes)
        file.flush()
        family = font.getname()[0]
        return resvg_py.svg_to_bytes(
            svg_string=text,
            width=SVG_PX,
            dpi=_DPI,
            background="#ffffff",
            # Text in a font that is not on this machine, or on a machine without any, is drawn in Pillow's own.
            font_files=[file.name],
            font_family=family,
            serif_family=family,
            sans_serif_family=family,
            monospace_family=family,
        )


if __name__ == "__main__":
    main()
