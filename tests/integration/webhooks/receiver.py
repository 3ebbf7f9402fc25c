"""A system that is told: an HTTP server of the test's own, which checks what it gets as README.md says."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from gateway.webhooks.signing import key_of, verified
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until_async

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cy1vZi13ZWJob29rcw=="


@dataclass(frozen=True, slots=True)
class Received:
    """One request. `genuine`: signed by who has the secret."""

    headers: dict[str, str] = field(repr=False)
    raw: bytes = field(repr=False)
    genuine: bool
    answered: int

    @property
    def message(self) -> dict[str, Any]:
        found = json.loads(self.raw)
        assert isinstance(found, dict)
        return found

    @property
    def type(self) -> str:
        return str(self.message["type"])

    @property
    def data(self) -> dict[str, Any]:
        return dict(self.message["data"])


class Receiver:
    """Answers `status` to whoever posts, and where to go instead. Used as `async with`."""

    def __init__(self, status: int = 204, location: str = "") -> None:
        self.port = 0
        self.location = location
        self.status = status
        self.received: list[Received] = []
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/hooks"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    def of(self, type_: str, **about: Any) -> list[Received]:
        """What was taken of this type, with these fields of its data."""
        return [
            one
            for one in self.received
            if one.answered < 300
            and one.type == type_
            and all(one.data.get(name) == value for name, value in about.items())
        ]

    async def next(self, type_: str, deadline_s: float = 10.0, **about: Any) -> Received:
        """The first one of this type that is taken."""

        async def came() -> Received | None:
            found = self.of(type_, **about)
            return found[0] if found else None

        got = await until_async(came, f"{type_} is told", deadline_s=deadline_s)
        assert isinstance(got, Received)
        return got

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers["content-length"]))
            genuine = verified([key_of(SECRET)], headers, body, time.time())
            self.received.append(Received(headers, body, genuine, self.status))
            headers_out = ["Content-Length: 0", "Connection: close"]
            if self.location:
                headers_out.append(f"Location: {self.location}")
            writer.write("\r\n".join([f"HTTP/1.1 {self.status} X", *headers_out, "", ""]).encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
