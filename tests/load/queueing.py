"""What the queue engine costs: matches a second, the longest event, memory an entry; beside a plain matcher.

    python -m tests.load.queueing [--waiting 10000] [--agents 2000]

The plain matcher does what one would write first: it sorts everybody who waits, and walks through everybody
for each agent who becomes free. Both work off the same floor: skills, priorities, three queues an agent.
"""

from __future__ import annotations

import argparse
import gc
import random
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from gateway.agents.presence import Presence
from gateway.agents.profile import AgentProfile, Membership
from gateway.queues.engine import QueueEngine
from gateway.queues.settings import PriorityRise, QueueSettings, Relaxation, Strategy
from gateway.queues.signals import (
    Accept,
    AgentReleased,
    Configure,
    Effect,
    Enqueue,
    Event,
    Finished,
    Joined,
    LogIn,
    Offer,
    SetPresence,
    Tick,
)

QUEUES: Final = 20
SKILLS: Final = ("en", "de", "ja", "billing", "law", "tech")
ROUNDS: Final = 2_000
ARRIVAL_S: Final = 0.03
PLAIN_ROUNDS: Final = 50
TICK_MS: Final = 20.0


@dataclass
class Caller:
    """What the plain matcher knows of an entry."""

    id: str
    queue: str
    priority: int
    enqueued_at: float
    skills: dict[str, int]


class PlainMatcher:
    """The reference: a list, sorted and searched each time."""

    def __init__(self, callers: list[Caller], agents: list[AgentProfile]) -> None:
        self.callers = callers
        self.agents = agents

    def next_for(self, agent: AgentProfile) -> Caller | None:
        """Takes the best entry for an agent out of the list."""
        for caller in sorted(self.callers, key=lambda each: (-each.priority, each.enqueued_at)):
            if caller.queue in agent.queues and all(
                agent.skills.get(skill, 0) >= level for skill, level in caller.skills.items()
            ):
                self.callers.remove(caller)
                return caller
        return None


class Floor:
    """A contact centre of `agents` who are all busy, and `waiting` callers."""

    def __init__(self, waiting: int, agents: int, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.now = 1_000.0
        self.longest_ms: dict[str, float] = {}
        self.settings = tuple(self._queue(f"q{number}") for number in range(QUEUES))
        self.engine = QueueEngine(self.settings)
        self.profiles = [self._agent(f"a{number}") for number in range(agents)]
        self.callers = [self._caller(f"e{number}") for number in range(waiting + agents)]
        self.talks: dict[str, str] = {}  # agent: entry
        self.spent_s = 0.0

    def _queue(self, name: str) -> QueueSettings:
        return QueueSettings(
            name,
            strategy=self.random.choice((Strategy.LONGEST_IDLE, Strategy.FEWEST_CALLS, Strategy.BEST_SKILL)),
            relaxations=(Relaxation(600, {"law": 1}),),
            priority_rise=PriorityRise(300, limit=5),
        )

    def _agent(self, name: str) -> AgentProfile:
        queues = self.random.sample(range(QUEUES), 3)
        levels = {skill: self.random.randint(1, 10) for skill in self.random.sample(SKILLS, 3)}
        return AgentProfile(
            name, name, skills=levels, queues={f"q{number}": Membership() for number in queues}
        )

    def _caller(self, name: str) -> Caller:
        """One that the agent of the same number could take, or any of them."""
        agent = self.random.choice(self.profiles)
        skill, level = self.random.choice(sorted(agent.skills.items()))
        skills = {skill: min(level, self.random.choice((1, 3, 5)))} if self.random.random() < 0.7 else {}
        queue = self.random.choice(sorted(agent.queues))
        self.now += ARRIVAL_S
        return Caller(name, queue, self.random.choice((0, 0, 0, 1)), self.now, skills)

    def tell(self, event: Event) -> tuple[Effect, ...]:
        began = time.thread_time()
        effects = self.engine.handle(event, self.now)
        spent_s = time.thread_time() - began
        self.spent_s += spent_s
        name = type(event).__name__
        self.longest_ms[name] = max(spent_s * 1_000, self.longest_ms.get(name, 0.0))
        for effect in effects:
            if isinstance(effect, Offer):
                self._answer(effect)
        return effects

    def _answer(self, offer: Offer) -> None:
        """At once: the ring time isn't the engine's."""
        self.tell(Accept(offer.offer))
        self.tell(Joined(offer.offer))
        self.talks[offer.agent] = offer.entry

    def open(self) -> None:
        for profile in self.profiles:
            self.tell(LogIn(profile))
            self.tell(SetPresence(profile.id, Presence.AVAILABLE))

    def fill(self) -> None:
        for caller in self.callers:
            self.tell(
                Enqueue(
                    caller.id, caller.queue, caller.priority, caller.skills, enqueued_at=caller.enqueued_at
                )
            )

    def work(self, rounds: int) -> float:
        """So many agents end their call and are given the next. Returns matches a second of the engine."""
        matches, self.spent_s = 0, 0.0
        for _ in range(rounds):
            agent = self.random.choice(list(self.talks))
            self.tell(Finished(self.talks.pop(agent)))
            self.tell(AgentReleased(agent, wrap_up=False))
            matches += agent in self.talks
        return matches / self.spent_s

    def stir(self) -> None:
        """Ten seconds of priorities that rise, then what touches everybody at once: settings that change."""
        until = self.now + 10
        while (due_at := self.engine.due_at) is not None and due_at <= until:
            self.now = max(self.now, due_at)
            self.tell(Tick())
        self.tell(Configure(tuple(replace(each, skills={"en": 1}) for each in self.settings)))


def run(console: Console, waiting: int = 10_000, agents: int = 2_000) -> dict[str, Any]:
    """Measures, prints a table, returns the figures."""
    floor = Floor(waiting, agents)
    floor.open()
    before = _kilobytes_in_use()
    floor.fill()
    entry_kb = (_kilobytes_in_use() - before) / waiting
    placed = sum(queue.waiting for queue in floor.engine.queues())
    engine_rate = floor.work(ROUNDS)
    floor.stir()
    found: dict[str, Any] = {
        "waiting": placed,
        "agents": agents,
        "matches_a_second": engine_rate,
        "plain_matches_a_second": _plain_rate(floor),
        "kilobytes_an_entry": entry_kb,
        "longest_ms": floor.longest_ms,
    }
    _print(console, found)
    return found


def _plain_rate(floor: Floor) -> float:
    """Matches a second of the plain matcher."""
    matcher = PlainMatcher(list(floor.callers), floor.profiles)
    began = time.thread_time()
    matches = sum(matcher.next_for(agent) is not None for agent in floor.profiles[:PLAIN_ROUNDS])
    return matches / (time.thread_time() - began)


def _kilobytes_in_use() -> float:
    """Of this process, after a collection."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1_024


def _print(console: Console, found: dict[str, Any]) -> None:
    rate, plain = found["matches_a_second"], found["plain_matches_a_second"]
    table = Table(title=f"Queues: {found['waiting']} callers wait, {found['agents']} agents")
    for column in ("", "engine", "plain matcher", "ratio"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("matches a second", f"{rate:,.0f}", f"{plain:,.0f}", f"{rate / plain:,.0f}")
    table.add_row("kB a waiting entry", f"{found['kilobytes_an_entry']:.2f}", "", "")
    for event, longest_ms in sorted(found["longest_ms"].items(), key=lambda item: -item[1]):
        table.add_row(f"longest {event}, ms", f"{longest_ms:.2f}", "", f"{longest_ms / TICK_MS:.2f} ticks")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--agents", type=int, default=2_000)
    options = parser.parse_args()
    run(Console(width=110), options.waiting, options.agents)


if __name__ == "__main__":
    main()
