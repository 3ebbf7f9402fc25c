"""A node without media and network, whose process can be killed at any point and started again.

Everything between the plan and the wire is the real thing: engine, runner, offers, callbacks, journal, lease,
SQLite, restart. Phones are fake legs. What the world outside saw is written into a ledger, a file of its own,
at once: whom we promised something, whose phone rang, who talked.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr

from gateway.agents.presence import Presence
from gateway.call.leg import CallLeg, Headers, Party
from gateway.clock import SteadyEpoch, SystemClock
from gateway.dialplan.files import AudioFiles
from gateway.dialplan.loader import load
from gateway.dialplan.prompts import ActivePlan, PlanPrompts
from gateway.dialplan.requests import QueueRequest
from gateway.queues.engine import QueueEngine
from gateway.queues.forecasts import Forecasts
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import AgentReleased, LogIn, Postpone, SetPresence
from gateway.storage.database import Database
from gateway.storage.journal import JournalWriter
from gateway.storage.journal_store import JournalStore
from gateway.storage.lease import NodeLease
from gateway.storage.unsaved import UnsavedEvents
from gateway.switch.agent_lines import SipAgentLines
from gateway.switch.callbacks import CallbackDesk, CallbackParts
from gateway.switch.control import LegControl
from gateway.switch.conversation_parts import ConversationParts, ConversationTones
from gateway.switch.dialling import Addresses, Dialling
from gateway.switch.live_calls import LiveCalls
from gateway.switch.music import MusicOnHold
from gateway.switch.offers import OfferDesk
from gateway.switch.outbound import Outbound
from gateway.switch.ports import AnswerEar, OpenEar
from gateway.switch.queue_sounds import QueueSounds
from gateway.switch.queueing import QueueParts, QueueVisit, Visitor
from gateway.switch.restoring import Remains, restore
from gateway.switch.resuming import ResumedCallbacks
from gateway.switch.waiting_room import WaitingRoomParts
from monitoring.metrics import Metrics
from tests.fakes.audio import CountingObserver, FakePrompts, ListLog
from tests.fakes.bridge import FakeBridge, FakePortPlayer
from tests.fakes.conversation import FakeReach, PressedKeys
from tests.fakes.leg import FakeFarEnd, FakeLeg, fake_inbound, fake_outbound

RATE = 8000
PLAN = """\
routes: [{dnis: any, flow: main}]
---
queues:
  support:
    join: always
    stay: always
    music: none
    keys: {"1": callback}
    wrap_up: 0s
    retry: 0s
    announce: {welcome: false, on_entry: false, every: 0s}
    callback: {hours: always, country: DE, attempts: 5, gaps: {busy: 1s, unreachable: 1s, failed: 1s}}
  sales: {join: always, stay: always, music: none, wrap_up: 0s, callback: {hours: always}}
---
agents:
  ann: {name: Ann, device: "sip:ann@phone.invalid", queues: [support]}
  ben: {name: Ben, device: "sip:ben@phone.invalid", queues: [support, sales]}
---
flow: main
start: end
nodes: {end: {hangup: normal_clearing}}
"""


class Ledger:
    """What the world saw, in order. A line is in the file when `write` returns, whatever happens then."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def write(self, what: str, **about: object) -> None:
        os.write(self._file, (json.dumps({"what": what, **about}) + "\n").encode())


def read_ledger(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class _Player(FakePortPlayer):
    """Whatever is played is heard at once."""

    def play(self, clips: Any, *, loop: bool = False, start_s: float = 0.0) -> Any:
        playback = super().play(clips, loop=loop, start_s=start_s)
        if not loop:
            playback.end()
        return playback


class _Bridge(FakeBridge):
    def open_player(self, name: str) -> FakePortPlayer:
        return _Player(name, self)


@dataclass(slots=True)
class Phones:
    """Everybody who is dialled. They are busy as often as `busy` says, and answer then."""

    ledger: Ledger
    busy: dict[str, int] = field(default_factory=dict)  # number: how often it is busy first
    legs: dict[str, FakeFarEnd] = field(default_factory=dict)  # who is on the phone

    async def dial(self, uri: str, *, caller: Party | None = None, headers: Headers = ()) -> CallLeg:
        name = uri.removeprefix("sip:").partition("@")[0]
        leg, far_end = fake_outbound(called=name)
        self.legs[name] = far_end
        if name.startswith("+"):
            self.ledger.write("dialled", number=name)
        if self.busy.get(name, 0) > 0:
            self.busy[name] -= 1
            far_end.reject(486)
        else:
            far_end.answer()
        return leg


@dataclass(slots=True)
class Node:
    """One life of the node."""

    runner: QueueRunner
    callbacks: CallbackDesk
    visits: QueueParts
    active: ActivePlan
    bridge: _Bridge
    live: LiveCalls
    phones: Phones
    ledger: Ledger
    tasks: asyncio.TaskGroup
    callers: dict[str, FakeFarEnd] = field(default_factory=dict)
    visiting: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    keys: dict[str, PressedKeys] = field(default_factory=dict)

    def set_presence(self, agent: str, presence: Presence, reason: str = "") -> None:
        self.runner.post(SetPresence(agent, presence, reason))

    async def call_in(self, number: str, *, priority: int = 0) -> str:
        """Somebody calls, waits, and is told their position once it is on disk. Returns the entry."""
        leg, far_end = fake_inbound(caller=number)
        await leg.answer()
        keys = self.keys[number] = PressedKeys()
        visit = QueueVisit(
            QueueRequest("support", priority=priority, identity=number),
            keys,
            self._visitor(number, leg),
            self.visits,
        )
        task = self.tasks.create_task(_until_over(visit))
        self.callers[number], self.visiting[number] = far_end, task
        self.tasks.create_task(_follow(leg, task))
        await until(lambda: self.runner.entry(visit.entry) is not None or task.done())
        if await self.runner.settled() and self.runner.entry(visit.entry) is not None:
            self.ledger.write("told", entry=visit.entry, number=number)
        return visit.entry

    def hang_up(self, number: str) -> None:
        """The caller has had enough."""
        self.ledger.write("gave_up", number=number)
        self.callers.pop(number).hang_up()

    async def become_callback(self, entry: str, number: str) -> None:
        """The caller presses the key, confirms the number, is told that it is kept, and hangs up."""
        visit = self.visiting[number]
        while not visit.done():
            self.keys[number].press("1")
            await asyncio.sleep(0.005)
        self.ledger.write("promised", entry=entry, number=number)
        self.runner.post(Postpone(entry, self.runner.now))  # some seconds after they have hung up

    def _visitor(self, number: str, leg: FakeLeg) -> Visitor:
        call_id = f"call-{number}"
        live = self.live.open(call_id, leg, SystemClock().utc(), hang_up=leg.hang_up)

        def open_player(called: CallLeg) -> FakePortPlayer:
            return self.bridge.open_player(called.id)

        control = LegControl(leg, self.active.prompts, open_player)
        return Visitor(call_id, leg, control, self.active, structlog.get_logger(), live)


async def _nowhere(*_: object) -> None:
    raise RuntimeError("agents send nobody on here")


def _no_ear(_leg: CallLeg) -> AnswerEar:
    raise RuntimeError("customers are called after the agent here")


async def until(condition: Callable[[], object], limit_s: float = 20.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110  # many parts are waited for, none of which tells
            await asyncio.sleep(0.002)


async def _until_over(visit: QueueVisit) -> None:
    await visit.run()


async def _follow(leg: FakeLeg, visit: asyncio.Task[None]) -> None:
    """The session of the call, as far as it matters here: who hangs up leaves the queue."""
    while leg.state.name != "TERMINATED" and not visit.done():  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.002)
    visit.cancel()
    if leg.state.name != "TERMINATED":
        await leg.hang_up()


@asynccontextmanager
async def node(
    directory: Path,
    *,
    busy: dict[str, int] | None = None,
    make_phones: Callable[[Ledger, dict[str, int]], Phones] = Phones,
    open_ear: OpenEar = _no_ear,
) -> AsyncIterator[Node]:
    """From the start with whatever the last life left, to the stop in order."""
    loop = asyncio.get_running_loop()
    ledger = Ledger(directory / "ledger")
    database = Database.open(SecretStr(f"sqlite:///{directory / 'ringback.db'}"), durable=True)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        lease = NodeLease(database, "node")
        seen_at = await lease.take()
        store = JournalStore(database, "node")
        writer = await JournalWriter.open(
            store, UnsavedEvents(directory / "unsaved.jsonl"), Metrics(), "node"
        )
        died_at = None if seen_at is None else seen_at.timestamp()
        remains = Remains(await store.open_entries(), await store.presences(), died_at)
        stack.push_async_callback(lease.release)
        stack.push_async_callback(writer.close)
        writing = await stack.enter_async_context(_background(writer.run()))
        assert writing is not None
        runner = QueueRunner(
            QueueEngine(), writer, SteadyEpoch(SystemClock(), not_before=remains.latest), loop
        )
        stack.callback(runner.close)
        phones = make_phones(ledger, dict(busy or {}))
        outbound = await stack.enter_async_context(
            Outbound(phones, ListLog(), CountingObserver(), SystemClock())
        )
        lines = await stack.enter_async_context(SipAgentLines(runner, outbound))
        bridge = _Bridge()

        def open_player(leg: CallLeg) -> FakePortPlayer:
            return bridge.open_player(leg.id)

        offers = await stack.enter_async_context(OfferDesk(runner, lines, open_player))
        live = LiveCalls()
        addresses = Addresses("sip:{number}@trunk.invalid")
        music = MusicOnHold(bridge, bridge.open_player, loop.time)
        conversations = ConversationParts(
            connector=bridge,
            open_player=bridge.open_player,
            music=music,
            tones=ConversationTones.at(RATE),
            reach=FakeReach(),
            clock=SystemClock(),
            timers=loop,
            journal=runner.write,
            recordings=None,
            live_calls=live,
            agent_left=lambda agent: runner.post(AgentReleased(agent)),
        )
        sounds = QueueSounds(RATE)
        forecasts = Forecasts(runner, directory / "estimates.json")
        parts = CallbackParts(
            runner=runner,
            offers=offers,
            outbound=outbound,
            addresses=addresses,
            conversations=conversations,
            sounds=sounds,
            forecasts=forecasts,
            active=lambda: active,
            calendars=dict,
            open_player=open_player,
            open_ear=open_ear,
        )
        callbacks = await stack.enter_async_context(CallbackDesk(parts))
        waiting = WaitingRoomParts(runner, forecasts, music, sounds)
        dialling = Dialling(outbound, conversations, addresses)
        visits = QueueParts(runner, offers, conversations, waiting, dialling, callbacks)
        callbacks.attach(visits, _nowhere)
        plan = load(directory / "plan")
        prompts = PlanPrompts(
            FakePrompts(), AudioFiles(directory / "plan", RATE), lambda _prompt, _error: None
        )
        active = ActivePlan(plan, prompts)
        runner.configure([queue.settings for queue in plan.queues.values()])
        for agent in plan.agents.values():
            runner.post(LogIn(agent.profile))
        restore(remains, runner, ResumedCallbacks(callbacks))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        yield Node(runner, callbacks, visits, active, bridge, live, phones, ledger, tasks)


@asynccontextmanager
async def _background(work: Awaitable[None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
