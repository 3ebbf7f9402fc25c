"""An app at the other end of the signalling: messages as a test says them, media by `RtcPeer`."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

from tests.integration.peers.rtc import RtcPeer
from tests.integration.peers.rtp import PCMU
from tests.integration.peers.wait import until

Message = dict[str, Any]


class AppCall:
    """One call of an app. `send`: takes a message for the gateway, which it numbers."""

    def __init__(self, send: Callable[[Message], None], key: str | None = None) -> None:
        self.key = key or secrets.token_hex(8)
        self.messages: list[Message] = []
        self.peer: RtcPeer | None = None
        self.acknowledges = True
        self._send = send
        self._negotiation = 0
        self._connecting: asyncio.Task[None] | None = None
        self._peers: list[RtcPeer] = []

    # ---- what the app does

    async def start(self, to: str = "100", **fields: Any) -> None:
        """Calls the gateway."""
        peer = await self._fresh_peer(fields.pop("payload_type", PCMU), keys=fields.pop("keys", True))
        self.say("call", to=to, sdp=peer.offer(), **fields)

    async def offer(self, payload_type: int = PCMU) -> None:
        """Offers media, the first or anew."""
        peer = await self._fresh_peer(payload_type)
        self.say("offer", sdp=peer.offer(), negotiation=self._negotiation)

    def say(self, kind: str, **fields: Any) -> None:
        self._send({"type": kind, "call": self.key, **fields})

    def acknowledge(self) -> None:
        self.say("ack")

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        for peer in self._peers:
            await peer.close()
        self._peers.clear()

    # ---- what the gateway says

    def take(self, message: Message) -> None:
        self.messages.append(message)
        if message["type"] == "answer" and self.peer is not None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect(message["sdp"]))
        elif message["type"] == "candidate" and self.peer is not None:
            peer, text = self.peer, message["candidate"]
            asyncio.get_running_loop().create_task(peer.take_candidate(text))
        elif message["type"] == "answered" and self.acknowledges:
            self.acknowledge()

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == kind]

    async def wait(self, kind: str, *, count: int = 1, deadline_s: float = 5.0) -> Message:
        """The latest message of a kind, when there are `count`."""
        await until(lambda: len(self.of(kind)) >= count, f"{count} {kind}", deadline_s=deadline_s)
        return self.of(kind)[-1]

    async def connected(self, deadline_s: float = 5.0) -> RtcPeer:
        """The peer, when its media is up."""
        peer = self.peer
        assert peer is not None
        await until(lambda: peer.dtls.state == "connected", "the media", deadline_s=deadline_s)
        return peer

    # ---- inside

    async def _fresh_peer(self, payload_type: int, *, keys: bool = True) -> RtcPeer:
        self.peer = await RtcPeer.open(payload_type, keys=keys)
        self._peers.append(self.peer)
        self._negotiation += 1
        return self.peer

    async def _connect(self, answer: str) -> None:
        assert self.peer is not None
        try:
            await self.peer.connect(answer)
        except ConnectionError:
            return  # a test that cares waits for the media


class App:
    """An app whose messages go straight to a session: no WebSocket in between. It is the session's Socket."""

    def __init__(self) -> None:
        self.calls: dict[str, AppCall] = {}
        self.closed: tuple[int, str] | None = None
        self.welcome: Message | None = None
        self.others: list[Message] = []
        self.received = 0
        self._sent = 0
        self._waiting: asyncio.Queue[str] = asyncio.Queue()

    def call(self, key: str | None = None) -> AppCall:
        call = AppCall(self._say, key)
        self.calls[call.key] = call
        return call

    async def pump(self, receive: Callable[[str], Any]) -> None:
        """Carries the app's messages to the gateway, in order, until cancelled."""
        while True:
            await receive(await self._waiting.get())

    async def leave(self) -> None:
        """Ends the media of every call."""
        for call in self.calls.values():
            await call.close()

    def _say(self, message: Message) -> None:
        self._sent += 1
        self._waiting.put_nowait(json.dumps({"seq": self._sent, "ack": self.received, **message}))

    # ---- gateway.webrtc.sessions.Socket

    def send(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "welcome":
            self.welcome = message
            self._sent = message["received"]
        elif message["type"] == "ring":
            self.calls.setdefault(message["call"], AppCall(self._say, message["call"])).take(message)
        elif message.get("call") in self.calls:
            self.calls[message["call"]].take(message)
        elif message["type"] != "received":
            self.others.append(message)
        self.received = max(self.received, message.get("seq", 0))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
