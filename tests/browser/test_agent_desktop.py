"""Agents at their desktop: a call with what is known of it, and everything they do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ViewportSize

from gateway.api.auth import new_key
from tests.browser.chromium import MICROPHONE_HZ, PHONE, AppPage, chromium
from tests.browser.conftest import voice_environment
from tests.browser.desk import Screen
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UaCall
from tests.integration.peers.wait import until
from tests.integration.queues.centre import Centre, contact_centre, hears, latest, talking
from tests.integration.queues.plan import MUSIC_HZ, NUMBERS

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = {"ann:agent": new_key(), "bea:agent": new_key(), "sue:supervisor": new_key()}
ANN, BEA, SUE = KEYS.values()
CALLER_HZ, AGENT_HZ, OTHER_HZ = 700.0, 1100.0, 1900.0
AGENT_MICROPHONE_HZ = 900.0
WIDE: ViewportSize = {"width": 1360, "height": 900}

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    """Ann and Ben have a phone, Bea a browser only, and Sue supervises."""
    directory = tmp_path_factory.mktemp("centre")
    async with contact_centre(
        directory, ("ann", "ben"), browsers=("bea",), keys=KEYS, environment=voice_environment()
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
    fresh = await browser.new_context(viewport=WIDE, permissions=["microphone", "notifications"], locale="en")
    yield fresh
    await fresh.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agents_browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """Another browser, with another voice."""
    directory = tmp_path_factory.mktemp("agent")
    async with chromium(directory, microphone_hz=AGENT_MICROPHONE_HZ) as running:
        yield running


@pytest.fixture
def base(shared_centre: Centre) -> str:
    return f"http://{LOOPBACK}:{shared_centre.gateway.http_port}"


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
    wide: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    page = await wide.new_page()
    screen = Screen(page, base)
    await page.goto(f"{base}/agent")
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
    wide: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, base, "agent", ANN)
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
    wide: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, base, "agent", ANN)
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
    wide: BrowserContext, base: str, centre: Centre
) -> None:
    screen = await Screen.open(wide, base, "agent", ANN)
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
    wide: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    first = await Screen.open(wide, base, "agent", ANN)
    second = await Screen.open(wide, base, "agent", ANN)
    await second.sees("#second")
    await first.misses("#second")
    await second.check(pictures, "agent-second-tab")

    await second.click("#lead")
    await second.misses("#second")
    await first.sees("#second")

    await second.page.close()
    await first.misses("#second")


async def test_an_agent_without_a_phone_answers_in_the_browser_and_survives_a_reload(
    wide: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, base, "agent", BEA)
    await screen.click("#available")
    await screen.sees("#status", "Waiting for calls")
    await screen.until("() => Boolean(sessionStorage.getItem('ringback.voice'))", "the audio is connected")
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
    agents_browser: Browser, context: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    await centre.set_presence("ben", "on_break", "lunch")
    app = await AppPage.open(context, base, f"?to={NUMBERS['told']}")
    await app.evaluate("(context) => { sample.context = context; }", CONTEXT)
    await app.page.click("#call")
    await app.answered()
    await app.page.wait_for_selector("#queue:visible")
    desk = await agents_browser.new_context(permissions=["microphone"], locale="en", viewport=WIDE)
    screen = await Screen.open(desk, base, "agent", BEA)
    await screen.until("() => Boolean(sessionStorage.getItem('ringback.voice'))", "the audio is connected")

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


async def test_the_screen_pop_tells_who_it_is_and_whether_that_still_holds(
    wide: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, base, "agent", ANN)
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
    caller.bye()
    await phone.request("CANCEL")
    await screen.sees(".toast", "hung up")


async def test_the_audio_dialogue_shows_the_devices_and_the_level(
    wide: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, base, "agent", ANN)
    await screen.click("#devices")
    await screen.sees("#device-dialog")
    await screen.until("() => document.querySelector('#level').value > 0.05", "the level of the microphone")
    await screen.check(pictures, "agent-audio")

    await screen.page.check("#in-browser")
    await screen.until("() => Boolean(sessionStorage.getItem('ringback.voice'))", "the audio is connected")
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
    browser: Browser, base: str, centre: Centre, pictures: Path
) -> None:
    context = await browser.new_context(viewport=PHONE, locale="en")
    screen = await Screen.open(context, base, "agent", ANN)
    caller, phone = await _talking(centre, screen)

    await screen.check(pictures, "agent-small")

    assert await screen.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    caller.bye()
    await phone.request("BYE")
    await context.close()


async def test_a_supervisor_listens_in_the_browser(
    wide: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    await centre.on_duty("ann")
    board = await Screen.open(wide, base, "wallboard", SUE)
    await board.page.check("#in-browser")
    await board.until("() => Boolean(sessionStorage.getItem('ringback.voice'))", "the audio is connected")
    caller = await centre.call_in("quiet")
    phone = await centre.agents["ann"].answer()

    await board.page.locator("#calls").get_by_role("button", name="Listen").click()
    async with talking((caller, CALLER_HZ), (phone, AGENT_HZ)):
        await board.sees("#calls", "(sue)")
        await board.hears(CALLER_HZ)
        assert not hears(caller, MICROPHONE_HZ)
        await board.page.locator("#calls").get_by_role("button", name="Join").click()
        await until(
            lambda: MICROPHONE_HZ in tones.heard(latest(caller), [MICROPHONE_HZ]),
            "the caller hears who joined",
        )
    caller.bye()
    await phone.request("BYE")
    assert board.problems == []


async def test_a_browser_that_is_closed_while_it_rings_gives_the_call_to_somebody_else(
    wide: BrowserContext, base: str, centre: Centre
) -> None:
    screen = await Screen.open(wide, base, "agent", BEA)
    await screen.click("#available")
    await screen.until("() => Boolean(sessionStorage.getItem('ringback.voice'))", "the audio is connected")
    caller = await centre.call_in("quiet")
    await screen.sees("#offer", "Call for quiet")

    await screen.page.close()
    await centre.set_presence("ann", "available")
    phone = await centre.agents["ann"].answer()

    async with talking((phone, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "the caller hears who has a phone")
    caller.bye()
    await phone.request("BYE")


async def test_the_wallboard_shows_moves_forces_and_listens(
    wide: BrowserContext, base: str, centre: Centre, pictures: Path
) -> None:
    page = await wide.new_page()
    board = Screen(page, base)
    await page.goto(f"{base}/wallboard")
    await page.fill("#key", ANN)
    await page.keyboard.press("Enter")
    await board.sees("#login-problem", "supervisor")
    await page.close()
    await centre.on_duty("ann")
    supervisor = await centre.caller("sue")
    board = await Screen.open(wide, base, "wallboard", SUE)
    caller = await centre.call_in("quiet")
    phone = await centre.agents["ann"].answer()
    waiting = await centre.wait_in("told", "waits")
    await board.sees("#waiting", "told")
    await board.sees("#calls", "Talking")
    await board.check(pictures, "wallboard")

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


@pytest.mark.parametrize(("language", "waiting"), [("ja", "着信待ち"), ("zh", "等待来电")])
async def test_the_desktop_speaks_the_agents_language(
    browser: Browser, base: str, centre: Centre, pictures: Path, language: str, waiting: str
) -> None:
    context = await browser.new_context(locale=language, viewport={"width": 1360, "height": 900})
    screen = await Screen.open(context, base, "agent", ANN)

    await screen.click("#available")

    await screen.sees("#state", waiting)
    await screen.check(pictures, f"agent-{language}")
    await context.close()
