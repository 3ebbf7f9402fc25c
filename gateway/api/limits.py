"""How much a request may say: nothing here takes files, so a body is small or a mistake."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.problems import ProblemResponse

MAX_BODY: Final = 256 * 1024
"""Bytes. The largest honest body is a handoff's context."""


class BodyLimit:
    """413 (RFC 9110 §15.5.14) for a body over `limit` bytes, whether or not it says its length."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        body = _CountedBody(receive, self._limit)
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            if body.too_large:
                return  # what the application says to the disconnect below
            started = True
            await send(message)

        try:
            await self._app(scope, body.receive, watch)
        finally:
            if body.too_large and not started:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = ProblemResponse(
            413, f"a body has at most {self._limit} bytes here", headers={"connection": "close"}
        )
        await problem(scope, receive, send)


class _CountedBody:
    """The body as it comes; to the application a body that is too large is a client that went away."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit
        self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.too_large = True
                return {"type": "http.disconnect"}
        return message
