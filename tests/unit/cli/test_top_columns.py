"""What `ringback top` shows, in which order, without a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.cli.tables import printable, seconds
from gateway.cli.top.columns import TABLES, Order, rows, summary
from gateway.cli.top.mirror import Mirror

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
QUEUES = TABLES["queues"]
WAITING, LONGEST = 1, 3


def queue(name: str, **others: Any) -> dict[str, Any]:
    return {
        "name": name, "waiting": 0, "callbacks": 0, "connected": 0, "oldest_at": None, "staffed": 2,
        "on_duty": 1, "idle": 1, "today": None, **others,
    }  # fmt: skip


def agent(name: str, **others: Any) -> dict[str, Any]:
    return {"id": name, "presence": "available", "state": "idle", **others}


def minutes_ago(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat()


ITEMS = {
    "a": queue("Alpha", waiting=2, oldest_at=minutes_ago(1)),
    "b": queue("beta", waiting=5, oldest_at=minutes_ago(90), today={
        "service_level": 0.756, "abandoned": 3, "average_wait_s": 61.0}),
    "c": queue("gamma"),
}  # fmt: skip


def ids(order: Order, wanted: str = "") -> list[str]:
    return [row.id for row in rows(QUEUES, ITEMS, NOW, order, wanted)]


def test_rows_are_ordered_by_value_and_not_by_what_is_shown() -> None:
    assert ids(Order(WAITING)) == ["c", "a", "b"]
    assert ids(Order(WAITING, downwards=True)) == ["b", "a", "c"]


@pytest.mark.parametrize("downwards", [True, False])
def test_what_has_no_value_comes_last_either_way(downwards: bool) -> None:
    assert ids(Order(LONGEST, downwards))[-1] == "c"


def test_only_lines_with_the_wanted_text_are_shown_whatever_its_case() -> None:
    assert ids(Order(0), "ALPHA") == ["a"]
    assert ids(Order(0), "1:30:00") == ["b"]
    assert ids(Order(0), "nothing") == []


def test_cells_say_what_there_is_and_a_dash_for_what_there_is_not() -> None:
    texts = {row.id: [text for text, _ in row.cells] for row in rows(QUEUES, ITEMS, NOW, Order(0))}

    assert texts["b"] == ["beta", "5", "0", "1:30:00", "0", "1/1/2", "76%", "3", "1:01"]
    assert texts["c"] == ["gamma", "0", "0", "-", "0", "1/1/2", "-", "-", "-"]


def test_a_queue_where_nobody_can_help_stands_out() -> None:
    items = {
        "fine": queue("fine", waiting=1, idle=1),
        "busy": queue("busy", waiting=1, idle=0),
        "bad": queue("bad", callbacks=1, idle=0, on_duty=0),
    }
    styles = {row.id: row.cells[WAITING][1] for row in rows(QUEUES, items, NOW, Order(0))}

    assert styles == {"fine": "", "busy": "yellow", "bad": "bold red"}


def test_the_summary_adds_up() -> None:
    agents = {
        "ann": agent("ann"),
        "bob": agent("bob", state="on_call"),
        "eve": agent("eve", presence="on_break"),
        "joe": agent("joe", presence="logged_out"),
    }

    said = summary({"queues": ITEMS, "agents": agents, "calls": {"x": {}}, "entries": {}}, NOW)

    assert said == "calls 1  waiting 7  callbacks 0  longest 1:30:00  idle 1 of 2  on break 1"


def test_a_mirror_is_kept_up_by_deltas() -> None:
    mirror = Mirror()
    mirror.take({"type": "snapshot", "at": NOW.isoformat(), "queues": {"a": {"n": 1}, "b": {"n": 2}}}, 100.0)
    mirror.take({"type": "delta", "at": NOW.isoformat(), "queues": {"a": None, "b": {"n": 3}}}, 101.0)
    mirror.take({"type": "pong", "id": 1}, 105.0)
    kept = dict(mirror.sections["queues"])
    mirror.take({"type": "snapshot", "at": NOW.isoformat(), "queues": {"c": {"n": 4}}}, 110.0)

    assert kept == {"b": {"n": 3}}
    assert mirror.sections["queues"] == {"c": {"n": 4}}
    assert mirror.node_time(112.5) == NOW + timedelta(seconds=2.5)


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "-"), (0, "0:00"), (-3, "0:00"), (59.9, "0:59"), (61, "1:01"), (3661, "1:01:01")],
)
def test_seconds_are_said_as_a_clock_says_them(value: float | None, said: str) -> None:
    assert seconds(value) == said


def test_nothing_that_a_caller_calls_themselves_moves_the_cursor() -> None:
    assert printable("Ann\x1b[2J\r\nMüller \u202e山田") == "Ann\ufffd[2J\ufffd\ufffdMüller \ufffd山田"
