"""Logs: one form for everybody, nothing that mustn't be in them, and no waiting."""

from __future__ import annotations

import io
import json
import logging
import threading
from typing import Any

import pytest
import structlog

from monitoring import logs
from monitoring.logs import mask_number


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_the_event_its_keys_and_where_it_came_from() -> None:
    stream = io.StringIO()
    with logs.configured("info", "json", stream):
        structlog.get_logger("gateway.switch").info("call_ended", call_id="c1", cause=16)

    (line,) = written(stream)

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "call_ended",
        "call_id": "c1",
        "cause": 16,
        "level": "info",
        "logger": "gateway.switch",
    }


def test_the_standard_librarys_lines_come_out_in_the_same_form() -> None:
    stream = io.StringIO()
    with logs.configured("info", "json", stream):
        logging.getLogger("uvicorn.error").warning("Invalid %s", "request")

    (line,) = written(stream)

    assert (line["event"], line["level"], line["logger"]) == ("Invalid request", "warning", "uvicorn.error")


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    with logs.configured("warning", "json", stream):
        structlog.get_logger().info("call_started")
        logging.getLogger("uvicorn").info("started")

    assert written(stream) == []


def test_numbers_are_masked_and_keys_pressed_are_removed() -> None:
    stream = io.StringIO()
    with logs.configured("info", "json", stream):
        structlog.get_logger().info("call_started", ani="+442071234567", digits="1234")

    (line,) = written(stream)

    assert (line["ani"], line["digits"]) == ("+44…67", "[removed]")


def test_statements_with_numbers_in_them_are_not_written() -> None:
    stream = io.StringIO()
    with logs.configured("debug", "json", stream):
        logging.getLogger("sqlalchemy.engine.Engine").info("INSERT %s", "+442071234567")

    assert written(stream) == []


def test_debug_lines_keep_digits_but_never_secrets() -> None:
    stream = io.StringIO()
    with logs.configured("debug", "json", stream):
        structlog.get_logger().debug("key", digits="12", token="abc")

    (line,) = written(stream)

    assert (line["digits"], line["token"]) == ("12", "[removed]")


def test_a_traceback_comes_without_local_variables() -> None:
    def fail() -> None:
        pin = "".join(("48", "15"))
        raise RuntimeError(f"{len(pin)} keys")

    stream = io.StringIO()
    with logs.configured("info", "json", stream):
        try:
            fail()
        except RuntimeError:
            structlog.get_logger().exception("session_failed")

    (line,) = written(stream)

    assert line["exception"][0]["exc_value"] == "4 keys"
    assert "4815" not in stream.getvalue()


def test_a_pretty_traceback_comes_without_local_variables_too() -> None:
    stream = io.StringIO()
    with logs.configured("info", "pretty", stream):
        try:
            pin = "".join(("48", "15"))
            raise RuntimeError(f"{len(pin)} keys")  # noqa: TRY301 -- it's the traceback that is tested
        except RuntimeError:
            structlog.get_logger().exception("session_failed")

    assert "4 keys" in stream.getvalue()
    assert "4815" not in stream.getvalue()


def test_automatic_form_is_json_where_nobody_watches() -> None:
    stream = io.StringIO()
    with logs.configured("info", "auto", stream):
        structlog.get_logger().info("node_started")

    assert written(stream)[0]["event"] == "node_started"


class StuckStream(io.StringIO):
    """A pipe whose reader has stopped reading, until `reads_again` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reads_again = threading.Event()

    def write(self, text: str) -> int:
        self.reads_again.wait()
        return super().write(text)


def test_a_reader_that_stopped_reading_costs_lines_and_not_time() -> None:
    stream = StuckStream()

    with logs.configured("info", "json", stream, queue_lines=2):
        for _ in range(10):
            structlog.get_logger().info("call_started")
        stream.reads_again.set()

    assert 1 <= len(written(stream)) < 10


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+442071234567", "+44…67"),
        ("+12025550123", "+1…23"),
        ("+35312345678", "+353…78"),
        ("02071234567", "…67"),
        ("sip:+442071234567@example.com;user=phone", "+44…67"),
        ("sip:alice@example.com", "a…"),
        ("alice", "a…"),
        ("100", "…0"),
        ("", "…"),
    ],
)
def test_a_masked_number_keeps_its_country_and_its_last_two_digits(number: str, masked: str) -> None:
    assert mask_number(number) == masked
