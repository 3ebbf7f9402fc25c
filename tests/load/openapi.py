"""Requests made of the OpenAPI document against a running node: none may end in a server error.

    python -m tests.load.openapi [--requests 10000] [--seed N]

Schemathesis makes them, right ones and wrong ones, with an admin's key. 503 with a problem is an answer (the
pool of numbers is lent), every other 5xx is a fault. Exit 1 for one, and for a node that has died.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console

from gateway.api.auth import hash_of, new_key
from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import write_dialplan
from tests.integration.peers.ports import LOOPBACK

OPERATIONS: Final = 60
"""About how many operations there are, of which each gets its share."""
HEADROOM_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run came to. `statuses`: how many answers of each; `faults`: of requests that failed."""

    statuses: Mapping[int, int]
    faults: tuple[str, ...] = ()
    output: str = field(default="", repr=False)

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())


async def ask(
    port: int, key: str, directory: Path, *, each: int, limit_s: float, seed: int | None = None
) -> Asked:
    """Ask the node at `port`, `each` examples an operation, for at most `limit_s`."""
    report = directory / "requests.ndjson"
    command = [
        str(Path(sys.executable).with_name("st")), "run", f"http://{LOOPBACK}:{port}/openapi.json",
        "--header", f"Authorization: Bearer {key}",
        "--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing", "--mode", "all",
        "--max-examples", str(each), "--workers", "1", "--continue-on-failure", "--no-shrink",
        "--report", "ndjson", "--report-ndjson-path", str(report), "--no-color",
        *(("--seed", str(seed)) if seed is not None else ()),
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "SCHEMATHESIS_HOOKS": ""},
    )
    try:
        async with asyncio.timeout(limit_s):
            output, _ = await process.communicate()
            said = output.decode(errors="replace")
    except TimeoutError:
        process.kill()
        await process.wait()
        said = "stopped at its limit"
    return _read(report, said)


def _read(report: Path, said: str) -> Asked:
    statuses: Counter[int] = Counter()
    faults = []
    for line in report.read_text(encoding="utf-8").splitlines() if report.exists() else ():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the last one, of a run that was stopped
        for method, path, status, body in _answers(event):
            statuses[status] += 1
            if status >= 500 and status != 503:
                faults.append(f"{method} {path}: {status} {body[:300]}")
    return Asked(statuses, tuple(faults), said)


def _answers(event: object) -> list[tuple[str, str, int, str]]:
    """Every request with its answer, wherever the event keeps them."""
    found = []
    if isinstance(event, dict):
        response = event.get("response")
        if isinstance(response, dict) and isinstance(response.get("status_code"), int):
            request = event.get("request") or event.get("case") or {}
            method, path = str(request.get("method", "")), str(request.get("uri", request.get("path", "")))
            found.append((method, path, int(response["status_code"]), json.dumps(response)))
        for value in event.values():
            found += _answers(value)
    elif isinstance(event, list):
        for value in event:
            found += _answers(value)
    return found


async def main(requests: int, seed: int | None) -> int:
    console, key = Console(width=110), new_key()
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        node = Gateway(
            directory / "node",
            dialplan=write_dialplan(directory / "dialplan"),
            log_level="warning",
            environment={"RINGBACK_HTTP__API_KEYS": f"boss:admin:{hash_of(key)}"},
            more='[handoff]\nnumber_pools = { web = ["5001"] }\n',
        )
        async with node:
            each, limit_s = max(1, requests // OPERATIONS), HEADROOM_S + requests / 10
            asked = await ask(node.http_port, key, directory, each=each, limit_s=limit_s, seed=seed)
            alive = (await node.get("/healthz"))[0] == 200
    console.print(asked.output[-3000:], markup=False, highlight=False)
    statuses = dict(sorted(asked.statuses.items()))
    console.print(f"{asked.requests} requests: {statuses}; the node lives: {alive}", highlight=False)
    for fault in asked.faults:
        console.print(fault, markup=False, highlight=False)
    return 0 if alive and asked.requests and not asked.faults else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Requests of the OpenAPI document against a running node")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.requests, options.seed)))
