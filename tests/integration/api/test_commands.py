"""The commands that ask a node, against a real server: what they print, and what they say when it says no."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.agents.presence import Presence
from gateway.api.ports import Caller
from gateway.cli.root import app
from gateway.queues.signals import SetPresence
from tests.fakes.floor import KEYS, NOW, call_view, entry_view
from tests.integration.api.conftest import Node


class Shell:
    """The command line, beside the server's event loop."""

    def __init__(self, node: Node) -> None:
        self.key = KEYS["sue"]
        self.url = f"http://127.0.0.1:{node.port}"

    async def __call__(self, *arguments: str) -> Result:
        environment = {"RINGBACK_API_KEY": self.key}
        command = (*arguments, "--url", self.url)
        return await asyncio.to_thread(CliRunner().invoke, app, command, env=environment)

    async def json(self, *arguments: str) -> Any:
        result = await self(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def ringback(node: Node, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(node)


def words(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.stdout.splitlines() if line.strip()]


async def test_queues_are_listed(node: Node, ringback: Shell) -> None:
    node.floor.queueing.add(entry_view("e1", enqueued_at=NOW - 125))

    table = words(await ringback("queue", "list"))
    found = await ringback.json("queue", "list")

    assert ["billing", "1", "0", "2:05", "0", "1", "1", "2", "8", "1", "75%", "0:12"] in table
    assert [queue["name"] for queue in found] == ["billing", "sales"]


async def test_a_queue_is_shown_with_who_waits_in_order(node: Node, ringback: Shell) -> None:
    for number in range(3):
        caller = Caller("+4930123456", "[red]Carl\x1b[2J", "call-1")
        node.floor.queueing.add(
            entry_view(f"e{number}", enqueued_at=NOW - number, position=3 - number), caller
        )

    shown = await ringback("queue", "show", "billing")
    found = await ringback.json("queue", "show", "billing", "--limit", "2")

    assert "billing: longest_idle, capacity 50, rings 20 s, in time within 20 s" in shown.stdout
    assert "3 waiting, 0 callbacks, 0 talking; agents: 1 idle, 1 on duty, 2 logged in" in shown.stdout
    assert "[red]Carl\ufffd[2J" in shown.stdout
    assert [entry["id"] for entry in found["entries"]] == ["e2", "e1"]


async def test_agents_are_listed_and_set(node: Node, ringback: Shell) -> None:
    table = words(await ringback("agent", "list"))
    some = await ringback.json("agent", "list", "--queue", "sales")
    result = await ringback("agent", "set", "ann", "on_break", "--reason", "lunch")

    assert any(line[:5] == ["bob", "Bob", "on_break", "lunch", "idle"] for line in table)
    assert [agent["id"] for agent in some] == ["ann"]
    assert "ann is on_break (lunch), idle now\n" in result.stdout
    assert node.floor.queueing.posted == [(SetPresence("ann", Presence.ON_BREAK, "lunch"), "sue")]


async def test_calls_in_progress_are_listed_and_shown(node: Node, ringback: Shell) -> None:
    node.floor.conversations.add(call_view("call-1", agents=("ann",), queue="billing"))

    table = words(await ringback("calls", "list", "--live"))
    found = await ringback.json("calls", "list", "--live")
    shown = await ringback.json("calls", "show", "call-1")

    assert any(line[:5] == ["call-1", "inbound", "+4930123456", "100", "talking"] for line in table)
    assert [call["id"] for call in found] == ["call-1"]
    assert shown["agents"] == ["ann"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("queue", "show", "biling"), "there is no queue 'biling'; did you mean 'billing'?"),
        (("queue", "show", "b & c?"), "there is no queue 'b & c?'"),
        (("agent", "set", "an", "available"), "there is no agent 'an'; did you mean 'ann'?"),
        (("agent", "set", "ann", "available", "--reason", "x"), "only a break has a reason"),
        (("calls", "show", "nope"), "`ringback calls list` shows the ids"),
    ],
)
async def test_a_mistake_is_said_with_what_to_do(
    ringback: Shell, arguments: tuple[str, ...], said: str
) -> None:
    result = await ringback(*arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    ("key", "said"),
    [("", "`ringback token` makes one"), (KEYS["app"], "--role ROLE")],
    ids=["none", "an app's"],  # a key is another one in every process
)
async def test_a_key_that_is_not_enough_is_said_with_what_to_do(ringback: Shell, key: str, said: str) -> None:
    ringback.key = key

    result = await ringback("agent", "list")

    assert (result.exit_code, said in result.stderr) == (1, True)


async def test_a_node_that_is_not_there_is_said_with_what_to_do(ringback: Shell) -> None:
    ringback.url = "http://127.0.0.1:1"

    result = await ringback("queue", "list")

    assert result.exit_code == 1
    assert "no node answers at http://127.0.0.1:1" in result.stderr
    assert "`ringback run` starts one" in result.stderr


async def test_top_without_a_terminal_says_so(ringback: Shell) -> None:
    result = await ringback("top")

    assert (result.exit_code, "needs a terminal" in result.stderr) == (1, True)
