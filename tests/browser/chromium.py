"""A real Chromium without a screen, whose microphone is a file, and pages that listen to themselves."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, async_playwright

from tests.integration.peers import tones
from tests.integration.peers.wait import until_async

MICROPHONE_HZ: Final = 1500.0
MICROPHONE_RATE: Final = 48000
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}

_FLAGS: Final = (
    "--no-sandbox",  # as root, in a container
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)

# Chromium gives the audio of a call to an analyser of its own: what it finds is what is heard.
_LISTEN: Final = """async (call) => {
  const stream = globalThis[call]?.remoteStream;
  if (!stream) return [0, -200];
  const context = (globalThis.ear ??= new AudioContext({ sampleRate: 16000 }));
  await context.resume();
  const source = context.createMediaStreamSource(stream);
  const analyser = context.createAnalyser();
  analyser.fftSize = 2048;
  analyser.smoothingTimeConstant = 0;
  source.connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  await new Promise((done) => setTimeout(done, 200));
  analyser.getFloatFrequencyData(bins);
  source.disconnect();
  let best = 0;
  bins.forEach((level, bin) => { if (level > bins[best]) best = bin; });
  return [best * context.sampleRate / analyser.fftSize, bins[best]];
}"""
_LOUD_DB: Final = -60.0
_NEAR_HZ: Final = 25.0


def executable() -> str:
    found = shutil.which("chromium")
    assert found is not None, "Debian's chromium isn't installed: .ci/setup test does it"
    return found


@asynccontextmanager
async def chromium(
    directory: Path,
    *,
    microphone_hz: float = MICROPHONE_HZ,
    command: str | None = None,
    flags: Sequence[str] = (),
) -> AsyncIterator[Browser]:
    """One browser. Its pages may use the microphone, which plays a tone without end.

    `command`: starts it, instead of Debian's; `flags`: more of them.
    """
    # Not a steady tone: browsers take that for noise and suppress it.
    beep = tones.sine(microphone_hz, 0.3, rate=MICROPHONE_RATE, level_dbfs=-12.0)
    tone = np.tile(np.concatenate([beep, tones.silence(0.2, rate=MICROPHONE_RATE)]), 20)
    microphone = tones.write_wav(
        directory / f"microphone-{microphone_hz:.0f}.wav", tone, rate=MICROPHONE_RATE
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=command or executable(),
            args=[*_FLAGS, *flags, f"--use-file-for-fake-audio-capture={microphone}"],
        )
        try:
            yield browser
        finally:
            await browser.close()


class AppPage:
    """The sample page, as a caller uses it. `problems`: what its console complained about."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self._base = base
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._note)

    def _note(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.problems.append(line.text)

    @classmethod
    async def open(cls, context: BrowserContext, base: str, query: str = "") -> AppPage:
        app = cls(await context.new_page(), base)
        await app.page.goto(f"{base}/app/{query}")
        return app

    async def call(self) -> None:
        await self.page.click("#call")
        await self.answered()

    async def answered(self, deadline_ms: float = 15_000) -> None:
        await self.page.wait_for_selector("body[data-state=answered]", timeout=deadline_ms)

    async def ended(self, deadline_ms: float = 10_000) -> None:
        await self.page.wait_for_selector("body[data-state=ended]", timeout=deadline_ms)

    async def hears(self, frequency_hz: float, deadline_s: float = 10.0, call: str = "call") -> None:
        """Waits until that is what comes out of the page."""

        async def heard() -> bool:
            found, level = await self.evaluate(_LISTEN, call)
            return bool(level > _LOUD_DB and abs(found - frequency_hz) < _NEAR_HZ)

        await until_async(heard, f"the page hears {frequency_hz} Hz", deadline_s=deadline_s)

    async def evaluate(self, script: str, argument: Any = None) -> Any:
        return await self.page.evaluate(script, argument)

    async def text(self, selector: str) -> str:
        return (await self.page.inner_text(selector)).strip()

    async def statistics(self, kind: str) -> list[dict[str, Any]]:
        """RTCStats of one type, of the present peer connection."""
        found = await self.evaluate(
            """async (kind) => {
              const report = await call.peerConnection.getStats();
              return [...report.values()].filter((entry) => entry.type === kind);
            }""",
            kind,
        )
        return list(found)
