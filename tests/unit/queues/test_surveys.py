"""Surveys in figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.queues.figures import row_of
from gateway.queues.intervals import Interval
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.surveys import Subject, survey_rows

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def answered(hours: float = 0.0, queue: str = "q", agent: str = "ann", **answers: Any) -> JournalEvent:
    details = {"survey": "s", "source": "call", "nps": None, "csat": None, "comment": "", **answers}
    return JournalEvent(AT + timedelta(hours=hours), JournalKind.SURVEYED, queue, "e", "c", agent, details)


def rows(*events: JournalEvent, by: Subject = Subject.QUEUE, interval: Interval = Interval.TOTAL) -> Any:
    return [(name, row_of(found)) for _, name, found in survey_rows(events, by, interval, UTC)]


def test_the_score_is_promoters_less_detractors_in_a_hundred() -> None:
    [(name, row)] = rows(*(answered(nps=nps) for nps in (10, 9, 9, 8, 7, 6, 0)))

    assert name == "q"
    assert (row["promoters"], row["passives"], row["detractors"]) == (3, 2, 2)
    assert round(row["nps"], 2) == 14.29
    assert row["csat"] is row["csat_ratio"] is None


def test_content_is_who_says_four_or_five_and_what_isnt_answered_doesnt_count() -> None:
    [(_, row)] = rows(answered(csat=5), answered(csat=4, comment="x"), answered(csat=1), answered(nps=3))

    assert (row["answered"], row["csat_answers"], row["comments"]) == (4, 3, 1)
    assert (round(row["csat"], 2), round(row["csat_ratio"], 2)) == (3.33, 0.67)
    assert row["nps"] == -100.0


def test_rows_are_by_interval_and_by_what_was_asked_for() -> None:
    invited = JournalEvent(AT, JournalKind.SURVEY_INVITED, "p", "e", "c", "ben", {"survey": "s"})
    events = (answered(nps=9), answered(2, "p", "ben", nps=1, source="link"), invited)

    assert [name for name, _ in rows(*events)] == ["p", "q"]
    assert [name for name, _ in rows(*events, by=Subject.AGENT)] == ["ann", "ben"]
    [(_, row)] = rows(*events, by=Subject.SURVEY)
    assert (row["answered"], row["invited"], row["by_link"]) == (2, 1, 1)
    assert len(rows(*events, by=Subject.SURVEY, interval=Interval.HOUR)) == 2
