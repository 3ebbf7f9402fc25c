"""Faults: what is wrong with a plan, and where; all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from gateway.dialplan.places import Position
from gateway.errors import RingbackError


class Severity(Enum):
    """An error keeps the plan out of force; a warning doesn't."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. Lines and columns count from 1; `str` is the form compilers use."""

    file: str
    line: int
    column: int
    severity: Severity
    message: str

    @classmethod
    def error(cls, at: Position, message: str) -> Fault:
        return cls(at.file, at.line, at.column, Severity.ERROR, message)

    @classmethod
    def warning(cls, at: Position, message: str) -> Fault:
        return cls(at.file, at.line, at.column, Severity.WARNING, message)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity.value}: {self.message}"


class PlanRefused(RingbackError):
    """A plan with errors. `faults` has all of them, warnings too, in the order of files and lines."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Sorted by place, each once."""
    unique = dict.fromkeys(faults)
    return tuple(sorted(unique, key=lambda fault: (fault.file, fault.line, fault.column)))


def has_errors(faults: Iterable[Fault]) -> bool:
    return any(fault.severity is Severity.ERROR for fault in faults)


def suggest(wrong: str, valid: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the nearest of `valid`, or nothing when none is near."""
    near = nearest(wrong, valid)
    return "" if near is None else f"; did you mean '{near}'?"


def nearest(wrong: str, valid: Iterable[str]) -> str | None:
    """The one of `valid` that was probably meant."""
    return next(iter(difflib.get_close_matches(wrong, sorted(valid), n=1)), None)
