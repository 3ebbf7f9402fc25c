"""An app on a customer's phone: its WebSocket to a running node, with real WebRTC media behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from websockets.asyncio.client import connect

from tests.integration.handoff.conftest import SECRET, SIGNING
from tests.integration.peers.app import App
from tests.integration.peers.ports import LOOPBACK
from tests.integration.queues.centre import Centre


def signed(kid: str = "bank-1", **claims: Any) -> str:
    """A token of the bank's own server."""
    now = int(time.time())
    payload = {"sub": "c-1", "aud": "ringback", "iat": now, "exp": now + 300, "jti": secrets.token_hex(8)}
    key, algorithm = (SIGNING, "EdDSA") if kid == "bank-1" else (SECRET, "HS256")
    return jwt.encode({**payload, **claims}, key, algorithm=algorithm, headers={"kid": kid})


async def refusal(centre: Centre, token: str) -> tuple[str, int]:
    """What an app is told that comes with this token, and how it is hung up on; "welcome" if it gets in."""
    async with connect(_url(centre), proxy=None) as socket:
        await socket.send(json.dumps({"type": "hello", "token": token}))
        said = json.loads(await socket.recv())
        if said["type"] == "welcome":
            return "welcome", 0
        await socket.wait_closed()
        return str(said["code"]), socket.close_code or 0


@asynccontextmanager
async def app(centre: Centre, token: str) -> AsyncIterator[App]:
    """Connected; its calls end with the block."""
    here = App()
    async with connect(_url(centre), proxy=None) as socket:
        await socket.send(json.dumps({"type": "hello", "token": token}))
        here.send(str(await socket.recv()))

        async def listen() -> None:
            async for text in socket:
                here.send(str(text))

        tasks = [asyncio.ensure_future(work) for work in (here.pump(socket.send), listen())]
        try:
            yield here
        finally:
            for call in here.calls.values():
                call.say("hangup")
            await asyncio.sleep(0)
            await here.leave()
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)


def _url(centre: Centre) -> str:
    return f"ws://{LOOPBACK}:{centre.gateway.http_port}/v1/voice"
