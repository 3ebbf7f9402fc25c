"""Forecasts of waits that aren't over yet, and what becomes of them. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.queues.estimate.calibration import SCORES, Calibration
from gateway.queues.estimate.completions import Turn

EVERY_S: Final = 30.0
"""How far apart the forecasts for one entry are that are checked in the end."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """One forecast for an entry: the waits at SCORES, from `at` on, and the end of the band."""

    at: float
    high_s: float
    waits_s: tuple[float, ...]


@dataclass(slots=True)
class _Entry:
    queue: str
    last: float
    forecasts: list[Forecast] = field(default_factory=list)


class Followed:
    """The entries that have forecasts, one every EVERY_S. `calibration`: of a queue."""

    def __init__(self, calibration: Callable[[str], Calibration]) -> None:
        self._calibration = calibration
        self._entries: dict[str, _Entry] = {}
        self._open: Counter[str] = Counter()  # forecasts, by queue

    def add(self, entry: str, queue: str, now: float, turn: Turn, ring_s: float, high_s: float) -> None:
        """The entry has this forecast now: its `turn`, and then `ring_s`. `high_s`: the end of the band."""
        known = self._entries.get(entry)
        if known is None or known.queue != queue:
            self._drop(entry)
            known = self._entries[entry] = _Entry(queue, -math.inf)
        self._learn_exceeded(known, now)
        if now - known.last >= EVERY_S:
            known.last = now
            waits = tuple(turn.at(score) + ring_s for score in SCORES)
            known.forecasts.append(Forecast(now, high_s, waits))
            self._open[queue] += 1

    def over(self, entry: str, now: float) -> None:
        """The caller is connected: now it is known how long the wait was."""
        known = self._entries.get(entry)
        if known is not None:
            for forecast in known.forecasts:
                self._learn(known, now - forecast.at, forecast)
            self._drop(entry)

    def forget(self, entry: str, now: float) -> None:
        """The entry left without an agent. Its wait would have been longer: that is all that is known."""
        known = self._entries.get(entry)
        if known is not None:
            self._learn_exceeded(known, now)
            self._drop(entry)

    def _learn_exceeded(self, known: _Entry, now: float) -> None:
        """Learn from forecasts that have turned out too short before the wait is over."""
        for forecast in [one for one in known.forecasts if now - one.at > one.high_s]:
            self._learn(known, math.inf, forecast)
            known.forecasts.remove(forecast)
            self._open[known.queue] -= 1

    def _learn(self, known: _Entry, wait_s: float, forecast: Forecast) -> None:
        self._calibration(known.queue).learn(wait_s, forecast.waits_s, self._open[known.queue])

    def _drop(self, entry: str) -> None:
        known = self._entries.pop(entry, None)
        if known is not None:
            self._open[known.queue] -= len(known.forecasts)
