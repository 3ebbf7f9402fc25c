"""A caller who walks out of the Wi-Fi: the network under a real browser's call really changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.chromium import PHONE, AppPage, chromium
from tests.browser.conftest import voice_environment
from tests.browser.roaming import GATEWAY, MOBILE, WIFI, phone_with_two_networks, possible
from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import LONG_HZ, write_dialplan
from tests.integration.peers.wait import until_async


async def _address_in_use(app: AppPage) -> str:
    """The address of the phone's that the audio comes in at; "" while there is none."""
    chosen = {transport.get("selectedCandidatePairId") for transport in await app.statistics("transport")}
    pairs = [pair for pair in await app.statistics("candidate-pair") if pair["id"] in chosen]
    used = {pair["localCandidateId"] for pair in pairs}
    addresses = [one["address"] for one in await app.statistics("local-candidate") if one["id"] in used]
    return str(addresses[0]) if addresses else ""


@pytest.mark.skipif(not possible(), reason="this process may not make network namespaces")
async def test_a_call_goes_on_over_the_mobile_network_when_the_wifi_is_lost(tmp_path: Path) -> None:
    with phone_with_two_networks(tmp_path) as phone:
        environment = voice_environment() | {
            "RINGBACK_HTTP__HOST": "0.0.0.0",
            "RINGBACK_VOICE__ADDRESSES": GATEWAY,
            "RINGBACK_VOICE__RESUME_S": "30",
        }
        gateway = Gateway(
            tmp_path / "gateway", dialplan=write_dialplan(tmp_path / "plan"), environment=environment
        )
        base = f"http://{GATEWAY}:{gateway.http_port}"
        trusted = f"--unsafely-treat-insecure-origin-as-secure={base}"
        async with gateway, chromium(tmp_path, command=phone.chromium, flags=[trusted]) as browser:
            context = await browser.new_context(viewport=PHONE, permissions=["microphone"])
            app = await AppPage.open(context, base, "?to=102")
            await app.call()
            await app.hears(LONG_HZ)
            before = await _address_in_use(app)

            phone.walk_out_of_the_wifi()

            async def heard_over_mobile() -> bool:
                peer = "() => globalThis.call?.peerConnection?.connectionState === 'connected'"
                return await app.evaluate(peer) and await _address_in_use(app) == MOBILE

            await until_async(heard_over_mobile, "audio over the mobile network", deadline_s=25.0)
            await app.answered()
            await app.hears(LONG_HZ)
            assert before == WIFI
            assert await gateway.metric("ringback_calls_active", technology="in_app") == 1
            assert await gateway.metric("ringback_calls_total", technology="in_app") == 0
            await app.page.click("#hangup")
            await app.ended()
