"""A node that serves the sample page, and a browser, for a module's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from tests.browser.chromium import PHONE, chromium
from tests.browser.desk import AGENT_MICROPHONE_HZ, KEYS, WIDE
from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import write_dialplan
from tests.integration.peers.ports import LOOPBACK, Reservation
from tests.integration.peers.ua import UserAgent
from tests.integration.queues.centre import Centre, contact_centre

RECORD = "https://crm.example/?customer={customer.id}&from={number}&call={call_id}"
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def customer() -> AsyncIterator[UserAgent]:
    """The phone of whoever is called at a number."""
    async with await UserAgent.open("customer") as phone:
        yield phone


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_centre(
    tmp_path_factory: pytest.TempPathFactory, customer: UserAgent
) -> AsyncIterator[Centre]:
    """Ann and Ben have a phone, Bea a browser only, and Sue supervises."""
    directory = tmp_path_factory.mktemp("centre")
    async with contact_centre(
        directory,
        ("ann", "ben"),
        browsers=("bea",),
        keys=KEYS,
        environment={**voice_environment(), "RINGBACK_DESKTOP__RECORD_URL": RECORD},
        trunk=customer,
    ) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def centre(shared_centre: Centre) -> AsyncIterator[Centre]:
    yield shared_centre
    await shared_centre.request("PUT", "/v1/agents/bea/wrap-up", {"end": True})
    await shared_centre.set_presence("bea", "logged_out")
    await shared_centre.clear()
    assert await shared_centre.gateway.metric("ringback_internal_errors_total") == 0


@pytest_asyncio.fixture(loop_scope="module")
async def wide(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A screen on a desk."""
    permissions = ["microphone", "notifications"]
    fresh = await browser.new_context(viewport=WIDE, permissions=permissions, locale="en")
    yield fresh
    await fresh.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agents_browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """Another browser, with another voice."""
    directory = tmp_path_factory.mktemp("agent")
    async with chromium(directory, microphone_hz=AGENT_MICROPHONE_HZ) as running:
        yield running


@pytest.fixture
def floor(shared_centre: Centre) -> str:
    """Where the pages of the contact centre are."""
    return f"http://{LOOPBACK}:{shared_centre.gateway.http_port}"


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> Path:
    """Where screenshots go: var/screenshots, which is looked at and not kept."""
    directory = Path(__file__).parents[2] / "var" / "screenshots"
    directory.mkdir(parents=True, exist_ok=True)
    return directory
