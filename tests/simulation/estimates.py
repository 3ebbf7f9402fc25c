"""What callers are told, and how long they then wait: our estimator beside Asterisk's formula."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.queues.entry import EntryState
from gateway.queues.estimate import Estimate, Estimator, Situation
from gateway.queues.estimate.promise import too_wide
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.settings import QueueSettings
from tests.simulation.centre import START, Centre

EVERY_S: Final = 30.0
"""How often everybody who waits is told again."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One figure for one caller, at `at`. `asterisk_s`: what app_queue would have said."""

    at: float
    estimate: Estimate
    asterisk_s: float


@dataclass(frozen=True, slots=True)
class Checked:
    """An announcement and what came of it. Of who hung up, `actual_s` is how long they still waited."""

    told: Announcement
    actual_s: float
    answered: bool

    @property
    def inside(self) -> bool:
        return self.told.estimate.low_s <= self.actual_s <= self.told.estimate.high_s


class Watched:
    """A centre whose announcements are written down from `warm_up_s` on, and checked when waits end."""

    def __init__(self, *queues: QueueSettings, answer_s: float = 4.0, warm_up_s: float = 3_600.0) -> None:
        self._warm_up_s = warm_up_s
        self.centre = Centre(*queues, answer_s=answer_s, journal=self._journal)
        self.estimator = Estimator()
        self.checked: list[Checked] = []
        self.untold = 0  # times that nothing was said, because nobody knew or the band was too wide
        self._weights = MappingProxyType({queue.name: queue.weight for queue in queues})
        self._told: dict[str, list[Announcement]] = {}
        self._holdtime: dict[str, int] = {}
        self.centre.every(EVERY_S, self._tell_all)

    def situation(self) -> Situation:
        engine = self.centre.engine
        entries = tuple(entry for queue in self._weights for entry in engine.entries(queue))
        return Situation(START + self.centre.now, entries, engine.agents(), self._weights)

    def _journal(self, event: JournalEvent) -> None:
        self.estimator.learn(event)
        match event.kind:
            case JournalKind.JOINED:
                self.centre.at(self.centre.now, lambda: self._tell_newcomer(event.entry))
            case JournalKind.CONNECTED:
                self._check(event.entry, answered=True)
                # app_queue.c, recalc_holdtime: three quarters of the old, one of the new, in whole seconds
                old = self._holdtime.get(event.queue, 0)
                self._holdtime[event.queue] = (3 * old + int(event.details["wait_s"])) >> 2
            case JournalKind.ABANDONED:
                self._check(event.entry, answered=False)
            case _:
                pass

    def _tell_newcomer(self, entry: str) -> None:
        view = self.centre.engine.entry(entry)
        if view is not None and view.state is EntryState.WAITING:
            self._tell([entry])

    def _tell_all(self) -> None:
        entries = self.situation().entries
        self._tell([entry.id for entry in entries if entry.state is EntryState.WAITING])

    def _tell(self, entries: Sequence[str]) -> None:
        situation = self.situation()
        found = self.estimator.estimates(situation)
        views = {entry.id: entry for entry in situation.entries}
        for entry in entries:
            estimate = found[entry]
            if not isinstance(estimate, Estimate) or too_wide(estimate):
                self.untold += self.centre.now >= self._warm_up_s
                continue
            # app_queue.c, say_position: the average hold time less what has passed, whatever its sign
            waited_s = situation.now - views[entry].enqueued_at
            asterisk_s = abs(self._holdtime.get(views[entry].queue, 0) - waited_s)
            told = Announcement(self.centre.now, estimate, asterisk_s)
            self._told.setdefault(entry, []).append(told)

    def _check(self, entry: str, *, answered: bool) -> None:
        for told in self._told.pop(entry, ()):
            if told.at >= self._warm_up_s:
                self.checked.append(Checked(told, self.centre.now - told.at, answered))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of many announcements. Errors are relative to the actual wait: medians of |told - actual| / actual."""

    announcements: int
    inside: float
    below: float
    error: float
    asterisk_error: float
    bias_s: float  # median of told - actual
    asterisk_bias_s: float
    wait_s: float  # median
    width: float  # median of the band's width over the median told


def accuracy(checked: Sequence[Checked]) -> Accuracy:
    """Who hung up within the band says nothing; who hung up after its end says that it was wrong."""
    known = [one for one in checked if one.answered or one.actual_s > one.told.estimate.high_s]
    served = [one for one in checked if one.answered and one.actual_s > 0.0]
    return Accuracy(
        announcements=len(known),
        inside=sum(one.inside for one in known) / len(known),
        below=sum(one.actual_s < one.told.estimate.low_s for one in known) / len(known),
        error=statistics.median(
            abs(one.told.estimate.median_s - one.actual_s) / one.actual_s for one in served
        ),
        asterisk_error=statistics.median(
            abs(one.told.asterisk_s - one.actual_s) / one.actual_s for one in served
        ),
        bias_s=statistics.median(one.told.estimate.median_s - one.actual_s for one in served),
        asterisk_bias_s=statistics.median(one.told.asterisk_s - one.actual_s for one in served),
        wait_s=statistics.median(one.actual_s for one in served),
        width=statistics.median(
            (one.told.estimate.high_s - one.told.estimate.low_s) / max(one.told.estimate.median_s, 1.0)
            for one in known
        ),
    )
