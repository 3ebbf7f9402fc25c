"""The customer's record in a CRM, a click away from the call, or opened with it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import BrowserContext, Route

from tests.browser.desk import BEA, Screen
from tests.integration.queues.centre import Centre

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _crm(route: Route) -> None:
    await route.fulfill(body="<title>A record</title>", content_type="text/html")


async def test_the_record_of_a_caller_is_a_link_and_opens_when_the_call_is_taken(
    wide: BrowserContext, floor: str, centre: Centre
) -> None:
    await wide.route("https://crm.example/**", _crm)
    screen = await Screen.open(wide, floor, "agent", BEA)
    await screen.click("#available")
    await screen.has_audio()
    caller = await centre.call_in("quiet", "4930555")
    await screen.sees("#offer [data-section=record] a", "CRM")
    link = screen.page.locator("#offer [data-section=record] a")
    href, relation = await link.get_attribute("href"), await link.get_attribute("rel")
    await screen.page.evaluate("() => { desk.offer.context.record.open = true; }")
    async with wide.expect_page() as opening:
        await screen.click("#accept")
    record = await opening.value
    await record.wait_for_load_state()
    await screen.sees("#call", "Talking")
    opener = await record.evaluate("() => window.opener")
    caller.bye()

    assert href is not None
    asked = parse_qs(urlsplit(href).query, keep_blank_values=True)
    assert asked["from"] == ["4930555"]
    assert asked["call"][0]
    assert relation == "noopener noreferrer"
    assert record.url == href
    assert opener is None
    assert screen.problems == []
