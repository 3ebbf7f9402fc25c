"""The agent's desktop over a real WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.agents.presence import AgentState, Presence
from gateway.api.desktop import AT_A_TIME
from gateway.api.ports import Caller, Target
from gateway.errors import WrongState
from gateway.queues.signals import SetPresence
from tests.fakes.floor import KEYS, call_view, entry_view
from tests.integration.api.conftest import ELSEWHERE, Node, Talk
from tests.integration.peers.wait import until

PROTOCOL = "ringback.desktop.v1"
PATH = "/v1/agents/ann/desktop"


@pytest.fixture
async def ann(node: Node) -> AsyncIterator[Talk]:
    async with node.desktop() as socket:
        talk = Talk(socket, "desktop")
        await talk.next("hello")
        yield talk


def offer(node: Node, name: str = "offer-1") -> None:
    node.floor.queueing.add(
        entry_view("e1"), Caller("+4930123456", "Carl", "call-1", {"verified": True, "order": "A-7"})
    )
    node.floor.offers.make("ann", "e1", name)


async def test_a_desktop_begins_with_how_everything_is(node: Node) -> None:
    offer(node)
    node.floor.conversations.add(call_view("call-0", agents=("ann",)))
    node.floor.conversations.add(call_view("call-9", agents=("bob",)))

    async with node.desktop() as socket:
        hello = await Talk(socket, "desktop").next()

    assert hello["type"] == "hello"
    assert (hello["agent"]["id"], hello["agent"]["state"]) == ("ann", "ringing")
    assert (hello["offer"]["id"], hello["offer"]["number"]) == ("offer-1", "+4930123456")
    assert [call["id"] for call in hello["calls"]] == ["call-0"]


async def test_the_screen_pop_comes_before_the_answer(node: Node, ann: Talk) -> None:
    offer(node)

    shown = (await ann.next("offer"))["offer"]
    before = list(node.floor.offers.answers)
    answer = await ann.say(type="accept", id="1", offer="offer-1")

    assert (shown["queue"], shown["name"], shown["wait_s"]) == ("billing", "Carl", 60.0)
    assert shown["context"] == {"verified": True, "order": "A-7"}
    assert before == []
    assert answer == {"type": "ack", "id": "1"}
    assert node.floor.offers.answers == [("accept", "offer-1", "ann")]


async def test_an_offer_that_is_over_says_why(node: Node, ann: Talk) -> None:
    offer(node)
    await ann.next("offer")
    node.floor.offers.outcomes["offer-1"] = "caller_gone"
    node.floor.offers.end("ann")

    ended = await ann.next("offer_ended")

    assert (ended["offer"], ended["outcome"]) == ("offer-1", "caller_gone")


async def test_a_late_click_does_not_take_the_next_offer(node: Node, ann: Talk) -> None:
    offer(node, "offer-2")

    answer = await ann.say(type="accept", id=1, offer="offer-1")

    assert (answer["status"], answer["detail"]) == (409, "offer offer-1 is over")
    assert node.floor.offers.answers == []


async def test_state_changes_are_shown(node: Node, ann: Talk) -> None:
    node.floor.queueing.set_agent("ann", state=AgentState.ON_CALL)
    node.floor.conversations.add(call_view("call-1", agents=("ann",)))

    agent = await ann.next("agent")
    call = await ann.next("call")
    node.floor.conversations.add(replace(node.floor.conversations.live["call-1"], state="held"))
    held = await ann.next("call")
    node.floor.conversations.end("call-1")
    ended = await ann.next("call_ended")

    assert agent["agent"]["state"] == "on_call"
    assert (call["call"]["id"], call["call"]["ani"]) == ("call-1", "+4930123456")
    assert held["call"]["state"] == "held"
    assert ended["call"] == "call-1"


async def test_who_leaves_a_call_that_goes_on_is_told(node: Node, ann: Talk) -> None:
    node.floor.conversations.add(call_view("call-1", agents=("ann",)))
    await ann.next("call")
    node.floor.conversations.add(call_view("call-1", agents=("bob",)))

    assert (await ann.next("call_ended"))["call"] == "call-1"


TO = {"kind": "agent", "name": "bob"}


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ({"type": "hold"}, ("hold", "call-1", "ann")),
        ({"type": "resume"}, ("resume", "call-1", "ann")),
        ({"type": "mute"}, ("mute", "call-1", True, "ann")),
        ({"type": "mute", "muted": False}, ("mute", "call-1", False, "ann")),
        ({"type": "transfer", "to": TO}, ("transfer", "call-1", Target("agent", "bob"), "ann")),
        ({"type": "consult", "to": TO}, ("consult", "call-1", Target("agent", "bob"), "ann")),
        ({"type": "alternate"}, ("alternate", "call-1", "ann")),
        ({"type": "complete"}, ("complete", "call-1", "ann")),
        ({"type": "conference"}, ("conference", "call-1", "ann")),
        ({"type": "cancel"}, ("cancel", "call-1", "ann")),
        ({"type": "requeue", "queue": "sales"}, ("requeue", "call-1", "sales", None, "ann")),
        ({"type": "record", "action": "pause"}, ("record", "call-1", "pause", "ann")),
        ({"type": "hang_up"}, ("hang_up", "call-1", "ann")),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
async def test_every_control_of_the_call_is_carried_out(
    node: Node, ann: Talk, command: dict[str, Any], asked: tuple[Any, ...]
) -> None:
    node.floor.conversations.add(call_view("call-1", agents=("ann",)))

    answer = await ann.say(id="7", **command)

    assert answer == {"type": "ack", "id": "7"}
    assert node.floor.conversations.asked == [asked]


async def test_presence_and_wrap_up_are_set(node: Node, ann: Talk) -> None:
    node.floor.queueing.set_agent("ann", state=AgentState.WRAP_UP)

    answers = [
        await ann.say(type="wrap_up", id=1, disposition="resolved", end=True),
        await ann.say(type="presence", id=2, presence="on_break", reason="lunch"),
    ]

    assert [answer["type"] for answer in answers] == ["ack", "ack"]
    assert node.floor.offers.notes == [("ann", "resolved", "")]
    assert node.floor.queueing.posted[-1] == (SetPresence("ann", Presence.ON_BREAK, "lunch"), "ann")


@pytest.mark.parametrize(
    ("message", "status", "said"),
    [
        ({"type": "dance"}, 422, "dance"),
        ({}, 422, "type"),
        ({"type": "accept"}, 409, "nothing is offered to ann now"),
        ({"type": "hold"}, 409, "you are in no call"),
        ({"type": "hold", "call": "call-9"}, 403, "isn't in call call-9"),
        ({"type": "hold", "call": 9}, 422, "`call` is the id of a call"),
        ({"type": "hold", "loudly": True}, 422, "loudly"),
        ({"type": "transfer"}, 422, "to"),
        ({"type": "presence", "presence": "asleep"}, 422, "presence"),
        ({"type": "supervise", "mode": "listen"}, 422, "supervise"),
    ],
    ids=str,
)
async def test_what_cannot_be_done_is_said_and_the_desktop_goes_on(
    node: Node, ann: Talk, message: dict[str, Any], status: int, said: str
) -> None:
    node.floor.conversations.add(call_view("call-9", agents=("bob",)))
    await ann.socket.send(json.dumps({"id": "x", **message}))

    error = await ann.next("error")
    pong = await ann.say(type="ping", id="y")

    assert (error["id"], error["status"]) == ("x", status)
    assert said in error["detail"]
    assert pong == {"type": "pong", "id": "y"}
    assert node.floor.conversations.asked == []


async def test_with_several_calls_one_says_which(node: Node, ann: Talk) -> None:
    for name in ("call-1", "call-2"):
        node.floor.conversations.add(call_view(name, agents=("ann",)))

    unclear = await ann.say(type="hold", id=1)
    clear = await ann.say(type="hold", id=2, call="call-2")

    assert (unclear["status"], clear["type"]) == (422, "ack")
    assert node.floor.conversations.asked == [("hold", "call-2", "ann")]


async def test_a_refusal_and_a_fault_of_ours_are_errors_with_the_same_id(node: Node, ann: Talk) -> None:
    node.floor.conversations.add(call_view("call-1", agents=("ann",)))
    node.floor.conversations.refusal = WrongState("hold", "HELD")
    refused = await ann.say(type="hold", id=1)
    node.floor.conversations.refusal = RuntimeError("the password is hunter2")
    faulty = await ann.say(type="hold", id=2)

    assert (refused["status"], refused["detail"]) == (409, "cannot hold in state HELD")
    assert (faulty["status"], faulty["detail"]) == (500, "Internal Server Error")


@pytest.mark.parametrize("said", ["hello", "[1]", '"x"', b"\x00\x01"], ids=repr)
async def test_what_is_not_a_json_object_closes_the_socket(ann: Talk, said: str | bytes) -> None:
    await ann.socket.send(said)

    with pytest.raises(ConnectionClosed) as closed:
        await ann.next("nothing")

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


async def test_a_message_that_is_too_large_closes_the_socket(ann: Talk) -> None:
    await ann.socket.send("x" * 100_000)

    with pytest.raises(ConnectionClosed) as closed:
        await ann.next("nothing")

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_the_node_knows_which_agents_have_a_desktop(node: Node) -> None:
    async with node.desktop() as first:
        await first.recv()
        async with node.desktop() as second:
            await second.recv()
            both = list(node.floor.offers.desktops)
        await until(lambda: node.floor.offers.desktops == ["ann"], "one desktop")
    await until(lambda: node.floor.offers.desktops == [], "no desktop")

    assert both == ["ann", "ann"]
    assert len(node.floor.queueing.handlers) == 1  # one for all desktops, there or not


async def test_a_slow_reader_is_dropped_and_delays_nobody(node: Node) -> None:
    context = {"note": "x" * 60_000}
    node.floor.queueing.add(entry_view("e1"), Caller("1", "Carl", "call-1", context))
    async with node.desktop(key="sue") as good:
        talk = Talk(good, "desktop")
        await talk.next("hello")
        _, writer = await asyncio.open_connection("127.0.0.1", node.port, limit=1024)
        writer.write(
            f"GET {PATH} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {KEYS['ann']}\r\n\r\n".encode()
        )
        await until(lambda: len(node.floor.offers.desktops) == 2, "two desktops")
        shown, offered = 0, dict[str, Any]()
        while len(node.floor.offers.desktops) == 2:  # nothing is read at the other end of the second one
            shown += 1
            node.floor.offers.make("ann", "e1", f"offer-{shown}")
            offered = await talk.next("offer")
        writer.transport.abort()

    assert offered["offer"]["id"] == f"offer-{shown}"
    await until(lambda: node.floor.offers.desktops == [], "the other one closed too")


@pytest.mark.parametrize(
    ("agent", "key", "status"), [("ann", "bob", 403), ("ann", "app", 403), ("nobody", "sue", 404)]
)
async def test_programs_that_may_not_get_a_problem(node: Node, agent: str, key: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with node.desktop(agent, key):
            pass

    response = refused.value.response
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert json.loads(response.body)["status"] == status


async def test_a_supervisor_may_stand_in(node: Node) -> None:
    async with node.desktop("ann", "sue") as socket:
        assert (await Talk(socket, "desktop").next())["agent"]["id"] == "ann"


async def test_a_command_outlives_the_page_that_gave_it(node: Node) -> None:
    node.floor.conversations.add(call_view("call-1", agents=("ann",)))
    node.floor.conversations.pause = asyncio.Event()
    async with node.desktop() as socket:
        talk = Talk(socket, "desktop")
        await talk.next("hello")
        await socket.send('{"type": "hold", "id": 1}')
        assert (await talk.say(type="ping", id=2))["type"] == "pong"  # answers don't wait for one another
    await until(lambda: node.floor.offers.desktops == [], "the desktop is closed")
    node.floor.conversations.pause.set()

    await until(lambda: node.floor.conversations.asked, "the call is held")


async def test_too_many_commands_at_a_time_are_refused(node: Node, ann: Talk) -> None:
    node.floor.conversations.add(call_view("call-1", agents=("ann",)))
    node.floor.conversations.pause = asyncio.Event()
    for number in range(AT_A_TIME + 1):
        await ann.socket.send(json.dumps({"type": "hold", "id": number}))

    refused = await ann.next("error")
    node.floor.conversations.pause.set()
    done = [(await ann.next("ack"))["id"] for _ in range(AT_A_TIME)]

    assert (refused["id"], refused["status"]) == (AT_A_TIME, 429)
    assert sorted(done) == list(range(AT_A_TIME))


async def test_a_browser_shows_its_key_among_the_subprotocols(node: Node) -> None:
    async with node.browser(PATH, PROTOCOL, "ann") as socket:
        hello = await Talk(socket, "desktop").next()

        assert socket.subprotocol == PROTOCOL
    assert hello["agent"]["id"] == "ann"


@pytest.mark.parametrize(
    ("path", "key", "origin", "code"),
    [
        (PATH, "rbk_wrong", None, 4401),
        (PATH, "bob", None, 4403),
        (PATH, "ann", "https://evil.example.org", 4403),
        ("/v1/agents/nobody/desktop", "sue", None, 4404),
    ],
)
async def test_a_browser_that_may_not_is_told_by_the_close_code(
    node: Node, path: str, key: str, origin: str | None, code: int
) -> None:
    async with node.browser(path, PROTOCOL, key, origin) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, bool(closed.value.rcvd.reason)) == (code, True)
    assert node.floor.offers.desktops == []


async def test_a_page_of_a_configured_origin_may(node: Node) -> None:
    async with node.browser(PATH, PROTOCOL, "ann", ELSEWHERE) as socket:
        assert (await Talk(socket, "desktop").next())["type"] == "hello"


async def test_a_starting_node_says_try_again(node: Node) -> None:
    node.desk.floor = None

    async with node.browser(PATH, PROTOCOL, "ann") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    with pytest.raises(InvalidStatus) as refused:
        async with node.desktop():
            pass

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    assert refused.value.response.status_code == 503


async def test_a_node_that_stops_closes_desktops_at_once(node: Node, ann: Talk) -> None:
    node.http.stop()

    with pytest.raises(ConnectionClosed) as closed:
        await ann.next("nothing")

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
