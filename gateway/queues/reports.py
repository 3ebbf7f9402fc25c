"""Reports: the journal's events, folded into figures by interval, queue and agent. Pure.

The same fold makes a report of last year and the figure on today's screen: it takes one event after the
other, and can be read at any time. Events come in the order in which they happened. Those whose beginning
lies before the first event are counted by what their own details say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from gateway.queues.agent_time import AgentTime
from gateway.queues.figures import AgentFigures, QueueFigures, Thresholds
from gateway.queues.intervals import ALWAYS, Interval, Span, span_of
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.open_entries import CALLER_RETURNED, number_of, optional_number
from gateway.queues.settings import QueueSettings

ThresholdsOf = Callable[[str], Thresholds]


@dataclass(slots=True)
class _Entry:
    """An entry that is open. `since`: when it began to wait; None when that was before the first event.

    `again`: it waits for another time, so what the engine measures, from the enqueue time, isn't this wait.
    """

    queue: str
    since: datetime | None
    again: bool = False
    callback: bool = False
    reached: bool = False  # its customer was called, and is on the line
    connected_at: datetime | None = None
    agent: str = ""
    held_at: datetime | None = None
    hold_s: float = 0.0
    promised: tuple[datetime, float, float] | None = None  # when, and after how long at best and at worst
    estimates: list[tuple[datetime, Mapping[str, Any]]] = field(default_factory=list)


# MISSED and LEFT by their reason (`signals.Miss`, `signals.Leaving`).
_MISSES: Final = {
    "declined": "declined",
    "no_answer": "rona",
    "busy": "missed",
    "unreachable": "missed",
    "disconnected": "missed",
    "expired": "missed",
}
_LEAVINGS: Final = {
    "abandoned": "abandoned",
    "key": "left_by_key",
    "timed_out": "timed_out",
    "left_empty": "left_empty",
    "removed": "removed",
    "lost": "lost",
    "merged": "left_by_key",  # has a callback here already, and kept that one
}
_CALLBACK_LEAVINGS: Final = {
    "cancelled": "callbacks_cancelled",
    "removed": "callbacks_cancelled",
    "lost": "lost",
}


class Figures:
    """The figures of all queues and agents. `thresholds`: what a queue's service is measured against.

    `since`: where a report begins. What is before it explains what comes, and counts in an interval of its
    own, which `forget(since)` drops.
    """

    def __init__(
        self,
        interval: Interval = Interval.TOTAL,
        zone: tzinfo = UTC,
        thresholds: ThresholdsOf = lambda _queue: Thresholds(),
        *,
        since: datetime | None = None,
    ) -> None:
        self._interval = interval
        self._zone = zone
        self._thresholds = thresholds
        self._since = since
        self._queues: dict[tuple[Span, str], QueueFigures] = {}
        self._agents: dict[tuple[Span, str], AgentFigures] = {}
        self._entries: dict[str, _Entry] = {}
        self._last_queue: dict[str, str] = {}  # of each agent: whose wrap-up it is
        self._time = AgentTime(self._span_of, self._agent)
        self._span: Span | None = None
        self._last_at: datetime | None = None
        self._handlers: Final[Mapping[JournalKind, Callable[[JournalEvent], None]]] = {
            JournalKind.JOINED: self._joined,
            JournalKind.RESTORED: self._restored,
            JournalKind.REFUSED: self._refused,
            JournalKind.OFFERED: self._offered,
            JournalKind.MISSED: self._missed,
            JournalKind.CONNECTED: self._connected,
            JournalKind.ABANDONED: self._left,
            JournalKind.LEFT: self._left,
            JournalKind.OVERFLOWED: self._moved,
            JournalKind.MOVED: self._moved,
            JournalKind.REQUEUED: self._requeued,
            JournalKind.FINISHED: self._finished,
            JournalKind.TRANSFERRED: self._transferred,
            JournalKind.ANNOUNCED: self._announced,
            JournalKind.CALLBACK_REQUESTED: self._callback,
            JournalKind.CALLBACK_UPDATED: self._callback,
            JournalKind.CALLBACK_FAILED: self._tried,
            JournalKind.CALLBACK_ANSWERED: self._tried,
            JournalKind.RETURNED: self._returned,
            JournalKind.HELD: self._held,
            JournalKind.RESUMED: self._resumed,
            JournalKind.WRAPPED_UP: self._wrapped_up,
            JournalKind.AGENT_PRESENCE: self._presence,
            JournalKind.AGENT_STATE: self._state,
            JournalKind.STARTED: self._started,
            JournalKind.STOPPED: self._stopped,
        }

    # ---- in

    def add(self, event: JournalEvent) -> None:
        """What happened next."""
        handler = self._handlers.get(event.kind)
        if handler is not None:
            handler(event)
        self._last_at = event.at

    def add_all(self, events: Iterable[JournalEvent]) -> None:
        for event in events:
            self.add(event)

    def settle(self, until: datetime) -> None:
        """Count what agents are doing now up to `until`, before their figures are read."""
        self._time.settle(until)

    def forget(self, before: datetime) -> None:
        """Drop the intervals that ended by then: screens need today's only."""
        self._queues = {key: value for key, value in self._queues.items() if key[0].end > before}
        self._agents = {key: value for key, value in self._agents.items() if key[0].end > before}

    # ---- out

    def queue(self, name: str, at: datetime) -> QueueFigures:
        """The figures of a queue in the interval around `at`, as they stand. Not to be changed."""
        return self._queues.get((self._span_of(at), name)) or QueueFigures()

    def agent(self, name: str, at: datetime) -> AgentFigures:
        """The figures of an agent in the interval around `at`, as they stand. Not to be changed."""
        return self._agents.get((self._span_of(at), name)) or AgentFigures()

    def queues(self) -> Iterator[tuple[Span, str, QueueFigures]]:
        """By interval, then by name. An interval in which nothing happened isn't there."""
        for (span, name), figures in sorted(self._queues.items(), key=lambda item: item[0]):
            yield span, name, figures

    def agents(self) -> Iterator[tuple[Span, str, AgentFigures]]:
        """By interval, then by name."""
        for (span, name), figures in sorted(self._agents.items(), key=lambda item: item[0]):
            yield span, name, figures

    # ---- entries

    def _joined(self, event: JournalEvent) -> None:
        entry = self._entries[event.entry] = _Entry(event.queue, event.at)
        self._queue(event.queue, event.at).offered += 1
        if event.details.get("callback"):
            self._ask(entry, event)

    def _restored(self, event: JournalEvent) -> None:
        if event.details.get("callback"):
            self._ask(self._known(event), event)

    def _refused(self, event: JournalEvent) -> None:
        self._queue(event.queue, event.at).refused += 1

    def _offered(self, event: JournalEvent) -> None:
        self._queue(self._known(event).queue, event.at).offers += 1
        self._agent_at(event).offers += 1

    def _missed(self, event: JournalEvent) -> None:
        counted = _MISSES.get(str(event.details.get("reason")))
        if counted is not None:  # the others aren't the agent's doing
            _increment(self._queue(self._known(event).queue, event.at), counted)
            _increment(self._agent_at(event), counted)

    def _connected(self, event: JournalEvent) -> None:
        entry = self._known(event)
        entry.connected_at, entry.agent = event.at, event.agent
        figures = self._queue(entry.queue, event.at)
        self._agent_at(event).answered += 1
        self._last_queue[event.agent] = entry.queue
        if entry.callback:
            figures.callbacks_kept += 1
            _count_promise(figures, entry, event.at)
            return
        figures.answered += 1
        wait_s = _wait_s(entry, event)
        if wait_s is not None:
            figures.wait_answered_sum_s += wait_s
            figures.longest_wait_s = max(figures.longest_wait_s, wait_s)
            figures.answered_in_time += wait_s <= self._thresholds(entry.queue).service_level_s
        _count_estimates(figures, entry, event.at)

    def _left(self, event: JournalEvent) -> None:
        entry = self._known(event)
        self._entries.pop(event.entry, None)
        figures = self._queue(entry.queue, event.at)
        reason = "abandoned" if event.kind is JournalKind.ABANDONED else str(event.details.get("reason"))
        if entry.callback:
            _increment(figures, _CALLBACK_LEAVINGS.get(reason, "callbacks_missed"))
            return
        counted = _LEAVINGS.get(reason, "removed")
        _increment(figures, counted)
        if counted == "left_by_key":
            return
        thresholds = self._thresholds(entry.queue)
        wait_s = _wait_s(entry, event)
        if wait_s is None:
            return
        figures.longest_wait_s = max(figures.longest_wait_s, wait_s)
        figures.given_up_in_time += wait_s <= thresholds.service_level_s
        if counted == "abandoned":
            figures.wait_abandoned_sum_s += wait_s
            figures.short_abandoned += wait_s < thresholds.short_abandon_s

    def _moved(self, event: JournalEvent) -> None:
        entry = self._known(event, queue=str(event.details.get("from", event.queue)))
        way = "overflowed" if event.kind is JournalKind.OVERFLOWED else "moved"
        _increment(self._queue(entry.queue, event.at), f"{way}_out")
        entry.queue = event.queue
        entry.estimates.clear()  # they were for another queue
        figures = self._queue(event.queue, event.at)
        _increment(figures, f"{way}_in")
        figures.offered += 1

    def _announced(self, event: JournalEvent) -> None:
        if optional_number(event.details, "estimate_s") is not None:
            self._known(event).estimates.append((event.at, event.details))

    # ---- callbacks

    def _callback(self, event: JournalEvent) -> None:
        self._ask(self._known(event), event)

    def _ask(self, entry: _Entry, event: JournalEvent) -> None:
        if not entry.callback:
            self._queue(entry.queue, event.at).callbacks_requested += 1
        entry.callback = True
        entry.estimates.clear()
        low_s = optional_number(event.details, "promised_low_s")
        high_s = optional_number(event.details, "promised_high_s")
        if low_s is not None and high_s is not None:
            entry.promised = (event.at, low_s, high_s)

    def _tried(self, event: JournalEvent) -> None:
        entry = self._known(event)
        entry.reached = event.kind is JournalKind.CALLBACK_ANSWERED
        figures = self._queue(entry.queue, event.at)
        figures.callback_attempts += 1
        figures.callback_attempts_answered += entry.reached

    def _returned(self, event: JournalEvent) -> None:
        if event.details.get("reason") != CALLER_RETURNED:
            return  # an offer came to nothing; that is counted already
        entry = self._known(event)
        if entry.reached:
            return  # by us: a promise that is being kept
        entry.callback, entry.promised = False, None
        entry.since, entry.again = event.at, True
        self._queue(entry.queue, event.at).callbacks_returned += 1

    # ---- conversations

    def _finished(self, event: JournalEvent) -> None:
        self._end_conversation(event)
        self._entries.pop(event.entry, None)

    def _requeued(self, event: JournalEvent) -> None:
        self._end_conversation(event)
        self._entries[event.entry] = _Entry(event.queue, event.at, again=True)
        figures = self._queue(event.queue, event.at)
        figures.requeued += 1
        figures.offered += 1

    def _end_conversation(self, event: JournalEvent) -> None:
        entry = self._known(event, queue=str(event.details.get("from", event.queue)))
        self._resumed(event)
        talked_s = _seconds(entry.connected_at, event.at)
        connected_s = number_of(event.details, "talk_s", 0.0 if talked_s is None else talked_s)
        agent = entry.agent or event.agent
        both: list[QueueFigures | AgentFigures] = [self._queue(entry.queue, event.at)]
        if agent:
            both.append(self._agent(self._span_of(event.at), agent))
        for figures in both:
            figures.handled += 1
            figures.hold_s += entry.hold_s
            figures.talk_s += max(0.0, connected_s - entry.hold_s)

    def _transferred(self, event: JournalEvent) -> None:
        entry = self._known(event)
        self._queue(entry.queue, event.at).transferred += 1
        if agent := event.agent or entry.agent:
            self._agent(self._span_of(event.at), agent).transferred += 1

    def _held(self, event: JournalEvent) -> None:
        entry = self._entries.get(event.entry)
        if entry is not None and entry.held_at is None:
            entry.held_at = event.at

    def _resumed(self, event: JournalEvent) -> None:
        entry = self._entries.get(event.entry)
        if entry is not None and entry.held_at is not None:
            entry.hold_s += (event.at - entry.held_at).total_seconds()
            entry.held_at = None

    # ---- agents

    def _wrapped_up(self, event: JournalEvent) -> None:
        seconds = number_of(event.details, "wrap_up_s", 0.0)
        self._agent_at(event).wrap_up_s += seconds
        queue = event.queue or self._last_queue.get(event.agent, "")
        if queue:
            self._queue(queue, event.at).wrap_up_s += seconds

    def _presence(self, event: JournalEvent) -> None:
        self._time.set_presence(event.agent, str(event.details.get("presence")), event.at)

    def _state(self, event: JournalEvent) -> None:
        self._time.set_state(event.agent, str(event.details.get("state")), event.at)

    def _started(self, event: JournalEvent) -> None:
        """A crash left no word of its time: agents count up to the last thing that is known of them."""
        self._time.stop(self._last_at or event.at)

    def _stopped(self, event: JournalEvent) -> None:
        self._time.stop(event.at)

    # ---- places

    def _known(self, event: JournalEvent, queue: str | None = None) -> _Entry:
        """The entry of an event; one that joined before the first event is made from what this one says."""
        entry = self._entries.get(event.entry)
        if entry is None:
            entry = self._entries[event.entry] = _Entry(queue or event.queue, None)
        return entry

    def _span_of(self, at: datetime) -> Span:
        span = self._span  # most events fall into the interval of the one before
        if span is None or at not in span:
            span = span_of(at, self._interval, self._zone)
            if self._since is not None:
                counted = Span(max(span.start, self._since), span.end)
                span = counted if at >= self._since else Span(ALWAYS.start, self._since)
            self._span = span
        return span

    def _queue(self, name: str, at: datetime) -> QueueFigures:
        return self._queues.setdefault((self._span_of(at), name), QueueFigures())

    def _agent(self, span: Span, name: str) -> AgentFigures:
        return self._agents.setdefault((span, name), AgentFigures())

    def _agent_at(self, event: JournalEvent) -> AgentFigures:
        return self._agent(self._span_of(event.at), event.agent)


def _wait_s(entry: _Entry, event: JournalEvent) -> float | None:
    """As the engine measured it; else since it joined; None when nobody knows."""
    told = None if entry.again else optional_number(event.details, "wait_s")
    return told if told is not None else _seconds(entry.since, event.at)


def thresholds_of(queues: Iterable[QueueSettings]) -> ThresholdsOf:
    """The thresholds of these queues; of any other the defaults."""
    known = {one.name: Thresholds(one.service_level_s, one.short_abandon_s) for one in queues}
    return lambda queue: known.get(queue, Thresholds())


def _seconds(since: datetime | None, until: datetime) -> float | None:
    return None if since is None else (until - since).total_seconds()


def _count_promise(figures: QueueFigures, entry: _Entry, at: datetime) -> None:
    if entry.promised is None:
        return
    asked_at, low_s, high_s = entry.promised
    actual_s = (at - asked_at).total_seconds()
    figures.promises += 1
    figures.promises_in_time += actual_s <= high_s
    figures.promise_error_sum_s += actual_s - (low_s + high_s) / 2


def _count_estimates(figures: QueueFigures, entry: _Entry, at: datetime) -> None:
    """Each announcement against the wait that was still to come."""
    for told_at, details in entry.estimates:
        actual_s = (at - told_at).total_seconds()
        error_s = actual_s - number_of(details, "estimate_s", 0.0)
        figures.estimates += 1
        figures.estimate_error_sum_s += error_s
        figures.estimate_error_abs_sum_s += abs(error_s)
        low_s, high_s = optional_number(details, "low_s"), optional_number(details, "high_s")
        if low_s is not None and high_s is not None:
            figures.estimates_with_band += 1
            figures.estimates_in_band += low_s <= actual_s <= high_s
    entry.estimates.clear()


def _increment(figures: QueueFigures | AgentFigures, name: str) -> None:
    setattr(figures, name, getattr(figures, name) + 1)
