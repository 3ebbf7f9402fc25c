"""`ringback top` on a terminal of 80 by 24, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static, TabbedContent

from gateway.cli.node_client import RequestRefused
from gateway.cli.top.feed import Feed, Lost
from gateway.cli.top.screen import Details, LiveTable, TopScreen
from tests.unit.cli.test_top_columns import NOW, minutes_ago, queue

AT = NOW.isoformat()
QUEUES = {
    "billing": queue("billing", waiting=2, oldest_at=minutes_ago(2)),
    "sales": queue("sales", waiting=7, oldest_at=minutes_ago(1)),
}
ENTRY = {
    "id": "e1", "queue": "billing", "position": 1, "enqueued_at": minutes_ago(2), "priority": 0,
    "state": "waiting", "number": "+4930123456", "name": "[bold]Carl[/bold]\x1b[2J", "agents": [],
    "estimate": {"median_s": 90.0, "low_s": 30.0, "high_s": 200.0}, "skills": {"billing": 3},
}  # fmt: skip
AGENT = {
    "id": "ann", "presence": "on_break", "reason": "lunch", "state": "idle", "since": minutes_ago(5),
    "calls": 3, "talk_s": 600.0, "queues": ["billing"], "skills": {}, "reachable": True,
}  # fmt: skip
CALL = {
    "id": "c1", "ani": "+4930123456", "dnis": "100", "state": "talking", "started_at": minutes_ago(3),
    "queue": "sales", "agents": ["ann"], "recording": "on", "name": "Carl",
}  # fmt: skip
SNAPSHOT: dict[str, Any] = {
    "type": "snapshot", "at": AT, "queues": QUEUES, "entries": {"e1": ENTRY}, "agents": {"ann": AGENT},
    "calls": {"c1": CALL},
}  # fmt: skip


class Node:
    """A feed that says what the test wants."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Any] = asyncio.Queue()

    async def feed(self) -> Feed:
        while True:
            message = await self.said.get()
            if isinstance(message, Exception):
                raise message
            yield message


class Top:
    """The screen, and what can be read on it."""

    def __init__(self, screen: TopScreen, pilot: Pilot[None], node: Node) -> None:
        self.screen = screen
        self.pilot = pilot
        self.node = node

    async def say(self, message: object) -> None:
        self.node.said.put_nowait(message)
        await self.pilot.pause()

    async def details(self) -> str:
        """What the box over the tables says, once it is there."""
        while not isinstance(self.screen.screen, Details) or not self.screen.screen.query(Static):
            await self.pilot.pause()
        return str(self.screen.screen.query_one(Static).content)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def table(self, section: str) -> LiveTable:
        return self.screen.query_one(f"#{section}", LiveTable)

    def lines(self, section: str) -> list[list[str]]:
        table = self.table(section)
        return [[str(cell) for cell in table.get_row_at(line)] for line in range(table.row_count)]

    def text(self, name: str) -> str:
        return str(self.screen.query_one(f"#{name}", Static).content)


@pytest.fixture
async def top() -> AsyncGenerator[Top, None]:
    node = Node()
    screen = TopScreen(node.feed(), "http://node", now=lambda: 0.0)
    async with screen.run_test(size=(80, 24)) as pilot:
        top = Top(screen, pilot, node)
        await top.say(SNAPSHOT)
        yield top


async def test_everything_is_shown_in_eighty_columns(top: Top) -> None:
    assert top.text("status").startswith("ringback top   http://node   12:00:00 UTC")
    assert top.text("summary") == "calls 1  waiting 9  callbacks 0  longest 2:00  idle 0 of 0  on break 1"
    assert [line[:2] for line in top.lines("queues")] == [["sales", "7"], ["billing", "2"]]
    assert top.lines("entries")[0][:2] == ["billing", "1"]
    assert top.table("queues").virtual_size.width <= 80


async def test_what_callers_call_themselves_is_shown_as_it_is_and_harmless(top: Top) -> None:
    assert top.lines("entries")[0][7] == "[bold]Carl[/bold]\ufffd[2J"


async def test_deltas_change_cells_and_lines(top: Top) -> None:
    changed = {"billing": {**QUEUES["billing"], "waiting": 9}, "sales": None}
    await top.say({"type": "delta", "at": AT, "queues": changed, "entries": {"e1": None}})

    assert [line[:2] for line in top.lines("queues")] == [["billing", "9"]]
    assert top.lines("entries") == []


async def test_the_cursor_stays_on_its_line_when_lines_move(top: Top) -> None:
    await top.press("down")
    before = top.table("queues").row_id
    await top.say({"type": "delta", "at": AT, "queues": {"billing": {**QUEUES["billing"], "waiting": 50}}})

    assert (before, top.table("queues").row_id) == ("billing", "billing")
    assert top.lines("queues")[0][0] == "billing"


@pytest.mark.parametrize(("key", "section"), [("1", "entries"), ("2", "agents"), ("3", "calls")])
async def test_a_number_shows_its_table(top: Top, key: str, section: str) -> None:
    await top.press(key)

    assert top.screen.query_one(TabbedContent).active == f"tab-{section}"
    assert top.screen.focused is top.table(section)
    assert len(top.lines(section)) == 1


async def test_s_sorts_by_the_next_column_and_r_turns_it(top: Top) -> None:
    await top.press("s", "s")
    longest = [line[0] for line in top.lines("queues")]
    heading = str(top.table("queues").ordered_columns[3].label)
    await top.press("r")

    assert (longest, heading) == (["sales", "billing"], "longes▲")
    assert [line[0] for line in top.lines("queues")] == ["billing", "sales"]


async def test_a_filter_shows_only_lines_with_its_text(top: Top) -> None:
    await top.press("slash", *"bil", "enter")
    filtered = [line[0] for line in top.lines("queues")]
    status, back = top.text("status"), top.screen.focused
    await top.press("escape")

    assert filtered == ["billing"]
    assert "only 'bil'" in status
    assert isinstance(back, LiveTable)
    assert len(top.lines("queues")) == 2


async def test_f_shows_only_what_has_to_do_with_a_queue(top: Top) -> None:
    await top.press("f")

    assert [line[0] for line in top.lines("queues")] == ["sales"]
    assert top.lines("entries") == []


async def test_enter_tells_everything_and_escape_goes_back(top: Top) -> None:
    await top.press("1", "enter")
    text = await top.details()
    await top.press("escape")

    assert "number           +4930123456" in text
    assert "  median_s         90.0" in text
    assert "\x1b" not in text
    assert not isinstance(top.screen.screen, Details)


async def test_a_question_mark_shows_the_keys(top: Top) -> None:
    await top.press("question_mark")
    text = await top.details()
    await top.press("q")

    assert "everything about the line" in text
    assert not isinstance(top.screen.screen, Details)


async def test_space_stops_the_picture_and_goes_on(top: Top) -> None:
    await top.press("space")
    await top.say({"type": "delta", "at": AT, "queues": {"sales": None}})
    stopped = len(top.lines("queues"))
    status = top.text("status")
    await top.press("space")

    assert (stopped, len(top.lines("queues"))) == (2, 1)
    assert "stopped" in status


async def test_a_lost_connection_is_said_and_what_was_seen_stays(top: Top) -> None:
    await top.say(Lost("the node stops", 2.0))
    lost, kept = top.text("status"), len(top.lines("queues"))
    await top.say({**SNAPSHOT, "queues": {"billing": QUEUES["billing"]}})

    assert lost.endswith("the node stops; trying again in 2 s")
    assert kept == 2
    assert "trying" not in top.text("status")
    assert len(top.lines("queues")) == 1


async def test_a_key_that_is_not_enough_ends_it_with_the_reason(top: Top) -> None:
    fault = RequestRefused(403, {"detail": "this takes the role supervisor; this key has agent"})
    await top.say(fault)

    assert top.screen.fault is fault
    assert top.screen.return_code == 1


async def test_q_ends_it(top: Top) -> None:
    await top.press("q")

    assert top.screen.return_code == 0
