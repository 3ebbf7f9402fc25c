"""Another dialplan under live calls: real phones, real RTP, and the command an engineer would type."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.api.auth import hash_of, new_key
from tests.integration.gateway import Gateway
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.rtp import RtpEnd
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until, until_async

MENU_1_HZ, MENU_2_HZ = 440.0, 600.0
KEY_1_HZ, KEY_2_HZ = 700.0, 1000.0
ALL_HZ = (MENU_1_HZ, MENU_2_HZ, KEY_1_HZ, KEY_2_HZ)
TAIL_SAMPLES = round(0.3 * tones.RATE)
ROOT = Path(__file__).parents[3]

PLAN = """\
routes: [{dnis: "100", flow: main}]
---
flow: main
start: question
nodes:
  question: {menu: {play: menu.wav}, keys: {1: first, 9: end}, first_digit_timeout: 30s}
  first: {play: key.wav, next: question}
  end: {hangup: normal_clearing}
"""


def write_version(directory: Path, menu_hz: float, key_hz: float, *, text: str = PLAN) -> Path:
    """The same file names with other tones: a call that looked at the directory again would be heard."""
    directory.mkdir(exist_ok=True)
    (directory / "main.yaml").write_text(text)
    tones.write_wav(directory / "menu.wav", tones.sine(menu_hz, 60.0))
    tones.write_wav(directory / "key.wav", tones.sine(key_hz, 2.0))
    return directory


@dataclass(frozen=True, slots=True)
class Done:
    status: int
    output: str
    errors: str


@dataclass(slots=True)
class Site:
    """A node, the directory of its plan, and an engineer at the command line."""

    gateway: Gateway
    plan: Path
    key: str

    async def ringback(self, *arguments: str, key: str | None = None) -> Done:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *arguments, "--config", str(self.gateway.configuration)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.gateway.directory,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "RINGBACK_API_KEY": key or self.key},
        )
        output, errors = await process.communicate()
        return Done(process.returncode or 0, output.decode(), errors.decode())

    async def versions(self) -> dict[str, Any]:
        done = await self.ringback("dialplan", "versions", "--json")
        assert done.status == 0, done.errors
        found: dict[str, Any] = json.loads(done.output)
        return found

    async def version(self) -> str:
        return str((await self.versions())["version"])

    async def records(self, count: int) -> list[dict[str, Any]]:
        """The call records, the oldest first, once there are `count`."""

        async def read() -> list[dict[str, Any]]:
            done = await self.ringback("calls", "list", "--json")
            return list(reversed(json.loads(done.output or "[]")))

        async def enough() -> list[dict[str, Any]]:
            found = await read()
            return found if len(found) >= count else []

        return await until_async(enough, f"{count} call records", deadline_s=15.0)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    plan = write_version(tmp_path / "plan", MENU_1_HZ, KEY_1_HZ)
    key = new_key()
    environment = {"RINGBACK_HTTP__API_KEYS": f"test:admin:{hash_of(key)}"}
    return Site(Gateway(tmp_path / "gateway", dialplan=plan, environment=environment), plan, key)


def hears(rtp: RtpEnd) -> set[float]:
    audio = rtp.audio()[-TAIL_SAMPLES:]
    return tones.heard(audio, ALL_HZ, least_share=0.5) if len(audio) == TAIL_SAMPLES else set()


async def hear(call: UaCall, frequency_hz: float) -> None:
    await until(lambda: hears(call.rtp) == {frequency_hz}, f"{frequency_hz} Hz alone", deadline_s=10.0)


async def call_up(phone: UserAgent, site: Site, menu_hz: float) -> UaCall:
    call = await phone.call(site.gateway.uri("100"))
    await call.status(200)
    await hear(call, menu_hz)
    return call


async def test_calls_stay_on_their_version_while_others_come_into_force_or_are_refused(
    site: Site, phone: UserAgent
) -> None:
    async with site.gateway:
        first_version = await site.version()
        on_first = await call_up(phone, site, MENU_1_HZ)

        write_version(site.plan, MENU_2_HZ, KEY_2_HZ)
        loaded = await site.ringback("dialplan", "reload")
        assert (loaded.status, loaded.errors) == (0, "")
        second_version = await site.version()
        on_second = await call_up(phone, site, MENU_2_HZ)

        await on_first.rtp.press("1")
        await hear(on_first, KEY_1_HZ)
        await hear(on_first, MENU_1_HZ)
        calls = {kept["version"]: kept["calls"] for kept in (await site.versions())["versions"]}
        assert calls == {first_version: 1, second_version: 1}

        write_version(site.plan, KEY_1_HZ, MENU_1_HZ, text=PLAN.replace("next: question", "next: questoin"))
        refused = await site.ringback("dialplan", "reload")
        assert refused.status == 1
        place = f"{site.plan / 'main.yaml'}:7:"
        assert refused.output.startswith(place), refused.output
        assert "did you mean 'question'" in refused.output
        assert refused.errors == f"the plan has 1 error; {second_version} stays in force\n"
        after_refusal = await call_up(phone, site, MENU_2_HZ)

        for call, menu_hz in ((on_first, MENU_1_HZ), (on_second, MENU_2_HZ), (after_refusal, MENU_2_HZ)):
            assert hears(call.rtp) == {menu_hz}
            await call.rtp.press("9")
            await call.request("BYE")
        records = await site.records(3)

    versions = [record["attributes"]["dialplan_version"] for record in records]
    assert sorted(versions) == sorted([first_version, second_version, second_version])
    assert [record["result"] for record in records] == ["answered"] * 3


async def test_an_earlier_version_comes_back_by_name_and_survives_a_restart(
    site: Site, phone: UserAgent, tmp_path: Path
) -> None:
    async with site.gateway:
        first_version = await site.version()
        write_version(site.plan, MENU_2_HZ, KEY_2_HZ)
        await site.ringback("dialplan", "reload")
        (await call_up(phone, site, MENU_2_HZ)).bye()

        back = await site.ringback("dialplan", "reload", "--version", first_version)

        assert back.output.startswith(f"version {first_version} is in force; before it, ")
        (await call_up(phone, site, MENU_1_HZ)).bye()
        assert await site.gateway.metric("ringback_dialplan_reloads_total", result="rolled_back") == 1
    environment = {"RINGBACK_HTTP__API_KEYS": f"test:admin:{hash_of(site.key)}"}
    again = Gateway(tmp_path / "gateway", dialplan=site.plan, environment=environment)
    async with again:
        site.gateway = again
        assert await site.version() == first_version
        (await call_up(phone, site, MENU_1_HZ)).bye()


async def test_a_watched_directory_comes_into_force_by_itself(tmp_path: Path, phone: UserAgent) -> None:
    plan = write_version(tmp_path / "plan", MENU_1_HZ, KEY_1_HZ)
    environment = {"RINGBACK_DIALPLAN__WATCH": "true"}
    gateway = Gateway(tmp_path / "gateway", dialplan=plan, environment=environment)
    async with gateway:
        site = Site(gateway, plan, "")
        on_first = await call_up(phone, site, MENU_1_HZ)

        write_version(plan, MENU_2_HZ, KEY_2_HZ)
        await until_async(
            lambda: gateway.metric("ringback_dialplan_reloads_total", result="loaded"),
            "the new plan is in force",
            deadline_s=15.0,
        )

        on_second = await call_up(phone, site, MENU_2_HZ)
        assert hears(on_first.rtp) == {MENU_1_HZ}
        on_first.bye()
        on_second.bye()


async def test_a_reload_without_a_key_or_without_a_node_says_what_is_missing(site: Site) -> None:
    nobody = await site.ringback("dialplan", "reload")
    async with site.gateway:
        keyless = await site.ringback("dialplan", "reload", key="rbk_wrong")

    assert (nobody.status, nobody.errors.partition(": ")[0]) == (
        1,
        f"no node answers at http://{LOOPBACK}:{site.gateway.http_port}",
    )
    assert (keyless.status, keyless.errors) == (
        1,
        "the node wants a key, and RINGBACK_API_KEY has none that it knows: "
        "`ringback token` makes one, and says how to admit it\n",
    )
