"""Logs: a constant event and keys, one line each, as JSON or for a person at a terminal.

    log = structlog.get_logger(__name__)
    log.info("call_ended", call_id=record.call_id, leg_id=record.leg_id, cause=16)

What uvicorn, sqlalchemy and other users of the standard library's logging say comes out in the same form.
Lines are written by a thread of their own, because a full pipe must not stop the event loop. Keys that hold
numbers are masked and keys that hold secrets are removed on the way out (STYLE §7), so a forgotten mask isn't
a leak.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "pretty"]

QUEUE_LINES = 10_000
CLOSE_S = 2.0
# At info or debug these bury our own lines; sqlalchemy prints statements with numbers in them, httpx URLs.
CHATTY = ("aiosqlite", "alembic", "asyncio", "httpcore", "httpx", "sqlalchemy")
NUMBER_KEYS = frozenset({"ani", "number", "caller", "callee", "remote", "uri", "from_uri", "to_uri"})
SECRET_KEYS = frozenset({"digits", "digit", "pin", "password", "token", "transcript", "utterance"})

# ITU-T E.164 (2016) list of assigned codes: these have one or two digits, all others three.
_ONE_DIGIT = frozenset("17")
_TWO_DIGITS = frozenset({
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48",
    "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81",
    "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
})  # fmt: skip


def mask_number(number: str) -> str:
    """What a log may say of an address: the country code and the last two digits, +44…67.

    Takes a number or a SIP address. A national number keeps its last two digits, a name its first letter.
    """
    user = number.partition(":")[2] or number
    user = user.partition("@")[0].partition(";")[0]
    digits = "".join(character for character in user if character.isdecimal())
    if not digits or len(digits) < len(user) / 2:
        return f"{user[:1]}…"
    if len(digits) <= 4:
        return "…" + digits[-1]
    return (_country_code(digits) if user.startswith("+") else "") + "…" + digits[-2:]


def _country_code(digits: str) -> str:
    if digits[:1] in _ONE_DIGIT:
        return "+" + digits[:1]
    return "+" + (digits[:2] if digits[:2] in _TWO_DIGITS else digits[:3])


def protect(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The structlog processor that masks and removes. Debug lines keep digits, never passwords."""
    for key in NUMBER_KEYS & event.keys():
        if isinstance(event[key], str):
            event[key] = mask_number(event[key])
    for key in SECRET_KEYS & event.keys():
        if method != "debug" or key in {"password", "token", "pin"}:
            event[key] = "[removed]"
    return event


def _catch(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take the exception along: the thread that writes the line isn't in the `except` block."""
    if event.get("exc_info") is True:
        event["exc_info"] = sys.exc_info()
    return event


class _Handoff(QueueHandler):
    """Passes records on unformatted: they don't leave the process. A full queue drops the line."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            super().enqueue(record)
        except queue.Full:
            return  # whoever reads our log has stopped reading; calls matter more than lines


class _LineWriter:
    """The thread that writes. The library's QueueListener waits for ever for a reader that has stopped."""

    def __init__(self, lines: queue.Queue[logging.LogRecord | None], handler: logging.Handler) -> None:
        self._lines = lines
        self._handler = handler
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when every line is written, or when nobody reads them."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while (record := self._lines.get()) is not None:
            self._handler.handle(record)


@contextmanager
def configured(
    level: Level, format: Format, stream: TextIO | None = None, *, queue_lines: int = QUEUE_LINES
) -> Iterator[None]:
    """Log this way until the block ends; every line is written by then. The default stream is stderr."""
    stream = stream or sys.stderr
    pretty = format == "pretty" or (format == "auto" and stream.isatty())
    timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        timestamp,
        protect,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_rendering(pretty=pretty, colours=stream.isatty())
        )
    )
    lines: queue.Queue[logging.LogRecord | None] = queue.Queue(queue_lines)
    handoff = _Handoff(lines)
    writer = _LineWriter(lines, handler)
    root = logging.getLogger()
    before, before_level = root.handlers[:], root.level
    root.handlers, root.level = [handoff], logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, _catch, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
    )
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    writer.start()
    try:
        yield
    finally:
        writer.stop()
        root.handlers, root.level = before, before_level
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.NOTSET)
        structlog.reset_defaults()


def _rendering(*, pretty: bool, colours: bool) -> list[Processor]:
    # Tracebacks without local variables: those hold digits and numbers, and no rule could mask them.
    if pretty:
        return [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback),
        ]
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        structlog.processors.JSONRenderer(),
    ]
