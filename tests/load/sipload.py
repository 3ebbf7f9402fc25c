"""A light SIP caller: many calls from one UDP socket, their media ports given to rtpblast.

Only what a benchmark needs: INVITE with a G.711 offer, ACK, BYE both ways, retransmission (RFC 3261 §17.1.1).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, cast

from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.sip import SipMessage, address_uri, audio_sdp, new_branch, parse_audio
from tests.load.blaster import Blaster

T1_S: Final = 0.5
GIVE_UP_S: Final = 32.0
CODECS: Final = ((0, "PCMU/8000"), (101, "telephone-event/8000"))


class CallFailed(Exception):
    """A call that wasn't answered with 200; `status` 0 means that nothing came."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass(slots=True)
class LoadCall:
    """One call. `setup_s`: from the INVITE to the 200."""

    call_id: str
    number: str
    from_: str
    to: str
    target: str = ""
    media: tuple[str, int] = ("", 0)
    sent_at: float = 0.0
    setup_s: float = 0.0
    ended: bool = False


class LoadCaller(asyncio.DatagramProtocol):
    """One socket to one gateway. Make it with `LoadCaller.open`."""

    def __init__(self, gateway: tuple[str, int]) -> None:
        self._gateway = gateway
        self._transport: asyncio.DatagramTransport | None = None
        self._calls: dict[str, LoadCall] = {}
        self._waiting: dict[tuple[str, str], asyncio.Future[SipMessage]] = {}
        self._port = 0

    @classmethod
    async def open(cls, gateway: tuple[str, int]) -> LoadCaller:
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_datagram_endpoint(lambda: cls(gateway), local_addr=(LOOPBACK, 0))
        return caller

    async def place(self, number: str, rtp_port: int) -> LoadCall:
        """Call, wait for the answer, acknowledge it. Raises CallFailed."""
        host, port = self._gateway
        call = LoadCall(
            f"{secrets.token_hex(8)}@{LOOPBACK}",
            number,
            f"<sip:load@{LOOPBACK}:{self._port}>;tag={secrets.token_hex(4)}",
            f"<sip:{number}@{host}:{port}>",
        )
        self._calls[call.call_id] = call
        request = self._request(call, "INVITE", 1, audio_sdp(LOOPBACK, rtp_port, codecs=CODECS))
        call.sent_at = time.monotonic()
        answer = await self._transact(call, request)
        if answer.status != 200:
            self._acknowledge_failure(call, request, answer)
            self._calls.pop(call.call_id, None)
            raise CallFailed(answer.status or 0)
        return call

    async def hang_up(self, call: LoadCall) -> None:
        """BYE, and wait for its 200; nothing when the gateway has hung up already."""
        if not call.ended:
            call.ended = True
            await self._transact(call, self._request(call, "BYE", 2))
        self._calls.pop(call.call_id, None)

    async def close(self) -> None:
        assert self._transport is not None
        self._transport.close()
        await asyncio.sleep(0)  # the loop closes the socket in its next turn

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an assertion: Python 3.11's datagram transport isn't a DatagramTransport by type.
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        arrived = time.monotonic()
        if len(data) < 12:  # RFC 5626 §3.5.1: keep-alives
            return
        message = SipMessage.parse(data)
        call = self._calls.get(message["call-id"])
        if message.status is None:
            self._serve(message, call)
            return
        if message.status < 200 or call is None:
            return
        if message.method == "INVITE" and message.status == 200:
            self._answered(call, message, arrived)
        waiting = self._waiting.get((message["call-id"], message.method))
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def _answered(self, call: LoadCall, answer: SipMessage, arrived: float) -> None:
        """The first 200, and each retransmission of it, is acknowledged at once."""
        if not call.target:
            call.setup_s = arrived - call.sent_at
            call.to, call.target = answer["to"], address_uri(answer["contact"])
            media = parse_audio(answer.body)
            call.media = (media.host, media.port) if media else ("", 0)
        self._send(self._request(call, "ACK", 1))

    def _serve(self, request: SipMessage, call: LoadCall | None) -> None:
        if request.method == "ACK":
            return
        if request.method == "BYE" and call is not None:
            call.ended = True
        echoed = [("Via", via) for via in request.all("via")]
        echoed += [(name, request[name]) for name in ("From", "To", "Call-ID", "CSeq")]
        self._send(SipMessage("SIP/2.0 200 OK", echoed))

    async def _transact(self, call: LoadCall, request: SipMessage) -> SipMessage:
        """Send until a final response comes. Raises CallFailed when none does."""
        key = (call.call_id, request.method)
        answer: asyncio.Future[SipMessage] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        interval, give_up_at = T1_S, time.monotonic() + GIVE_UP_S
        try:
            while time.monotonic() < give_up_at:
                self._send(request)
                done, _ = await asyncio.wait((answer,), timeout=interval)
                if done:
                    return answer.result()
                interval = min(2 * interval, 4.0)
            raise CallFailed(0)
        finally:
            del self._waiting[key]

    def _acknowledge_failure(self, call: LoadCall, invite: SipMessage, answer: SipMessage) -> None:
        """RFC 3261 §17.1.1.3: within the INVITE's own transaction."""
        headers = [
            (name, value) for name, value in invite.headers if name not in {"To", "CSeq", "Content-Type"}
        ]
        headers += [("To", answer["to"]), ("CSeq", "1 ACK")]
        self._send(SipMessage(invite.start.replace("INVITE", "ACK", 1), headers))

    def _request(self, call: LoadCall, method: str, cseq: int, sdp: str = "") -> SipMessage:
        host, port = self._gateway
        headers = [
            ("Via", f"SIP/2.0/UDP {LOOPBACK}:{self._port};branch={new_branch()};rport"),
            ("Max-Forwards", "70"),
            ("From", call.from_),
            ("To", call.to),
            ("Call-ID", call.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", f"<sip:load@{LOOPBACK}:{self._port}>"),
        ]
        if sdp:
            headers.append(("Content-Type", "application/sdp"))
        target = call.target or f"sip:{call.number}@{host}:{port}"
        return SipMessage(f"{method} {target} SIP/2.0", headers, sdp)

    def _send(self, message: SipMessage) -> None:
        assert self._transport is not None
        self._transport.sendto(message.to_bytes(), self._gateway)


async def place_many(
    caller: LoadCaller, blaster: Blaster, number: str, count: int, *, first: int = 0, rate: float = 40.0
) -> list[LoadCall]:
    """`count` calls, `rate` a second, each with RTP both ways from the moment it is answered."""
    calls: list[LoadCall] = []
    started = time.monotonic()
    for index in range(first, first + count):
        await asyncio.sleep(max(0.0, started + (index - first) / rate - time.monotonic()))
        call = await caller.place(number, blaster.port(index))
        await blaster.send(index, call.media)
        calls.append(call)
    return calls


async def hang_up_all(
    caller: LoadCaller, blaster: Blaster, calls: Sequence[LoadCall], *, first: int = 0
) -> None:
    for index, call in enumerate(calls, start=first):
        await blaster.stop_sending(index)
        await caller.hang_up(call)
