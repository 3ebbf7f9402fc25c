"""The signalling over a real WebSocket: who gets in, what is refused, and how little it costs the others."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.api.app import create_app
from gateway.api.auth import HashedKey, Holder, Keyring, Role, hash_of
from gateway.api.server import HttpServer
from gateway.api.voice import VoiceDesk
from gateway.handoff.tokens import TokenKey, TokenVerifier, sign
from monitoring.health import Health
from monitoring.metrics import Metrics
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.rtc import RtcPeer
from tests.integration.peers.wait import until
from tests.integration.webrtc.conftest import DEADLINE_S, VoiceNode

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "a secret of an app, long enough to be one"
AGENT_KEY = "rbk_an-agents-key"
Message = dict[str, Any]


class Line:
    """A WebSocket to /v1/voice."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.sent = 0

    async def hello(self, **fields: Any) -> Message:
        await self.socket.send(json.dumps({"type": "hello", **fields}))
        return await self.next()

    async def say(self, kind: str, **fields: Any) -> None:
        self.sent += 1
        await self.socket.send(json.dumps({"type": kind, "seq": self.sent, **fields}))

    async def next(self, kind: str | None = None) -> Message:
        """The next message, of a kind if one is given; acknowledgements are passed over."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                message: Message = json.loads(await self.socket.recv())
                if message["type"] == kind or (kind is None and message["type"] != "received"):
                    return message

    async def closed(self) -> int:
        """The code with which the gateway closes."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else 1006


@pytest_asyncio.fixture(loop_scope="module")
async def url(node: VoiceNode) -> AsyncIterator[str]:
    """The node's signalling, on a port of its own."""
    keyring = Keyring([HashedKey(Holder("agent-7", Role.AGENT), hash_of(AGENT_KEY))])
    verifier = TokenVerifier([TokenKey("", "HS256", SECRET)], time.time)
    desk = VoiceDesk(node.endpoint, verifier)
    origins = ("https://app.example.com",)
    app = create_app(health=Health(), metrics=Metrics(), keyring=keyring, voice=desk, origins=origins)
    server = HttpServer(app, LOOPBACK, 0)
    port = server.bind()
    running = asyncio.get_running_loop().create_task(server.run())
    yield f"ws://{LOOPBACK}:{port}/v1/voice"
    server.stop()
    await running


@asynccontextmanager
async def line(url: str, **options: Any) -> AsyncIterator[Line]:
    async with connect(url, open_timeout=DEADLINE_S, **options) as socket:
        yield Line(socket)


def token(**claims: Any) -> str:
    given = {"sub": "ada", **claims}
    return sign(SECRET, given, epoch_s=time.time(), jti=secrets.token_hex(8))


async def begin(here: Line, **claims: Any) -> Message:
    welcome = await here.hello(token=token(**claims))
    assert welcome["type"] == "welcome"
    return welcome


# -- Getting in ---------------------------------------------------------------------------------------------


async def test_a_signed_token_opens_a_session(url: str) -> None:
    async with line(url) as here:
        welcome = await begin(here)

    assert welcome["session"]
    assert (welcome["resumed"], welcome["received"], welcome["ice_servers"]) == (False, 0, [])


async def test_an_agents_key_opens_a_session_that_can_be_rung(url: str, node: VoiceNode) -> None:
    async with line(url) as here:
        assert (await here.hello(token=AGENT_KEY))["type"] == "welcome"

        assert node.endpoint.connected("agent-7")


@pytest.mark.parametrize(
    ("first", "code", "close"),
    [
        ({"type": "hello"}, "no_token", 4401),
        ({"type": "hello", "token": "nonsense"}, "token_malformed", 4401),
        ({"type": "hello", "token": "rbk_nobodys"}, "token_malformed", 4401),
        ({"type": "hello", "resume": "gone"}, "session_gone", 4404),
        ({"type": "hello", "version": 9}, "bad_message", 4400),
        ({"type": "call", "seq": 1}, "bad_message", 4400),
    ],
)
async def test_who_does_not_begin_right_is_told_why(
    url: str, node: VoiceNode, first: Message, code: str, close: int
) -> None:
    async with line(url) as here:
        await here.socket.send(json.dumps(first))
        told = await here.next("error")

        assert told["code"] == code
        assert await here.closed() == close
    assert node.observer.faults == [code]


async def test_a_token_opens_one_session(url: str) -> None:
    presented = token()
    async with line(url) as first, line(url) as second:
        await first.hello(token=presented)

        assert (await second.hello(token=presented))["code"] == "token_replayed"


async def test_a_page_of_another_origin_is_not_let_in(url: str) -> None:
    with pytest.raises(InvalidStatus):
        async with line(url, origin="https://evil.example"):
            pass

    async with line(url, origin="https://app.example.com") as here:
        await begin(here)


# -- Calls --------------------------------------------------------------------------------------------------


async def test_a_call_names_its_caller_and_what_it_calls(url: str, node: VoiceNode) -> None:
    async with line(url) as here, await RtcPeer.open() as peer:
        await begin(here, name="Ada", number="+15551234", context={"plan": "gold"})
        await here.say(
            "call", call="call-0001", to="100", sdp=peer.offer(), context={"plan": "free", "page": "help"}
        )
        leg = await node.leg()

        assert (leg.remote.number, leg.remote.display_name) == ("+15551234", "Ada")
        assert leg.local.number == "100"
        assert leg.context == {"plan": "gold", "page": "help"}
        assert (await here.next("answer"))["negotiation"] == 1
        await leg.hang_up()


async def test_starting_a_call_again_starts_no_other(url: str, node: VoiceNode) -> None:
    async with line(url) as here, await RtcPeer.open() as peer:
        await begin(here)
        for _ in range(3):
            await here.say("call", call="call-0002", to="100", sdp=peer.offer())
        leg = await node.leg()
        await here.next("answer")

        assert (await here.next("state"))["state"] == "trying"
        assert node.legs.empty()
        await leg.hang_up()
        await here.next("ended")
        await here.say("call", call="call-0002", to="100", sdp=peer.offer())
        assert (await here.next("ended"))["reason"] == "normal_clearing"
        assert node.legs.empty()


async def test_a_token_limits_what_may_be_called(url: str, node: VoiceNode) -> None:
    async with line(url) as here, await RtcPeer.open() as peer:
        await begin(here, to=["100"])
        await here.say("call", call="call-0003", to="900123", sdp=peer.offer())

        assert (await here.next("error"))["code"] == "forbidden"
        assert (await here.next("ended"))["status"] == 403
        assert node.legs.empty()


@pytest.mark.parametrize(("sdp", "code"), [("this is not SDP", "not_sdp"), ("", "not_sdp")])
async def test_a_call_without_a_real_offer_ends(url: str, node: VoiceNode, sdp: str, code: str) -> None:
    async with line(url) as here:
        await begin(here)
        await here.say("call", call="call-0004", to="100", sdp=sdp)
        await node.leg()

        assert (await here.next("error"))["code"] == code
        assert (await here.next("ended"))["status"] == 488


# -- Bad input ----------------------------------------------------------------------------------------------


async def test_a_bad_message_is_answered_and_changes_nothing(url: str, node: VoiceNode) -> None:
    async with line(url) as here:
        await begin(here)

        await here.say("nonsense")
        await here.say("digits", call="no-such-call", digits="1")

        assert (await here.next("error"))["code"] == "bad_message"
    assert node.observer.faults[0] == "bad_message"


async def test_who_sends_only_nonsense_is_cut_off(url: str) -> None:
    async with line(url) as here:
        await begin(here)
        for _ in range(30):
            await here.socket.send("[]")

        assert await here.closed() == 4400


async def test_a_flood_of_messages_is_cut_off(url: str, node: VoiceNode) -> None:
    async with line(url) as here:
        await begin(here)
        for _ in range(600):
            await here.socket.send('{"type":"received","ack":0}')

        assert await here.closed() == 4429
    assert "too_many_messages" in node.observer.faults


async def test_a_megabyte_is_not_read(url: str) -> None:
    async with line(url) as here:
        await begin(here)
        await here.socket.send("x" * 1_000_000)

        assert await here.closed() == 1009


async def test_thousands_of_candidates_cost_nothing_and_harm_nobody(url: str, node: VoiceNode) -> None:
    async with line(url) as here, await RtcPeer.open() as peer:
        await begin(here)
        await here.say("call", call="call-0005", to="100", sdp=peer.offer(candidates=False))
        leg = await node.leg()
        for port in range(120):
            text = f"candidate:1 1 udp 2113937151 192.0.2.9 {10_000 + port} typ host"
            await here.say("candidate", call="call-0005", candidate=text, negotiation=1)
        await here.say("candidate", call="call-0005", candidate="nonsense", negotiation=1)
        await here.say(
            "candidate", call="call-0005", candidate="a.local 1 udp 1 a.local 9 typ host", negotiation=1
        )
        await here.say("hangup", call="call-0005")

        await here.next("ended")
        assert len(leg._media._pending._connection.remote_candidates if leg._media._pending else []) <= 40


async def test_bytes_are_not_read(url: str) -> None:
    async with line(url) as here:
        await begin(here)
        await here.socket.send(b"\x00\x01")

        assert await here.closed() == 1003


# -- Lost sockets -------------------------------------------------------------------------------------------


async def test_a_lost_socket_ends_no_call_and_loses_no_message(url: str, node: VoiceNode) -> None:
    async with await RtcPeer.open() as peer:
        async with line(url) as here:
            welcome = await begin(here)
            await here.say("call", call="call-0006", to="100", sdp=peer.offer())
            leg = await node.leg()
            seen = (await here.next("answer"))["seq"]
        await leg.ring()  # nobody is connected
        async with line(url) as again:
            resumed = await again.hello(resume=welcome["session"], received=seen)

            assert (resumed["resumed"], resumed["received"]) == (True, 1)
            assert await again.next("ringing")
            again.sent = 1
            await again.say("hangup", call="call-0006")
            assert (await again.next("ended"))["by"] == "app"


async def test_a_page_that_has_forgotten_everything_is_told_where_its_call_is(
    url: str, node: VoiceNode
) -> None:
    async with await RtcPeer.open() as peer:
        async with line(url) as here:
            welcome = await begin(here)
            await here.say("call", call="call-0007", to="100", sdp=peer.offer())
            leg = await node.leg()
            await here.next("answer")
        await leg.ring()
        async with line(url) as again:
            await again.hello(resume=welcome["session"])
            state = await again.next("state")

            assert (state["state"], state["to"], state["negotiation"]) == ("ringing", "100", 1)
            await leg.hang_up()


async def test_a_call_whose_app_does_not_come_back_ends(url: str, node: VoiceNode) -> None:
    async with await RtcPeer.open() as peer:
        async with line(url) as here:
            await begin(here)
            await here.say("call", call="call-0008", to="100", sdp=peer.offer())
            leg = await node.leg()

        await until(lambda: leg.state.value == "terminated", "the end of the call", deadline_s=10.0)
        assert leg.ending is not None
        assert leg.ending["reason"] == "destination_out_of_order"


async def test_another_socket_of_the_same_session_replaces_the_first(url: str) -> None:
    async with line(url) as first, line(url) as second:
        welcome = await begin(first)
        await second.hello(resume=welcome["session"], received=0)

        assert await first.closed() == 4409


async def test_a_missing_message_asks_for_a_new_socket(url: str) -> None:
    async with line(url) as here:
        await begin(here)
        here.sent = 5
        await here.say("ack", call="call-0009")

        assert await here.closed() == 4410
