"""structlog set-up, and the one line of an upload: whatever the nouns in model.py hold, as json_form.py writes it."""

import logging
import sys
from typing import Any

import structlog

from handler.json_form import document
from handler.model import Outcome

EVENT = "upload.moderated"
# At INFO and DEBUG the SDKs write what they send and what they are answered, keys, tokens and signatures included; the
# root logger of Function Compute is not ours to set.
TALKATIVE_LOGGERS = ("oss2", "darabonba-core", "alibabacloud-tea", "urllib3")


def set_up_log(level: str) -> structlog.typing.FilteringBoundLogger:
    """Make the logger: one line of ASCII JSON on standard output for each call; and keep the SDKs' own quiet.

    Standard output, because Function Compute's own log handler decorates lines and cuts them. ASCII, because a key is
    an uploader's text, and no control character of it (of Unicode's neither) may reach a terminal.
    """
    for name in TALKATIVE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stdout),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
    )
    return logger


def log_outcome(logger: structlog.typing.FilteringBoundLogger, outcome: Outcome, *, details: bool) -> dict[str, Any]:
    """Write the line for one upload, an error where the invocation will fail for it; answers with the document."""
    written = document(outcome, details=details)
    write = logger.error if outcome.error else logger.info
    write(EVENT, **written)
    return written
