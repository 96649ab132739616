"""The one JSON form of the project: an Outcome as a document, and what is read back out of one. Pure."""

from typing import Any

import msgspec

from handler.errors import BadRecord, FailureKind
from handler.model import JSON_FORM_VERSION, Outcome, Status, Upload, Verdict, is_final

Document = dict[str, Any]


def document(outcome: Outcome, *, details: bool) -> Document:
    """The outcome in the project's JSON form: `v`, `upload`, `verdict`, `decision`, `outcome`; absent parts are null.

    A field more in one of these nouns is a field more here, and so in the log line, the ledger and the answer.

    Without `details`, what the service says of the picture in words (descriptions, extra information) stays out.
    """
    whole: Document = msgspec.to_builtins(outcome)
    parts = {noun: whole.pop(noun) for noun in ("upload", "verdict", "decision")}
    if not details:
        _drop_prose(parts)
    return {"v": JSON_FORM_VERSION, **parts, "outcome": whole}


def verdict_document(verdict: Verdict) -> Document:
    """The verdict in the JSON form, without what the service says of the picture in words."""
    written: Document = msgspec.to_builtins(verdict)
    _drop_prose({"verdict": written, "decision": None})
    return written


def check_version(written: Document) -> Document:
    """The document, where it is one of this version. Raises BadRecord."""
    if written.get("v") != JSON_FORM_VERSION:
        raise BadRecord(f"its version is {written.get('v')!r:.40}; this is written for {JSON_FORM_VERSION}")
    return written


def check_upload(written: Document, upload: Upload) -> None:
    """Raise BadRecord where the document is about another upload."""
    about = written.get("upload")
    named = (about.get("bucket"), about.get("request_id")) if isinstance(about, dict) else None
    if named != (upload.bucket, upload.request_id):
        raise BadRecord("it is about another upload")


def read_as(shape: type[msgspec.Struct] | type[Any], written: object) -> Any:  # noqa: ANN401  (that shape)
    """The value that the document describes. Raises BadRecord."""
    try:
        return msgspec.convert(written, shape)
    except msgspec.ValidationError as exc:
        raise BadRecord(f"{exc}") from exc


def read_ending(written: Document) -> tuple[Status, str | None]:
    """The final status of an outcome's document, and where the bytes are. Raises BadRecord."""
    ending = read_as(_Ending, written.get("outcome"))
    decision: _Decided = read_as(_Decided, written.get("decision") or {})
    if not is_final(ending.status, decision.failure):
        raise BadRecord(f"its status {ending.status.value!r} is not final")
    return ending.status, ending.location


class _Decided(msgspec.Struct):
    failure: FailureKind | None = None


class _Ending(msgspec.Struct):
    status: Status
    location: str | None


def _drop_prose(parts: dict[str, Any]) -> None:
    verdict, decision = parts["verdict"], parts["decision"]
    if verdict:
        del verdict["ext"]
    for noun in (verdict, decision):
        for finding in noun["findings"] if noun else ():
            del finding["description"]
