"""From the bytes of an image to the small RGB picture that is looked at, whatever the bytes are.

What is large, and what only libraries with a history of surprises can read (SVG, HEIC), is decoded by apart.py in a
process of its own, one at a time, with limits on memory and time: nothing that it does can hurt this one.
"""

import subprocess
import sys
import threading
from typing import Final

from PIL import Image

from scripts.environment.making import ROOT
from scripts.localcloud.eyes.raster import LOOKED_AT_PX, decode_raster
from scripts.localcloud.green.answer import Refused
from scripts.localcloud.green.image import UNSUPPORTED, check_image

APART_FROM_PX: Final = 16_000_000
TIMEOUT_S: Final = 7  # the function waits 10 s for an answer
_APART = frozenset(("SVG", "HEIC"))
_one_apart = threading.Lock()


def decode(image: bytes) -> Image.Image:
    """The picture in RGB, upright, its longest side at most 2,048 px; transparent parts are white.

    Of a GIF or WEBP that is the first frame, of a TIFF the first page, of an ICO the last image. At most 16 million
    pixels are decoded in this process, and 2 GiB used beside it. Raises Refused: 407 for what cannot be decoded, and
    whatever `check_image` raises.
    """
    picture = check_image(image)
    if picture.kind in _APART or picture.width * picture.height > APART_FROM_PX:
        return _decode_apart(image, picture.kind)
    return decode_raster(image, picture.kind, APART_FROM_PX)


def _decode_apart(image: bytes, kind: str) -> Image.Image:
    command = [sys.executable, "-m", "scripts.localcloud.eyes.apart", kind]
    with _one_apart:
        try:
            done = subprocess.run(  # noqa: S603 - our own module; the image goes in by standard input
                command,
                input=image,
                capture_output=True,
                check=True,
                cwd=ROOT,
                timeout=TIMEOUT_S,
                start_new_session=True,  # Ctrl-C is for us
            )
        except subprocess.SubprocessError as exc:
            raise Refused(UNSUPPORTED) from exc
    return decode_raster(done.stdout, "PPM", LOOKED_AT_PX**2)
