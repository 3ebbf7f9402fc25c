"""Today's figures, from midnight to midnight."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.queues.journal import JournalKind
from gateway.queues.reports import thresholds_of
from gateway.queues.today import Today
from tests.unit.queues.journalling import at, line

K = JournalKind
DAY_S = 86_400


class Clock:
    def __init__(self) -> None:
        self.utc = at(0)

    def __call__(self) -> datetime:
        return self.utc


def test_at_midnight_the_figures_begin_again() -> None:
    clock = Clock()
    today = Today(
        clock, thresholds_of([]), ZoneInfo("Asia/Tokyo")
    )  # nine in the morning is six in the evening
    today.recall([line(0, K.JOINED), line(10, K.CONNECTED, agent="ann"), line(60, K.FINISHED)])
    clock.utc = at(100)
    before = today.queue("support").answered

    clock.utc = at(6 * 3600)
    at_midnight = today.queue("support").answered
    today.add(line(6 * 3600, K.JOINED, "e2"))

    assert (before, at_midnight, today.queue("support").offered) == (1, 0, 1)
    assert today.span.start == at(6 * 3600)


def test_yesterday_is_forgotten() -> None:
    clock = Clock()
    today = Today(clock, thresholds_of([]))
    for day in range(400):
        clock.utc = at(day * DAY_S)
        today.add(line(day * DAY_S, K.JOINED, f"e{day}"))

    assert len(list(today._figures.queues())) == 1


def test_what_happens_while_the_past_is_told_comes_after_it() -> None:
    clock = Clock()
    today = Today(clock, thresholds_of([]))
    today.catch_up()
    clock.utc = at(60)
    today.add(line(60, K.CONNECTED, agent="ann"))
    while_told = today.queue("support").answered
    today.recall([line(0, K.JOINED)])
    today.caught_up()
    today.add(line(90, K.FINISHED))

    assert while_told == 0
    assert (today.queue("support").asa_s, today.queue("support").talk_s) == (60, 30)


def test_what_agents_do_now_counts_up_to_now() -> None:
    clock = Clock()
    today = Today(clock, thresholds_of([]))
    today.add(line(0, K.AGENT_PRESENCE, "", agent="ann", presence="available"))
    clock.utc = at(90)

    assert today.agent("ann").idle_s == 90
    assert today.agent("nobody").idle_s == 0
