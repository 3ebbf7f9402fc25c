"""The contract suite's harness over the SIP leg: real messages and real RTP to a phone on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.call.leg import DigitSource, Headers
from gateway.sip.endpoint import SipEndpoint, SipEndpointSettings
from gateway.sip.leg import SipLeg
from media.bridge import Bridge
from media.engine import Engine
from tests.contract.harness import DEADLINE_S
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.sip import SipMessage
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until

PRESS_S = 0.1
PAUSE_S = 0.06


class SipFarEnd:
    """One call of the phone's."""

    def __init__(self, call: UaCall) -> None:
        self._call = call

    async def ring(self) -> None:
        self._call.respond(180, "Ringing")

    async def send_early_media(self) -> None:
        self._call.respond(183, "Session Progress", sdp=True)

    async def answer(self, headers: Headers = ()) -> None:
        self._call.respond(200, "OK", headers=headers, sdp=True)
        await self._call.request("ACK")

    async def reject(self, status: int, headers: Headers = ()) -> None:
        self._call.respond(status, "Rejected", headers=headers)
        await self._call.request("ACK")

    async def cancel(self) -> None:
        # RFC 3261 §9.1: a CANCEL waits for a provisional response.
        await until(lambda: self._call.responses(), "a provisional response")
        self._call.cancel()

    async def hang_up(self, headers: Headers = ()) -> None:
        self._call.bye(headers)

    async def press(self, digits: str, source: DigitSource) -> None:
        for digit in digits:
            if source is DigitSource.SIP_INFO:
                await self._call.press_info(digit)
            else:
                await self._call.rtp.press(digit, PRESS_S)
                await asyncio.sleep(PAUSE_S)  # a finger between two keys: part of what is sent

    async def hold(self) -> None:
        await self._call.reinvite("sendonly")

    async def resume(self) -> None:
        await self._call.reinvite("sendrecv")

    def withhold_ack(self) -> None:
        self._call.acknowledges = False

    async def acknowledge(self) -> None:
        self._call.acknowledges = True
        await self._call.status(200)
        self._call.acknowledge()

    async def status(self, wanted: int) -> None:
        await self._call.status(wanted, deadline_s=DEADLINE_S)

    async def ending(self) -> str:
        message = await until(self._ending, "how the leg ended", deadline_s=DEADLINE_S)
        assert message is not None
        return str(message.status) if message.status else message.method

    async def digits(self, expected: int) -> str:
        await until(lambda: len(self._call.rtp.digits()) >= expected, f"{expected} keys")
        return self._call.rtp.digits()

    def invite_headers(self) -> dict[str, str]:
        return self._call.requests("INVITE")[0].lower_headers()

    def final_headers(self) -> dict[str, str]:
        message = self._ending() or self._final_response()
        return message.lower_headers() if message else {}

    def _ending(self) -> SipMessage | None:
        """The BYE or CANCEL from us, or our refusal of its INVITE."""
        requests = self._call.requests("BYE") + self._call.requests("CANCEL")
        if requests:
            return requests[-1]
        final = self._final_response()
        return final if final is not None and (final.status or 0) >= 300 else None

    def _final_response(self) -> SipMessage | None:
        finals = [m for m in self._call.received if m.method == "INVITE" and (m.status or 0) >= 200]
        return finals[-1] if finals else None


class SipLegHarness:
    """One endpoint and one phone; legs come in the order of their INVITEs."""

    def __init__(self, endpoint: SipEndpoint, phone: UserAgent, legs: asyncio.Queue[SipLeg]) -> None:
        self._endpoint = endpoint
        self._phone = phone
        self._legs = legs

    async def inbound(
        self, *, caller: str = "+15551234", called: str = "100", headers: Headers = ()
    ) -> tuple[SipLeg, SipFarEnd]:
        self._phone.user = caller
        target = f"sip:{called}@{LOOPBACK}:{self._endpoint.listening.udp_port}"
        call = await self._phone.call(target, headers=headers)
        async with asyncio.timeout(DEADLINE_S):
            return await self._legs.get(), SipFarEnd(call)

    async def outbound(self, *, called: str = "200", headers: Headers = ()) -> tuple[SipLeg, SipFarEnd]:
        leg = await self._endpoint.dial(f"sip:{called}@{LOOPBACK}:{self._phone.port}", headers=headers)
        return leg, SipFarEnd(await self._phone.next_call(DEADLINE_S))


@asynccontextmanager
async def sip_endpoint(
    engine: Engine, bridge: Bridge
) -> AsyncIterator[tuple[SipEndpoint, asyncio.Queue[SipLeg]]]:
    """An endpoint on free loopback ports."""
    legs: asyncio.Queue[SipLeg] = asyncio.Queue()
    settings = SipEndpointSettings(
        bind_address=LOOPBACK, udp_port=0, tcp_port=0, rtp_ports=None, codecs=("PCMU/8000", "PCMA/8000")
    )
    endpoint = SipEndpoint(engine, bridge, settings, legs.put_nowait)
    await endpoint.start()
    yield endpoint, legs
    await endpoint.stop()
