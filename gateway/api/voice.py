"""The signalling of calls in apps and browsers: one WebSocket at /v1/voice (voice.asyncapi.yaml)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog
from fastapi import APIRouter, HTTPException, WebSocket, WebSocketDisconnect

from gateway.api.auth import Keyring, Role
from gateway.api.problems import ProblemResponse
from gateway.api.sockets import Gate
from gateway.call.context import Introduction
from gateway.call.leg import Party
from gateway.handoff.tokens import TokenRefused, TokenVerifier
from gateway.webrtc import messages
from gateway.webrtc.endpoint import TooManySessions, WebRtcEndpoint
from gateway.webrtc.messages import BadMessage, Hello
from gateway.webrtc.sessions import CLOSE_BAD, CLOSE_GONE, Subject, VoiceSession

log = structlog.get_logger(__name__)

HELLO_LIMIT_S: Final = 10.0
SEND_LIMIT_S: Final = 10.0
MAX_WAITING: Final = 600  # messages for a socket that takes none: more than a session keeps

CLOSE_NOT_TEXT: Final = 1003
CLOSE_UNAUTHORISED: Final = 4401
CLOSE_STALLED: Final = 4408
CLOSE_FULL: Final = 4429
CLOSE_UNAVAILABLE: Final = 4503


@dataclass(slots=True)
class VoiceDesk:
    """What the route needs of the node; filled when the parts are there."""

    endpoint: WebRtcEndpoint | None = None
    verifier: TokenVerifier | None = None
    sample_secret: str | None = field(default=None, repr=False)  # signs tokens for the sample page, if at all


class Refused(Exception):
    """The socket is closed with this code and reason."""

    def __init__(self, close: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.close = close
        self.code = code


class VoiceSocket:
    """A session's Socket: what is said waits here for the network."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()
        self._closed = False

    def send(self, text: str) -> None:
        if self._closed:
            return
        if self._waiting.qsize() >= MAX_WAITING:
            self.close(CLOSE_STALLED, "the far end takes nothing")
            return
        self._waiting.put_nowait(text)

    def close(self, code: int, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._waiting.put_nowait((code, reason))

    async def write(self, socket: WebSocket) -> None:
        """Until `close`, or until the far end takes nothing for `SEND_LIMIT_S`."""
        while True:
            item = await self._waiting.get()
            try:
                async with asyncio.timeout(SEND_LIMIT_S):
                    if isinstance(item, tuple):
                        await socket.close(item[0], item[1][:120])
                        return
                    await socket.send_text(item)
            except (WebSocketDisconnect, RuntimeError, TimeoutError):
                return  # it is gone, or takes nothing: a session outlives its socket


def routes(desk: VoiceDesk, keyring: Keyring, gate: Gate) -> APIRouter:
    router = APIRouter()

    @router.websocket("/v1/voice")
    async def voice(socket: WebSocket) -> None:
        try:
            gate.check_origin(socket)
        except HTTPException as refusal:
            problem = ProblemResponse(refusal.status_code, refusal.detail)
            await socket.send_denial_response(problem)
            return
        await socket.accept()
        try:
            session, hello = await _begin(socket, desk, keyring)
        except Refused as refused:
            await _refuse(socket, desk, refused)
        except (WebSocketDisconnect, TimeoutError):
            return
        else:
            await _serve(socket, session, hello)

    return router


async def _begin(socket: WebSocket, desk: VoiceDesk, keyring: Keyring) -> tuple[VoiceSession, Hello]:
    try:
        async with asyncio.timeout(HELLO_LIMIT_S):
            text = await socket.receive_text()
    except TimeoutError:
        raise Refused(CLOSE_BAD, "no_hello", "the first message is hello") from None
    except (KeyError, UnicodeError):
        raise Refused(CLOSE_BAD, "bad_message", "messages are text") from None
    try:
        hello = messages.parse_hello(text)
    except BadMessage as bad:
        raise Refused(CLOSE_BAD, bad.code, str(bad)) from bad
    if desk.endpoint is None:
        raise Refused(CLOSE_UNAVAILABLE, "unavailable", "this node takes no calls from apps now")
    if hello.resume is not None:
        session = desk.endpoint.session(hello.resume)
        if session is None:
            raise Refused(CLOSE_GONE, "session_gone", "that session is over: begin another")
        return session, hello
    subject = await _subject(hello.token, desk, keyring)
    try:
        return desk.endpoint.open_session(subject), hello
    except TooManySessions as full:
        raise Refused(CLOSE_FULL, "too_many_sessions", str(full)) from full


async def _subject(token: str | None, desk: VoiceDesk, keyring: Keyring) -> Subject:
    """Whose token it is: an app's, signed, or an API key of the node's."""
    if not token:
        raise Refused(CLOSE_UNAUTHORISED, "no_token", "hello takes a token, or a session to resume")
    if (holder := keyring.holder_of(token)) is not None:
        kind = "app" if holder.role is Role.APP else "agent"
        # An app whose key is called "ann" isn't the agent ann, whose browser is rung.
        name = holder.name if kind == "agent" else f"key:{holder.name}"
        return Subject(name, "agent" if kind == "agent" else "app", Party(holder.name))
    if not desk.verifier:
        raise Refused(
            CLOSE_UNAUTHORISED, "no_app_secret", "this node takes no tokens: voice.app_secret isn't set"
        )
    try:
        claims = await desk.verifier.redeem(token)
    except TokenRefused as refused:
        raise Refused(CLOSE_UNAUTHORISED, f"token_{refused.code}", str(refused)) from refused
    party = Party(claims.number or claims.subject, claims.name)
    introduction = Introduction(claims.subject, claims.name, claims.app, claims.handoff, claims.context)
    return Subject(f"app:{claims.subject}", "app", party, claims.to, claims.context, introduction)


async def _refuse(socket: WebSocket, desk: VoiceDesk, refused: Refused) -> None:
    log.info("voice_refused", code=refused.code)
    if desk.endpoint is not None:
        desk.endpoint.count_fault(refused.code)
    try:
        await socket.send_json(messages.error(refused.code, str(refused)))
        await socket.close(refused.close, str(refused)[:120])
    except (RuntimeError, WebSocketDisconnect):
        return  # it was faster


async def _serve(socket: WebSocket, session: VoiceSession, hello: Hello) -> None:
    """Reads until the socket is gone, and writes beside it."""
    mine = VoiceSocket()
    writer = asyncio.get_running_loop().create_task(mine.write(socket))
    reader = asyncio.get_running_loop().create_task(_read(socket, session, mine))
    try:
        session.attach(mine, hello)
        await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        session.detach(mine)
        reader.cancel()
        mine.close(1000, "")  # what was said before is written still; nothing happens when it is closed
        await asyncio.gather(reader, writer, return_exceptions=True)


async def _read(socket: WebSocket, session: VoiceSession, mine: VoiceSocket) -> None:
    while True:
        try:
            text = await socket.receive_text()
        except KeyError:
            mine.close(CLOSE_NOT_TEXT, "messages are text")
            return
        except (WebSocketDisconnect, RuntimeError):
            return
        await session.receive(text)
