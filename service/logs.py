"""
How log lines are written: as text, or as one JSON object a line; with the request's id in both.

Covered:      time, level, logger, message, request id, exception.
Not covered:  where they go (standard error), and what Python says before logging is set up.
"""

import copy
import json
import logging
from datetime import UTC, datetime

from service.request_id import current
from service.settings import Settings

OURS = ("service", "fff", "model_store")
"""Whose debug lines are shown; Numba's alone would be 30,000 at start-up."""
_HTTP = ("uvicorn", "service.http")
"""The HTTP server's logger, and its name in a line: "uvicorn.error" has more than errors."""


def _request_id(record: logging.LogRecord) -> str:
    """The record's own, where it is about another request than the context's."""
    request_id: bytes = getattr(record, "request_id", b"") or current()
    return request_id.decode("ascii")


def _named(record: logging.LogRecord) -> logging.LogRecord:
    """The record, under a name that says what it is about."""
    theirs, name = _HTTP
    if record.name.partition(".")[0] == theirs:
        record = copy.copy(record)
        record.name = name
    return record


class TextFormatter(logging.Formatter):
    """Lines for people; the id in brackets at the end of the message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        request_id = _request_id(record)
        return super().formatMessage(_named(record)) + (f" [{request_id}]" if request_id else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for whatever collects them."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": _named(record).name,
            "message": record.getMessage(),
        }
        if request_id := _request_id(record):
            entry["request_id"] = request_id
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def set_up(settings: Settings) -> None:
    """Write log lines to standard error, Python's warnings among them."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler])
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    # Of its start and stop the service says itself what matters.
    logging.getLogger(_HTTP[0]).setLevel(max(level, logging.WARNING))
    for name in ("botocore", "aiobotocore", "httpx", "httpx2"):  # a line for each of their requests
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
