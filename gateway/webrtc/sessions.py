"""Sessions: an app or a desktop that is connected, or was a moment ago, and its calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import structlog

from gateway.call.leg import Party
from gateway.webrtc import messages
from gateway.webrtc.channel import Channel, ChannelFull, Gap
from gateway.webrtc.leg import WebRtcLeg
from gateway.webrtc.messages import BadMessage, Hello, Message

log = structlog.get_logger(__name__)

MAX_CALLS: Final = 4  # of one session at a time
RATE: Final = 50.0  # messages a second that a session may send for long, and
BURST: Final = 200.0  # at once: an ICE negotiation with all its candidates
MAX_FAULTS: Final = 20  # bad messages before the socket is closed

CLOSE_BAD: Final = 4400
CLOSE_GONE: Final = 4404  # the session to resume isn't there any more
CLOSE_REPLACED: Final = 4409
CLOSE_GAP: Final = 4410
CLOSE_STALLED: Final = 4408
CLOSE_FLOOD: Final = 4429


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is connected. `id` identifies them among all; `to`: what they may call, None for everything."""

    id: str
    kind: Literal["app", "agent"]
    party: Party
    to: frozenset[str] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


class Socket(Protocol):
    """A connected WebSocket. Neither method waits."""

    def send(self, text: str) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


class Owner(Protocol):
    """The endpoint, as a session sees it."""

    def start_call(self, session: VoiceSession, message: messages.StartCall) -> WebRtcLeg | None:
        """A new leg, whose offer is still to be answered; None when the call was there already."""
        ...

    def session_expired(self, session: VoiceSession) -> None: ...
    def count_fault(self, code: str) -> None: ...
    def ice_servers(self, subject: Subject) -> list[Message]: ...

    @property
    def resume_s(self) -> float: ...


class VoiceSession:
    """What one connected app says and hears. Survives the loss of its socket for `Owner.resume_s`."""

    def __init__(self, session_id: str, subject: Subject, owner: Owner) -> None:
        self.id = session_id
        self.subject = subject
        self.calls: dict[str, WebRtcLeg] = {}
        self._owner = owner
        self._channel = Channel()
        self._socket: Socket | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._allowance = BURST
        self._allowed_at = 0.0
        self._faults = 0
        self._over = False

    @property
    def connected(self) -> bool:
        return self._socket is not None

    # ---- the socket

    def attach(self, socket: Socket, hello: Hello) -> None:
        """A socket for this session; a former one is closed."""
        former, self._socket = self._socket, socket
        if former is not None:
            former.close(CLOSE_REPLACED, "another connection goes on with this session")
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        remembered = hello.received is not None
        if remembered:
            self._channel.acknowledge(hello.received)
        else:
            self._channel.forget()
        servers = self._owner.ice_servers(self.subject)
        self._write(
            messages.welcome(
                self.id,
                self._channel.received,
                self._owner.resume_s,
                servers,
                list(self.calls),
                resumed=hello.resume is not None,
            )
        )
        if remembered:
            for message in self._channel.again():
                self._write(message)
            return
        for key, leg in list(self.calls.items()):
            for message in leg.snapshot():
                self.send(key, message)

    def detach(self, socket: Socket) -> None:
        """That socket is gone. Calls go on for a while; those that are only being offered don't."""
        if self._socket is not socket:
            return
        self._socket = None
        for leg in list(self.calls.values()):
            if leg.being_offered:
                leg.far_end_vanished()
        if not self._over:
            self._expiry = asyncio.get_running_loop().call_later(self._owner.resume_s, self._expire)

    async def receive(self, text: str) -> None:
        """One message of the app's. Never raises for what it says."""
        socket = self._socket
        if not self._allow():
            self._drop(CLOSE_FLOOD, "too_many_messages", "too many messages")
            return
        try:
            request = messages.parse_request(text)
            if isinstance(request, messages.Received):
                self._channel.acknowledge(request.ack)
                return
            self._channel.acknowledge(request.ack)
            if self._channel.take(request.seq):
                await self._handle(request)
        except BadMessage as bad:
            self._fault(bad.code, str(bad))
        except Gap:
            self._drop(CLOSE_GAP, "gap", "messages are missing: connect again")
        if self._socket is socket and socket is not None:
            self._write({"type": "received", "ack": self._channel.received})

    # ---- legs

    def send(self, call: str, message: Message) -> None:
        """To the app, about a call."""
        if self._over:
            return
        try:
            numbered = self._channel.say({"call": call, **message})
        except ChannelFull:
            self._drop(CLOSE_STALLED, "stalled", "nothing is acknowledged")
            self._expire()
            return
        self._write(numbered)

    def close(self, reason: str) -> None:
        """For good: the node stops."""
        self._over = True
        if self._expiry is not None:
            self._expiry.cancel()
        if self._socket is not None:
            self._socket.close(1001, reason)
            self._socket = None

    # ---- inside

    async def _handle(self, request: messages.CallMessage) -> None:
        if isinstance(request, messages.StartCall):
            if (begun := self._owner.start_call(self, request)) is not None:
                await begun.on_offer(request.sdp, 1)
            return
        leg = self.calls.get(request.call)
        if leg is None:
            self._fault("unknown_call", "there is no such call (any more)", request.call)
        elif isinstance(request, messages.OfferMedia):
            await leg.on_offer(request.sdp, request.negotiation)
        elif isinstance(request, messages.AddCandidate):
            await leg.on_candidate(request.candidate, request.negotiation)
        else:
            leg.on_message(request)

    def _write(self, message: Message) -> None:
        if self._socket is not None:
            text = json.dumps({**message, "ack": self._channel.received}, separators=(",", ":"))
            self._socket.send(text)

    def _allow(self) -> bool:
        """A bucket of messages that fills up again."""
        now = asyncio.get_running_loop().time()
        self._allowance = min(BURST, self._allowance + (now - self._allowed_at) * RATE)
        self._allowed_at = now
        self._allowance -= 1.0
        return self._allowance >= 0.0

    def _fault(self, code: str, text: str, call: str | None = None) -> None:
        self._owner.count_fault(code)
        self._faults += 1
        self._write(messages.error(code, text, call))
        if self._faults >= MAX_FAULTS and code != "unknown_call":
            self._drop(CLOSE_BAD, "too_many_faults", "too many bad messages")

    def _drop(self, close: int, code: str, reason: str) -> None:
        self._owner.count_fault(code)
        socket = self._socket
        if socket is not None:
            socket.close(close, reason)
            self.detach(socket)

    def _expire(self) -> None:
        if self._over:
            return
        self._over = True
        if self._expiry is not None:
            self._expiry.cancel()
        for leg in list(self.calls.values()):
            leg.far_end_vanished()
        self._owner.session_expired(self)
