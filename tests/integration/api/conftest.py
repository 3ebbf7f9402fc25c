"""A real HTTP server over a floor that is changed by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from gateway.api.app import create_app
from gateway.api.ports import FloorDesk
from gateway.api.server import HttpServer
from monitoring.health import Health
from monitoring.metrics import Metrics
from tests.fakes.floor import KEYRING, KEYS, FakeFloor, bearer
from tests.integration.api.protocol import check

ELSEWHERE = "https://desk.example.org"


@dataclass
class Talk:
    """One end of a WebSocket; everything that comes is held against the AsyncAPI document."""

    socket: ClientConnection
    name: str

    async def next(self, kind: str | None = None) -> dict[str, Any]:
        """The next message; the next one of this kind."""
        while True:
            message = check(self.name, json.loads(await self.socket.recv()))
            if kind is None or message["type"] == kind:
                return message

    async def say(self, **command: Any) -> dict[str, Any]:
        """A command that the document has, and its answer."""
        await self.socket.send(json.dumps(check(self.name, command, "command")))
        while True:
            answer = await self.next()
            if answer["type"] in ("ack", "error", "pong") and answer["id"] == command.get("id"):
                return answer


class Node:
    """The server and its floor."""

    def __init__(self) -> None:
        self.floor = FakeFloor()
        self.desk = FloorDesk()
        self.desk.floor = self.floor.floor
        self.app = create_app(
            health=Health(), metrics=Metrics(), keyring=KEYRING, floor=self.desk, origins=[ELSEWHERE]
        )
        self.http = HttpServer(self.app, "127.0.0.1", 0)
        self.port = self.http.bind()

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    def desktop(self, agent: str = "ann", key: str = "ann") -> connect:
        return connect(self.url(f"/v1/agents/{agent}/desktop"), additional_headers=bearer(key))

    def live(self, key: str = "sue") -> connect:
        return connect(self.url("/v1/live"), additional_headers=bearer(key))

    def browser(self, path: str, protocol: str, key: str, origin: str | None = None) -> connect:
        """As a page of this node's does it, or one of another origin."""
        key = KEYS.get(key, key)
        return connect(
            self.url(path),
            subprotocols=[protocol, f"ringback.key.{key}"],  # type: ignore[list-item] # NewTypes of str
            origin=origin or f"http://127.0.0.1:{self.port}",  # type: ignore[arg-type]
        )


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    node = Node()
    running = asyncio.create_task(node.http.run())
    try:
        yield node
    finally:
        node.http.stop()
        await running
