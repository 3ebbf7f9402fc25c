"""Calls that go over a real TURN server, because there is no other way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext

from gateway.webrtc.settings import TurnServer, WebRtcSettings
from gateway.webrtc.takeover import Path as MediaPath
from media import tone
from media.engine import Engine
from media.player import Player
from tests.browser.chromium import MICROPHONE_HZ, AppPage
from tests.browser.node import Node, media_engine, voice_node
from tests.integration.media.ear import Ear
from tests.integration.peers import tones
from tests.integration.peers.coturn import SECRET, Coturn
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS_HZ = 620.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def turn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Coturn]:
    async with Coturn(tmp_path_factory.mktemp("coturn")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with media_engine() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", params=[False, True], ids=["reachable", "relayed"])
async def node(request: pytest.FixtureRequest, engine: Engine, turn: Coturn) -> AsyncIterator[Node]:
    """A node that tells browsers of the TURN server; and one that has no other address itself."""
    server = TurnServer((turn.url,), SECRET)
    settings = WebRtcSettings(addresses=(LOOPBACK,), turn=server, relay_only=request.param)
    async with voice_node(engine, settings) as running:
        yield running


@pytest.mark.parametrize("query", ["", "?relay=1"], ids=["any", "relay-only"])
async def test_each_hears_the_other_over_the_relay(
    context: BrowserContext, node: Node, turn: Coturn, query: str
) -> None:
    app = await AppPage.open(context, node.base, query)
    lent = turn.allocations()

    leg = await node.answered(app)
    player = Player(node.engine, node.bridge)
    node.bridge.connect(player.port, leg.audio)
    player.play([tone.tone([OURS_HZ], 30.0, node.engine.rate, dbfs=-12.0)])
    await app.hears(OURS_HZ)
    async with Ear(node.engine, node.bridge, leg.audio) as ear:
        heard = await ear.hear(2.0)

    assert tones.heard(heard, [MICROPHONE_HZ, OURS_HZ]) == {MICROPHONE_HZ}
    ours_is_relayed = node.endpoint.settings.relay_only
    assert node.observer.paths == [MediaPath.RELAYED if ours_is_relayed else MediaPath.NATIVE]
    if query:
        assert await _local_kinds(app) == {"relay"}
    if query or ours_is_relayed:
        await until(lambda: turn.allocations() > lent, "coturn has lent an address")
    else:  # browsers stop to look for ways as soon as they have one: coturn may never have been asked
        assert await _local_kinds(app) == {"host"}
    player.close()
    await leg.hang_up()
    await app.ended()


async def _local_kinds(app: AppPage) -> set[str]:
    """The kinds of the page's own candidates that are in use."""
    pairs = [pair for pair in await app.statistics("candidate-pair") if pair["state"] == "succeeded"]
    kinds = {entry["id"]: entry["candidateType"] for entry in await app.statistics("local-candidate")}
    return {kinds[pair["localCandidateId"]] for pair in pairs}
