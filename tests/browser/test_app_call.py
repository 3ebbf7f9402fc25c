"""An app's page calls a real node from a real browser; what is heard is listened for in the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, WebSocketRoute

from tests.browser.chromium import AppPage
from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import KEY_1_HZ, KEY_2_HZ, LONG_HZ, MENU_HZ
from tests.integration.peers.wait import until_async

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def calls_active(gateway: Gateway) -> float:
    return await gateway.metric("ringback_calls_active", technology="in_app")


async def idle(gateway: Gateway) -> None:
    async def none() -> bool:
        return await calls_active(gateway) == 0

    await until_async(none, "no call is left", deadline_s=15.0)


async def test_a_page_calls_hears_the_menu_and_presses_keys(
    context: BrowserContext, base: str, voice_gateway: Gateway
) -> None:
    app = await AppPage.open(context, base)

    await app.call()
    await app.hears(MENU_HZ)
    await app.page.click("#choices button >> nth=0")
    await app.hears(KEY_1_HZ)
    await app.page.keyboard.press("2")
    await app.hears(KEY_2_HZ)
    await app.page.click("#hangup")
    await app.ended()

    assert app.problems == []
    await idle(voice_gateway)
    assert await voice_gateway.metric("ringback_webrtc_transports_total", path="native") > 0


async def test_the_keys_that_can_be_pressed_are_shown(context: BrowserContext, base: str) -> None:
    app = await AppPage.open(context, base)
    await app.call()

    await app.page.wait_for_selector("#choices button")

    buttons = await app.page.locator("#choices button").all_inner_texts()
    assert [" ".join(button.split()) for button in buttons] == ["1 First", "2 Second", "9 End"]
    await app.page.click("#hangup")
    await app.ended()


async def test_a_call_goes_on_when_its_page_is_reloaded(
    context: BrowserContext, base: str, voice_gateway: Gateway
) -> None:
    app = await AppPage.open(context, base)
    await app.call()
    await app.hears(MENU_HZ)
    before = await voice_gateway.metric("ringback_calls_total", technology="in_app")

    await app.page.reload()
    await app.answered()
    await app.hears(MENU_HZ, deadline_s=20.0)
    await app.page.keyboard.press("1")
    await app.hears(KEY_1_HZ)

    assert await voice_gateway.metric("ringback_calls_total", technology="in_app") == before
    await app.page.click("#hangup")
    await app.ended()
    await idle(voice_gateway)


async def test_a_reload_after_the_call_has_ended_shows_no_trouble(
    context: BrowserContext, base: str, voice_gateway: Gateway
) -> None:
    app = await AppPage.open(context, base)
    await app.call()
    kept = await app.evaluate("() => sessionStorage.getItem('ringback.call')")
    await app.page.click("#hangup")
    await app.ended()
    await app.evaluate("(kept) => sessionStorage.setItem('ringback.call', kept)", kept)

    await app.page.reload()
    await app.ended()

    assert await app.text("#problem") == ""
    assert await app.page.is_visible("#call")


async def test_a_change_of_network_brings_a_new_connection_to_the_same_call(
    context: BrowserContext, base: str, voice_gateway: Gateway
) -> None:
    app = await AppPage.open(context, base, "?to=102")
    await app.call()
    await app.hears(LONG_HZ)
    before = await voice_gateway.metric("ringback_webrtc_transports_total")
    await app.evaluate("() => { globalThis.former = call.peerConnection; }")

    await context.set_offline(True)
    await context.set_offline(False)

    async def replaced() -> bool:
        return bool(await app.evaluate("() => call.peerConnection && call.peerConnection !== former"))

    await until_async(replaced, "another peer connection", deadline_s=15.0)
    await app.answered()
    await app.hears(LONG_HZ)
    assert await voice_gateway.metric("ringback_webrtc_transports_total") > before
    assert await calls_active(voice_gateway) == 1
    await app.page.click("#hangup")
    await app.ended()
    await idle(voice_gateway)


async def test_a_socket_that_died_in_silence_is_replaced_and_nothing_is_lost(
    context: BrowserContext, base: str
) -> None:
    page = await context.new_page()
    app = AppPage(page, base)
    sockets: list[str] = []

    def relay(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        sockets.append(route.url)
        first = len(sockets) == 1
        dead: list[bool] = []

        def to_server(message: str | bytes) -> None:
            if first and '"type":"digits"' in str(message):
                dead.append(True)  # from here on nothing arrives, at neither end
            if not dead:
                server.send(message)

        route.on_message(to_server)
        server.on_message(lambda message: None if dead else route.send(message))

    await page.route_web_socket("**/v1/voice", relay)
    await page.goto(f"{base}/app/")
    await app.call()
    await app.hears(MENU_HZ)

    await page.keyboard.press("1")
    await app.hears(KEY_1_HZ, deadline_s=20.0)

    assert len(sockets) == 2
    await page.click("#hangup")
    await app.ended()


async def test_a_page_that_is_closed_ends_its_call_when_nobody_comes_back(
    context: BrowserContext, base: str, voice_gateway: Gateway
) -> None:
    app = await AppPage.open(context, base, "?to=102")
    await app.call()
    await app.hears(LONG_HZ)

    await app.page.close()

    await idle(voice_gateway)


async def test_a_number_that_nobody_has_is_told(context: BrowserContext, base: str) -> None:
    app = await AppPage.open(context, base, "?to=999")

    await app.page.click("#call")
    await app.ended()

    assert await app.text("#problem") == "This service isn't available."


async def test_the_api_is_described_on_a_page_that_takes_nothing_from_elsewhere(
    context: BrowserContext, base: str, pictures: Path
) -> None:
    page = await context.new_page()
    app = AppPage(page, base)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    await page.goto(f"{base}/docs")
    await page.wait_for_selector(".opblock")

    await page.screenshot(path=pictures / "docs.png")
    assert app.problems == []
    assert [url for url in asked if not url.startswith((base, "data:"))] == []
