"""Calls that go over a real TURN server, because there is no other way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext

from tests.browser.chromium import AppPage
from tests.browser.conftest import voice_environment
from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import KEY_1_HZ, MENU_HZ, write_dialplan
from tests.integration.peers.coturn import SECRET, Coturn
from tests.integration.peers.ports import LOOPBACK

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def turn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Coturn]:
    async with Coturn(tmp_path_factory.mktemp("coturn")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["off", "only"])
async def relayed_gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, turn: Coturn
) -> AsyncIterator[Gateway]:
    """A node that tells browsers of the TURN server; and one that has no other address itself."""
    environment = voice_environment(TURN_URLS=turn.url, TURN_SECRET=SECRET, RELAY=request.param)
    directory = tmp_path_factory.mktemp("gateway")
    dialplan = write_dialplan(directory / "dialplan")
    async with Gateway(directory / "gateway", dialplan=dialplan, environment=environment) as running:
        yield running


async def test_a_browser_that_may_only_use_the_relay_calls_over_it(
    context: BrowserContext, relayed_gateway: Gateway, turn: Coturn
) -> None:
    app = await AppPage.open(context, f"http://{LOOPBACK}:{relayed_gateway.http_port}", "?relay=1")
    lent = turn.allocations()

    await app.call()
    await app.hears(MENU_HZ)
    await app.page.keyboard.press("1")
    await app.hears(KEY_1_HZ)

    pairs = [pair for pair in await app.statistics("candidate-pair") if pair["state"] == "succeeded"]
    used = {pair["localCandidateId"] for pair in pairs}
    local = {entry["id"]: entry["candidateType"] for entry in await app.statistics("local-candidate")}
    assert {local[each] for each in used} == {"relay"}
    assert turn.allocations() > lent
    await app.page.click("#hangup")
    await app.ended()


async def test_packets_of_a_relayed_node_go_through_python_and_are_decoded_natively(
    context: BrowserContext, relayed_gateway: Gateway
) -> None:
    app = await AppPage.open(context, f"http://{LOOPBACK}:{relayed_gateway.http_port}")

    await app.call()
    await app.hears(MENU_HZ)

    native = await relayed_gateway.metric("ringback_webrtc_transports_total", path="native")
    relayed = await relayed_gateway.metric("ringback_webrtc_transports_total", path="relayed")
    assert native + relayed == 1
    await app.page.click("#hangup")
    await app.ended()
