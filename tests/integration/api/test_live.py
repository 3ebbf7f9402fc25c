"""The live view over a real WebSocket: a snapshot, deltas that add up to the truth, and no more than that."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from gateway.agents.presence import AgentState
from gateway.api.live import ENTRIES_SHOWN, INTERVAL_S
from tests.fakes.floor import NOW, Estimate, call_view, entry_view
from tests.integration.api.conftest import Node, Talk


class Wall:
    """A wallboard: keeps what it was told."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.sections: dict[str, dict[str, Any]] = {}
        self.deltas = 0

    async def read(self) -> dict[str, Any]:
        message = await self.talk.next()
        if message["type"] == "snapshot":
            self.sections = {name: message[name] for name in ("queues", "entries", "agents", "calls")}
        elif message["type"] == "delta":
            self.deltas += 1
            for section in self.sections:
                for name, item in message.get(section, {}).items():
                    if item is None:
                        del self.sections[section][name]
                    else:
                        self.sections[section][name] = item
        return message


async def test_a_wall_begins_with_a_snapshot(node: Node) -> None:
    node.floor.queueing.add(entry_view("e1", enqueued_at=NOW - 60))
    node.floor.queueing.estimates["e1"] = Estimate(100.0, 50.0, 200.0)
    node.floor.conversations.add(call_view("call-1", agents=("ann",)))

    async with node.live() as socket:
        snapshot = await Talk(socket, "live").next()

    assert snapshot["type"] == "snapshot"
    assert set(snapshot["queues"]) == {"billing", "sales"}
    assert snapshot["entries"]["e1"]["number"] == "+4930123456"
    assert snapshot["entries"]["e1"]["estimate"]["median_s"] == 100.0
    assert snapshot["agents"]["bob"]["reason"] == "lunch"
    assert snapshot["calls"]["call-1"]["agents"] == ["ann"]


async def test_a_delta_has_what_is_different_and_nothing_else(node: Node) -> None:
    node.floor.queueing.add(entry_view("e1"))
    async with node.live() as socket:
        talk = Talk(socket, "live")
        await talk.next("snapshot")
        node.floor.queueing.set_agent("ann", state=AgentState.WRAP_UP)
        node.floor.queueing.placed.clear()

        delta = await talk.next()

    assert delta["type"] == "delta"
    assert set(delta) == {"type", "at", "queues", "entries", "agents"}
    assert delta["entries"] == {"e1": None}
    assert set(delta["agents"]) == {"ann"}
    assert set(delta["queues"]) == {"billing", "sales"}  # ann served both, and isn't idle any more


async def test_a_thousand_changes_come_in_few_deltas_and_add_up(node: Node) -> None:
    async with node.live() as socket, node.live("root") as other:
        wall, second = Wall(Talk(socket, "live")), Wall(Talk(other, "live"))
        await wall.read()
        await second.read()
        for number in range(1000):
            node.floor.queueing.set_agent("ann", calls=number)
            node.floor.conversations.add(call_view(f"call-{number % 20}", dnis=str(number)))
            if number % 100 == 0:
                await asyncio.sleep(0)
        node.floor.conversations.end("call-3")
        for each in (wall, second):
            while each.sections["agents"]["ann"]["calls"] != 999 or "call-3" in each.sections["calls"]:
                await each.read()

    assert wall.deltas <= 3
    assert wall.sections == second.sections
    assert wall.sections["calls"].keys() == node.floor.conversations.live.keys()


async def test_deltas_keep_their_distance(node: Node) -> None:
    loop = asyncio.get_running_loop()
    async with node.live() as socket:
        wall = Wall(Talk(socket, "live"))
        await wall.read()
        began = loop.time()
        while wall.deltas < 4:
            node.floor.queueing.set_agent("ann", calls=wall.deltas + 100)
            await wall.read()
        took = loop.time() - began

    # Three pauses lie between four deltas; a busy machine makes them only longer.
    assert took >= 3 * INTERVAL_S * 0.99


async def test_a_long_queue_shows_its_beginning(node: Node) -> None:
    for number in range(ENTRIES_SHOWN + 50):
        node.floor.queueing.placed[f"e{number}"] = entry_view(f"e{number}", enqueued_at=NOW - 1000 + number)

    async with node.live() as socket:
        snapshot = await Talk(socket, "live").next()

    assert len(snapshot["entries"]) == ENTRIES_SHOWN
    assert "e0" in snapshot["entries"]
    assert snapshot["queues"]["billing"]["waiting"] == ENTRIES_SHOWN + 50


async def test_a_call_that_changes_is_shown_changed(node: Node) -> None:
    node.floor.conversations.add(call_view("call-1"))
    async with node.live() as socket:
        talk = Talk(socket, "live")
        await talk.next("snapshot")
        node.floor.conversations.add(replace(node.floor.conversations.live["call-1"], state="held"))

        delta = await talk.next("delta")

    assert delta["calls"]["call-1"]["state"] == "held"
    assert set(delta) == {"type", "at", "calls"}


async def test_pings_are_answered_and_nothing_else_is_taken(node: Node) -> None:
    async with node.live() as socket:
        talk = Talk(socket, "live")
        await talk.next("snapshot")
        await socket.send(json.dumps({"type": "ping", "id": 1}))
        pong = await talk.next("pong")
        await socket.send(json.dumps({"type": "hold"}))
        error = await talk.next("error")

    assert pong == {"type": "pong", "id": 1}
    assert error["detail"] == "this socket takes only pings"


@pytest.mark.parametrize("key", ["ann", "app"])
async def test_only_supervisors_and_admins_see_everything(node: Node, key: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with node.live(key):
            pass

    assert refused.value.response.status_code == 403


async def test_a_floor_that_goes_away_closes_the_view(node: Node) -> None:
    async with node.live() as socket:
        await Talk(socket, "live").next("snapshot")
        node.desk.floor = None
        node.floor.queueing.set_agent("ann", calls=7)
        await socket.wait_closed()

        assert socket.close_code == 1013
