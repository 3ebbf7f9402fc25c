"""Agents at their desktop: a call with what is known of it, and everything they do with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext

from tests.browser.chromium import MICROPHONE_HZ, PHONE, AppPage
from tests.browser.desk import (
    AGENT_HZ,
    AGENT_MICROPHONE_HZ,
    ANN,
    BEA,
    CALLER_HZ,
    OTHER_HZ,
    WIDE,
    Screen,
)
from tests.integration.peers.ua import UaCall
from tests.integration.peers.wait import until
from tests.integration.queues.centre import Centre, hears, talking
from tests.integration.queues.plan import MUSIC_HZ, NUMBERS

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTEXT = {"order": "A-7", "page": "<b>invoice</b> 7"}
KNOWN = {
    "id": "5f0c9a3e",
    "match": "token",
    "customer": {"name": "Grace Example", "id": "C-1042", "segment": "business"},
    "authentication": {
        "state": "valid",
        "authenticated": True,
        "level": "strong",
        "method": "app_session",
        "until": "2020-01-01T00:00:00Z",
    },
    "intent": "billing.question",
    "language": "en",
    "attributes": {"order": "A-7"},
    "attachments": [
        {"url": "https://shop.example.com/invoice/7", "title": "Invoice 7"},
        {"url": "javascript:alert(1)", "title": "Not a link"},
    ],
    "journey": [
        {"kind": "page", "at": "2020-01-01T00:00:00Z", "text": "<b>looked</b> at invoice 7", "source": "app"},
        {"kind": "chat", "at": "2020-01-01T00:01:00Z", "text": "asked for a copy", "source": "bot"},
    ],
}
"""As a handoff shows an agent what is known of a caller."""


async def _talking(centre: Centre, screen: Screen, queue: str = "notes") -> tuple[UaCall, UaCall]:
    """A caller and Ann's phone, in conversation, with Ann's desktop showing it."""
    await screen.click("#available")
    await screen.sees("#status", "Waiting for calls")
    caller = await centre.call_in(queue)
    phone = await centre.agents["ann"].ring()
    await screen.sees("#offer", f"Call for {queue}")
    phone.respond(200, "OK", sdp=True)
    await phone.request("ACK")
    await screen.sees("#call", "Talking")
    return caller, phone


async def test_a_wrong_key_is_told_and_the_page_can_be_used_without_a_mouse(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    page = await wide.new_page()
    screen = Screen(page, floor)
    await page.goto(f"{floor}/agent")
    await screen.sees("#login")
    await screen.check(pictures, "agent-login")

    await page.keyboard.type("rbk_wrong")
    await page.keyboard.press("Enter")
    await screen.sees("#login-problem", "isn't valid")
    await screen.check(pictures, "agent-login-refused")
    await page.keyboard.press("Control+a")
    await page.keyboard.type(ANN)
    await page.keyboard.press("Enter")

    await screen.sees("#state", "Logged out")
    await page.focus("#available")
    await page.keyboard.press("Space")
    await screen.sees("#state", "Waiting for calls")
    await page.select_option("#break", "lunch")
    await screen.sees("#state", "On a break · Lunch")
    await screen.check(pictures, "agent-break")
    found = await centre.get("/v1/agents/ann")
    assert (found["presence"], found["reason"]) == ("on_break", "lunch")


async def test_an_agent_with_a_phone_sees_the_call_and_controls_it(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, floor, "agent", ANN)
    await screen.click("#available")
    caller = await centre.call_in("notes")
    phone = await centre.agents["ann"].ring()
    await screen.sees("#offer", "Pick up your phone.")
    await screen.check(pictures, "agent-offer")
    phone.respond(200, "OK", sdp=True)
    await phone.request("ACK")
    await screen.sees("#call", "Talking")
    await screen.misses("#offer")

    async with talking((caller, CALLER_HZ), (phone, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent")
        await screen.check(pictures, "agent-call")
        await screen.click("#hold")
        await screen.sees("#call", "On hold")
        await until(lambda: hears(caller, MUSIC_HZ), "the caller hears music")
        await screen.check(pictures, "agent-held")
        await screen.page.keyboard.press("Alt+h")
        await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent again")
        await screen.click("#mute")
        await screen.sees("#parties", "muted")
        await until(lambda: not hears(caller, AGENT_HZ), "the caller doesn't hear the agent")
        await screen.click("#mute")
        await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent once more")

    await screen.page.fill("#note", "Wants the invoice again")
    await screen.page.select_option("#disposition", "sold the moon")
    await screen.click("#hangup")
    await screen.sees("#notes", "Time left")
    await screen.sees("#state", "After-call work")
    await screen.check(pictures, "agent-wrap-up")
    await screen.click("#extend")
    await screen.click("#done")
    await screen.sees("#state", "Waiting for calls")
    await screen.sees("#history", "notes")
    assert await screen.page.input_value("#disposition") == ""
    assert screen.problems == []


async def test_a_call_is_passed_on_to_a_colleague_who_was_asked_first(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, floor, "agent", ANN)
    caller, phone = await _talking(centre, screen)
    await centre.set_presence("ben", "on_break", "lunch")

    await screen.click("#transfer")
    await screen.page.fill("#target-name", "ben")
    await screen.check(pictures, "agent-transfer")
    await screen.click("#consult")
    colleague = await centre.agents["ben"].answer()
    await screen.sees("#call", "Consulting")
    async with talking((caller, CALLER_HZ), (phone, AGENT_HZ), (colleague, OTHER_HZ)):
        await until(lambda: hears(colleague, AGENT_HZ), "the colleague hears the agent")
        await until(lambda: hears(caller, MUSIC_HZ), "the caller hears music")
        await screen.check(pictures, "agent-consulting")
        await screen.click("#alternate")
        await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent")
        await screen.click("#complete")
        await until(lambda: hears(caller, OTHER_HZ), "the caller hears the colleague")

    await screen.sees("#state", "After-call work")
    caller.bye()
    await colleague.request("BYE")


async def test_a_reload_loses_neither_the_call_nor_the_notes(
    wide: BrowserContext, floor: str, centre: Centre
) -> None:
    screen = await Screen.open(wide, floor, "agent", ANN)
    caller, phone = await _talking(centre, screen)
    await screen.page.fill("#note", "half a sen")

    await screen.page.reload()

    await screen.sees("#call", "Talking")
    assert await screen.page.input_value("#note") == "half a sen"
    await screen.click("#transfer")
    await screen.page.select_option("#target-kind", "queue")
    await screen.page.fill("#target-name", "quiet")
    await screen.page.keyboard.press("Enter")
    await phone.request("BYE")
    await centre.until_waiting("quiet", 1)
    caller.bye()


async def test_of_two_tabs_one_leads_until_the_other_is_asked_to(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    first = await Screen.open(wide, floor, "agent", ANN)
    second = await Screen.open(wide, floor, "agent", ANN)
    await second.sees("#second")
    await first.misses("#second")
    await second.check(pictures, "agent-second-tab")

    await second.click("#lead")
    await second.misses("#second")
    await first.sees("#second")

    await second.page.close()
    await first.misses("#second")


async def test_an_agent_without_a_phone_answers_in_the_browser_and_survives_a_reload(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, floor, "agent", BEA)
    await screen.click("#available")
    await screen.sees("#status", "Waiting for calls")
    await screen.has_audio()
    caller = await centre.call_in("notes")
    await screen.sees("#offer", "Call for notes")
    await screen.check(pictures, "agent-browser-offer")

    await screen.click("#accept")

    await screen.sees("#call", "Talking")
    async with talking((caller, CALLER_HZ)):
        await until(lambda: hears(caller, MICROPHONE_HZ), "the caller hears the browser's microphone")
        await screen.hears(CALLER_HZ)
        await screen.page.reload()
        await screen.sees("#call", "Talking")
        await screen.hears(CALLER_HZ, deadline_s=20.0)
        await until(lambda: hears(caller, MICROPHONE_HZ), "the caller hears the browser again")
    await screen.click("#hangup")
    await screen.sees("#state", "After-call work")
    assert screen.problems == []


async def test_an_app_waits_in_a_queue_and_an_agent_sees_who_it_is_before_they_talk(
    agents_browser: Browser, context: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    await centre.set_presence("ben", "on_break", "lunch")
    app = await AppPage.open(context, floor, f"?to={NUMBERS['told']}")
    await app.evaluate("(context) => { sample.context = context; }", CONTEXT)
    await app.page.click("#call")
    await app.answered()
    await app.page.wait_for_selector("#queue:visible")
    desk = await agents_browser.new_context(permissions=["microphone"], locale="en", viewport=WIDE)
    screen = await Screen.open(desk, floor, "agent", BEA)
    await screen.has_audio()

    await screen.page.focus("#available")
    await screen.page.keyboard.press("Space")
    await screen.sees("#offer", "Sample caller")
    await screen.sees("#offer [data-section=attributes]", "<b>invoice</b> 7")
    await screen.page.keyboard.press("Alt+a")

    await screen.sees("#call", "Talking")
    await app.hears(AGENT_MICROPHONE_HZ)
    await screen.hears(MICROPHONE_HZ)
    await screen.check(pictures, "agent-call-with-context")
    await screen.page.keyboard.press("Alt+x")
    assert screen.problems == []
    await desk.close()


async def test_a_caller_in_an_app_and_an_agent_on_a_phone_hear_each_other(
    context: BrowserContext, floor: str, centre: Centre
) -> None:
    await centre.set_presence("bea", "on_break", "lunch")
    await centre.set_presence("ann", "available")
    app = await AppPage.open(context, floor, f"?to={NUMBERS['notes']}")
    await app.page.click("#call")
    await app.answered()

    phone = await centre.agents["ann"].ring()
    phone.respond(200, "OK", sdp=True)
    await phone.request("ACK")

    async with talking((phone, AGENT_HZ)):
        await app.hears(AGENT_HZ)
        await until(lambda: hears(phone, MICROPHONE_HZ), "the phone hears the app's microphone")
    await app.page.click("#hangup")
    await phone.request("BYE")


async def test_the_screen_pop_tells_who_it_is_and_whether_that_still_holds(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, floor, "agent", ANN)
    await screen.click("#available")
    caller = await centre.call_in("notes")
    phone = await centre.agents["ann"].ring()
    await screen.sees("#offer", "Call for notes")

    await screen.page.evaluate(
        """(context) => {
          desk.offer = { ...desk.offer, context };
          desk.dispatchEvent(new Event("change"));
        }""",
        KNOWN,
    )

    await screen.sees("#offer-from", "Grace Example")
    await screen.sees("#offer [data-section=authentication]", "Expired: ask again")
    await screen.sees("#offer [data-section=journey]", "<b>looked</b> at invoice 7")
    links = await screen.page.locator("#offer a").evaluate_all("(found) => found.map((link) => link.href)")
    assert links == ["https://shop.example.com/invoice/7"]
    await screen.check(pictures, "agent-screen-pop")
    for language in ("ja", "zh"):
        await screen.page.select_option("#language", language)
        await screen.check(pictures, f"agent-screen-pop-{language}")
    await screen.page.select_option("#language", "en")
    caller.bye()
    await phone.request("CANCEL")
    await screen.sees(".toast", "hung up")


async def test_the_audio_dialogue_shows_the_devices_and_the_level(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, floor, "agent", ANN)
    await screen.click("#devices")
    await screen.sees("#device-dialog")
    await screen.until("() => document.querySelector('#level').value > 0.05", "the level of the microphone")
    await screen.check(pictures, "agent-audio")

    await screen.page.check("#in-browser")
    await screen.has_audio()
    await screen.click("#test")
    await screen.sees("#test-said", "You were heard", deadline_s=15.0)
    await screen.hears(MICROPHONE_HZ, call="trial")
    await screen.check(pictures, "agent-test-call")
    await screen.click("#test")
    await screen.sees("#test", "Test call")
    await screen.page.keyboard.press("Escape")
    await screen.click("#available")
    caller = await centre.call_in("quiet")
    await screen.sees("#offer", "Call for quiet")
    await screen.misses("#offer-phone")
    await screen.page.keyboard.press("Enter")

    await screen.sees("#call", "Talking")
    await until(lambda: hears(caller, MICROPHONE_HZ), "the caller hears the browser, not the phone")
    assert centre.agents["ann"].phone.incoming.empty()
    caller.bye()


async def test_the_desktop_fits_a_small_window(
    browser: Browser, floor: str, centre: Centre, pictures: Path
) -> None:
    context = await browser.new_context(viewport=PHONE, locale="en")
    screen = await Screen.open(context, floor, "agent", ANN)
    caller, phone = await _talking(centre, screen)

    await screen.check(pictures, "agent-small")

    assert await screen.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    caller.bye()
    await phone.request("BYE")
    await context.close()


async def test_a_browser_that_is_closed_while_it_rings_gives_the_call_to_somebody_else(
    wide: BrowserContext, floor: str, centre: Centre
) -> None:
    screen = await Screen.open(wide, floor, "agent", BEA)
    await screen.click("#available")
    await screen.has_audio()
    caller = await centre.call_in("quiet")
    await screen.sees("#offer", "Call for quiet")

    await screen.page.close()
    await centre.set_presence("ann", "available")
    phone = await centre.agents["ann"].answer()

    async with talking((phone, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "the caller hears who has a phone")
    caller.bye()
    await phone.request("BYE")


@pytest.mark.parametrize(("language", "waiting"), [("ja", "着信待ち"), ("zh", "等待来电")])
async def test_the_desktop_speaks_the_agents_language(
    browser: Browser, floor: str, centre: Centre, pictures: Path, language: str, waiting: str
) -> None:
    context = await browser.new_context(locale=language, viewport={"width": 1360, "height": 900})
    screen = await Screen.open(context, floor, "agent", ANN)

    await screen.click("#available")

    await screen.sees("#state", waiting)
    await screen.check(pictures, f"agent-{language}")
    await context.close()
