"""The estimator: learns from the journal, and says what to expect. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from gateway.agents.presence import AgentState
from gateway.queues.entry import EntryState
from gateway.queues.estimate.calibration import SLACK_S, Calibration
from gateway.queues.estimate.completions import Completions, Staffing, Turn, grid, renewals, spread_of
from gateway.queues.estimate.followed import Followed
from gateway.queues.estimate.learned import Arrivals, Learned, Trend
from gateway.queues.estimate.pools import Pool, Pools, Situation, places
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.views import AgentView, EntryView

ENOUGH: Final = 10
"""Served calls that a queue needs before anything is said about it."""

HORIZON_S: Final = 7_200.0
"""A median beyond this is no estimate."""

SPAN: Final = 4.0
"""So many mean services ahead agents are followed one by one; then they become free at a steady rate."""

RARE: Final = 1e-6
"""Priorities at which fewer entries a second join are forgotten."""

FINE: Final = 32
"""Elapsed talk times are told apart to this part of a mean service."""

ROUNDS: Final = 6
"""So often at most is looked again at who is served before an entry."""

ASKED: Final = frozenset({EntryState.OFFERED, EntryState.CALLBACK_DIALING})


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


@dataclass(slots=True)
class Occupation:
    """A call that an agent has, or its wrap-up."""

    queue: str
    talk_since: float
    wrap_up_since: float | None = None


class Estimator:
    """Learns from the journal and estimates from how things stand. One a node, for all queues."""

    def __init__(self) -> None:
        self._learned: dict[str, Learned] = {}
        self._trends: dict[str, Trend] = {}
        self._arrivals: dict[tuple[str, int], Arrivals] = {}
        self._occupations: dict[str, Occupation] = {}
        self._callbacks: set[str] = set()
        self._followed = Followed(lambda queue: self._of(queue).calibration)

    # ---- learning

    def learn(self, event: JournalEvent) -> None:
        """Something happened: every event of the journal, in order."""
        now, details = event.at.timestamp(), event.details
        match event.kind:
            case JournalKind.JOINED:
                if details.get("callback"):
                    self._callbacks.add(event.entry)
                key = event.queue, int(_number(details, "priority"))
                self._arrivals.setdefault(key, Arrivals(now)).observe(now)
            case JournalKind.RESTORED if details.get("callback"):
                self._callbacks.add(event.entry)
            case JournalKind.CONNECTED:
                self._occupations[event.agent] = Occupation(event.queue, now)
                self._of(event.queue).ring.observe(_number(details, "rang_s"))
                if event.entry not in self._callbacks:
                    self._of(event.queue).patience.observe(_number(details, "wait_s"), abandoned=False)
                self._callbacks.discard(event.entry)
                self._followed.over(event.entry, now)
            case JournalKind.ABANDONED:
                self._of(event.queue).patience.observe(_number(details, "wait_s"), abandoned=True)
                self._followed.forget(event.entry, now)
            case JournalKind.CALLBACK_REQUESTED:
                self._callbacks.add(event.entry)
                self._followed.forget(event.entry, now)
            case JournalKind.RETURNED if details.get("reason") == "caller_returned":
                self._callbacks.discard(event.entry)
            case JournalKind.LEFT:
                self._callbacks.discard(event.entry)
                self._followed.forget(event.entry, now)
            case JournalKind.OVERFLOWED | JournalKind.MOVED:
                self._followed.forget(event.entry, now)
            case JournalKind.AGENT_STATE:
                self._learn_state(event.agent, str(details.get("state")), now)
            case _:
                pass

    def _learn_state(self, agent: str, state: str, now: float) -> None:
        """An agent goes from the call to wrapping up, and from there, or at once, to something else."""
        occupation = self._occupations.get(agent)
        if occupation is None:
            return
        learned = self._of(occupation.queue)
        if occupation.wrap_up_since is None:
            learned.talk.observe(now - occupation.talk_since)
        if state == AgentState.WRAP_UP.value:
            occupation.wrap_up_since = occupation.wrap_up_since or now
            return
        del self._occupations[agent]
        learned.wrap_up.observe(now - (occupation.wrap_up_since or now))

    def observe(self, queue: str, *, ring_s: float, talk_s: float, wrap_up_s: float) -> None:
        """One call of a queue, from ringing its agent to the end of wrapping up."""
        learned = self._of(queue)
        learned.ring.observe(ring_s)
        learned.talk.observe(talk_s)
        learned.wrap_up.observe(wrap_up_s)

    # ---- estimating

    def estimates(self, situation: Situation) -> dict[str, Expectation]:
        """What to expect for every entry of the situation, by id.

        Notes who is on duty, and the forecasts, to learn from their errors. All entries at once cost little
        more than one does: call it for all who want to know at a moment. O(n log n) in the entries.
        """
        pools = Pools(situation)
        for queue in {entry.queue for entry in situation.entries} | pools.queues() | self._trends.keys():
            agents = pools.on_duty(queue)
            self._trends.setdefault(queue, Trend(situation.now, agents)).see(situation.now, agents)
        self._arrivals = {
            key: arrivals for key, arrivals in self._arrivals.items() if arrivals.rate(situation.now) > RARE
        }
        found: dict[str, Expectation] = {}
        for entry, expectation, turn in self._walk(situation, pools):
            found[entry.id] = expectation
            if turn is not None and isinstance(expectation, Estimate) and not entry.callback:
                ring_s = self._of(entry.queue).ring.mean_s
                self._followed.add(entry.id, entry.queue, situation.now, turn, ring_s, expectation.high_s)
        return found

    def joining(
        self,
        situation: Situation,
        queue: str,
        skills: Mapping[str, int] = MappingProxyType({}),
        priority: int = 0,
    ) -> Expectation:
        """What somebody can expect who would join `queue` now. `skills`: with those of the queue itself."""
        newcomer = EntryView(
            "",
            queue,
            EntryState.WAITING,
            None,
            priority,
            skills,
            "",
            "",
            situation.now,
            situation.now,
            False,
            None,
            (),
        )
        with_newcomer = Situation(
            situation.now, (*situation.entries, newcomer), situation.agents, situation.weights
        )
        walk = self._walk(with_newcomer, Pools(with_newcomer))
        return next(expectation for entry, expectation, _ in walk if entry is newcomer)

    def _walk(
        self, situation: Situation, pools: Pools
    ) -> Iterator[tuple[EntryView, Expectation, Turn | None]]:
        """Every entry in the order in which they are served."""
        completions: dict[Pool, Completions] = {}
        lost: dict[tuple[Pool, int, int], float] = {}
        for entry in sorted(situation.entries, key=situation.rank):
            pool = pools.of(entry)
            learned = self._of(entry.queue)
            if not pool.size:
                yield entry, Unsure.NOBODY, None
            elif learned.talk.count < ENOUGH * 0.98:
                pool.claim(1.0)
                yield entry, Unsure.NO_HISTORY, None
            elif entry.state in ASKED:
                ring_s = learned.ring.mean_s
                service_s = learned.service.mean_s
                yield entry, Estimate(ring_s, 0.0, 2.0 * ring_s + SLACK_S, 0.0, pool.size, service_s), None
            else:
                if pool not in completions:
                    completions[pool] = self._completions(pool, situation)
                key = (pool, *situation.rank(entry)[:2])
                if key not in lost:
                    lost[key] = self._lost(pool, key[1:], situation, pools)
                turn = _turn(pool, completions[pool], lost[key])
                yield entry, self._estimate(entry, pool, turn, situation.now), turn

    def _estimate(self, entry: EntryView, pool: Pool, turn: Turn, now: float) -> Expectation:
        learned = self._of(entry.queue)
        low, middle, high = (turn.at(score) + learned.ring.mean_s for score in learned.calibration.band())
        held_s = 0.0 if entry.not_before is None else max(entry.not_before - now, 0.0)
        if held_s > middle:
            low, middle, high = held_s, held_s, max(high, held_s)  # others go first until then
        elif entry.callback:
            pool.claim(1.0, middle)
        else:
            pool.claim(learned.patience.stays(now - entry.enqueued_at, middle), middle)
        if middle > HORIZON_S:
            return Unsure.TOO_FAR
        return Estimate(
            median_s=middle,
            low_s=max(low - SLACK_S, 0.0),
            high_s=min(high + SLACK_S, 2.0 * HORIZON_S),
            ahead=turn.place - 1.0,
            agents=pool.size,
            service_s=learned.service.mean_s,
        )

    def _lost(self, pool: Pool, rank: tuple[int, int], situation: Situation, pools: Pools) -> float:
        """Agents of this pool a second that go to entries yet to come, which will be before this rank."""
        return sum(
            arrivals.rate(situation.now) * pools.share(queue, pool)
            for (queue, priority), arrivals in self._arrivals.items()
            if (-situation.weights.get(queue, 0), -priority) < rank
        )

    def _completions(self, pool: Pool, situation: Situation) -> Completions:
        learned = self._of(pool.queue)
        service = learned.service
        times = grid(service.mean_s * min(1.5 * places(pool) / pool.size, SPAN))
        free, busy = self._busy(pool, situation, service.mean_s / FINE)
        first, spread = [0.0] * len(times), [0.0] * len(times)
        for (queue, state, reference_s), count in busy.items():
            variation = 0.0 if state is AgentState.WRAP_UP else service.variation
            for index, share in enumerate(self._ends(queue, state, reference_s, times)):
                first[index] += count * share
                spread[index] += count * spread_of(share, variation)
        whole = self._ends(pool.queue, AgentState.RESERVED, 0.0, times)
        trend = self._trends.get(pool.queue)
        staffing = Staffing(pool.size) if trend is None else trend.staffing(pool.size)
        error = math.sqrt(service.variation / learned.talk.count)
        return Completions(times, free, first, spread, renewals(whole), service, staffing, error)

    def _busy(
        self, pool: Pool, situation: Situation, fine_s: float
    ) -> tuple[int, dict[tuple[str, AgentState, float], int]]:
        """How many agents of a pool are idle. The others: the queue of their call, their state, and for how
        long they have talked, or will still wrap up.
        """
        free = 0
        busy: dict[tuple[str, AgentState, float], int] = {}
        for index, agent in enumerate(situation.agents):
            if not pool.agents >> index & 1:
                continue
            if agent.state is AgentState.IDLE:
                free += 1
                continue
            key = self._serves(agent, pool.queue), agent.state, _reference_s(agent, situation.now, fine_s)
            busy[key] = busy.get(key, 0) + 1
        return free, busy

    def _serves(self, agent: AgentView, fallback: str) -> str:
        """The queue of the call that an agent has, if enough is known of that queue."""
        occupation = self._occupations.get(agent.id)
        if occupation is None or self._of(occupation.queue).talk.count < 1.0:
            return fallback
        return occupation.queue

    def _ends(self, queue: str, state: AgentState, reference_s: float, times: Sequence[float]) -> list[float]:
        """The probability that a busy agent is free within each of the times."""
        learned = self._of(queue)
        wrap_up_s = learned.wrap_up.mean_s
        if state is AgentState.WRAP_UP:
            return [1.0 if time_s >= reference_s else 0.0 for time_s in times]
        if state is not AgentState.ON_CALL:
            wrap_up_s += learned.ring.mean_s
        return learned.talk.ends_within(reference_s, [max(time_s - wrap_up_s, 0.0) for time_s in times])

    def _of(self, queue: str) -> Learned:
        learned = self._learned.get(queue)
        if learned is None:
            learned = self._learned[queue] = Learned()
        return learned

    # ---- keeping

    def calibration(self, queue: str) -> Calibration:
        """How the band of a queue is corrected at present."""
        return self._of(queue).calibration

    def to_json(self) -> dict[str, Any]:
        """What was learned, as plain JSON."""
        return {queue: learned.to_json() for queue, learned in self._learned.items()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Estimator:
        """What `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        estimator = cls()
        estimator._learned = {queue: Learned.from_json(one) for queue, one in saved.items()}
        return estimator


def _turn(pool: Pool, completions: Completions, lost: float) -> Turn:
    """The turn of the next entry of a pool. Which others are served before it depends on when that is."""
    claims, unsure = pool.claimed()
    turn, rounds = Turn(completions, 1.0 + claims, unsure, lost), 0
    while rounds < ROUNDS and (by_then := pool.claimed(turn.at(0.0)))[0] < turn.place - 1.1:
        turn, rounds = Turn(completions, 1.0 + by_then[0], by_then[1], lost), rounds + 1
    return turn


def _reference_s(agent: AgentView, now: float, fine_s: float) -> float:
    if agent.state is AgentState.WRAP_UP:
        return max((agent.wrap_up_until or now) - now, 0.0)
    if agent.state is AgentState.ON_CALL:
        return fine_s * round((now - agent.since) / fine_s)
    return 0.0


def _number(details: Mapping[str, Any], name: str) -> float:
    value = details.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
