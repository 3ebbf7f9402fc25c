"""The expected wait: a median and an 80 % band for who is in a queue, or that nobody knows. Pure.

The model (`completions.py` has the source): an entry is served when the agents who may serve it have become
free once for each entry ahead that competes for them and stays, and once more. In it are

- the agents on duty for the queue with the skills asked for, and for how long each will still be busy,
  given how long they have been (`durations.py`);
- the entries ahead, of all queues those agents serve, each counted by the share of its agents that are also
  this entry's, and by the probability that it hasn't hung up by its turn (`patience.py`);
- the trend of staffing over the last minutes;
- what the past says about the model's own error (`calibration.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from gateway.agents.presence import AgentState, Presence
from gateway.queues.calibration import SCORES, Calibration, score_of
from gateway.queues.completions import Completions, Service, Staffing, Turn, grid, renewals
from gateway.queues.durations import Durations
from gateway.queues.entry import EntryState
from gateway.queues.patience import Patience
from gateway.queues.views import AgentView, EntryView

ENOUGH: Final = 10.0
"""Served calls that a queue needs before anything is said about it."""

HORIZON_S: Final = 7_200.0
"""A median beyond this is no estimate."""


class Unsure(Enum):
    """Why there is no estimate."""

    NO_HISTORY = "no_history"  # too few calls were served to know how long they take
    NOBODY = "nobody_on_duty"  # nobody who could serve the entry is on duty
    TOO_FAR = "too_far"  # beyond HORIZON_S, or never as things are


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long an entry still waits. The actual wait is within `low_s` to `high_s` four times of five.

    `ahead`: entries that are expected to take an agent of this entry's before it. `agents`: who can serve it
    and is on duty. `service_s`: how long one call keeps an agent, on average.
    """

    median_s: float
    low_s: float
    high_s: float
    ahead: float
    agents: int
    service_s: float


Expectation = Estimate | Unsure


@dataclass(frozen=True, slots=True)
class Situation:
    """The queues at a moment.

    `entries`: those placed (waiting or offered, callbacks too), each queue's in order. `agents`: all.
    `serving`: agent to the queue of the call they are on, as far as it is ours. `weights`: of queues.
    """

    now: float
    entries: tuple[EntryView, ...]
    agents: tuple[AgentView, ...]
    serving: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    weights: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Forecast:
    """The first forecast for an entry, kept until its wait is over: waits at SCORES, from `at`."""

    queue: str
    at: float
    median_s: float
    high_s: float
    waits_s: tuple[float, ...]


class Learned:
    """What is known of one queue."""

    def __init__(self) -> None:
        self.ring = Durations()
        self.talk = Durations()
        self.wrap_up = Durations()
        self.patience = Patience()
        self.calibration = Calibration()

    @property
    def service(self) -> Service:
        parts = (self.ring, self.talk, self.wrap_up)
        mean = max(sum(part.mean_s for part in parts), 1.0)
        return Service(mean, sum(part.variation * part.mean_s**2 for part in parts) / mean**2)

    def to_json(self) -> dict[str, Any]:
        return {
            "ring": self.ring.to_json(),
            "talk": self.talk.to_json(),
            "wrap_up": self.wrap_up.to_json(),
            "patience": self.patience.to_json(),
            "calibration": self.calibration.to_json(),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Learned:
        learned = cls()
        learned.ring = Durations.from_json(saved["ring"])
        learned.talk = Durations.from_json(saved["talk"])
        learned.wrap_up = Durations.from_json(saved["wrap_up"])
        learned.patience = Patience.from_json(saved["patience"])
        learned.calibration = Calibration.from_json(saved["calibration"])
        return learned


class Trend:
    """Who of a queue is on duty, and how that has changed lately."""

    MEMORY_S: Final = 600.0

    def __init__(self, now: float, agents: frozenset[str]) -> None:
        self._at = now
        self._agents = agents
        self._net = 0.0
        self._gross = 0.0

    def see(self, now: float, agents: frozenset[str]) -> None:
        fade = math.exp(-max(now - self._at, 0.0) / self.MEMORY_S)
        came, went = len(agents - self._agents), len(self._agents - agents)
        self._net = self._net * fade + came - went
        self._gross = self._gross * fade + came + went
        self._at, self._agents = now, agents

    def staffing(self, on_duty: int) -> Staffing:
        """One who leaves is no trend; it takes several in one direction."""
        believed = abs(self._net) / (self._gross + 2.0)
        return Staffing(float(on_duty), believed * self._net / self.MEMORY_S, self._gross / self.MEMORY_S)


@dataclass(slots=True)
class _Pool:
    """Entries that ask for the same: their agents as a bit mask, and the claims on them so far."""

    queue: str
    skills: Mapping[str, int]
    agents: int
    size: int
    entries: int = 0
    claims: float = 0.0
    unsure: float = 0.0
    shares: tuple[tuple[_Pool, float], ...] = ()
    completions: Completions | None = None


class Estimator:
    """Learns from what happens and estimates from how things stand. One a node, for all queues."""

    def __init__(self) -> None:
        self._learned: dict[str, Learned] = {}
        self._trends: dict[str, Trend] = {}
        self._forecasts: dict[str, Forecast] = {}

    # Learning

    def observe_handled(self, queue: str, talk_s: float, wrap_up_s: float, ring_s: float = 0.0) -> None:
        """An agent is free again after a call of this queue: how long it rang, and what followed."""
        learned = self._of(queue)
        learned.ring.observe(ring_s)
        learned.talk.observe(talk_s)
        learned.wrap_up.observe(wrap_up_s)

    def observe_wait(self, entry: str, queue: str, wait_s: float, now: float) -> float | None:
        """An entry was connected after `wait_s` in the queue. The error of its first estimate in seconds,
        positive when it waited less than was estimated; None when there was no estimate.
        """
        self._of(queue).patience.observe(wait_s, abandoned=False)
        forecast = self._forecasts.pop(entry, None)
        if forecast is None:
            return None
        actual = now - forecast.at
        self._of(forecast.queue).calibration.learn(score_of(actual, forecast.waits_s))
        return forecast.median_s - actual

    def observe_abandoned(self, entry: str, queue: str, wait_s: float, now: float) -> None:
        """An entry's caller hung up after `wait_s`."""
        self._of(queue).patience.observe(wait_s, abandoned=True)
        self.forget(entry, now)

    def forget(self, entry: str, now: float) -> None:
        """An entry left otherwise (by a key, overflow, as a callback): its wait says little about the model.

        Only that it waited longer than the band allowed, if it did.
        """
        forecast = self._forecasts.pop(entry, None)
        if forecast is not None and now - forecast.at > forecast.high_s:
            self._of(forecast.queue).calibration.learn(score_of(now - forecast.at, forecast.waits_s))

    # Estimating

    def estimates(self, situation: Situation) -> dict[str, Expectation]:
        """What to expect for every entry of the situation. Notes who is on duty, and the first forecast of
        each entry, to learn from its error later.
        """
        self._notice(situation)
        pools = _pools(situation)
        found: dict[str, Expectation] = {}
        for entry in _in_order(situation):
            pool = pools[_class_of(entry)]
            found[entry.id] = self._estimate(entry, pool, situation)
        return found

    def _estimate(self, entry: EntryView, pool: _Pool, situation: Situation) -> Expectation:
        learned = self._of(entry.queue)
        if not pool.size:
            return Unsure.NOBODY
        if learned.talk.count < ENOUGH * 0.99:
            _claim(pool, 1.0)
            return Unsure.NO_HISTORY
        if pool.completions is None:
            pool.completions = self._completions(pool, situation)
        ring_s = learned.ring.mean_s
        if entry.state in (EntryState.OFFERED, EntryState.CALLBACK_DIALING):
            return Estimate(ring_s, 0.0, 2.0 * ring_s, 0.0, pool.size, learned.service.mean_s)
        ahead = pool.claims
        turn = pool.completions.turn(ahead + 1.0, pool.unsure)
        low, middle, high = learned.calibration.band()
        median_s = turn.at(middle)
        stays = 1.0
        if not entry.callback:
            stays = learned.patience.stays(situation.now - entry.joined_at, median_s)
        _claim(pool, stays)
        if median_s > HORIZON_S:
            return Unsure.TOO_FAR
        estimate = Estimate(
            median_s + ring_s,
            turn.at(low) + ring_s,
            min(turn.at(high) + ring_s, 2.0 * HORIZON_S),
            ahead,
            pool.size,
            learned.service.mean_s,
        )
        self._keep(entry, estimate, turn, situation.now, ring_s)
        return estimate

    def _keep(self, entry: EntryView, estimate: Estimate, turn: Turn, now: float, ring_s: float) -> None:
        if entry.id not in self._forecasts:
            self._forecasts[entry.id] = Forecast(
                entry.queue,
                now,
                estimate.median_s,
                estimate.high_s,
                tuple(turn.at(score) + ring_s for score in SCORES),
            )

    def _completions(self, pool: _Pool, situation: Situation) -> Completions:
        learned = self._of(pool.queue)
        service = learned.service
        needed = (pool.entries + 2.0 + 2.0 * math.sqrt(pool.entries)) / pool.size
        times = grid(service.mean_s * min(2.0 * needed, 8.0))
        free = 0
        first = [0.0] * len(times)
        spread = [0.0] * len(times)
        groups: dict[tuple[str, AgentState, int], int] = {}
        quantum = service.mean_s / 32.0
        for index, agent in enumerate(situation.agents):
            if not pool.agents >> index & 1:
                continue
            if agent.state is AgentState.IDLE:
                free += 1
                continue
            if agent.state is AgentState.WRAP_UP:
                reference = max((agent.wrap_up_until or situation.now) - situation.now, 0.0)
            elif agent.state is AgentState.ON_CALL:
                reference = max(situation.now - agent.since, 0.0)
            else:
                reference = 0.0
            key = (situation.serving.get(agent.id, pool.queue), agent.state, int(reference / quantum))
            groups[key] = groups.get(key, 0) + 1
        for (queue, state, quanta), count in groups.items():
            for index, share in enumerate(
                self._frees(queue, pool.queue, state, (quanta + 0.5) * quantum, times)
            ):
                first[index] += count * share
                spread[index] += count * share * (1.0 - share)
        shift = learned.ring.mean_s + learned.wrap_up.mean_s
        whole = learned.talk.ends_within(0.0, [max(time - shift, 0.0) for time in times])
        staffing = self._trends[pool.queue].staffing(pool.size)
        error = math.sqrt(service.variation / learned.talk.count)
        return Completions(times, free, first, spread, renewals(whole), service, staffing, error)

    def _frees(
        self, queue: str, fallback: str, state: AgentState, reference_s: float, times: tuple[float, ...]
    ) -> list[float]:
        """The probability that an agent in this state is free within each of the times."""
        learned = self._of(queue)
        if learned.talk.count < 1.0:
            learned = self._of(fallback)
        if state is AgentState.WRAP_UP:
            return [1.0 if time >= reference_s else 0.0 for time in times]
        wrap_up_s = learned.wrap_up.mean_s
        if state is AgentState.ON_CALL:
            return learned.talk.ends_within(reference_s, [max(time - wrap_up_s, 0.0) for time in times])
        shift = learned.ring.mean_s + wrap_up_s
        return learned.talk.ends_within(0.0, [max(time - shift, 0.0) for time in times])

    def _notice(self, situation: Situation) -> None:
        on_duty: dict[str, set[str]] = {entry.queue: set() for entry in situation.entries}
        for agent in situation.agents:
            if _on_duty(agent):
                for queue in agent.profile.queues:
                    on_duty.setdefault(queue, set()).add(agent.id)
        for queue in self._trends.keys() - on_duty.keys():
            on_duty[queue] = set()
        for queue, agents in on_duty.items():
            trend = self._trends.get(queue)
            if trend is None:
                self._trends[queue] = Trend(situation.now, frozenset(agents))
            else:
                trend.see(situation.now, frozenset(agents))

    def _of(self, queue: str) -> Learned:
        learned = self._learned.get(queue)
        if learned is None:
            learned = self._learned[queue] = Learned()
        return learned

    # Keeping

    def to_json(self) -> dict[str, Any]:
        """What was learned, as plain JSON."""
        return {queue: learned.to_json() for queue, learned in self._learned.items()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Estimator:
        """What `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        estimator = cls()
        estimator._learned = {queue: Learned.from_json(one) for queue, one in saved.items()}
        return estimator


def _on_duty(agent: AgentView) -> bool:
    return agent.presence is Presence.AVAILABLE and agent.reachable


def _class_of(entry: EntryView) -> tuple[str, frozenset[tuple[str, int]]]:
    return entry.queue, frozenset(entry.skills.items())


def _in_order(situation: Situation) -> list[EntryView]:
    weights = situation.weights
    return sorted(
        situation.entries,
        key=lambda entry: (-weights.get(entry.queue, 0), -entry.priority, entry.enqueued_at),
    )


def _pools(situation: Situation) -> dict[tuple[str, frozenset[tuple[str, int]]], _Pool]:
    pools: dict[tuple[str, frozenset[tuple[str, int]]], _Pool] = {}
    for entry in situation.entries:
        key = _class_of(entry)
        pool = pools.get(key)
        if pool is None:
            pool = pools[key] = _Pool(entry.queue, entry.skills, *_eligible(entry, situation.agents))
        pool.entries += 1
    for pool in pools.values():
        pool.shares = tuple(
            (other, (pool.agents & other.agents).bit_count() / pool.size)
            for other in pools.values()
            if pool.agents & other.agents
        )
    for pool in pools.values():
        pool.entries = math.ceil(
            sum(
                other.entries * share
                for other in pools.values()
                for whose, share in other.shares
                if whose is pool
            )
        )
    return pools


def _eligible(entry: EntryView, agents: Iterable[AgentView]) -> tuple[int, int]:
    mask = 0
    for index, agent in enumerate(agents):
        profile = agent.profile
        if (
            _on_duty(agent)
            and entry.queue in profile.queues
            and all(profile.skills.get(skill, 0) >= level for skill, level in entry.skills.items())
        ):
            mask |= 1 << index
    return mask, mask.bit_count()


def _claim(pool: _Pool, stays: float) -> None:
    """An entry takes an agent of its pool before those behind it, unless it hangs up."""
    for other, share in pool.shares:
        taken = stays * share
        other.claims += taken
        other.unsure += taken * (1.0 - taken)
