"""What the past says of a queue: how long calls take, how patient callers are, who comes and goes. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from gateway.queues.estimate.calibration import Calibration
from gateway.queues.estimate.completions import Service, Staffing
from gateway.queues.estimate.durations import Durations
from gateway.queues.estimate.patience import Patience

TREND_S: Final = 600.0
"""How fast changes of staffing are forgotten."""

ARRIVALS_S: Final = 1_800.0
"""How fast arrivals are forgotten."""


class Learned:
    """One queue's. Everything in it fades, so that it follows the queue from morning to evening."""

    def __init__(self) -> None:
        self.ring = Durations()
        self.talk = Durations()
        self.wrap_up = Durations()
        self.patience = Patience()
        self.calibration = Calibration()

    @property
    def service(self) -> Service:
        """From one caller to the next, for one agent."""
        parts = (self.ring, self.talk, self.wrap_up)
        mean_s = max(sum(part.mean_s for part in parts), 1.0)
        return Service(mean_s, sum(part.variation * part.mean_s**2 for part in parts) / mean_s**2)

    def to_json(self) -> dict[str, Any]:
        """What was learned, as plain JSON."""
        return {
            "ring": self.ring.to_json(),
            "talk": self.talk.to_json(),
            "wrap_up": self.wrap_up.to_json(),
            "patience": self.patience.to_json(),
            "calibration": self.calibration.to_json(),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Learned:
        """What `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        learned = cls()
        learned.ring = Durations.from_json(saved["ring"])
        learned.talk = Durations.from_json(saved["talk"])
        learned.wrap_up = Durations.from_json(saved["wrap_up"])
        learned.patience = Patience.from_json(saved["patience"])
        learned.calibration = Calibration.from_json(saved["calibration"])
        return learned


class Trend:
    """Who is on duty for a queue, and how that has changed lately."""

    def __init__(self, now: float, agents: frozenset[str]) -> None:
        self._at = now
        self._agents = agents
        self._net = 0.0
        self._gross = 0.0

    def see(self, now: float, agents: frozenset[str]) -> None:
        fade = math.exp(-max(now - self._at, 0.0) / TREND_S)
        came, went = len(agents - self._agents), len(self._agents - agents)
        self._net = self._net * fade + came - went
        self._gross = self._gross * fade + came + went
        self._at, self._agents = now, agents

    def staffing(self, size: int) -> Staffing:
        """For a pool of `size` of the queue's agents. One who leaves is no trend: it takes several."""
        believed = abs(self._net) / (self._gross + 2.0)
        part = size / max(len(self._agents), size)
        return Staffing(size, part * believed * self._net / TREND_S, part * self._gross / TREND_S)


class Arrivals:
    """How many entries of one queue and priority join a second."""

    def __init__(self, now: float) -> None:
        self._since = self._at = now
        self._count = 0.0

    def observe(self, now: float) -> None:
        self._count = self._faded(now) + 1.0
        self._at = now

    def rate(self, now: float) -> float:
        watched_s = ARRIVALS_S * (1.0 - math.exp(-max(now - self._since, 60.0) / ARRIVALS_S))
        return self._faded(now) / watched_s

    def _faded(self, now: float) -> float:
        return self._count * math.exp(-max(now - self._at, 0.0) / ARRIVALS_S)
