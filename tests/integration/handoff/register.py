"""A customers' register, asked over HTTP by the dialplan."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from tests.integration.peers.ports import LOOPBACK

ANSWER = {
    "customer": {"id": "c-77", "name": "Grace"},
    "authentication": {"method": "voice_code", "level": "strong"},
    "intent": "mortgage",
    "tier": "gold",
    "journey": [{"kind": "call", "text": "Called last week about the rate"}],
}


class CustomerRegister:
    """Says the same of everybody. `host`: as a plan names it."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.host = f"{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        answer = {**ANSWER, "authentication": {**ANSWER["authentication"], "until": until}}  # type: ignore[dict-item]
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()
