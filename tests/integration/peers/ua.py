"""A SIP phone that does exactly what a test says, one message at a time, over UDP with real RTP.

baresip and SIPp are what we interwork with; this one is for what they can't be told to do: withhold an
ACK, answer when asked, hold at once with us, and let every header be read afterwards.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Final, Self, cast

from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.rtp import RtpEnd
from tests.integration.peers.sip import (
    PCMU_AND_EVENTS,
    Codecs,
    SipMessage,
    address_uri,
    audio_sdp,
    new_branch,
    new_tag,
    parameter,
    parse_audio,
    pcmu_and_events,
    uri_host_port,
)
from tests.integration.peers.wait import until

Headers = Sequence[tuple[str, str]]
Address = tuple[str, int]


class UserAgent(asyncio.DatagramProtocol):
    """One UDP port: places calls with `call`, gets those that come in from `incoming`."""

    def __init__(self, user: str, host: str = LOOPBACK) -> None:
        self.user = user
        self.host = host
        self.incoming: asyncio.Queue[UaCall] = asyncio.Queue()
        self.strays: list[SipMessage] = []  # requests outside any dialog, such as OPTIONS
        self._calls: dict[str, UaCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, user: str = "phone", host: str = LOOPBACK) -> UserAgent:
        loop = asyncio.get_running_loop()
        _, agent = await loop.create_datagram_endpoint(lambda: cls(user, host), local_addr=(host, 0))
        return agent

    @property
    def port(self) -> int:
        assert self._transport is not None
        port = self._transport.get_extra_info("sockname")[1]
        assert isinstance(port, int)
        return port

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.host}:{self.port}"

    @property
    def closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    async def call(
        self, target: str, *, headers: Headers = (), sdp: str | None = None, codecs: Codecs = PCMU_AND_EVENTS
    ) -> UaCall:
        """Send an INVITE that offers `codecs`. `sdp`: instead of that offer; "" makes none."""
        rtp = await RtpEnd.open()
        call = UaCall(self, uri_host_port(target), f"{secrets.token_hex(8)}@{LOOPBACK}", rtp)
        call.invite(target, headers, audio_sdp(LOOPBACK, rtp.port, codecs=codecs) if sdp is None else sdp)
        self._calls[call.call_id] = call
        return call

    async def next_call(self, deadline_s: float = 5.0) -> UaCall:
        async with asyncio.timeout(deadline_s):
            return await self.incoming.get()

    def send(self, message: SipMessage, to: Address) -> None:
        assert self._transport is not None
        self._transport.sendto(message.to_bytes(), to)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an assertion: Python 3.11's datagram transport isn't a DatagramTransport by type.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        if len(data) < 12:  # RFC 5626 §3.5.1: keep-alives
            return
        try:
            message = SipMessage.parse(data)
        except ValueError:
            return  # somebody's RTCP: the port beside an RTP port is theirs
        host, port = str(addr[0]), addr[1]
        call = self._calls.get(message["call-id"])
        if call is not None:
            call.receive(message)
        elif message.method == "INVITE" and message.status is None:
            task = asyncio.get_running_loop().create_task(self._take(message, (host, port)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif message.status is None:
            self.strays.append(message)

    async def _take(self, invite: SipMessage, source: Address) -> None:
        if invite["call-id"] in self._calls:
            return
        call = UaCall(self, source, invite["call-id"], await RtpEnd.open())
        self._calls[call.call_id] = call
        call.receive(invite)
        self.incoming.put_nowait(call)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self._calls.values():
            call.rtp.close()
        if self._transport is not None:
            self._transport.close()
        await asyncio.sleep(0)  # the loop closes the sockets in its next turn

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class UaCall:
    """One dialog, and everything that was received in it.

    Retransmissions are answered as a phone would; each message stands in `received` once all the same.
    `acknowledges`: whether a 2xx is ACKed as it comes. `agrees`: whether re-INVITEs are accepted.
    """

    def __init__(self, agent: UserAgent, remote: Address, call_id: str, rtp: RtpEnd) -> None:
        self.call_id = call_id
        self.rtp = rtp
        self.received: list[SipMessage] = []
        self.acknowledges = True
        self.agrees = True
        self.wish = "sendrecv"  # what it offers, and answers where the offer allows
        self.direction = "sendrecv"  # what was agreed, seen from it
        self._agent = agent
        self._remote = remote
        self._seen: dict[tuple[str, str, int | None], SipMessage | None] = {}
        self._tag = new_tag()
        self._cseq = 0
        self._sdp_version = 1
        self._invite: SipMessage | None = None  # the first one, whoever sent it
        self._outgoing = False
        self._from = self._to = self._target = ""

    # -- What the test tells it to do ------------------------------------------------------------------------

    def invite(self, target: str, headers: Headers = (), sdp: str = "") -> None:
        self._outgoing = True
        self._from, self._to, self._target = f"<{self._agent.uri}>;tag={self._tag}", f"<{target}>", target
        self._invite = self._request("INVITE", headers, sdp)
        self._send_until_answered(self._invite)

    def respond(self, status: int, phrase: str = "Test", *, headers: Headers = (), sdp: bool = False) -> None:
        """Respond to the INVITE that came in; with SDP, the answer to its offer."""
        assert self._invite is not None
        self._respond(self._invite, status, phrase, headers, self._sdp(self.wish) if sdp else "")

    def acknowledge(self) -> None:
        """ACK the latest 2xx."""
        answers = [m for m in self.received if m.method == "INVITE" and 200 <= (m.status or 0) <= 299]
        self._ack(answers[-1])

    def cancel(self) -> None:
        """RFC 3261 §9.1: the INVITE's own branch and CSeq, no body."""
        assert self._invite is not None
        same = {"via", "from", "to", "call-id", "max-forwards"}
        headers = [(name, value) for name, value in self._invite.headers if name.lower() in same]
        headers.append(("CSeq", f"{self._invite.cseq} CANCEL"))
        self._send(SipMessage(f"CANCEL {self._invite.uri} SIP/2.0", headers))

    def bye(self, headers: Headers = ()) -> None:
        self._send_until_answered(self._request("BYE", headers))

    async def reinvite(self, direction: str) -> None:
        """Offer another direction, and wait until it is agreed."""
        self.wish = direction
        self._sdp_version += 1
        cseq = self._cseq + 1
        self._send(self._request("INVITE", sdp=self._sdp(self.wish)))
        answer = await until(
            lambda: self.response("INVITE", cseq=cseq), f"an answer to the re-INVITE ({direction})"
        )
        if answer is not None and (media := parse_audio(answer.body)):
            self.direction = _MIRRORED[media.direction]

    async def press_info(self, digit: str, duration_ms: int = 160) -> None:
        """RFC 6086 INFO with application/dtmf-relay, waiting for its response."""
        cseq = self._cseq + 1
        request = self._request(
            "INFO",
            [("Content-Type", "application/dtmf-relay")],
            body=f"Signal={digit}\r\nDuration={duration_ms}\r\n",
        )
        self._send(request)
        await until(lambda: self.response("INFO", cseq=cseq), f"a response to INFO {digit}")

    # -- What it saw -----------------------------------------------------------------------------------------

    def requests(self, method: str) -> list[SipMessage]:
        return [message for message in self.received if message.status is None and message.method == method]

    def responses(self, method: str = "INVITE") -> list[int]:
        return [message.status for message in self.received if message.status and message.method == method]

    def response(self, method: str, *, cseq: int) -> SipMessage | None:
        """The final response to one request of ours."""
        return next(
            (m for m in self.received if m.method == method and m.cseq == cseq and (m.status or 0) >= 200),
            None,
        )

    async def status(self, wanted: int, *, deadline_s: float = 5.0) -> SipMessage:
        """Wait for a response to our INVITE."""

        def find() -> SipMessage | None:
            return next((m for m in self.received if m.status == wanted and m.method == "INVITE"), None)

        found = await until(find, f"a {wanted} (so far {self.responses()})", deadline_s=deadline_s)
        assert found is not None
        return found

    async def request(self, method: str, *, deadline_s: float = 5.0) -> SipMessage:
        """Wait for a request in this dialog."""
        return (await until(lambda: self.requests(method), f"a {method}", deadline_s=deadline_s))[0]

    # -- What it does by itself ------------------------------------------------------------------------------

    def receive(self, message: SipMessage) -> None:
        key = (message.branch, message.method, message.status)
        if key in self._seen:
            self._again(message, self._seen[key])
            return
        self._seen[key] = None
        self.received.append(message)
        self._learn_media(message)
        if message.status is None:
            self._serve(message)
        elif message.method == "INVITE" and message.status >= 200:
            self._learn_dialog(message)
            if message.status >= 300:
                self._ack(message, failure=True)
            elif self.acknowledges:
                self._ack(message)

    def _serve(self, request: SipMessage) -> None:
        match request.method:
            case "INVITE" if self._invite is None:
                self._invite = request
                self._from = f"{request['to']};tag={self._tag}"
                self._to = request["from"]
                self._target = address_uri(request["contact"])
                self._respond(request, 100, "Trying", (), "")
            case "INVITE" if self.agrees:
                self.direction = _answer_direction(parse_audio(request.body), self.wish)
                self._sdp_version += 1
                self._respond(request, 200, "OK", (), self._sdp(self.direction))
            case "INVITE":
                self._respond(request, 488, "Not Acceptable Here", (), "")
            case "ACK":
                pass
            case "CANCEL":
                self._respond(request, 200, "OK", (), "")
                self.respond(487, "Request Terminated")
            case _:
                self._respond(request, 200, "OK", (), "")

    def _again(self, message: SipMessage, sent: SipMessage | None) -> None:
        """A retransmission: what we said before, once more."""
        if message.status is None:
            if sent is not None:
                self._send(sent)
        elif message.method == "INVITE" and message.status >= 200 and self.acknowledges:
            self._ack(message, failure=message.status >= 300)

    def _learn_media(self, message: SipMessage) -> None:
        media = parse_audio(message.body)
        if media is not None and media.port:
            self.rtp.remote = (media.host, media.port)
            if media.events is not None:
                self.rtp.event_type = media.events

    def _learn_dialog(self, answer: SipMessage) -> None:
        self._to = answer["to"]
        if answer.get("contact"):
            self._target = address_uri(answer["contact"])

    def _ack(self, answer: SipMessage, *, failure: bool = False) -> None:
        assert self._invite is not None
        # RFC 3261 §17.1.1.3: the ACK of a failure belongs to the INVITE's transaction, that of a 2xx is new.
        request = self._request("ACK", cseq=answer.cseq, branch=answer.branch if failure else None)
        if failure:
            request.start = f"ACK {self._invite.uri if self._outgoing else self._target} SIP/2.0"
        self._send(request)

    def _request(
        self,
        method: str,
        headers: Headers = (),
        sdp: str = "",
        *,
        body: str = "",
        cseq: int | None = None,
        branch: str | None = None,
    ) -> SipMessage:
        if cseq is None:
            self._cseq += 1
            cseq = self._cseq
        via = f"SIP/2.0/UDP {self._agent.host}:{self._agent.port};branch={branch or new_branch()};rport"
        lines = [
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", self._from),
            ("To", self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", f"<{self._agent.uri}>"),
            *headers,
        ]
        if sdp:
            lines.append(("Content-Type", "application/sdp"))
        return SipMessage(f"{method} {self._target} SIP/2.0", lines, sdp or body)

    def _respond(self, request: SipMessage, status: int, phrase: str, headers: Headers, sdp: str) -> None:
        to = request["to"]
        if status > 100 and not parameter(to, "tag"):
            to = f"{to};tag={self._tag}"
        lines = [("Via", via) for via in request.all("via")]
        lines += [("Record-Route", route) for route in request.all("record-route")]
        lines += [("From", request["from"]), ("To", to), ("Call-ID", self.call_id), ("CSeq", request["cseq"])]
        lines += [("Contact", f"<{self._agent.uri}>"), *headers]
        if sdp:
            lines.append(("Content-Type", "application/sdp"))
        response = SipMessage(f"SIP/2.0 {status} {phrase}", lines, sdp)
        self._seen[(request.branch, request.method, None)] = response
        self._send(response)

    def _send_until_answered(self, request: SipMessage, tries: int = 5, wait_s: float = 0.5) -> None:
        """As a phone does over UDP (RFC 3261 §17.1.1.2): a datagram may be lost when the machine is busy."""
        answered = any(
            m.status and m.method == request.method and m.cseq == request.cseq for m in self.received
        )
        if answered or not tries or self._agent.closed:
            return
        self._send(request)
        loop = asyncio.get_running_loop()
        loop.call_later(wait_s, self._send_until_answered, request, tries - 1, 2 * wait_s)

    def _send(self, message: SipMessage) -> None:
        self._agent.send(message, self._remote)

    def _sdp(self, direction: str) -> str:
        codecs = pcmu_and_events(self.rtp.event_type)
        return audio_sdp(
            LOOPBACK, self.rtp.port, codecs=codecs, direction=direction, version=self._sdp_version
        )


_MIRRORED: Final = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}


def _answer_direction(offer: object, wish: str) -> str:
    """RFC 3264 §6.1, for a phone: what it would like, limited by the offer."""
    offered = getattr(offer, "direction", "sendrecv")
    sends = wish in ("sendrecv", "sendonly") and offered in ("sendrecv", "recvonly")
    receives = wish in ("sendrecv", "recvonly") and offered in ("sendrecv", "sendonly")
    names: dict[tuple[bool, bool], str] = {
        (True, True): "sendrecv",
        (True, False): "sendonly",
        (False, True): "recvonly",
        (False, False): "inactive",
    }
    return names[sends, receives]
