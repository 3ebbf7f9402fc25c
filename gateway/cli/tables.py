"""Tables for people: plain text in columns, whatever callers' phones said their names were."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH: Final = 200


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: frozenset[str]) -> None:
    """`right`: the headings whose columns are numbers."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    # A pipe has no width; the 80 columns that rich would assume cut the table to pieces.
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def printable(text: str) -> str:
    """Without what moves a terminal's cursor or turns its text around."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def seconds(value: float | None) -> str:
    """m:ss, h:mm:ss; "-" for None."""
    if value is None:
        return "-"
    minutes, left = divmod(max(int(value), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.0%}"


def since(moment: str | None, now: datetime | None = None) -> float | None:
    """Seconds from an RFC 3339 time until now."""
    if moment is None:
        return None
    return ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()


def skills(levels: dict[str, int]) -> str:
    return " ".join(f"{name}:{level}" for name, level in sorted(levels.items()))
