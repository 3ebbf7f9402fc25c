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
class Followed:
    """What an entry was forecast: the first median, to tell its error, and more now and then."""

    queue: str
    at: float
    median_s: float
    last: float
    forecasts: list[Forecast] = field(default_factory=list)


class Forecasts:
    """The entries that have a forecast. `calibration`: of a queue."""

    def __init__(self, calibration: Callable[[str], Calibration]) -> None:
        self._calibration = calibration
        self._entries: dict[str, Followed] = {}

    def add(
        self, entry: str, queue: str, now: float, turn: Turn, ring_s: float, median_s: float, high_s: float
    ) -> None:
        """The entry has this forecast now. It counts from its `turn`, and `ring_s` of ringing."""
        followed = self._entries.get(entry)
        if followed is None or followed.queue != queue:
            followed = self._entries[entry] = Followed(queue, now, median_s, -math.inf)
        self._learn_exceeded(followed, now)
        if now - followed.last >= EVERY_S:
            followed.last = now
            followed.forecasts.append(
                Forecast(now, high_s, tuple(turn.at(score) + ring_s for score in SCORES))
            )

    def over(self, entry: str, now: float) -> float | None:
        """The caller is connected. The error of the first forecast in seconds, positive when the wait was
        shorter; None when there was none.
        """
        followed = self._entries.pop(entry, None)
        if followed is None:
            return None
        calibration = self._calibration(followed.queue)
        for forecast in followed.forecasts:
            calibration.learn(now - forecast.at, forecast.waits_s)
        return followed.median_s - (now - followed.at)

    def forget(self, entry: str, now: float) -> None:
        """The entry left without an agent. Its wait would have been longer: that is all that is known."""
        followed = self._entries.pop(entry, None)
        if followed is not None:
            self._learn_exceeded(followed, now)

    def _learn_exceeded(self, followed: Followed, now: float) -> None:
        """Learn from forecasts that have turned out too short before the wait is over."""
        kept = []
        for forecast in followed.forecasts:
            if now - forecast.at > forecast.high_s:
                self._calibration(followed.queue).learn(math.inf, forecast.waits_s)
            else:
                kept.append(forecast)
        followed.forecasts = kept
