"""The wallboard as supervisors use it, in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from tests.browser.chromium import MICROPHONE_HZ, PHONE
from tests.browser.desk import AGENT_HZ, ANN, CALLER_HZ, SUE, WIDE, Screen
from tests.integration.peers import tones
from tests.integration.peers.wait import until
from tests.integration.queues.centre import Centre, hears, latest, talking

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_supervisor_listens_in_the_browser(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    await centre.on_duty("ann")
    board = await Screen.open(wide, floor, "wallboard", SUE)
    await board.page.check("#in-browser")
    await board.has_audio()
    caller = await centre.call_in("quiet")
    phone = await centre.agents["ann"].answer()

    await board.page.locator("#calls").get_by_role("button", name="Listen").click()
    async with talking((caller, CALLER_HZ), (phone, AGENT_HZ)):
        await board.sees("#calls", "(sue)")
        await board.hears(CALLER_HZ)
        assert not hears(caller, MICROPHONE_HZ)
        await board.page.locator("#calls").get_by_role("button", name="Whisper").click()
        await until(
            lambda: MICROPHONE_HZ in tones.heard(latest(phone), [MICROPHONE_HZ, CALLER_HZ]),
            "the agent hears the supervisor",
        )
        assert tones.heard(latest(caller, 1.0), [MICROPHONE_HZ, AGENT_HZ]) == {AGENT_HZ}
        await board.page.locator("#calls").get_by_role("button", name="Join").click()
        await until(
            lambda: MICROPHONE_HZ in tones.heard(latest(caller), [MICROPHONE_HZ]),
            "the caller hears who joined",
        )
    caller.bye()
    await phone.request("BYE")
    assert board.problems == []


async def test_the_wallboard_shows_moves_forces_and_listens(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    page = await wide.new_page()
    board = Screen(page, floor)
    await page.goto(f"{floor}/wallboard")
    await page.fill("#key", ANN)
    await page.keyboard.press("Enter")
    await board.sees("#login-problem", "supervisor")
    await board.check(pictures, "wallboard-login-refused")
    await page.close()
    await centre.on_duty("ann")
    supervisor = await centre.caller("sue")
    board = await Screen.open(wide, floor, "wallboard", SUE)
    caller = await centre.call_in("quiet")
    phone = await centre.agents["ann"].answer()
    waiting = await centre.wait_in("told", "waits")
    await board.sees("#waiting", "told")
    await board.sees("#calls", "Talking")
    await board.check(pictures, "wallboard")
    await board.page.set_viewport_size(PHONE)
    await board.check(pictures, "wallboard-small")
    assert await board.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    await board.page.set_viewport_size(WIDE)
    for language in ("ja", "zh"):
        await board.page.select_option("#language", language)
        await board.check(pictures, f"wallboard-{language}")
    await board.page.select_option("#language", "en")

    await page_choose(board, "#waiting select", "strict")
    await centre.until_waiting("strict", 1)
    await board.sees("#waiting", "strict")
    await board.page.fill("#device", supervisor.uri)
    await board.page.locator("#calls").get_by_role("button", name="Listen").click()
    ear = await supervisor.next_call()
    ear.respond(200, "OK", sdp=True)
    await ear.request("ACK")
    async with talking((caller, CALLER_HZ)):
        await until(lambda: hears(ear, CALLER_HZ), "the supervisor hears the caller")
        await board.sees("#calls", "(sue)")
        await board.check(pictures, "wallboard-listening")
    await board.page.locator("#calls").get_by_role("button", name="Stop").click()
    await ear.request("BYE")
    await page_choose(board, "#agents tr:has-text('Ben') select", "available")
    other = await centre.agents["ben"].answer()
    waiting.bye()
    caller.bye()
    await phone.request("BYE")
    await other.request("BYE")
    assert board.problems == []


async def page_choose(board: Screen, selector: str, value: str) -> None:
    await board.page.select_option(selector, value)
