"""Every state of the sample page, in light and dark: pictured in var/screenshots, and checked by axe-core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from gateway.call.cause import Cause
from gateway.call.screen import CallbackOffered, CallbackPromised, Choice, PromptShown, QueuePlace
from gateway.webrtc.settings import WebRtcSettings
from tests.browser.chromium import PHONE, AppPage
from tests.browser.node import Node, media_engine, voice_node
from tests.integration.peers.ports import LOOPBACK

pytestmark = pytest.mark.asyncio(loop_scope="module")

MENU = PromptShown(
    "Thank you for calling. For your balance, press 1. For a lost card, press 4. For a person, press 0.",
    "en",
    (Choice("1", "My balance"), Choice("4", "Lost card"), Choice("0", "Somebody please")),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Node]:
    async with media_engine() as engine, voice_node(engine, WebRtcSettings(addresses=(LOOPBACK,))) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_state_can_be_read_by_everybody(
    browser: Browser, node: Node, pictures: Path, scheme: Literal["light", "dark"]
) -> None:
    context = await browser.new_context(
        viewport=PHONE, permissions=["microphone"], color_scheme=scheme, reduced_motion="reduce"
    )
    app = await AppPage.open(context, node.base)
    found: dict[str, Any] = {}

    async def look(state: str) -> None:
        await app.page.screenshot(path=pictures / f"app-{state}-{scheme}.png")
        results = await Axe().run(app.page)
        found.update({f"{state}: {v['id']}": v["nodes"][0]["html"] for v in results.response["violations"]})

    await look("idle")
    leg = await node.answered(app)
    screen = leg.screen
    screen.show_prompt(MENU)
    await app.page.wait_for_selector("#choices button")
    await look("menu")
    screen.show_prompt(PromptShown("Please enter your account number.", "en", gathers=True))
    await app.page.wait_for_selector("#keypad:visible")
    await app.page.keyboard.type("1234")
    await look("keypad")
    screen.show_prompt(None)
    screen.show_place(QueuePlace("support", 3, (120.0, 300.0), 40.0))
    screen.show_callback_offer(CallbackOffered("support", "2", "+1 555 …34"))
    await app.page.wait_for_selector("#callback:visible")
    await app.page.click("#mute")
    await look("queue")
    screen.show_callback_promised(CallbackPromised("support", "cb-1", "+1 555 …34"))
    await app.page.wait_for_selector("#promise:visible")
    await look("promised")
    screen.show_place(None)
    screen.show_callback_offer(None)
    screen.show_agent("Grace Hopper")
    await app.page.wait_for_selector("#queue", state="hidden")
    await look("agent")
    await leg.hang_up(Cause.SWITCHING_EQUIPMENT_CONGESTION)
    await app.ended()
    await look("ended")

    assert found == {}
    await context.close()
