"""What an agent's desktop, a wallboard and a supervisor see and do while real calls go through a queue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.integration.api.conftest import Talk
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until
from tests.integration.queues.centre import Centre, hears, talking
from tests.integration.queues.plan import MUSIC_HZ

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def socket(centre: Centre, path: str, name: str) -> AsyncIterator[Talk]:
    headers = {"authorization": f"Bearer {centre.key}"}
    url = f"ws://{LOOPBACK}:{centre.gateway.http_port}{path}"
    async with connect(url, additional_headers=headers, proxy=None) as opened:
        yield Talk(opened, name)


async def call_until(talk: Talk, wanted: dict[str, Any]) -> dict[str, Any]:
    """The first picture of the call that has all of this."""
    while True:
        call: dict[str, Any] = (await talk.next("call"))["call"]
        if wanted.items() <= call.items():
            return call


async def test_a_desktop_shows_the_caller_before_the_answer_and_controls_the_call(centre: Centre) -> None:
    await centre.on_duty("ann")
    async with socket(centre, "/v1/agents/ann/desktop", "desktop") as desktop:
        hello = await desktop.next("hello")
        caller = await centre.call_in("notes")
        phone = await centre.agents["ann"].ring()
        shown = (await desktop.next("offer"))["offer"]
        assert (await centre.state_of("ann")) in ("reserved", "ringing")

        phone.respond(200, "OK", sdp=True)
        await phone.request("ACK")
        ended = await desktop.next("offer_ended")
        call = await call_until(desktop, {"state": "talking", "agents": ["ann"]})
        async with talking((caller, CALLER_HZ), (phone, AGENT_HZ)):
            await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent")
            held = await desktop.say(type="hold", id=1)
            await until(lambda: hears(caller, MUSIC_HZ), "the caller hears music")
            again = await desktop.say(type="hold", id=2)
            resumed = await desktop.say(type="resume", id=3)
            await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent again")
            muted = await desktop.say(type="mute", id=4)
            await until(lambda: not hears(caller, AGENT_HZ), "the caller hears nobody")
        over = await desktop.say(type="hang_up", id=5)
        gone = await desktop.next("call_ended")
        await centre.until_state("ann", "wrap_up")
        wrapped = await desktop.say(type="wrap_up", id=6, disposition="resolved", end=True)
        await centre.until_state("ann", "idle")

    assert (hello["agent"]["presence"], hello["offer"], hello["calls"]) == ("available", None, [])
    assert (shown["queue"], shown["number"], shown["call_id"]) == ("notes", "caller", call["id"])
    assert ended == {"type": "offer_ended", "offer": shown["id"], "outcome": "accepted"}
    assert {answer["type"] for answer in (held, resumed, muted, over, wrapped)} == {"ack"}
    assert (again["type"], again["status"]) == ("error", 409)
    assert gone["call"] == call["id"]


async def test_a_wall_follows_callers_agents_and_calls(centre: Centre) -> None:
    async with socket(centre, "/v1/live", "live") as wall:
        await centre.set_presence("ann", "on_break", "lunch")
        seen = {
            name: dict(items) for name, items in (await wall.next("snapshot")).items() if name in SECTIONS
        }
        first, second = await centre.call_in("notes", "first"), await centre.call_in("notes", "second")
        await follow(wall, seen, lambda: len(seen["entries"]) == 2)
        positions = {entry["number"]: entry["position"] for entry in seen["entries"].values()}
        waiting, calls = seen["queues"]["notes"]["waiting"], len(seen["calls"])
        last = next(entry for entry in seen["entries"].values() if entry["number"] == "second")
        place = f"/v1/queues/notes/entries/{last['id']}"

        raised = await centre.request("PATCH", place, {"priority": 5})
        await follow(wall, seen, lambda: seen["entries"][last["id"]]["position"] == 1)
        removed = await centre.request("DELETE", place)
        await follow(wall, seen, lambda: last["id"] not in seen["entries"])
        await second.request("BYE")
        first.bye()
        await follow(wall, seen, lambda: not seen["calls"])

    assert positions == {"first": 1, "second": 2}
    assert (waiting, calls) == (2, 2)
    assert seen["agents"]["ann"]["reason"] == "lunch"
    assert (raised.status_code, removed.status_code) == (200, 204)


SECTIONS = ("queues", "entries", "agents", "calls")


async def follow(wall: Talk, seen: dict[str, dict[str, Any]], reached: Any) -> None:
    """Take deltas until they have led there."""
    while not reached():
        message = await wall.next()
        for section in SECTIONS:
            for name, item in message.get(section, {}).items():
                seen[section].pop(name, None) if item is None else seen[section].update({name: item})
