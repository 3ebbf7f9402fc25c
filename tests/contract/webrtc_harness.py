"""The contract suite's harness over the WebRTC leg: real messages, real ICE, DTLS and SRTP on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.call.leg import DigitSource, Headers, Party
from gateway.webrtc.endpoint import WebRtcEndpoint
from gateway.webrtc.leg import WebRtcLeg
from gateway.webrtc.messages import Hello
from gateway.webrtc.sessions import Subject, VoiceSession
from gateway.webrtc.settings import WebRtcSettings
from media.bridge import Bridge
from media.engine import Engine
from tests.contract.harness import DEADLINE_S
from tests.contract.sip_harness import PAUSE_S, PRESS_S
from tests.fakes.voice import RecordingObserver
from tests.integration.peers.app import App, AppCall, Message
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until


class AppFarEnd:
    """One call of the app's."""

    def __init__(self, call: AppCall) -> None:
        self._call = call

    async def ring(self) -> None:
        self._call.say("ringing")

    async def send_early_media(self) -> None:
        self._call.say("progress")

    async def answer(self, headers: Headers = ()) -> None:
        await self._call.offer()
        self._call.say("accept", headers=dict(headers))

    async def reject(self, status: int, headers: Headers = ()) -> None:
        self._call.say("reject", status=status, headers=dict(headers))

    async def cancel(self) -> None:
        self._call.say("hangup")

    async def hang_up(self, headers: Headers = ()) -> None:
        self._call.say("hangup", headers=dict(headers))

    async def press(self, digits: str, source: DigitSource) -> None:
        if source is DigitSource.SIP_INFO:
            for digit in digits:
                self._call.say("digits", digits=digit)
            return
        peer = await self._call.connected()
        for digit in digits:
            await peer.rtp.press(digit, PRESS_S)
            await asyncio.sleep(PAUSE_S)  # a finger between two keys: part of what is sent

    async def hold(self) -> None:
        self._call.say("hold", on=True)

    async def resume(self) -> None:
        self._call.say("hold", on=False)

    def withhold_ack(self) -> None:
        self._call.acknowledges = False

    async def acknowledge(self) -> None:
        self._call.acknowledges = True
        await self._call.wait("answered")
        self._call.acknowledge()

    async def status(self, wanted: int) -> None:
        told = {180: "ringing", 183: "progress", 200: "answered"}.get(wanted)
        if told is not None:
            await self._call.wait(told)
        else:
            assert (await self._call.wait("ended"))["status"] == wanted

    async def ending(self) -> str:
        """In SIP's words: a call that was under way is ended with BYE, one that we made with CANCEL."""
        ended = await self._call.wait("ended", deadline_s=DEADLINE_S)
        if ended["status"] is None:
            return "BYE"
        return "CANCEL" if self._call.of("ring") else str(ended["status"])

    async def digits(self, expected: int) -> str:
        peer = await self._call.connected()
        await until(lambda: len(peer.rtp.digits()) >= expected, f"{expected} keys")
        return peer.rtp.digits()

    def invite_headers(self) -> dict[str, str]:
        return dict(self._call.of("ring")[0]["headers"])

    def final_headers(self) -> dict[str, str]:
        finals: list[Message] = self._call.of("ended") or self._call.of("answered")
        return dict(finals[-1]["headers"]) if finals else {}


class WebRtcLegHarness:
    """One endpoint and one app; an app per caller, because the caller is who has connected."""

    def __init__(self, endpoint: WebRtcEndpoint, legs: asyncio.Queue[WebRtcLeg]) -> None:
        self._endpoint = endpoint
        self._legs = legs
        self._apps: list[App] = []
        self._pumps: list[asyncio.Task[None]] = []
        self._sessions: list[tuple[VoiceSession, App]] = []

    async def inbound(
        self, *, caller: str = "+15551234", called: str = "100", headers: Headers = ()
    ) -> tuple[WebRtcLeg, AppFarEnd]:
        app = self._connect(Subject(f"app:{len(self._apps)}", "app", Party(caller)))
        call = app.call()
        await call.start(to=called, headers=dict(headers))
        async with asyncio.timeout(DEADLINE_S):
            return await self._legs.get(), AppFarEnd(call)

    async def outbound(self, *, called: str = "200", headers: Headers = ()) -> tuple[WebRtcLeg, AppFarEnd]:
        app = self._connect(Subject(called, "agent", Party(called)))
        leg = self._endpoint.dial(called, caller=Party("ringback"), called=Party(called), headers=headers)
        return leg, AppFarEnd(app.calls[leg.key])

    async def close(self) -> None:
        for app in self._apps:
            for call in app.calls.values():
                call.say("hangup")
        await asyncio.sleep(0)
        for app in self._apps:
            await app.leave()
        for pump in self._pumps:
            pump.cancel()
        for session, app in self._sessions:
            session.detach(app)

    def _connect(self, subject: Subject) -> App:
        app = App()
        session = self._endpoint.open_session(subject)
        session.attach(app, Hello(type="hello"))
        self._sessions.append((session, app))
        self._apps.append(app)
        self._pumps.append(asyncio.get_running_loop().create_task(app.pump(session.receive)))
        return app


@asynccontextmanager
async def webrtc_endpoint(
    engine: Engine, bridge: Bridge
) -> AsyncIterator[tuple[WebRtcEndpoint, asyncio.Queue[WebRtcLeg]]]:
    """An endpoint on free loopback ports."""
    legs: asyncio.Queue[WebRtcLeg] = asyncio.Queue()
    settings = WebRtcSettings(addresses=(LOOPBACK,), setup_timeout_s=5.0)
    endpoint = WebRtcEndpoint(
        engine, bridge, settings, legs.put_nowait, observer=RecordingObserver(), epoch_s=time.time
    )
    async with endpoint:
        yield endpoint, legs
