"""CEL in dialplans: what an expression may reach, whether it can be right, and what it comes to. Pure.

An expression sees `caller`, `call`, `vars`, `context`, `queues` and `now`, and nothing else; it can't loop,
call out or change anything. Its types are checked when the plan is loaded (`check_expression`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import cel

from gateway.dialplan.celsyntax import CelSyntaxError, Tree, parse_cel
from gateway.dialplan.celtypes import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    MAP,
    STRING,
    TIMESTAMP,
    CelTypeError,
    Scope,
    Type,
    paths,
    type_of,
)
from gateway.dialplan.queue_facts import QueueFacts
from gateway.errors import RingbackError

MAX_VALUE: Final = 65_536
"""Characters that a variable may hold, as JSON: a text that doubles in a loop mustn't fill the memory."""

CALLER: Final = Type(
    "struct",
    members=MappingProxyType(
        {"number": STRING, "name": STRING, "language": STRING, "authenticated": BOOL, "id": STRING}
    ),
    what="'caller'",
)
CALL: Final = Type(
    "struct",
    members=MappingProxyType(
        {
            "id": STRING,
            "dnis": STRING,
            "trunk": STRING,
            "technology": STRING,
            "language": STRING,
            "flow": STRING,
            "duration_s": DOUBLE,
            "headers": Type("map", STRING),
        }
    ),
    what="'call'",
)
NO_FIGURES: Final[Mapping[str, Any]] = MappingProxyType(QueueFacts().to_json())
"""What a queue is like that nobody has told anything about."""
FIGURES: Final[Mapping[str, Type]] = MappingProxyType(
    {name: {bool: BOOL, int: INT, float: DOUBLE}[type(value)] for name, value in NO_FIGURES.items()}
)
QUEUE: Final = Type("struct", members=FIGURES, what="a queue")


class ExpressionFailed(RingbackError):
    """An expression that couldn't be evaluated on a call."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"'{source}': {problem}")
        self.source = source
        self.problem = problem


def scope_of(variables: Mapping[str, Type], queues: Iterable[str]) -> Scope:
    """What the expressions of a flow can reach."""
    names = {
        "caller": CALLER,
        "call": CALL,
        "vars": Type("struct", members=variables, what="'vars'"),
        "context": MAP,
        "queues": Type("struct", members=dict.fromkeys(queues, QUEUE), what="'queues'"),
        "now": TIMESTAMP,
    }
    return Scope(MappingProxyType(names))


@lru_cache(maxsize=20_000)
def _parsed(source: str) -> Tree:
    """Raises CelSyntaxError."""
    tree = parse_cel(source)
    try:
        _compiled(source)
    except ValueError as error:
        raise CelSyntaxError(" ".join(str(error).split("\n", 1)[0].split())) from error
    return tree


@lru_cache(maxsize=20_000)
def _compiled(source: str) -> cel.Program:
    return cel.compile(source)


def check_expression(source: str, scope: Scope) -> Type:
    """The type of an expression. Raises CelSyntaxError, or CelTypeError for one that can't be right."""
    return type_of(_parsed(source), scope)


def reads(source: str) -> frozenset[tuple[str, ...]]:
    """What an expression reads, as paths; nothing of one that can't be read."""
    try:
        return frozenset(paths(_parsed(source)))
    except CelSyntaxError:
        return frozenset()


def evaluate(source: str, values: Mapping[str, Any]) -> Any:
    """What `source` comes to, as Python's own value. Raises ExpressionFailed, and nothing else."""
    try:
        return _compiled(source).execute(dict(values))
    except Exception as error:
        # The engine raises what Python has for each sort of fault.
        raise ExpressionFailed(source, _reason(error)) from error
    except BaseException as error:
        # A panic of the engine, which PyO3 keeps out of Exception, ends one expression and no call.
        if type(error).__name__ != "PanicException":
            raise
        raise ExpressionFailed(source, "the expression engine failed") from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error}"
    return str(error).split("\n", 1)[0][:200] or type(error).__name__


def kept(source: str, value: Any) -> Any:
    """`value` as a variable keeps it: plain JSON. Raises ExpressionFailed for what isn't, or is too long."""
    try:
        text = json.dumps(value, allow_nan=False, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise ExpressionFailed(source, "a variable holds plain values, lists and maps") from error
    if len(text) > MAX_VALUE:
        raise ExpressionFailed(source, f"a variable holds at most {MAX_VALUE:,} characters")
    return json.loads(text)


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    raise TypeError(type(value).__name__)


__all__ = [
    "DYN",
    "MAX_VALUE",
    "NO_FIGURES",
    "CelSyntaxError",
    "CelTypeError",
    "ExpressionFailed",
    "Scope",
    "Type",
    "check_expression",
    "evaluate",
    "kept",
    "reads",
    "scope_of",
]
