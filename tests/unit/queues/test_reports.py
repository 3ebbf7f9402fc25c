"""Reports against cases reckoned by hand."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.queues.figures import QueueFigures, Thresholds, row_of
from gateway.queues.intervals import Interval
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.reports import Figures, thresholds_of
from gateway.queues.settings import QueueSettings
from tests.unit.queues.journalling import at, line

K = JournalKind


def folded(*events: JournalEvent, interval: Interval = Interval.TOTAL) -> Figures:
    figures = Figures(interval)
    figures.add_all(events)
    return figures


def support(*events: JournalEvent) -> QueueFigures:
    return folded(*events).queue("support", at(0))


def call(entry: str, joined: float, waited: float, end: JournalKind, **details: Any) -> list[JournalEvent]:
    return [
        line(joined, K.JOINED, entry),
        line(joined + waited, end, entry, agent="ann" if end is K.CONNECTED else "", **details),
    ]


# ---- service levels, with 20 s to answer and 5 s of grace


def service_levels(*calls: tuple[float, JournalKind, str]) -> tuple[float | None, float | None, float | None]:
    events: list[JournalEvent] = []
    for number, (wait_s, end, reason) in enumerate(calls):
        details = {"reason": reason} if reason else {}
        events += call(f"e{number}", number * 1000, wait_s, end, **details)
    figures = support(*events)
    return figures.sl, figures.sl2, figures.sl_net


ANSWERED, ABANDONED, LEFT = K.CONNECTED, K.ABANDONED, K.LEFT


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        # Nothing has happened: there is no service level, rather than a perfect or a terrible one.
        ([], (None, None, None)),
        # The threshold itself is in time.
        ([(20.0, ANSWERED, ""), (20.001, ANSWERED, "")], (1 / 2, 1 / 2, 1 / 2)),
        # Who gives up late is left out of SL, and counts against SL2.
        ([(10.0, ANSWERED, ""), (30.0, ABANDONED, "")], (1 / 1, 1 / 2, 1 / 2)),
        # Who gives up within the threshold counts for SL2, and still against the net one.
        ([(10.0, ANSWERED, ""), (15.0, ABANDONED, "")], (1 / 1, 2 / 2, 1 / 2)),
        # Nobody could have answered who hung up at once.
        ([(10.0, ANSWERED, ""), (4.9, ABANDONED, "")], (1 / 1, 2 / 2, 1 / 1)),
        ([(10.0, ANSWERED, ""), (5.0, ABANDONED, "")], (1 / 1, 2 / 2, 1 / 2)),
        # As in Asterisk, who is sent away has been given up on; who chose the key has not.
        ([(10.0, ANSWERED, ""), (60.0, LEFT, "timed_out")], (1 / 1, 1 / 2, 1 / 2)),
        ([(10.0, ANSWERED, ""), (60.0, LEFT, "left_empty")], (1 / 1, 1 / 2, 1 / 2)),
        ([(10.0, ANSWERED, ""), (60.0, LEFT, "removed")], (1 / 1, 1 / 2, 1 / 2)),
        ([(10.0, ANSWERED, ""), (60.0, LEFT, "lost")], (1 / 1, 1 / 2, 1 / 2)),
        ([(10.0, ANSWERED, ""), (60.0, LEFT, "key")], (1 / 1, 1 / 1, 1 / 1)),
        # Nobody was answered.
        ([(30.0, ABANDONED, "")], (None, 0.0, 0.0)),
        (
            [
                (5.0, ANSWERED, ""),
                (19.0, ANSWERED, ""),
                (40.0, ANSWERED, ""),
                (3.0, ABANDONED, ""),
                (12.0, ABANDONED, ""),
                (50.0, ABANDONED, ""),
            ],
            (2 / 3, 4 / 6, 2 / 5),
        ),
    ],
)
def test_service_levels(
    calls: list[tuple[float, JournalKind, str]], expected: tuple[float | None, float | None, float | None]
) -> None:
    assert service_levels(*calls) == expected


def test_each_queue_has_thresholds_of_its_own_and_a_queue_that_is_gone_the_defaults() -> None:
    figures = Figures(
        thresholds=thresholds_of([QueueSettings("slow", service_level_s=60, short_abandon_s=0)])
    )
    for queue in ("slow", "gone"):
        figures.add(line(0, K.JOINED, queue, queue=queue))
        figures.add(line(30, K.CONNECTED, queue, queue=queue, agent="ann"))
        figures.add(line(40, K.JOINED, queue, queue=queue))
        figures.add(line(43, K.ABANDONED, queue, queue=queue))

    slow, gone = figures.queue("slow", at(0)), figures.queue("gone", at(0))
    assert (slow.answered_in_time, slow.short_abandoned) == (1, 0)
    assert (gone.answered_in_time, gone.short_abandoned) == (0, 1)
    assert Thresholds() == Thresholds(20.0, 5.0)


# ---- waits and conversations


def test_waits_are_the_engines_where_it_says_them() -> None:
    figures = support(
        *call("e1", 0, 10, K.CONNECTED, wait_s=9.5),
        *call("e2", 0, 30, K.CONNECTED),
        *call("e3", 0, 50, K.ABANDONED, wait_s=49),
    )

    assert (figures.asa_s, figures.longest_wait_s, figures.mean_abandon_s) == ((9.5 + 30) / 2, 49, 49)
    assert figures.abandon_ratio == 1 / 3


def test_a_conversation_is_talk_hold_and_wrap_up() -> None:
    figures = folded(
        *call("e1", 0, 10, K.CONNECTED),
        line(30, K.HELD, by="agent"),
        line(31, K.HELD, by="agent"),  # twice is once
        line(50, K.RESUMED, by="agent"),
        line(51, K.RESUMED, by="agent"),
        line(60, K.HELD, by="agent"),
        line(70, K.FINISHED, by="caller"),  # hung up while on hold
        line(85, K.WRAPPED_UP, "", queue="", agent="ann", wrap_up_s=15),
    )

    queue, agent = figures.queue("support", at(0)), figures.agent("ann", at(0))
    for one in (queue, agent):
        assert (one.handled, one.talk_s, one.hold_s, one.wrap_up_s, one.aht_s) == (1, 30, 30, 15, 75)


def test_the_engines_talk_time_counts_and_a_wrap_up_of_no_queue_is_the_agents_alone() -> None:
    figures = folded(
        *call("e1", 0, 10, K.CONNECTED),
        line(70, K.FINISHED, by="agent", talk_s=59.5),
        line(90, K.WRAPPED_UP, "", queue="", agent="bob", wrap_up_s=5),
    )

    assert figures.queue("support", at(0)).talk_s == 59.5
    assert figures.queue("support", at(0)).wrap_up_s == 0
    assert figures.agent("bob", at(0)).wrap_up_s == 5


def test_a_transfer_counts_for_the_queue_and_the_agent() -> None:
    figures = folded(
        *call("e1", 0, 10, K.CONNECTED),
        line(30, K.TRANSFERRED, to="sip:x", how="blind", by="agent"),
        line(31, K.FINISHED),
        line(40, K.TRANSFERRED, "unknown", to="sip:x"),
    )

    assert figures.queue("support", at(0)).transferred == 2
    assert figures.agent("ann", at(0)).transferred == 1
    assert figures.agent("ann", at(0)).handled == 1


def test_an_entry_that_goes_through_queues_balances_in_each() -> None:
    figures = folded(
        line(0, K.JOINED, queue="first"),
        line(10, K.ANNOUNCED, queue="first", estimate_s=5),
        line(60, K.OVERFLOWED, **{"from": "first"}),
        line(70, K.MOVED, queue="third", **{"from": "support"}),
        line(100, K.CONNECTED, queue="third", agent="ann"),
        line(160, K.REQUEUED, queue="first", by="ann", **{"from": "third"}),
        line(200, K.CONNECTED, queue="first", agent="bob", wait_s=200),
        line(230, K.FINISHED, queue="first"),
    )

    first, second, third = (figures.queue(name, at(0)) for name in ("first", "support", "third"))
    assert (first.offered, first.overflowed_out, first.requeued, first.answered) == (2, 1, 1, 1)
    assert (second.offered, second.overflowed_in, second.moved_out) == (1, 1, 1)
    assert (third.offered, third.moved_in, third.answered, third.handled) == (1, 1, 1, 1)
    assert third.talk_s == 60
    assert third.asa_s == 100  # the caller's wait, not the queue's
    assert first.asa_s == 40  # for the second time: the conversation in between wasn't waiting
    assert third.estimates == 0  # what was said of another queue


def test_offers_and_what_became_of_them() -> None:
    events = [line(0, K.JOINED)]
    for second, reason in enumerate(
        (
            "declined",
            "no_answer",
            "busy",
            "unreachable",
            "disconnected",
            "expired",
            "caller_gone",
            "withdrawn",
        ),
        1,
    ):
        events += [line(second, K.OFFERED, agent="ann"), line(second, K.MISSED, agent="ann", reason=reason)]
    figures = folded(*events)

    for one in (figures.queue("support", at(0)), figures.agent("ann", at(0))):
        assert (one.offers, one.declined, one.rona, one.missed) == (8, 1, 1, 4)


def test_who_could_not_join_was_not_offered() -> None:
    figures = support(line(0, K.REFUSED, reason="full"))

    assert (figures.offered, figures.refused) == (0, 1)


# ---- what was announced


def test_estimates_are_compared_with_the_wait_that_was_still_to_come() -> None:
    figures = support(
        line(0, K.JOINED),
        line(0, K.ANNOUNCED, estimate_s=90, low_s=60, high_s=120, said="about two minutes"),
        line(30, K.ANNOUNCED, estimate_s=90, low_s=80, high_s=100),
        line(60, K.ANNOUNCED, position=1),  # no estimate
        line(70, K.ANNOUNCED, estimate_s=20),  # no band
        line(100, K.CONNECTED, agent="ann"),
    )

    # 100 against 90, 70 against 90, 30 against 20
    assert figures.estimates == 3
    assert figures.estimate_error_s == pytest.approx((10 - 20 + 10) / 3)
    assert figures.estimate_error_abs_s == pytest.approx(40 / 3)
    assert figures.estimate_in_band_ratio == 1 / 2


# ---- callbacks


def test_a_callback_that_is_kept_is_neither_answered_nor_late() -> None:
    figures = support(
        line(0, K.JOINED),
        line(5, K.ANNOUNCED, estimate_s=20),
        line(10, K.CALLBACK_REQUESTED, number="+44", promised_low_s=600, promised_high_s=1200),
        line(1000, K.CONNECTED, agent="ann"),
        line(1100, K.FINISHED),
    )

    assert (figures.offered, figures.answered, figures.callbacks_requested, figures.callbacks_kept) == (
        1,
        0,
        1,
        1,
    )
    assert (figures.promises_kept_ratio, figures.promise_error_s) == (1.0, 990 - 900)
    assert (figures.estimates, figures.handled, figures.talk_s) == (0, 1, 100)


def test_a_promise_that_was_changed_is_the_one_that_counts() -> None:
    figures = support(
        line(0, K.JOINED, callback=True),  # asked for without a call
        line(0, K.CALLBACK_REQUESTED, number="+44", promised_low_s=10, promised_high_s=20),
        line(10, K.CALLBACK_UPDATED, promised_low_s=30, promised_high_s=50),
        line(20, K.CALLBACK_UPDATED, number="+49"),
        line(100, K.CONNECTED, agent="ann"),
    )

    assert (figures.callbacks_requested, figures.promises, figures.promises_in_time) == (1, 1, 0)
    assert figures.promise_error_s == 90 - 40


def test_a_callback_without_a_promise_breaks_none() -> None:
    figures = support(line(0, K.JOINED, callback=True), line(100, K.CONNECTED, agent="ann"))

    assert (figures.callbacks_kept, figures.promises) == (1, 0)


@pytest.mark.parametrize(
    ("reason", "counted"),
    [
        ("exhausted", "callbacks_missed"),
        ("timed_out", "callbacks_missed"),
        ("cancelled", "callbacks_cancelled"),
        ("removed", "callbacks_cancelled"),
        ("lost", "lost"),
    ],
)
def test_callbacks_that_came_to_nothing(reason: str, counted: str) -> None:
    figures = support(line(0, K.JOINED, callback=True), line(100, K.LEFT, reason=reason))

    assert getattr(figures, counted) == 1
    assert (figures.offered, figures.given_up - figures.lost) == (1, 0)


def test_a_customer_who_was_called_first_and_then_waits_is_a_callback_that_is_kept() -> None:
    figures = support(
        line(0, K.JOINED, callback=True),
        line(0, K.CALLBACK_UPDATED, promised_low_s=60, promised_high_s=120),
        line(50, K.CALLBACK_FAILED, attempt=1, outcome="busy"),
        line(100, K.CALLBACK_ANSWERED, attempt=2),
        line(100, K.RETURNED, reason="caller_returned"),
        line(110, K.CONNECTED, agent="ann", wait_s=110),
    )

    assert (figures.callbacks_kept, figures.callbacks_returned, figures.answered) == (1, 0, 0)
    assert (figures.promises_in_time, figures.promise_error_s) == (1, 110 - 90)
    assert (figures.callback_attempts, figures.callback_attempts_answered) == (2, 1)


def test_who_keeps_an_earlier_callback_hasnt_given_up() -> None:
    figures = support(line(0, K.JOINED), line(9, K.LEFT, reason="merged", wait_s=9))

    assert (figures.left_by_key, figures.given_up) == (1, 0)


def test_who_calls_again_instead_of_being_called_waits_from_then() -> None:
    figures = support(
        line(0, K.JOINED),
        line(10, K.CALLBACK_REQUESTED, promised_low_s=60, promised_high_s=120),
        line(500, K.RETURNED, reason="caller_returned", position=1),
        line(512, K.CONNECTED, agent="ann", wait_s=512),
    )

    assert (figures.callbacks_returned, figures.answered, figures.asa_s, figures.promises) == (1, 1, 12, 0)


# ---- agents


def test_an_agents_time_is_divided_by_what_they_did() -> None:
    figures = folded(
        line(0, K.AGENT_PRESENCE, "", agent="ann", presence="available"),
        line(100, K.AGENT_STATE, "", agent="ann", state="reserved"),
        line(101, K.AGENT_STATE, "", agent="ann", state="ringing"),
        line(110, K.AGENT_STATE, "", agent="ann", state="on_call"),
        line(150, K.AGENT_PRESENCE, "", agent="ann", presence="on_break", reason="lunch"),
        line(170, K.AGENT_STATE, "", agent="ann", state="wrap_up"),
        line(200, K.AGENT_STATE, "", agent="ann", state="idle"),
        line(500, K.AGENT_PRESENCE, "", agent="ann", presence="logged_out"),
    )
    figures.settle(at(9999))

    ann = figures.agent("ann", at(0))
    assert (ann.idle_s, ann.ringing_s, ann.on_call_s, ann.in_wrap_up_s, ann.on_break_s) == (
        100,
        10,
        60,
        30,
        300,
    )
    assert ann.logged_in_s == 500
    assert ann.occupancy == 90 / 200


def test_a_call_of_an_agent_who_has_logged_out_is_a_call() -> None:
    figures = folded(
        line(0, K.AGENT_STATE, "", agent="ann", state="on_call"),
        line(60, K.AGENT_STATE, "", agent="ann", state="idle"),
    )

    assert (figures.agent("ann", at(0)).on_call_s, figures.agent("ann", at(0)).logged_in_s) == (60, 0)


def test_an_agents_time_is_divided_where_intervals_meet_and_settling_twice_counts_once() -> None:
    figures = folded(
        line(600, K.AGENT_PRESENCE, "", agent="ann", presence="available"), interval=Interval.QUARTER_HOUR
    )
    for until in (1000, 2000, 2000, 1500):
        figures.settle(at(until))

    assert [(span.start, name, one.idle_s) for span, name, one in figures.agents()] == [
        (at(0), "ann", 300),
        (at(900), "ann", 900),
        (at(1800), "ann", 200),
    ]


def test_the_time_that_a_crash_took_is_nobodys() -> None:
    figures = folded(
        line(0, K.AGENT_PRESENCE, "", agent="ann", presence="available"),
        line(60, K.JOINED),
        line(5000, K.STARTED, "", queue=""),
        line(5100, K.AGENT_PRESENCE, "", agent="ann", presence="available"),
        line(5200, K.STOPPED, "", queue=""),
    )
    figures.settle(at(9999))

    assert figures.agent("ann", at(0)).logged_in_s == 60 + 100


def test_a_journal_that_begins_with_a_start_is_no_crash() -> None:
    figures = folded(line(0, K.STARTED, "", queue=""))

    assert list(figures.agents()) == []


# ---- reports that begin in the middle


def test_entries_from_before_the_first_event_are_counted_by_what_their_events_say() -> None:
    figures = support(
        line(0, K.CONNECTED, "e1", agent="ann", wait_s=7),
        line(1, K.CONNECTED, "e2", agent="ann"),
        line(2, K.ABANDONED, "e3", wait_s=40),
        line(3, K.ABANDONED, "e4"),
        line(4, K.FINISHED, "e5", talk_s=30),
        line(5, K.FINISHED, "e6"),
        line(6, K.HELD, "e7"),
    )

    assert (figures.answered, figures.wait_answered_sum_s, figures.abandoned, figures.longest_wait_s) == (
        2,
        7,
        2,
        40,
    )
    assert (figures.handled, figures.talk_s) == (2, 30)


def test_counts_go_to_the_interval_in_which_it_happened() -> None:
    figures = folded(*call("e1", 3590, 20, K.CONNECTED), interval=Interval.HOUR)

    rows = [(span.start, name, one.offered, one.answered) for span, name, one in figures.queues()]
    assert rows == [(at(0), "support", 1, 0), (at(3600), "support", 0, 1)]


def test_intervals_that_are_over_can_be_forgotten() -> None:
    figures = folded(
        *call("e1", 3590, 20, K.CONNECTED),
        line(3700, K.AGENT_PRESENCE, "", agent="ann", presence="available"),
        interval=Interval.HOUR,
    )
    figures.settle(at(7300))
    figures.forget(at(3600))
    first = [span.start for span, _, _ in figures.queues()]
    figures.forget(at(7200))

    assert first == [at(3600)]
    assert list(figures.queues()) == []
    assert [span.start for span, _, _ in figures.agents()] == [at(7200)]


def test_what_reports_have_no_use_for_is_passed_over() -> None:
    assert row_of(support(line(0, K.RELAXED))) == row_of(QueueFigures())


def test_a_row_has_the_counts_and_what_follows_from_them() -> None:
    row = row_of(support(*call("e1", 0, 10, K.CONNECTED)))

    assert (row["answered"], row["sl"], row["abandon_ratio"], row["aht_s"]) == (1, 1.0, 0.0, None)
