"""The application, called without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from gateway.api.app import create_app
from gateway.api.ports import FloorDesk
from monitoring.health import Health
from monitoring.metrics import Metrics
from tests.fakes.floor import KEYRING, FakeFloor, bearer


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def app(health: Health, metrics: Metrics) -> FastAPI:
    return create_app(health=health, metrics=metrics)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        yield client


@pytest.fixture
def floor() -> FakeFloor:
    return FakeFloor()


@pytest.fixture(scope="session")
def floor_desk() -> FloorDesk:
    return FloorDesk()


@pytest.fixture(scope="session")
def floor_app(floor_desk: FloorDesk) -> FastAPI:
    """One for all tests, since FastAPI takes its time over so many routes."""
    return create_app(health=Health(), metrics=Metrics(), keyring=KEYRING, floor=floor_desk)


@pytest.fixture
def desk(floor_desk: FloorDesk, floor: FakeFloor) -> FloorDesk:
    floor_desk.floor = floor.floor
    return floor_desk


@pytest.fixture
async def supervisor(desk: FloorDesk, floor_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a supervisor's key, of a node with a floor."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(floor_app), base_url="http://node", headers=bearer("sue")
    ) as client:
        yield client
