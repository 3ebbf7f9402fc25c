"""Where things stand in a plan's files, and where its names lead. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands in the sources. Lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Target:
    """A node of the same flow (or a flow, queue or calendar of the plan), as somebody wrote its name."""

    node: str
    at: Position
