"""The tables of `ringback top`: which columns, how they are shown, sorted and searched. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.cli.tables import percent, printable, seconds, since, skills
from gateway.cli.top.mirror import Item

Value = Callable[[Item, datetime], Any]
"""What a column is sorted by: something that can be compared, or None."""


def _no_style(_item: Item) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Column:
    """`width`: characters, or None for as wide as its content. `style`: rich's, by the item."""

    title: str
    value: Value
    shown: Callable[[Any], str] = str
    width: int | None = None
    right: bool = False
    style: Callable[[Item], str] = _no_style


@dataclass(frozen=True, slots=True)
class Row:
    """`cells`: text and style of each column."""

    id: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and which way."""

    column: int
    downwards: bool = False


def _field(name: str) -> Value:
    return lambda item, _now: item[name]


def _today(name: str) -> Value:
    return lambda item, _now: (item["today"] or {}).get(name)


def _since(name: str) -> Value:
    return lambda item, now: since(item[name], now)


def _estimate(item: Item, _now: datetime) -> float | None:
    return item["estimate"]["median_s"] if item["estimate"] else None


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _agents(item: Item, _now: datetime) -> tuple[int, int, int]:
    return item["idle"], item["on_duty"], item["staffed"]


def _presence(item: Item, _now: datetime) -> str:
    return f"{item['presence']} {item['reason']}".strip()


def _waiting_style(item: Item) -> str:
    if not item["waiting"] + item["callbacks"]:
        return "dim"
    return "bold red" if not item["on_duty"] else "yellow" if not item["idle"] else ""


def _agent_style(item: Item) -> str:
    if item["presence"] == "logged_out":
        return "dim"
    if not item["reachable"]:
        return "red"
    if item["presence"] == "on_break":
        return "yellow"
    return "green" if item["state"] == "idle" else ""


TABLES: Final[Mapping[str, Sequence[Column]]] = {
    "queues": (
        Column("queue", _field("name"), width=15),
        Column("wait", _field("waiting"), width=5, right=True, style=_waiting_style),
        Column("cb", _field("callbacks"), width=3, right=True),
        Column("longest", _since("oldest_at"), seconds, 7, right=True, style=_waiting_style),
        Column("talk", _field("connected"), width=4, right=True),
        Column("idle/duty/in", _agents, lambda three: "/".join(map(str, three)), 13, right=True),
        Column("SL", _today("service_level"), percent, 4, right=True),
        Column("lost", _today("abandoned"), _or_dash, 4, right=True),
        Column("mean", _today("average_wait_s"), seconds, 5, right=True),
    ),
    "entries": (
        Column("queue", _field("queue"), width=12),
        Column("pos", _field("position"), _or_dash, 5, right=True),
        Column("waits", _since("enqueued_at"), seconds, 7, right=True),
        Column("est", _estimate, seconds, 5, right=True),
        Column("prio", _field("priority"), width=5, right=True),
        Column("state", _field("state"), width=10),
        Column("number", _field("number"), width=14),
        Column("name", _field("name"), width=12),
        Column("with", _field("agents"), " ".join),
        Column("skills", _field("skills"), skills),
    ),
    "agents": (
        Column("agent", _field("id"), width=12, style=_agent_style),
        Column("presence", _presence, width=16, style=_agent_style),
        Column("state", _field("state"), width=8, style=_agent_style),
        Column("since", _since("since"), seconds, 7, right=True),
        Column("calls", _field("calls"), width=5, right=True),
        Column("talked", _field("talk_s"), seconds, 7, right=True),
        Column("queues", _field("queues"), " ".join),
        Column("skills", _field("skills"), skills),
    ),
    "calls": (
        Column("from", _field("ani"), width=14),
        Column("to", _field("dnis"), width=10),
        Column("state", _field("state"), width=10),
        Column("lasts", _since("started_at"), seconds, 7, right=True),
        Column("queue", _field("queue"), width=10),
        Column("agents", _field("agents"), " ".join, 10),
        Column("rec", _field("recording"), width=6),
        Column("name", _field("name")),
    ),
}

FIRST_ORDER: Final[Mapping[str, Order]] = {
    "queues": Order(1, downwards=True),
    "entries": Order(2, downwards=True),
    "agents": Order(0),
    "calls": Order(3, downwards=True),
}


def rows(
    columns: Sequence[Column], items: Mapping[str, Item], now: datetime, order: Order, wanted: str = ""
) -> list[Row]:
    """The rows in order; with `wanted` only those that show it somewhere. What has no value comes last."""
    by = columns[order.column].value
    found = [(by(item, now), _row(columns, name, item, now)) for name, item in items.items()]
    if wanted:
        found = [(value, row) for value, row in found if _shows(row, wanted.casefold())]
    found.sort(key=lambda pair: pair[1].id)
    valued = [pair for pair in found if pair[0] is not None]
    valued.sort(key=lambda pair: pair[0], reverse=order.downwards)
    return [row for _, row in valued] + [row for value, row in found if value is None]


def _row(columns: Sequence[Column], name: str, item: Item, now: datetime) -> Row:
    cells = ((printable(column.shown(column.value(item, now))), column.style(item)) for column in columns)
    return Row(name, tuple(cells))


def _shows(row: Row, wanted: str) -> bool:
    return any(wanted in text.casefold() for text, _ in row.cells)


def summary(sections: Mapping[str, Mapping[str, Item]], now: datetime) -> str:
    """The line above all tables."""
    queues, agents = sections["queues"].values(), sections["agents"].values()
    waits = [wait for queue in queues if (wait := since(queue["oldest_at"], now)) is not None]
    chosen = [agent["presence"] for agent in agents]
    on_duty, on_break = chosen.count("available"), chosen.count("on_break")
    idle = sum(agent["presence"] == "available" and agent["state"] == "idle" for agent in agents)
    return (
        f"calls {len(sections['calls'])}  waiting {_total(queues, 'waiting')}  "
        f"callbacks {_total(queues, 'callbacks')}  longest {seconds(max(waits, default=None))}  "
        f"idle {idle} of {on_duty}  on break {on_break}"
    )


def _total(queues: Iterable[Item], name: str) -> int:
    return sum(queue[name] for queue in queues)
