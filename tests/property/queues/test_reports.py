"""Any journal: the fold agrees with a count from scratch, the books balance, and division loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from gateway.queues.entry import TRANSITIONS, EntrySignal, EntryState
from gateway.queues.figures import AgentFigures, QueueFigures
from gateway.queues.intervals import Interval, Span
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.reports import Figures

NINE = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # half an hour before summer time begins
QUEUES = ("sales", "support")
AGENTS = ("ann", "bob")
K = JournalKind
KINDS = {
    EntrySignal.OFFERED: K.OFFERED,
    EntrySignal.RETURNED: K.RETURNED,
    EntrySignal.CONNECTED: K.CONNECTED,
    EntrySignal.FINISHED: K.FINISHED,
    EntrySignal.REQUEUED: K.REQUEUED,
    EntrySignal.CALLBACK: K.CALLBACK_REQUESTED,
    EntrySignal.RETURNING: K.RETURNED,
    EntrySignal.DIALLING: K.CALLBACK_DIALLED,
    EntrySignal.ABANDONED: K.ABANDONED,
    EntrySignal.TIMED_OUT: K.LEFT,
    EntrySignal.LEFT: K.LEFT,
}
REASONS = ("key", "left_empty", "removed", "cancelled", "exhausted", "lost")
CALLBACK = (EntryState.CALLBACK_WAITING, EntryState.CALLBACK_DIALING)


@st.composite
def journals(draw: st.DrawFn) -> Sequence[JournalEvent]:
    """What a few entries and agents may go through, by the table of the entries' states."""
    events: list[JournalEvent] = []
    entries: dict[str, tuple[EntryState, str]] = {}
    seconds = 0
    for number in range(draw(st.integers(0, 40))):
        seconds += draw(st.integers(0, 900))
        at = NINE + timedelta(seconds=seconds)
        open_entries = [name for name, (state, _) in entries.items() if TRANSITIONS[state]]
        what = draw(st.sampled_from(("join", "agent", "step", "step", "step", "move")))
        if what == "agent":
            details: dict[str, Any] = draw(
                st.sampled_from(
                    [{"presence": one} for one in ("available", "on_break", "logged_out")]
                    + [{"state": one} for one in ("idle", "reserved", "ringing", "on_call", "wrap_up")]
                )
            )
            kind = K.AGENT_PRESENCE if "presence" in details else K.AGENT_STATE
            events.append(JournalEvent(at, kind, agent=draw(st.sampled_from(AGENTS)), details=details))
            continue
        if what == "join" or not open_entries:
            queue = draw(st.sampled_from(QUEUES))
            callback = draw(st.booleans())
            state = EntryState.CALLBACK_WAITING if callback else EntryState.WAITING
            entries[f"e{number}"] = (state, queue)
            events.append(JournalEvent(at, K.JOINED, queue, f"e{number}", details={"callback": callback}))
            continue
        entry = draw(st.sampled_from(open_entries))
        state, queue = entries[entry]
        if what == "move":
            if state is EntryState.CONNECTED:
                continue
            to = draw(st.sampled_from(QUEUES))
            kind = draw(st.sampled_from((K.MOVED, K.OVERFLOWED)))
            events.append(JournalEvent(at, kind, to, entry, details={"from": queue}))
            entries[entry] = (state, to)
            continue
        signal = draw(st.sampled_from(sorted(TRANSITIONS[state], key=lambda one: one.value)))
        details = {}
        if signal is EntrySignal.REQUEUED:
            to = draw(st.sampled_from(QUEUES))
            details, queue = {"from": queue}, to
        elif signal is EntrySignal.RETURNING:
            details = {"reason": "caller_returned"}
        elif KINDS[signal] is K.LEFT:
            details = {
                "reason": "timed_out" if signal is EntrySignal.TIMED_OUT else draw(st.sampled_from(REASONS))
            }
        events.append(
            JournalEvent(
                at, KINDS[signal], queue, entry, agent=draw(st.sampled_from(AGENTS)), details=details
            )
        )
        entries[entry] = (TRANSITIONS[state][signal], queue)
    return events


def folded(events: Sequence[JournalEvent], interval: Interval = Interval.TOTAL) -> Figures:
    figures = Figures(interval)
    figures.add_all(events)
    if events:
        figures.settle(events[-1].at)
    return figures


def sums(figures: Figures) -> dict[str, QueueFigures | AgentFigures]:
    """Over all intervals; the longest wait is the longest of all."""
    found: dict[str, QueueFigures | AgentFigures] = {}
    rows: list[tuple[Span, str, QueueFigures | AgentFigures]] = [*figures.queues(), *figures.agents()]
    for _, name, one in rows:
        before = found.get(name)
        if before is None:
            found[name] = replace(one)
            continue
        for field in fields(one):
            old, new = getattr(before, field.name), getattr(one, field.name)
            setattr(before, field.name, max(old, new) if field.name == "longest_wait_s" else old + new)
    return found


@settings(deadline=None)
@given(journals())
def test_a_report_by_intervals_adds_up_to_the_undivided_one(events: Sequence[JournalEvent]) -> None:
    whole = sums(folded(events))

    for interval in Interval:
        assert sums(folded(events, interval)) == whole


@settings(deadline=None)
@given(journals(), st.data())
def test_it_does_not_matter_how_often_the_figures_are_read(
    events: Sequence[JournalEvent], data: st.DataObject
) -> None:
    figures = Figures(Interval.HOUR)
    for event in events:
        figures.add(event)
        if data.draw(st.booleans()):
            figures.settle(event.at)
            list(figures.agents())
    if events:
        figures.settle(events[-1].at)

    assert sums(figures) == sums(folded(events))


@settings(deadline=None)
@given(journals())
def test_the_fold_agrees_with_a_count_from_scratch_and_the_books_balance(
    events: Sequence[JournalEvent],
) -> None:
    expected = {queue: _from_scratch(events, queue) for queue in QUEUES}
    figures = folded(events)

    for queue in QUEUES:
        one = figures.queue(queue, NINE)
        counted = {name: getattr(one, name) for name in expected[queue] if name != "there"}
        assert counted == {name: count for name, count in expected[queue].items() if name != "there"}
        gone = (
            one.answered + one.given_up + one.left_by_key + one.overflowed_out + one.moved_out
            + one.callbacks_kept + one.callbacks_missed + one.callbacks_cancelled
        )  # fmt: skip
        assert one.offered == gone + expected[queue]["there"]


def _from_scratch(events: Sequence[JournalEvent], queue: str) -> Counter[str]:
    """Entry by entry, with lists instead of a running state."""
    found: Counter[str] = Counter(
        there=0, offered=0, answered=0, abandoned=0, callbacks_kept=0, handled=0, talk_s=0
    )
    for entry in {event.entry for event in events if event.entry}:
        story = [event for event in events if event.entry == entry]
        for index, event in enumerate(story):
            past = [one.kind for one in story[: index + 1]]
            here = event.queue == queue
            arrives = event.kind in (K.JOINED, K.MOVED, K.OVERFLOWED, K.REQUEUED)
            found["offered"] += here and arrives
            found["answered"] += here and event.kind is K.CONNECTED and not _as_callback(story[:index])
            found["callbacks_kept"] += here and event.kind is K.CONNECTED and _as_callback(story[:index])
            found["abandoned"] += here and event.kind is K.ABANDONED
            if event.kind in (K.FINISHED, K.REQUEUED) and event.details.get("from", event.queue) == queue:
                connected = next(one for one in reversed(story[:index]) if one.kind is K.CONNECTED)
                found["handled"] += 1
                found["talk_s"] += int((event.at - connected.at).total_seconds())
            assert past.count(K.JOINED) == 1
        last = story[-1]
        closed = last.kind in (K.FINISHED, K.ABANDONED, K.LEFT, K.CONNECTED)
        found["there"] += last.queue == queue and not closed
    return found


def _as_callback(story: Sequence[JournalEvent]) -> bool:
    turns = [
        one.kind is K.CALLBACK_REQUESTED or bool(one.details.get("callback"))
        for one in story
        if one.kind in (K.JOINED, K.CALLBACK_REQUESTED, K.REQUEUED) or "reason" in one.details
    ]
    return turns[-1]
