"""The agent desktop and the wallboard as agents and supervisors use them, in a real Chromium."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, ConsoleMessage, Page, ViewportSize, expect

from gateway.api.auth import new_key
from tests.browser.chromium import AppPage
from tests.integration.peers.ua import UaCall
from tests.integration.peers.wait import until_async
from tests.integration.queues.centre import Centre

KEYS = {"ann:agent": new_key(), "bea:agent": new_key(), "sue:supervisor": new_key()}
ANN, BEA, SUE = KEYS.values()
CALLER_HZ, AGENT_HZ, OTHER_HZ = 700.0, 1100.0, 1900.0
AGENT_MICROPHONE_HZ = 900.0
WIDE: ViewportSize = {"width": 1360, "height": 900}
SCHEMES: Final[Mapping[Literal["light", "dark"], list[str]]] = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "dark": ["color-contrast"],  # the rest is as it was
}


class Screen:
    """A page that somebody has logged in to. `problems`: what its console complained about."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._note)

    def _note(self, line: ConsoleMessage) -> None:
        # A list that this node hasn't got is asked for once; browsers log that by themselves.
        if line.type == "error" and "/v1/callbacks" not in line.location.get("url", ""):
            self.problems.append(line.text)

    @classmethod
    async def open(cls, context: BrowserContext, base: str, name: str, key: str) -> Screen:
        """`name`: of the page, `agent` or `wallboard`."""
        screen = cls(await context.new_page(), base)
        await screen.page.goto(f"{base}/{name}")
        await screen.page.fill("#key", key)
        await screen.page.keyboard.press("Enter")
        await screen.sees("#line.good")
        return screen

    async def sees(self, selector: str, text: str | None = None, deadline_s: float = 10.0) -> None:
        """Waits until it is there, and says `text` somewhere."""
        place = self.page.locator(selector).first
        await expect(place).to_be_visible(timeout=deadline_s * 1000)
        if text is not None:
            await expect(place).to_contain_text(text, timeout=deadline_s * 1000)

    async def misses(self, selector: str, deadline_s: float = 10.0) -> None:
        await expect(self.page.locator(selector).first).to_be_hidden(timeout=deadline_s * 1000)

    async def click(self, selector: str) -> None:
        await self.page.click(selector)

    async def until(self, script: str, what: str, deadline_s: float = 10.0) -> None:
        async def true() -> bool:
            return bool(await self.page.evaluate(script))

        await until_async(true, what, deadline_s=deadline_s)

    async def hears(self, frequency_hz: float, deadline_s: float = 10.0, call: str = "call") -> None:
        """`call`: the page's name of the call that is listened to."""
        await AppPage(self.page, self.base).hears(frequency_hz, deadline_s, call)

    async def has_audio(self) -> None:
        """Waits until the page can be rung."""
        await self.until("() => Boolean(sessionStorage.getItem('ringback.voice'))", "the audio is connected")

    async def takes(self, centre: Centre, queue: str) -> UaCall:
        """A caller who has waited for this page's agent, and talks with them in the browser now."""
        await self.click("#available")
        await self.has_audio()
        caller = await centre.call_in(queue)
        await self.sees("#offer", f"Call for {queue}")
        await self.click("#accept")
        await self.sees("#call", "Talking")
        return caller

    async def check(self, pictures: Path, name: str) -> None:
        """A picture in light and in dark, and no accessibility fault in either."""
        for scheme, rules in SCHEMES.items():
            await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await self.page.screenshot(path=pictures / f"{name}-{scheme}.png", full_page=True)
            faults = await self._faults(rules)
            assert not faults, f"{name} {scheme}: {faults}"
        await self.page.emulate_media(color_scheme="light")

    async def _faults(self, rules: list[str]) -> list[dict[str, Any]]:
        # Our policy lets no script in, so axe comes in through the debugger and not through the page.
        found = await Axe().run(self.page, options={"runOnly": rules})
        return [
            {
                "rule": fault["id"],
                "nodes": [(node["html"][:160], node.get("any", [{}])[:1]) for node in fault["nodes"]],
            }
            for fault in found.response["violations"]
        ]
