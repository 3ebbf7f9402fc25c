"""Databases that go away, disks that are full, clocks that are set: calls go on, and no promise is broken.

`TEST_OUTAGE_S`: how long the database is away (`make soak`: half a minute).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.gateway import Gateway
from tests.integration.peers.clock import WallClock
from tests.integration.peers.postgres import Postgres
from tests.integration.peers.ua import UserAgent
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import Centre, contact_centre, hears, talking
from tests.integration.queues.plan import CONFIRM_HZ, MUSIC_HZ, NUMBERS, WHISPER_HZ

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
NUMBER = "+4930123456"
OUTAGE_S: Final = float(os.environ.get("TEST_OUTAGE_S", "1"))


@asynccontextmanager
async def site(directory: Path, **environment: str) -> AsyncIterator[tuple[Centre, UserAgent]]:
    customer = await UserAgent.open(NUMBER)
    async with (
        customer,
        contact_centre(directory, ("ann",), trunk=customer, environment=environment) as centre,
    ):
        yield centre, customer


async def asked_by_api(centre: Centre, number: str, **more: Any) -> Any:
    return await centre.request("POST", "/v1/callbacks", {"queue": "calling", "number": number, **more})


async def problem_of(centre: Centre) -> str:
    """What /readyz says of the journal; "" when the node is ready."""
    status, body = await centre.gateway.get("/readyz")
    checks = {check["name"]: check.get("problem", "") for check in json.loads(body)["checks"]}
    return str(checks["journal"]) if status != 200 else ""


async def places(centre: Centre) -> list[tuple[str, str, int]]:
    found = (await centre.get("/v1/queues/calling/entries"))["entries"]
    return [(entry["id"], entry["state"], entry["position"]) for entry in found]


async def calls_go_on_while_the_database_is_away(centre: Centre, customer: UserAgent) -> None:
    """A caller who waits is promised nothing, is served nevertheless, and so is who comes now."""
    call = await customer.call(centre.gateway.uri(NUMBERS["calling"]))
    await call.status(200)
    await until(lambda: hears(call, MUSIC_HZ), "who calls now waits")
    await call.rtp.press("1")
    await until(lambda: hears(call, CONFIRM_HZ, (CONFIRM_HZ,)), "the number is read back", deadline_s=10.0)
    await call.rtp.press("1")
    await until(lambda: hears(call, WHISPER_HZ, (WHISPER_HZ,)), "they are told to wait", deadline_s=15.0)
    refused = await asked_by_api(centre, "030 654321")
    assert (refused.status_code, "database" in refused.json()["detail"]) == (503, True)

    said = centre.gateway.process.output
    await until(lambda: "callbacks_held" in said(), "agents aren't asked to take callbacks")
    await centre.set_presence("ann", "available")
    agent = await centre.agents["ann"].answer(10.0)
    assert agent.requests("INVITE")[0].get("X-Ringback-Callback") == "", "the caller, who can be served"
    async with talking((call, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(call, AGENT_HZ), "the caller hears the agent")
        await until(lambda: hears(agent, CALLER_HZ), "the agent hears the caller")
    call.bye()
    await agent.request("BYE")
    await centre.set_presence("ann", "on_break", "lunch")


async def everything_was_kept(centre: Centre, before: list[tuple[str, str, int]]) -> None:
    """The node is ready by itself, takes requests again, and after a kill finds what it had."""

    async def ready() -> bool:
        return await problem_of(centre) == ""

    await until_async(ready, "the node is ready again", deadline_s=20.0)
    again = await asked_by_api(centre, "030 777777")
    assert again.status_code == 201, again.text
    expected = [*[one[0] for one in before], again.json()["id"]]
    os.kill(centre.gateway.pid, signal.SIGKILL)
    await centre.gateway.process.exited(10.0)
    async with AsyncExitStack() as stack:
        await start_again(centre, stack)
        assert [one[0] for one in await places(centre)] == expected
        events = await journal_of(centre)
        assert sorted(events) == list(range(1, max(events) + 1)), "every event, and each once"


async def start_again(centre: Centre, stack: AsyncExitStack, **environment: str) -> None:
    before = centre.gateway
    centre.gateway = Gateway(
        before.directory, dialplan=before.dialplan, environment={**before.environment, **environment}
    )
    await stack.enter_async_context(centre.gateway)


async def journal_of(centre: Centre) -> list[int]:
    """The numbers of all its events."""
    command = [*centre.gateway.process.command[:3], "journal", "--json", "--limit", "100000"]
    process = await asyncio.create_subprocess_exec(
        *command, "--config", str(centre.gateway.configuration), stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **centre.gateway.environment, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 30.0)
    return [json.loads(line)["id"] for line in output.decode().splitlines()]


async def test_calls_go_on_and_nothing_is_promised_while_postgresql_is_stopped(tmp_path: Path) -> None:
    async with Postgres(tmp_path / "pg") as server, site(
        tmp_path / "site", RINGBACK_STORAGE__URL=server.url
    ) as (centre, customer):  # fmt: skip
        await centre.set_presence("ann", "on_break", "lunch")
        kept = await asked_by_api(centre, "030 111111", identity="kim")
        assert kept.status_code == 201
        later = f"{datetime.now(UTC) + timedelta(hours=2)}"
        before = await places(centre)

        await server.stop()
        await calls_go_on_while_the_database_is_away(centre, customer)
        second = await asked_by_api(centre, "030 222222", identity="kim", at=later)
        assert second.status_code == 503
        shown = await centre.get(f"/v1/callbacks/{kept.json()['id']}")
        assert (shown["number"], shown["state"]) == ("+4930111111", "waiting"), "as it was promised"
        assert "journal" in (await centre.gateway.get("/readyz"))[1]
        assert await problem_of(centre) != ""
        await asyncio.sleep(OUTAGE_S)
        await server.start()

        await everything_was_kept(centre, before)


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own."""
    directory.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "ringback-test", str(directory)], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk takes root")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


async def test_calls_go_on_and_nothing_is_promised_while_the_disk_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        async with site(
            tmp_path / "site", RINGBACK_STORAGE__URL=f"sqlite:///{disk / 'ringback.db'}"
        ) as (centre, customer):  # fmt: skip
            await centre.set_presence("ann", "on_break", "lunch")
            assert (await asked_by_api(centre, "030 111111")).status_code == 201
            before = await places(centre)

            filler = disk / "filler"
            fill(filler)
            await calls_go_on_while_the_database_is_away(centre, customer)
            assert "full" in await problem_of(centre)
            filler.unlink()

            await everything_was_kept(centre, before)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


async def test_a_clock_that_jumps_an_hour_changes_nobodys_place(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    async with site(tmp_path / "site", **clock.environment) as (centre, customer):
        await centre.set_presence("ann", "on_break", "lunch")
        soon = await asked_by_api(centre, NUMBER)
        waiting = await centre.wait_in("calling", "+4930123455")
        in_half_an_hour = f"{datetime.now(UTC) + timedelta(minutes=30)}"
        chosen = (await asked_by_api(centre, "030 222222", at=in_half_an_hour)).json()["id"]
        before = await places(centre)

        async def chosen_is(state: str) -> bool:
            return bool((await centre.get(f"/v1/callbacks/{chosen}"))["state"] == state)

        clock.set(3600)
        await until_async(lambda: chosen_is("waiting"), "its time has come", deadline_s=15.0)
        assert await places(centre) == before
        clock.set(-3600)
        await until_async(lambda: chosen_is("scheduled"), "its time hasn't come yet", deadline_s=15.0)
        assert await places(centre) == before
        assert hears(waiting, MUSIC_HZ)

        await centre.set_presence("ann", "available")
        agent = await centre.agents["ann"].answer(10.0)
        ringing = await customer.next_call(10.0)
        assert agent.requests("INVITE")[0]["X-Ringback-Callback"] == soon.json()["id"], "who was first"
        ringing.respond(486, "Busy Here")
        await agent.request("BYE", deadline_s=10.0)
        await centre.set_presence("ann", "on_break", "lunch")
        ordered = [one[0] for one in await places(centre)]

        os.kill(centre.gateway.pid, signal.SIGKILL)
        await centre.gateway.process.exited(10.0)
        clock.set(-7200)  # and it was wrong before
        async with AsyncExitStack() as stack:
            await start_again(centre, stack)
            late = await asked_by_api(centre, "030 333333")
            assert [one[0] for one in await places(centre)] == [*ordered, late.json()["id"]]
