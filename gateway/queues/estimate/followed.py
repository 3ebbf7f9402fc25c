"""Forecasts of waits that aren't over yet, and what becomes of them. Pure."""

from __future__ import annotations

import math
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

    def add(self, entry: str, queue: str, now: float, turn: Turn, ring_s: float, high_s: float) -> None:
        """The entry has this forecast now: its `turn`, and then `ring_s`. `high_s`: the end of the band."""
        known = self._entries.get(entry)
        if known is None or known.queue != queue:
            known = self._entries[entry] = _Entry(queue, -math.inf)
        self._learn_exceeded(known, now)
        if now - known.last >= EVERY_S:
            known.last = now
            waits = tuple(turn.at(score) + ring_s for score in SCORES)
            known.forecasts.append(Forecast(now, high_s, waits))

    def over(self, entry: str, now: float) -> None:
        """The caller is connected: now it is known how long the wait was."""
        known = self._entries.pop(entry, None)
        if known is not None:
            calibration = self._calibration(known.queue)
            for forecast in known.forecasts:
                calibration.learn(now - forecast.at, forecast.waits_s)

    def forget(self, entry: str, now: float) -> None:
        """The entry left without an agent. Its wait would have been longer: that is all that is known."""
        known = self._entries.pop(entry, None)
        if known is not None:
            self._learn_exceeded(known, now)

    def _learn_exceeded(self, known: _Entry, now: float) -> None:
        """Learn from forecasts that have turned out too short before the wait is over."""
        kept = []
        for forecast in known.forecasts:
            if now - forecast.at > forecast.high_s:
                self._calibration(known.queue).learn(math.inf, forecast.waits_s)
            else:
                kept.append(forecast)
        known.forecasts = kept
