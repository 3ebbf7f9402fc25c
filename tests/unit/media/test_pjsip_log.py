"""PJSIP's log lines can't flood ours."""

from __future__ import annotations

import logging

import pytest

from media.pjsip_log import BURST, PER_SECOND, PjsipLog


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_lines_keep_their_order_and_lose_their_line_breaks(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "pjsip"):
        PjsipLog(Clock()).write([(1, "sip_x.c  bad\r\npacket\n"), (3, "fine")])

    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("WARNING", "sip_x.c bad packet"),
        ("DEBUG", "fine"),
    ]


def test_a_flood_is_cut_and_what_was_left_out_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with caplog.at_level(logging.DEBUG, "pjsip"):
        log = PjsipLog(clock)
        log.write([(1, "junk")] * 1000)
        flood = len(caplog.records)
        clock.now_s += 1.0
        log.write([(1, "later")] * 1000)

    assert flood == BURST
    assert caplog.records[BURST].message == f"left out {1000 - BURST} lines"
    assert len(caplog.records) == BURST + 1 + PER_SECOND
