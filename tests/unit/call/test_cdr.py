"""The call record's arithmetic."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.call.cdr import CallRecord, CallResult

START = datetime(2030, 3, 31, 0, 59, 50, tzinfo=UTC)
RECORD = CallRecord(
    call_id="call-1",
    leg_id="leg-1",
    technology="sip",
    direction="inbound",
    ani="+15551234",
    dnis="100",
    started_at=START,
    answered_at=START + timedelta(seconds=4),
    ended_at=START + timedelta(seconds=64.5),
    result=CallResult.ANSWERED,
    cause=16,
    cause_text="",
    sip_status=200,
    ended_by="remote",
)


def test_a_call_lasts_from_its_answer_to_its_end() -> None:
    assert RECORD.duration_s == 60.5


def test_a_call_that_was_never_answered_lasted_no_time() -> None:
    assert replace(RECORD, answered_at=None).duration_s == 0.0
