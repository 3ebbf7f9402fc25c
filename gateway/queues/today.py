"""Today's figures, as screens and Prometheus want them: the fold of `reports`, one day of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo

from gateway.queues.figures import AgentFigures, QueueFigures
from gateway.queues.intervals import Interval, Span, span_of
from gateway.queues.journal import JournalEvent
from gateway.queues.reports import Figures, ThresholdsOf


class Today:
    """The figures since midnight in `zone`. Given every event of the journal as it happens.

    `utc`: the time now. `thresholds`: of the plan in force, asked again for every event. At the node's start
    it is given the journal of before (`gateway.storage.reports.replay`), so a restart changes no figure; what
    happens meanwhile waits for its turn.
    """

    def __init__(self, utc: Callable[[], datetime], thresholds: ThresholdsOf, zone: tzinfo = UTC) -> None:
        self._utc = utc
        self._zone = zone
        self._figures = Figures(Interval.DAY, zone, thresholds)
        self._day = self.span
        self._waiting: list[JournalEvent] | None = None

    @property
    def span(self) -> Span:
        """From midnight to midnight."""
        return span_of(self._utc(), Interval.DAY, self._zone)

    def add(self, event: JournalEvent) -> None:
        """What happened next."""
        if self._waiting is not None:
            self._waiting.append(event)
        else:
            self._take(event)

    def catch_up(self) -> None:
        """Keep what happens from now on until `caught_up`: there is a past to be told first."""
        self._waiting = []

    def recall(self, events: Iterable[JournalEvent]) -> None:
        """A part of the past, in order."""
        for event in events:
            self._take(event)

    def caught_up(self) -> None:
        """The past is told. What has happened since then follows."""
        waiting, self._waiting = self._waiting or [], None
        self.recall(waiting)

    def _take(self, event: JournalEvent) -> None:
        if event.at >= self._day.end:  # yesterday's aren't asked for any more
            self._day = span_of(event.at, Interval.DAY, self._zone)
            self._figures.forget(self._day.start)
        self._figures.add(event)

    def queue(self, name: str) -> QueueFigures:
        """Nothing yet while the past is being told, by another thread."""
        if self._waiting is not None:
            return QueueFigures()
        return self._figures.queue(name, self._utc())

    def agent(self, name: str) -> AgentFigures:
        """Up to now, what they are doing at present included."""
        if self._waiting is not None:
            return AgentFigures()
        now = self._utc()
        self._figures.settle(now)
        return self._figures.agent(name, now)
