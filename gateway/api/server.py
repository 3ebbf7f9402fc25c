"""Serves the application on the node's own event loop."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from gateway.errors import StartupError, WrongState

BACKLOG = 128
GRACE_S = 3
MAX_MESSAGE = 64 * 1024
"""Bytes of one WebSocket message from a client; a command is a few hundred."""
PING_S = 10.0
"""How often a WebSocket is asked whether its peer still lives, and how long it may take to say so."""


class HttpServer:
    """An address to listen on, and the requests that come there.

    `bind` before anything else starts, so that a port in use stops the node before it takes a call; then
    `run` as a task of the node; `stop` lets it return when open requests are answered, or after `GRACE_S`.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,  # monitoring.logs has it
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
                ws="websockets-sansio",
                ws_max_size=MAX_MESSAGE,
                ws_ping_interval=PING_S,
                ws_ping_timeout=PING_S,
                ws_per_message_deflate=False,  # a third of a megabyte a connection, for messages this small
            )
        )

    def bind(self) -> int:
        """Take the address; returns the port, which the system chose where 0 was asked for.

        Raises StartupError when another program has it, or it isn't this machine's.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            raise StartupError(
                f"HTTP can't listen on {self._host} port {self._port}: {error.strerror}; "
                "stop the program that has it, or set http.host and http.port"
            ) from error
        listener.setblocking(False)
        self._socket = listener
        port: int = listener.getsockname()[1]
        return port

    async def run(self) -> None:
        """Serve until `stop`. After `bind` only."""
        if self._socket is None:
            raise WrongState("serve HTTP", "unbound")
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self.close()

    def stop(self) -> None:
        self._server.should_exit = True

    def close(self) -> None:
        """Give the address back; for a node that fails between `bind` and `run`."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """SIGTERM drains the whole node; uvicorn isn't to hear of it first."""
        yield
