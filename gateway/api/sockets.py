"""WebSockets: who may open one, and how messages get through it without anybody waiting for a slow reader.

Programs send `Authorization: Bearer KEY`. Browsers can't set headers on a WebSocket, so from them the key
comes among the subprotocols, which, other than the URL, no proxy logs:

    new WebSocket(url, ["ringback.live.v1", "ringback.key." + key])

The server answers with the first and never repeats the second. A refusal is an HTTP problem to programs;
browsers don't show those to the page, so there the socket opens and closes at once with a code and a reason:
4000 plus the HTTP status (4401 wrong key, 4403 not allowed, 4404 no such agent), 1013 while the node starts.

A browser's page must come from this node, or from one of `http.origins`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from fastapi import HTTPException, WebSocket, WebSocketDisconnect

from gateway.api.auth import Holder, Keyring
from gateway.api.problems import ProblemResponse

log = structlog.get_logger(__name__)

KEY_PREFIX: Final = "ringback.key."
OUTGOING: Final = 64
"""Messages that may wait for a reader; one more, and the reader is too slow."""
WRITE_LIMIT_S: Final = 10.0
CLOSE_LIMIT_S: Final = 1.0

NORMAL: Final = 1000
TRY_LATER: Final = 1013  # RFC 6455 §7.4 and its registry
TOO_SLOW: Final = 4008
UNREADABLE: Final = 4400


class Gate:
    """Lets those in who may: by key, role and origin."""

    def __init__(self, keyring: Keyring, origins: Sequence[str] = ()) -> None:
        self._keyring = keyring
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    async def admit(
        self, socket: WebSocket, protocol: str, check: Callable[[Holder], object]
    ) -> Holder | None:
        """Accept the socket; None when it was refused. `check` raises HTTPException for who may not."""
        try:
            self.check_origin(socket)
            holder = self._holder(socket)
            check(holder)
        except HTTPException as refusal:
            await _refuse(socket, protocol, refusal)
            return None
        await socket.accept(subprotocol=protocol if protocol in _offered(socket) else None)
        return holder

    def check_origin(self, socket: WebSocket) -> None:
        """HTTPException when the page may not connect.

        Programs send no origin. Behind a proxy that speaks TLS the scheme differs, so only the host counts.
        """
        origin = socket.headers.get("origin")
        if origin is None or origin.lower() in self._origins:
            return
        if urlsplit(origin).netloc.lower() != socket.headers.get("host", "").lower():
            raise HTTPException(403, f"pages of {origin} may not connect: add it to http.origins")

    def _holder(self, socket: WebSocket) -> Holder:
        scheme, _, key = socket.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            keys = (word.removeprefix(KEY_PREFIX) for word in _offered(socket) if word.startswith(KEY_PREFIX))
            key = next(keys, "")
        holder = self._keyring.holder_of(key.strip()) if key else None
        if holder is None:
            said = "this API key isn't one of the node's" if key else "send an API key: see /asyncapi"
            raise HTTPException(401, said, {"www-authenticate": "Bearer"})
        return holder


def _offered(socket: WebSocket) -> list[str]:
    return list(socket.scope.get("subprotocols", ()))


async def _refuse(socket: WebSocket, protocol: str, refusal: HTTPException) -> None:
    if protocol in _offered(socket):
        code = TRY_LATER if refusal.status_code == 503 else 4000 + refusal.status_code
        await socket.accept(subprotocol=protocol)
        await socket.close(code, reason_of(refusal.detail))
    else:
        problem = ProblemResponse(refusal.status_code, refusal.detail, headers=refusal.headers)
        await socket.send_denial_response(problem)


def reason_of(text: str) -> str:
    """As much of it as a close frame takes: 123 bytes (RFC 6455 §5.5)."""
    return text.encode()[:123].decode(errors="ignore")


class Closed(Exception):
    """This end closes the socket, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Channel:
    """Messages to one socket and from it. Whoever puts never waits: a reader who is too slow is dropped."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._outgoing: deque[str] = deque()
        self._wake = asyncio.Event()
        self._flushed = asyncio.Event()
        self._flushed.set()
        self._overflow = asyncio.Event()

    def put(self, message: object) -> None:
        """Send JSON, in order, as soon as the reader takes it."""
        if len(self._outgoing) >= OUTGOING:
            self._overflow.set()
        else:
            self._outgoing.append(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
        self._flushed.clear()
        self._wake.set()

    async def flushed(self) -> None:
        """Wait until everything that was put has been taken."""
        await self._flushed.wait()

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the peer says. Ends when it has gone; raises Closed for what isn't a JSON object."""
        while True:
            try:
                text = await self._socket.receive_text()
            except WebSocketDisconnect:
                return
            except KeyError:  # a binary frame
                raise Closed(UNREADABLE, "messages are JSON text") from None
            try:
                message = json.loads(text)
            except (ValueError, RecursionError):
                message = None
            if not isinstance(message, dict):
                raise Closed(UNREADABLE, "messages are JSON objects")
            yield message

    async def run(self, *parts: Any) -> None:
        """Run coroutines beside the writing, until the first of them ends; then close.

        Whatever else one of them raises than Closed is logged, and closes with 1011.
        """
        tasks = [asyncio.ensure_future(part) for part in (self._write(), self._guard(), *parts)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        code, reason = NORMAL, ""
        for task in done:
            fault = task.exception()
            if isinstance(fault, Closed):
                code, reason = fault.code, fault.reason
            elif fault is not None and not isinstance(fault, WebSocketDisconnect):
                log.error("socket_fault", path=self._socket.url.path, exc_info=fault)
                code, reason = 1011, "a fault of the node's: its log says more"
        if code == TOO_SLOW:
            log.warning("socket_too_slow", path=self._socket.url.path)
        with contextlib.suppress(Exception):  # the peer may have gone, or take nothing any more
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._socket.close(code, reason_of(reason))

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outgoing:
                try:
                    async with asyncio.timeout(WRITE_LIMIT_S):
                        await self._socket.send_text(self._outgoing[0])
                except TimeoutError:
                    raise Closed(TOO_SLOW, "too slow: connect again for the present state") from None
                self._outgoing.popleft()
            self._flushed.set()

    async def _guard(self) -> None:
        await self._overflow.wait()
        raise Closed(TOO_SLOW, "too slow: connect again for the present state")
