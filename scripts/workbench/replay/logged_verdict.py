"""One verdict out of JSON: as it is logged, or alone."""

from typing import Any

import msgspec

from handler.model import Upload, Verdict
from scripts.workbench.replay.log_lines import Record, read_records


class BadVerdict(Exception):
    """The JSON holds no verdict; says what is wrong with it."""


def read_logged(text: bytes, upload: Upload) -> tuple[Upload, Verdict]:
    """The upload and the verdict of a log line, or a verdict alone, which is then one on `upload`.

    Raises BadVerdict.
    """
    for record in read_records(text):
        if isinstance(record, Record) and record.verdict is not None:
            return record.upload or upload, record.verdict
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadVerdict(f"this is not one JSON document ({error}); give a verdict, or one line of the log") from error
    if not isinstance(document, dict):
        raise BadVerdict("this JSON is no object; give a verdict, or one line of the log")
    try:
        if document.get("upload"):
            upload = msgspec.convert(document["upload"], Upload)
        return upload, msgspec.convert(_find_verdict(document), Verdict)
    except msgspec.ValidationError as error:
        raise BadVerdict(f"this is no verdict of ours: {error}") from error


def _find_verdict(document: dict[str, Any]) -> Any:  # noqa: ANN401 - checked by msgspec
    if "findings" in document:
        return {"service": "", "risk": None, **document}
    if document.get("verdict"):
        return document["verdict"]
    match document:
        case {"decision": {"failure": str() as failure}}:
            raise BadVerdict(f"there is no verdict in it: what stands under failures.{failure} in the policy was done")
        case {"outcome": {"status": str() as status}}:
            raise BadVerdict(f"there is no verdict in it: this upload ended as {status!r}")
        case _:
            raise BadVerdict("there is no verdict in it; a verdict has `risk` and `findings`")
