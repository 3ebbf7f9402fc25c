"""Whatever happens, no customer's phone rings without an agent who is reserved for them, nor rings twice.

The real engine, runner, offers, desk and journal, with phones that do what chance says: `crash.node` without
the killing.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.agents.presence import Presence
from gateway.call.leg import CallLeg, Headers, Party
from gateway.call.state import LegState
from gateway.callbacks.claims import ClaimRefused
from gateway.callbacks.request import CallbackRefused, CallbackWish
from gateway.queues.entry import EntryState
from gateway.storage.database import Database
from media.answering import AnsweredBy
from tests.fakes.leg import FakeFarEnd, FakeLeg, fake_outbound
from tests.integration.crash.node import Node, Phones, node

QUEUES = ("agents", "customers")
AGENTS = ("ann", "ben", "cat")
NUMBERS = tuple(f"+4930123{number:03d}" for number in range(12))
STEPS = 500
HUNG_UP_S = 0.03  # so long it takes until who was hung up on is off the line
PLAN = """\
routes: [{dnis: any, flow: main}]
---
queues:
  agents: &rules
    join: always
    stay: always
    music: none
    wrap_up: 0s
    retry: 0s
    ring: 1s
    announce: {welcome: false, on_entry: false, every: 0s}
    callback: {hours: always, country: DE, attempts: 20, ring: 5s, per_number: 0, per_caller: 0}
  customers:
    join: always
    stay: always
    music: none
    wrap_up: 0s
    retry: 0s
    ring: 1s
    announce: {welcome: false, on_entry: false, every: 0s}
    callback: {first: customer_first, hours: always, country: DE, attempts: 20, ring: 5s, per_number: 0,
      per_caller: 0}
---
agents:
  ann: {name: Ann, device: "sip:ann@phone.invalid", queues: [agents, customers]}
  ben: {name: Ben, device: "sip:ben@phone.invalid", queues: [agents, customers]}
  cat: {name: Cat, device: "sip:cat@phone.invalid", queues: [agents, customers]}
---
flow: main
start: end
nodes: {end: {hangup: normal_clearing}}
""".replace("&rules", "")


class Somebody:
    """Nobody's machine answers here."""

    async def answered_by(self) -> AnsweredBy:
        return AnsweredBy.PERSON

    async def ready_for_message(self) -> None:
        return None

    def close(self) -> None:
        return None


@dataclass(slots=True)
class Watched(Phones):
    """Phones that ring until chance answers them. Every dial is judged as it is made."""

    judge: Callable[[str, str], None] = lambda _number, _call: None
    ringing: list[tuple[str, FakeLeg, FakeFarEnd]] = field(default_factory=list)

    async def dial(self, uri: str, *, caller: Party | None = None, headers: Headers = ()) -> CallLeg:
        name = uri.removeprefix("sip:").partition("@")[0]
        leg, far_end = fake_outbound(called=name)
        if name.startswith("+"):
            self.judge(name, dict(headers)["X-Ringback-Call"])
        self.ringing.append((name, leg, far_end))
        return leg

    def on_the_phone(self, number: str) -> int:
        return sum(name == number and leg.state is not LegState.TERMINATED for name, leg, _ in self.ringing)


class Chance:
    """What happens next, and what must never have happened."""

    def __init__(self, one: Node, phones: Watched, seed: int) -> None:
        self._node = one
        self._phones = phones
        self._random = random.Random(seed)
        self.faults: list[str] = []
        self.dialled: Counter[str] = Counter()
        phones.judge = self._judge

    def _judge(self, number: str, call: str) -> None:
        self.dialled[number] += 1
        desk, runner = self._node.callbacks, self._node.runner
        pending = next((one for one in desk.book.pending() if one.callback.call_id == call), None)
        if pending is None:
            self.faults.append(f"{number} is dialled for a callback that is over")
            return
        entry = runner.entry(pending.callback.id)
        if entry is None or entry.state is not EntryState.CALLBACK_DIALING or not entry.agents:
            self.faults.append(f"{number} is dialled, and no agent is reserved: {entry}")
        if self._phones.on_the_phone(number):
            self.faults.append(f"{number} is dialled while they are on the phone with us")

    async def check(self) -> None:
        """Phones that ring are never more than agents who wait, once whoever was cancelled is cancelled."""
        if self._excess() > 0:
            await asyncio.sleep(0.05)
        if (excess := self._excess()) > 0:
            self.faults.append(f"{excess} customers more are rung than agents wait for them")
        numbers = Counter(one.callback.number.dialled for one in self._node.callbacks.book.pending())
        if numbers and max(numbers.values()) > len(QUEUES):
            self.faults.append("two callbacks for one number in a queue")

    def _excess(self) -> int:
        pending = self._node.callbacks.book.pending()
        entries = [self._node.runner.entry(one.callback.id) for one in pending]
        reserved = [entry for entry in entries if entry is not None and entry.agents]
        waiting = (LegState.TRYING, LegState.EARLY)
        return sum(n.startswith("+") and leg.state in waiting for n, leg, _ in self._phones.ringing) - len(
            reserved
        )

    async def step(self) -> None:
        pick = self._random.choice
        await pick((
            self._ask, self._ask, self._presence, *[self._answer] * 5, self._refuse, self._hang_up,
            self._cancel, self._claim, *[self._press] * 3, self._reschedule, self._reschedule,
        ))()  # fmt: skip
        await asyncio.sleep(0.001)
        await self.check()

    async def _ask(self) -> None:
        number = self._random.choice(NUMBERS)
        wish = CallbackWish(self._random.choice(QUEUES), number, identity=self._random.choice((number, "")))
        await self._node.callbacks.requests.request(wish)

    async def _presence(self) -> None:
        presence = self._random.choice((Presence.AVAILABLE, Presence.AVAILABLE, Presence.ON_BREAK))
        self._node.set_presence(self._random.choice(AGENTS), presence)

    async def _answer(self) -> None:
        for _, leg, far_end in self._some(LegState.TRYING, LegState.EARLY):
            far_end.answer()
            del leg

    async def _refuse(self) -> None:
        for _, _, far_end in self._some(LegState.TRYING, LegState.EARLY):
            far_end.reject(self._random.choice((486, 480, 603, 503)))

    async def _hang_up(self) -> None:
        for _, _, far_end in self._some(LegState.CONFIRMED):
            far_end.hang_up()

    async def _press(self) -> None:
        for _, _, far_end in self._some(LegState.CONFIRMED):
            far_end.press("1")

    async def _cancel(self) -> None:
        if pending := self._node.callbacks.book.pending():
            self._node.callbacks.cancel(self._random.choice(pending).callback.id, "chance")

    async def _claim(self) -> None:
        await asyncio.sleep(HUNG_UP_S)
        if pending := self._node.callbacks.book.pending():
            entry = self._random.choice(pending).callback.id
            try:
                self._node.callbacks.claim(entry, self._random.choice(AGENTS), "chance")
            except ClaimRefused:
                return

    async def _reschedule(self) -> None:
        """The pauses between tries are over, as if time had passed."""
        await asyncio.sleep(HUNG_UP_S)
        for pending in self._node.callbacks.book.pending():
            pending.retry_at = 0.0
        self._node.callbacks.reschedule()

    def _some(self, *states: LegState) -> list[tuple[str, FakeLeg, FakeFarEnd]]:
        found = [one for one in self._phones.ringing if one[1].state in states]
        self._random.shuffle(found)
        return found[:1]


async def prepare(directory: Path) -> None:
    (directory / "plan").mkdir()
    (directory / "plan" / "plan.yaml").write_text(PLAN)
    database = Database.open(SecretStr(f"sqlite:///{directory / 'ringback.db'}"))
    await database.upgrade()
    await database.close()


@pytest.mark.parametrize("seed", range(3))
async def test_dials_never_exceed_reservations(tmp_path: Path, seed: int) -> None:
    await prepare(tmp_path)
    async with node(tmp_path, make_phones=Watched, open_ear=lambda _leg: Somebody()) as one:
        assert isinstance(one.phones, Watched)
        chance = Chance(one, one.phones, seed)
        for _ in range(STEPS):
            await chance.step()
        for _, leg, far_end in one.phones.ringing:
            if leg.state is LegState.CONFIRMED:
                far_end.hang_up()

    assert chance.faults == []
    assert chance.dialled.total() >= 3, "chance has tried nothing"


async def test_many_requests_of_one_customer_at_once_are_one_callback(tmp_path: Path) -> None:
    await prepare(tmp_path)
    async with node(tmp_path) as one:
        wishes = [CallbackWish("agents", NUMBERS[at % 3], identity="kim") for at in range(30)]
        answers = await asyncio.gather(*map(one.callbacks.requests.request, wishes))
        [pending] = one.callbacks.book.pending()

    assert {found.callback.id for found, _ in answers} == {pending.callback.id}
    assert sum(new for _, new in answers) == 1
    assert pending.callback.number.dialled == NUMBERS[29 % 3]


async def test_what_cant_be_stored_leaves_the_callback_as_it_was_promised(tmp_path: Path) -> None:
    await prepare(tmp_path)
    async with node(tmp_path) as one:
        pending, _ = await one.callbacks.requests.request(CallbackWish("agents", NUMBERS[0], identity="kim"))
        before = pending.callback
        wishes = [CallbackWish("agents", number, identity="kim") for number in NUMBERS[1:4]]
        with closing(sqlite3.connect(tmp_path / "ringback.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # nobody else writes now
            refused = await asyncio.gather(
                *map(one.callbacks.requests.request, wishes),
                one.callbacks.requests.request(CallbackWish("agents", NUMBERS[5], identity="lee")),
                return_exceptions=True,
            )
        left = [one_left.callback for one_left in one.callbacks.book.pending()]

    assert all(isinstance(each, CallbackRefused) for each in refused)
    assert left == [before]
