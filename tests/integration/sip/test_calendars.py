"""Calendars set by hand under live calls: the tones tell which branch a caller took."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.api.auth import hash_of, new_key
from tests.integration.gateway import Gateway
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until

MENU_HZ, OPEN_HZ, CLOSED_HZ, NIGHT_HZ = 440.0, 700.0, 1000.0, 600.0
ALL_HZ = (MENU_HZ, OPEN_HZ, CLOSED_HZ, NIGHT_HZ)
TAIL_SAMPLES = round(0.3 * tones.RATE)

# Open at any time but by somebody's word, so that the test is right on every day.
PLAN = """\
calendars: {office: {timezone: UTC, hours: {mon-sun: 00:00-24:00}}}
---
routes:
- {dnis: "100", flow: main}
- {dnis: "200", flow: main}
- {dnis: "200", flow: night, calendar: office, during: closed}
---
flow: main
start: question
nodes:
  question: {menu: {play: menu.wav}, keys: {1: hours, 9: end}, first_digit_timeout: 30s}
  hours: {calendar: office, open: open, closed: closed}
  open: {play: open.wav, next: question}
  closed: {play: closed.wav, next: question}
  end: {hangup: normal_clearing}
---
flow: night
start: sorry
nodes:
  sorry: {play: night.wav, next: end}
  end: {hangup: normal_clearing}
"""


@dataclass(slots=True)
class Site:
    """A node, and a supervisor with a key."""

    gateway: Gateway
    key: str

    async def office(self, method: str, body: dict[str, Any] | None = None) -> int:
        url = f"http://{LOOPBACK}:{self.gateway.http_port}/v1/calendars/office/override"
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {self.key}"}) as client:
            return (await client.request(method, url, json=body)).status_code


@pytest.fixture
def site(tmp_path: Path) -> Site:
    plan = tmp_path / "plan"
    plan.mkdir()
    (plan / "main.yaml").write_text(PLAN)
    for name, hz, seconds in (
        ("menu", MENU_HZ, 60.0),
        ("open", OPEN_HZ, 2.0),
        ("closed", CLOSED_HZ, 2.0),
        ("night", NIGHT_HZ, 60.0),
    ):
        tones.write_wav(plan / f"{name}.wav", tones.sine(hz, seconds))
    return site_of(tmp_path, plan, new_key())


def site_of(directory: Path, plan: Path, key: str) -> Site:
    environment = {"RINGBACK_HTTP__API_KEYS": f"desk:supervisor:{hash_of(key)}"}
    return Site(Gateway(directory / "gateway", dialplan=plan, environment=environment), key)


async def hear(call: UaCall, frequency_hz: float) -> None:
    def hears() -> bool:
        audio = call.rtp.audio()[-TAIL_SAMPLES:]
        found = tones.heard(audio, ALL_HZ, least_share=0.5) if len(audio) == TAIL_SAMPLES else set()
        return found == {frequency_hz}

    await until(hears, f"{frequency_hz} Hz alone", deadline_s=10.0)


async def call_up(phone: UserAgent, site: Site, number: str, tone_hz: float) -> UaCall:
    call = await phone.call(site.gateway.uri(number))
    await call.status(200)
    await hear(call, tone_hz)
    return call


async def ask(call: UaCall, tone_hz: float) -> None:
    """Press 1, which leads to the calendar, and come back to the menu."""
    await call.rtp.press("1")
    await hear(call, tone_hz)
    await hear(call, MENU_HZ)


async def test_calls_in_progress_and_new_ones_follow_the_override_across_a_restart(
    site: Site, phone: UserAgent, tmp_path: Path
) -> None:
    async with site.gateway:
        in_progress = await call_up(phone, site, "100", MENU_HZ)
        await ask(in_progress, OPEN_HZ)
        (await call_up(phone, site, "200", MENU_HZ)).bye()

        assert await site.office("PUT", {"state": "closed"}) == 200

        await ask(in_progress, CLOSED_HZ)
        (await call_up(phone, site, "200", NIGHT_HZ)).bye()
        in_progress.bye()
    again = site_of(tmp_path, tmp_path / "plan", site.key)
    async with again.gateway:
        after_restart = await call_up(phone, again, "100", MENU_HZ)
        await ask(after_restart, CLOSED_HZ)

        assert await again.office("DELETE") == 204

        await ask(after_restart, OPEN_HZ)
        (await call_up(phone, again, "200", MENU_HZ)).bye()
        after_restart.bye()
    log = again.gateway.process.output()
    assert '"event": "calendar_override_cleared"' in log
