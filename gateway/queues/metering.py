"""What Prometheus is told of queues and agents.

Counters and histograms come from the journal, event by event; gauges from the engine's views, at the scrape.
Labels are names of the plan and values of enumerations, never anything that a caller makes up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from gateway.agents.presence import AgentState, Presence
from gateway.callbacks.policy import DialOutcome
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.open_entries import CALLER_RETURNED, optional_number
from gateway.queues.signals import Leaving, Miss, Refused
from gateway.queues.today import Today
from gateway.queues.views import AgentView, QueueView
from monitoring.metrics import Metrics, QueueStats

NO_QUEUE: Final = "none"
"""The label of a queue that isn't there: plans may ask for one, and its name is no label."""

_LEAVINGS: Final = frozenset(reason.value for reason in Leaving)
_MISSES: Final = frozenset(reason.value for reason in Miss)
_OUTCOMES: Final = frozenset(outcome.value for outcome in DialOutcome)
_REFUSED: Final = frozenset(reason.value for reason in Refused)
AGENT_STATES: Final = (
    Presence.LOGGED_OUT.value,
    Presence.ON_BREAK.value,
    *(state.value for state in AgentState),
)


class JournalMeter:
    """Counts events as they happen; an observer of the runner's. Not given the journal of before.

    `callbacks`: the entries without media that were open when the node started.
    """

    def __init__(self, metrics: Metrics, callbacks: Iterable[str] = ()) -> None:
        self._metrics = metrics
        self._callbacks = set(callbacks)
        self._reached: set[str] = set()  # of them, those whose customer has answered
        self._estimates: dict[str, list[tuple[datetime, float]]] = {}  # what each waiting caller was told

    def observe(self, event: JournalEvent) -> None:
        """What happened."""
        match event.kind:
            case JournalKind.JOINED | JournalKind.RESTORED if event.details.get("callback"):
                self._callbacks.add(event.entry)
            case JournalKind.CALLBACK_REQUESTED:
                self._callbacks.add(event.entry)
                self._estimates.pop(event.entry, None)
            case JournalKind.RETURNED if event.details.get("reason") == CALLER_RETURNED:
                if event.entry not in self._reached:
                    self._callbacks.discard(event.entry)
            case JournalKind.CALLBACK_ANSWERED:
                self._reached.add(event.entry)
                self._metrics.callback_attempts.labels(event.queue, DialOutcome.ANSWERED.value).inc()
            case JournalKind.CALLBACK_FAILED:
                outcome = _bounded(event.details.get("outcome"), _OUTCOMES)
                self._metrics.callback_attempts.labels(event.queue, outcome).inc()
            case JournalKind.REFUSED:
                reason = _bounded(event.details.get("reason"), _REFUSED)
                if reason == Refused.DUPLICATE.value:
                    self._metrics.callbacks_duplicate_prevented.inc()
                unknown = reason == Refused.UNKNOWN.value
                self._metrics.queue_entries.labels(NO_QUEUE if unknown else event.queue, reason).inc()
            case JournalKind.ANNOUNCED:
                self._announced(event)
            case JournalKind.CONNECTED:
                self._connected(event)
            case JournalKind.ABANDONED:
                self._ended(event, Leaving.ABANDONED.value)
            case JournalKind.LEFT:
                self._ended(event, _bounded(event.details.get("reason"), _LEAVINGS))
            case JournalKind.OVERFLOWED | JournalKind.MOVED:
                self._estimates.pop(event.entry, None)  # they were for another queue
                what = "overflowed" if event.kind is JournalKind.OVERFLOWED else "moved"
                self._metrics.queue_entries.labels(str(event.details.get("from", NO_QUEUE)), what).inc()
            case JournalKind.ACCEPTED:
                self._metrics.offers.labels(event.queue, "accepted").inc()
            case JournalKind.MISSED:
                self._metrics.offers.labels(event.queue, _bounded(event.details.get("reason"), _MISSES)).inc()
            case _:
                pass

    def _connected(self, event: JournalEvent) -> None:
        self._reached.discard(event.entry)
        if event.entry in self._callbacks:
            self._callbacks.discard(event.entry)
            self._metrics.queue_entries.labels(event.queue, "called_back").inc()
            return
        self._metrics.queue_entries.labels(event.queue, "answered").inc()
        self._waited(event, "answered")
        for told_at, estimate_s in self._estimates.pop(event.entry, ()):
            actual_s = (event.at - told_at).total_seconds()
            self._metrics.queue_estimate_error.labels(event.queue).observe(actual_s - estimate_s)

    def _announced(self, event: JournalEvent) -> None:
        estimate_s = optional_number(event.details, "estimate_s")
        if estimate_s is not None:
            self._estimates.setdefault(event.entry, []).append((event.at, estimate_s))

    def _ended(self, event: JournalEvent, outcome: str) -> None:
        self._metrics.queue_entries.labels(event.queue, outcome).inc()
        self._reached.discard(event.entry)
        if outcome == Leaving.MERGED.value:
            self._metrics.callbacks_duplicate_prevented.inc()
        self._estimates.pop(event.entry, None)
        if outcome == Leaving.LOST.value:
            self._metrics.callers_lost.inc()
        if event.entry in self._callbacks:
            self._callbacks.discard(event.entry)
        else:
            self._waited(event, "abandoned" if outcome == Leaving.ABANDONED.value else "left")

    def _waited(self, event: JournalEvent, outcome: str) -> None:
        wait_s = optional_number(event.details, "wait_s")
        if wait_s is not None:
            self._metrics.queue_wait.labels(event.queue, outcome).observe(wait_s)


def queue_stats(
    queues: Iterable[QueueView], agents: Iterable[AgentView], today: Today, now: float
) -> tuple[QueueStats, ...]:
    """How the queues stand, for `Metrics.watch_queues`. `now`: the engine's time."""
    counts: dict[str, Counter[str]] = {}
    for agent in agents:
        for queue in agent.profile.queues:
            counts.setdefault(queue, Counter())[state_of(agent)] += 1
    return tuple(
        QueueStats(
            queue=view.name,
            waiting=view.waiting,
            oldest_wait_s=0.0 if view.oldest_at is None else max(0.0, now - view.oldest_at),
            agents={state: counts.get(view.name, Counter())[state] for state in AGENT_STATES},
            service_levels=_service_levels(today, view.name),
        )
        for view in queues
    )


def state_of(agent: AgentView) -> str:
    """What calls do to an agent; of one who is idle, the presence: "idle" is who could be given a call."""
    if agent.state is AgentState.IDLE and agent.presence is not Presence.AVAILABLE:
        return str(agent.presence.value)
    return agent.state.value


def _service_levels(today: Today, queue: str) -> Mapping[str, float]:
    figures = today.queue(queue)
    levels = {"sl": figures.sl, "sl2": figures.sl2, "net": figures.sl_net}
    return {name: level for name, level in levels.items() if level is not None}


def _bounded(value: object, known: frozenset[str]) -> str:
    return value if isinstance(value, str) and value in known else "other"
