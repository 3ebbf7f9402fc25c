"""A node that serves the sample page, and a browser, for a module's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from tests.browser.chromium import PHONE, chromium
from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import write_dialplan
from tests.integration.peers.ports import LOOPBACK, Reservation

SECRET = "a secret that guards nothing but tests"


def voice_environment() -> dict[str, str]:
    """Settings of a node that takes calls from the sample page, on loopback."""
    ports = Reservation(100).release()
    settings = {
        "APP_SECRET": SECRET,
        "SAMPLE_PAGE": "true",
        "ADDRESSES": LOOPBACK,
        "UDP_PORTS": f"{ports.first},{ports.last}",
        "RESUME_S": "10",
    }
    return {f"RINGBACK_VOICE__{name}": value for name, value in settings.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser's profile of the test's own: no storage of another test."""
    fresh = await browser.new_context(viewport=PHONE, permissions=["microphone"])
    yield fresh
    await fresh.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def voice_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A node with the tones of gateway_dialplan.py."""
    directory = tmp_path_factory.mktemp("gateway")
    dialplan = write_dialplan(directory / "dialplan")
    async with Gateway(directory, dialplan=dialplan, environment=voice_environment()) as running:
        yield running


@pytest.fixture
def base(voice_gateway: Gateway) -> str:
    return f"http://{LOOPBACK}:{voice_gateway.http_port}"


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> Path:
    """Where screenshots go: var/screenshots, which is looked at and not kept."""
    directory = Path(__file__).parents[2] / "var" / "screenshots"
    directory.mkdir(parents=True, exist_ok=True)
    return directory
