"""The HTTP server on a real socket of the loopback interface."""

from __future__ import annotations

import asyncio
import signal

import httpx
import pytest

from gateway.api.app import create_app
from gateway.api.server import HttpServer
from gateway.errors import StartupError, WrongState
from monitoring.health import Health
from monitoring.metrics import Metrics


def server(port: int = 0) -> HttpServer:
    return HttpServer(create_app(health=Health(), metrics=Metrics()), "127.0.0.1", port)


async def test_requests_are_answered_until_the_server_is_stopped() -> None:
    http = server()
    port = http.bind()
    running = asyncio.create_task(http.run())

    async with httpx.AsyncClient() as client:
        response = await client.get(f"http://127.0.0.1:{port}/healthz")
    http.stop()
    await running

    assert response.status_code == 200
    assert "server" not in response.headers


async def test_the_signal_handlers_stay_the_nodes_own() -> None:
    before = signal.getsignal(signal.SIGTERM)
    http = server()
    port = http.bind()
    running = asyncio.create_task(http.run())

    async with httpx.AsyncClient() as client:
        await client.get(f"http://127.0.0.1:{port}/healthz")
    during = signal.getsignal(signal.SIGTERM)
    http.stop()
    await running

    assert before is during


async def test_a_port_in_use_is_said_before_anything_starts() -> None:
    first = server()
    port = first.bind()

    with pytest.raises(
        StartupError, match=rf"127\.0\.0\.1 port {port}: Address already in use; stop the program"
    ):
        server(port).bind()

    first.close()


async def test_a_server_that_was_not_bound_does_not_run() -> None:
    with pytest.raises(WrongState):
        await server().run()
