"""Reports of real calls, from the node that had them: before it is killed, and after it has started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.api.auth import hash_of, new_key
from tests.integration.gateway import Gateway
from tests.integration.peers.ua import UserAgent
from tests.integration.peers.wait import until_async

ROOT = Path(__file__).parents[3]
PLAN = """\
routes: [{dnis: "100", flow: main}]
---
queues:
  support: {join: always, stay: always}
---
flow: main
start: wait
nodes:
  wait: {queue: support, next: end, error: end, timed_out: end}
  end: {hangup: normal_clearing}
"""


class Site:
    """A node with a queue that nobody serves, and a supervisor at a terminal."""

    def __init__(self, directory: Path) -> None:
        plan = directory / "plan"
        plan.mkdir()
        (plan / "main.yaml").write_text(PLAN)
        self.key = new_key()
        self.directory = directory
        self._plan = plan
        self.gateway = self.node()

    def node(self) -> Gateway:
        environment = {"RINGBACK_HTTP__API_KEYS": f"sue:supervisor:{hash_of(self.key)}"}
        return Gateway(self.directory / "node", dialplan=self._plan, environment=environment)

    async def ringback(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *arguments, "--config", str(self.gateway.configuration)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "RINGBACK_API_KEY": self.key},
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return output.decode()

    async def report(self) -> dict[str, Any]:
        """The row of the queue; nothing while there is none."""
        found: dict[str, Any] = json.loads(await self.ringback("report", "queues", "--json"))
        rows: list[dict[str, Any]] = found["rows"]
        return rows[0] if rows else {}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_a_report_of_calls_is_the_same_after_a_kill(site: Site, phone: UserAgent) -> None:
    async with site.gateway as node:
        for _ in range(2):
            call = await phone.call(node.uri("100"))
            await call.status(200)
            call.bye()
        staying = await phone.call(node.uri("100"))
        await staying.status(200)

        async def everybody_counted() -> bool:
            row = await site.report()
            return (row.get("offered"), row.get("abandoned")) == (3, 2)

        await until_async(everybody_counted, "three callers, of whom two hung up", deadline_s=30.0)
        before = await site.report()
        os.kill(node.process.pid, signal.SIGKILL)
        await node.process.exited(10.0)

    site.gateway = site.node()
    async with site.gateway as node:
        after = await site.report()

        async def level() -> bool:
            return (
                await node.metric("ringback_queue_service_level_ratio", queue="support", formula="sl2") == 1.0
            )

        await until_async(level, "today's service level is known again", deadline_s=10.0)
    queue_log = (await site.ringback("journal", "--queue-log", "--queue", "support")).splitlines()

    # Who was on the line couldn't be called back, and that is counted; nothing else has changed.
    assert after["removed"] == before["removed"] + 1
    assert without_the_last(before) == without_the_last(after)
    events = [line.split("|")[4] for line in queue_log if "CONFIGRELOAD" not in line]
    assert set(events) == {"ABANDON", "ENTERQUEUE"}
    assert (events.count("ENTERQUEUE"), events.count("ABANDON")) == (3, 2)


def without_the_last(row: dict[str, Any]) -> dict[str, Any]:
    """The figures that the caller who was on the line at the kill has no part in."""
    theirs = {"end", "removed", "abandon_ratio", "given_up_in_time", "sl_net", "longest_wait_s"}
    return {name: figure for name, figure in row.items() if name not in theirs}
