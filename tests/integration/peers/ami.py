"""Somebody else on the manager interface: what the PBX tells everybody, and what others see of us there."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from tests.integration.peers.ports import LOOPBACK


class ManagerSession:
    """`async with ManagerSession(port, user, secret) as session`: logged in, and listening."""

    def __init__(self, port: int, user: str, secret: str) -> None:
        self._port, self._user, self._secret = port, user, secret
        self._task: asyncio.Task[None] | None = None
        self._messages: list[dict[str, str]] = []

    def events(self, name: str, **fields: str) -> list[dict[str, str]]:
        """Those of this name, and with these fields, so far."""
        wanted = {"Event": name, **fields}
        return [message for message in self._messages if wanted.items() <= message.items()]

    async def __aenter__(self) -> Self:
        reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
        writer.write(f"Action: Login\r\nUsername: {self._user}\r\nSecret: {self._secret}\r\n\r\n".encode())
        self._task = asyncio.get_running_loop().create_task(self._read(reader, writer))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    text = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
                    pairs = (line.partition(": ") for line in text.splitlines() if ": " in line)
                    self._messages.append({name: value for name, _, value in pairs})
        finally:
            writer.close()
