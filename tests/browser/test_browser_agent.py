"""Agents who talk in their browser: every control of the call, and what becomes of it when tabs close."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from tests.browser.chromium import MICROPHONE_HZ
from tests.browser.desk import BEA, CALLER_HZ, OTHER_HZ, Screen
from tests.integration.peers import tones
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until
from tests.integration.queues.centre import Centre, hears, latest, talking
from tests.integration.queues.plan import MUSIC_HZ

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYBODY_HZ = (CALLER_HZ, OTHER_HZ, MICROPHONE_HZ, MUSIC_HZ)

# What the page notifies of, for a look at it afterwards; the notification itself is the browser's.
_NOTE_NOTIFICATIONS = """() => {
  const Real = Notification;
  globalThis.notified = [];
  globalThis.Notification = class extends Real {
    constructor(title, options) {
      super(title, options);
      const about = { title, body: options.body, shown: false, closed: false };
      this.addEventListener("show", () => (about.shown = true));
      this.addEventListener("close", () => (about.closed = true));
      notified.push(about);
    }
  };
  Object.defineProperty(document, "hidden", { get: () => true });
}"""


def hear_together(call: UaCall, *frequencies_hz: float) -> bool:
    """Whether a phone hears all of these at a time, and nobody else."""
    return tones.heard(latest(call), EVERYBODY_HZ) == set(frequencies_hz)


async def test_a_colleague_is_asked_left_asked_again_and_joins(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    await centre.set_presence("ben", "on_break", "lunch")
    screen = await Screen.open(wide, floor, "agent", BEA)
    caller = await screen.takes(centre, "notes")

    async def ask() -> UaCall:
        await screen.page.keyboard.press("Alt+t")
        await screen.page.fill("#target-name", "ben")
        await screen.click("#consult")
        return await centre.agents["ben"].ring()

    rung = await ask()
    await screen.sees("#call", "Calling a colleague")
    await screen.check(pictures, "agent-consult-rings")
    await screen.click("#cancel")
    await rung.request("CANCEL")
    await screen.sees("#call", "Talking")
    colleague = await ask()
    colleague.respond(200, "OK", sdp=True)
    await colleague.request("ACK")
    await screen.sees("#call", "Consulting")
    async with talking((caller, CALLER_HZ), (colleague, OTHER_HZ)):
        await until(lambda: hear_together(caller, MUSIC_HZ), "the caller waits with music")
        await screen.hears(OTHER_HZ)
        await screen.click("#conference")
        await screen.sees("#call", "Conference")
        await until(lambda: hear_together(caller, OTHER_HZ, MICROPHONE_HZ), "the caller hears both")
        await until(lambda: hear_together(colleague, CALLER_HZ, MICROPHONE_HZ), "the colleague hears both")
        await screen.check(pictures, "agent-conference")
        await screen.click("#complete")
        await until(lambda: hear_together(caller, OTHER_HZ), "the caller goes on with the colleague")
    await screen.sees("#state", "After-call work")
    caller.bye()
    await colleague.request("BYE")
    assert screen.problems == []


async def test_keys_reach_the_far_end_and_the_recording_stops_meanwhile(
    wide: BrowserContext, floor: str, centre: Centre, pictures: Path
) -> None:
    screen = await Screen.open(wide, floor, "agent", BEA)
    caller = await screen.takes(centre, "recorded")
    await screen.sees("#recording", "Recording")

    await screen.click("#record")
    await screen.sees("#recording", "Recording paused")
    await screen.page.keyboard.press("Alt+k")
    await screen.click("#keys button >> text=1")
    await screen.page.keyboard.press("5")
    await screen.click("#keys button >> text=#")
    await until(lambda: caller.rtp.digits() == "15#", "the keys arrive")
    await screen.check(pictures, "agent-keypad-paused")
    assert (await screen.page.inner_text("#pressed")) == "15#"
    await screen.click("#record")
    await screen.sees("#record", "Pause")
    assert (await centre.get("/v1/calls"))["calls"][0]["recording"] == "on"
    await screen.click("#record-stop")
    await screen.sees("#recording", "Not recorded")

    await screen.click("#hangup")
    await screen.sees("#history", "recorded")
    assert screen.problems == []


async def test_a_page_that_nobody_looks_at_notifies_of_a_call(
    wide: BrowserContext, floor: str, centre: Centre
) -> None:
    screen = await Screen.open(wide, floor, "agent", BEA)
    await screen.click("#available")
    await screen.has_audio()
    await screen.page.evaluate(_NOTE_NOTIFICATIONS)

    caller = await centre.call_in("quiet")
    await screen.until("() => notified.length === 1", "a notification")
    [about] = await screen.page.evaluate("() => notified")
    title = await screen.page.title()
    caller.bye()
    await screen.misses("#offer")

    assert (about["title"], about["body"]) == ("Call from caller", "quiet")
    assert title.endswith("Call from caller")
    assert await screen.page.title() == "Agent desktop"


async def test_the_second_tab_goes_on_with_the_call_when_the_first_is_closed(
    wide: BrowserContext, floor: str, centre: Centre
) -> None:
    first = await Screen.open(wide, floor, "agent", BEA)
    caller = await first.takes(centre, "quiet")
    second = await Screen.open(wide, floor, "agent", BEA)
    await second.sees("#second")
    await second.sees("#call", "Talking")
    async with talking((caller, CALLER_HZ)):
        await until(lambda: hears(caller, MICROPHONE_HZ), "the caller hears the first tab")

        await first.page.close()

        await second.misses("#second")
        await second.hears(CALLER_HZ, deadline_s=20.0)
        caller.rtp.received.clear()
        await until(lambda: hears(caller, MICROPHONE_HZ), "the caller hears the second tab")
    await second.click("#hangup")
    await second.sees("#state", "Waiting for calls")
    assert second.problems == []


async def test_a_customer_who_is_to_be_called_later_is_called_now_by_who_claims_it(
    wide: BrowserContext, floor: str, centre: Centre, customer: UserAgent, pictures: Path
) -> None:
    screen = await Screen.open(wide, floor, "agent", BEA)
    later = datetime.now(UTC) + timedelta(hours=2)
    wish = {"queue": "calling", "number": "030 123456", "name": "Grace Example", "at": later.isoformat()}
    found = await centre.request("POST", "/v1/callbacks", wish)
    assert found.status_code == 201, found.text
    await screen.sees("#callbacks", "Grace Example")
    await screen.sees("#callbacks", "scheduled")
    claim = screen.page.get_by_role("button", name="Call Grace Example")
    await claim.click()
    await screen.sees(".toast", "bea")  # who is logged out can't have it
    await screen.click("#available")
    await screen.has_audio()
    await screen.check(pictures, "agent-callbacks")

    await claim.click()

    await screen.sees("#offer", "Callback for calling")
    await screen.page.screenshot(path=pictures / "agent-callback-offer.png")
    await screen.click("#accept")
    dialled = await customer.next_call(10.0)
    dialled.respond(200, "OK", sdp=True)
    await dialled.request("ACK")
    await screen.sees("#call", "Talking")
    async with talking((dialled, CALLER_HZ)):
        await screen.hears(CALLER_HZ)
    dialled.bye()
    await screen.misses("#callbacks")
    await screen.sees("#state", "Waiting for calls")
