"""Two hundred calls by twenty callers to five agents, all of whom behave as people and phones do.

Agents answer, decline, let it ring, are busy, vanish, hang up at once; callers hang up in every state. The
seed is fixed, so that a failure can be run again. What must hold whatever happens: nobody is lost, nobody is
given two calls, whoever is connected hears the other, and no caller meets dead air.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import pytest
import pytest_asyncio

from gateway.config import Settings
from gateway.queues.journal import JournalKind, StoredEvent
from gateway.storage.database import Database
from gateway.storage.journal_store import JournalStore, Selection
from tests.integration.peers import tones
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import Centre, contact_centre, latest, talking
from tests.integration.queues.plan import MUSIC_HZ, NUMBERS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

AGENTS: Final = ("a1", "a2", "a3", "a4", "a5")
CALLERS: Final = 20
CALLS_EACH: Final = 10
RTP_PORTS: Final = 2400  # each leg takes two, and they rest for 30 s
SEED: Final = 5
DEAD_AIR_S: Final = 1.0
TALK_S: Final = 0.6
CALLER_HZ: Final = {f"c{at}": 1250.0 + 100.0 * at for at in range(CALLERS)}
AGENT_HZ: Final = {agent: 500.0 + 120.0 * at for at, agent in enumerate(AGENTS)}

ANSWERS, DECLINES, IGNORES, IS_BUSY, VANISHES, HANGS_UP = range(6)
WEIGHTS: Final = (70, 8, 5, 7, 3, 7)


@dataclass(slots=True)
class Floor:
    """What the people saw."""

    heard: list[tuple[str, str]] = field(default_factory=list)  # who heard whom
    deaf: list[str] = field(default_factory=list)  # connected, and not heard
    quiet_s: dict[str, float] = field(default_factory=dict)  # the longest dead air of each call
    behaviour: Counter[int] = field(default_factory=Counter)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy_centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    async with contact_centre(tmp_path_factory.mktemp("busy"), AGENTS, rtp_ports=RTP_PORTS) as centre:
        yield centre


async def test_nobody_is_lost_and_nobody_is_given_two_calls(busy_centre: Centre) -> None:
    centre, floor, dice = busy_centre, Floor(), random.Random(SEED)
    await centre.on_duty(*AGENTS)
    serving = [asyncio.create_task(serve(centre, agent, floor, random.Random(agent))) for agent in AGENTS]
    phones = {name: await centre.caller(name) for name in CALLER_HZ}
    seeds = {name: dice.random() for name in phones}
    await asyncio.gather(
        *(ring_up(centre, phone, floor, random.Random(seeds[name])) for name, phone in phones.items())
    )
    await until_async(lambda: nobody_is_left(centre), "every call is over", deadline_s=40.0)
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)

    events = await journal(centre)
    check_entries(events)
    check_agents(events)
    assert set(floor.behaviour) == set(range(6)), "every behaviour was seen"
    assert floor.deaf == []
    assert len(floor.heard) > CALLERS * CALLS_EACH / 2
    assert {name: quiet for name, quiet in floor.quiet_s.items() if quiet > DEAD_AIR_S} == {}
    assert await centre.gateway.metric("ringback_callers_lost_total") == 0
    assert await centre.gateway.metric("ringback_internal_errors_total") == 0


async def serve(centre: Centre, agent: str, floor: Floor, dice: random.Random) -> None:
    """One agent, for ever. Whoever answers sends a tone until the call is over."""
    phone = centre.agents[agent].phone
    async with asyncio.TaskGroup() as tasks:
        while True:
            call = await phone.incoming.get()
            tasks.create_task(take(call, agent, floor, dice))


async def take(call: UaCall, agent: str, floor: Floor, dice: random.Random) -> None:
    behaviour = dice.choices(range(6), WEIGHTS)[0]
    floor.behaviour[behaviour] += 1
    if behaviour == VANISHES:
        return  # not even a provisional response beyond the 100
    if behaviour == IS_BUSY:
        call.respond(486, "Busy Here")
        return
    call.respond(180, "Ringing")
    if behaviour == IGNORES:
        return
    await asyncio.sleep(dice.uniform(0.0, 0.4))
    if call.requests("CANCEL"):
        return
    if behaviour == DECLINES:
        call.respond(603, "Decline")
        return
    call.respond(200, "OK", sdp=True)
    if behaviour == HANGS_UP:
        with suppress(AssertionError):
            await call.request("ACK")
            call.bye()
        return
    async with talking((call, AGENT_HZ[agent])):
        with suppress(AssertionError):
            who = await until(lambda: one_of(call, CALLER_HZ), "a caller is heard", deadline_s=8.0)
            floor.heard.append((agent, str(who)))
        await until(lambda: call.requests("BYE"), "the call ends", deadline_s=60.0)


async def ring_up(centre: Centre, phone: UserAgent, floor: Floor, dice: random.Random) -> None:
    """One caller, call after call."""
    for number in range(CALLS_EACH):
        call = await phone.call(centre.gateway.uri(NUMBERS["busy"]))
        await call.status(200, deadline_s=15.0)
        async with talking((call, CALLER_HZ[phone.user])):
            await wait_and_talk(call, phone.user, floor, dice)
            if not call.requests("BYE"):
                call.bye()
        floor.quiet_s[f"{phone.user}-{number}"] = dead_air_s(call)
        call.rtp.received.clear()


async def wait_and_talk(call: UaCall, name: str, floor: Floor, dice: random.Random) -> None:
    impatient = dice.random() < 0.2
    patience_s = dice.uniform(0.1, 3.0) if impatient else 90.0
    try:
        async with asyncio.timeout(patience_s):
            served = await until(
                lambda: one_of(call, AGENT_HZ) or call.requests("BYE"), "an agent", deadline_s=95.0
            )
    except TimeoutError:
        return  # hung up while waiting, or while somebody's phone rang
    if isinstance(served, str):
        floor.heard.append((name, served))
        await asyncio.sleep(dice.uniform(0.1, TALK_S))


def one_of(call: UaCall, known: dict[str, float]) -> str | None:
    """Whose tone it is that this phone hears just now."""
    audio = latest(call, 0.2)
    if len(audio) < 0.15 * tones.RATE or tones.purity(audio, MUSIC_HZ) > 0.2:
        return None
    return next((name for name, hz in known.items() if tones.purity(audio, hz) > 0.8), None)


def dead_air_s(call: UaCall) -> float:
    """The longest silence between the first sound and the last."""
    audio = call.rtp.audio()
    size = round(0.1 * tones.RATE)
    loud = [tones.level_dbfs(audio[at : at + size]) > -45.0 for at in range(0, len(audio) - size + 1, size)]
    longest = run = 0
    for frame in loud:
        run = 0 if frame else run + 1
        longest = max(longest, run)
    return longest * 0.1


async def nobody_is_left(centre: Centre) -> bool:
    return await centre.gateway.metric("ringback_calls_active") == 0


async def journal(centre: Centre) -> tuple[StoredEvent, ...]:
    """All of it, in order, as the node has written it."""
    database = Database.open(Settings(data_dir=centre.gateway.data_dir).database_url)
    try:
        return tuple(await JournalStore(database, "test").read(Selection()))
    finally:
        await database.close()


def check_entries(events: tuple[StoredEvent, ...]) -> None:
    """Every entry that joined came to exactly one end."""
    joined: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for stored in events:
        if stored.event.kind is JournalKind.JOINED:
            joined[stored.event.entry] += 1
        elif stored.event.kind in (JournalKind.ABANDONED, JournalKind.LEFT, JournalKind.FINISHED):
            ended[stored.event.entry] += 1
    assert len(joined) == CALLERS * CALLS_EACH
    assert set(joined.values()) == {1}
    assert ended == joined


def check_agents(events: tuple[StoredEvent, ...]) -> None:
    """Whoever was offered a call was idle just then, and had hung up what they were connected to before."""
    states = dict.fromkeys(AGENTS, "idle")
    connected: dict[str, str] = {}
    for stored in events:
        event = stored.event
        if event.kind is JournalKind.AGENT_STATE:
            states[event.agent] = str(event.details["state"])
            if states[event.agent] == "idle":
                connected.pop(event.agent, None)
        elif event.kind is JournalKind.OFFERED:
            assert states[event.agent] == "idle", (
                f"{event.agent} is offered a call when {states[event.agent]}"
            )
        elif event.kind is JournalKind.CONNECTED:
            assert event.agent not in connected, f"{event.agent} has two calls"
            connected[event.agent] = event.entry
