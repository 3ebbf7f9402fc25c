"""What a simulated call consists of: the moments of it, in order, and how each reads. Pure.

The simulator makes them; the terminal, the flow tests and their coverage read them. Times are seconds of
virtual time since the call came in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final, assert_never

from gateway.call.cause import Cause
from gateway.dialplan.requests import Request


@dataclass(frozen=True, slots=True)
class Entered:
    """The call came to a node. `label`: as the path has it, with its flow when another one runs it."""

    at_s: float
    flow: str
    node: str
    label: str


@dataclass(frozen=True, slots=True)
class Heard:
    """Audio began. `text`: the words, or of a recording its file in brackets."""

    at_s: float
    node: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Silenced:
    """The audio was cut off, by a key or by the end of the call."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """The call waits for the caller at `node`. `phrases`: what it would understand."""

    at_s: float
    node: str
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Did:
    """The caller did something; `what` is a sentence without its subject."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class Requested:
    """The call asked something of the world."""

    at_s: float
    node: str
    request: Request


@dataclass(frozen=True, slots=True)
class CameOut:
    """What became of the last request."""

    at_s: float
    node: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Took:
    """The call left a node by a branch. `branch` is the label that `model.branches` gives it."""

    at_s: float
    flow: str
    node: str
    branch: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt at a node failed: `outcome` is `no_input`, `no_match`, `audio_failed` or `error`."""

    at_s: float
    node: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Over:
    """The call ended. `cause`: why we ended it; None when the caller did."""

    at_s: float
    cause: Cause | None


Moment = Entered | Heard | Silenced | Asked | Did | Requested | CameOut | Took | Failed | Over


def describe(moment: Moment) -> str | None:
    """A moment in words, without its time; None for one that nobody can notice."""
    match moment:
        case Heard():
            return f"[{moment.node}] {moment.text}"
        case Asked():
            words = f", or for {', '.join(f'“{p}”' for p in moment.phrases)}" if moment.phrases else ""
            return f"[{moment.node}] (waits for keys{words})"
        case Did():
            return f"caller {moment.what}"
        case Requested():
            return f"[{moment.node}] {_asked_for(moment.request)}"
        case CameOut():
            return f"[{moment.node}] came out as {moment.outcome}"
        case Failed():
            return f"[{moment.node}] {_FAILURES.get(moment.outcome, moment.outcome)}"
        case Over(cause=None):
            return "the caller has hung up"
        case Over():
            return f"the call is ended: {cause_name(moment.cause)}"
        case Entered() | Took() | Silenced():
            return None
        case _:
            assert_never(moment)


_FAILURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no_input": "nothing was said or pressed",
        "no_match": "that isn't one of the choices",
        "audio_failed": "the audio can't be played",
        "error": "an error: see the node's expressions",
    }
)
FAILURES: Final = frozenset(_FAILURES)


def request_kind(request: Request) -> str:
    """The kind of node that makes such a request: `queue`, `lookup`, …"""
    return type(request).__name__.removesuffix("Request").lower()


def request_values(request: Request) -> Mapping[str, Any]:
    """What is asked for, as plain values; what was left at nothing is left out."""
    return {name: value for name, value in asdict(request).items() if value not in (None, "", (), {}, 0.0)}


def _asked_for(request: Request) -> str:
    hidden = {"hosts", "secrets", "headers", "timeout_s", "retries", "cache_s", "language"}
    values = {name: value for name, value in request_values(request).items() if name not in hidden}
    return f"{request_kind(request)} {' '.join(f'{name}={value}' for name, value in values.items())}".rstrip()


def cause_name(cause: Cause | None) -> str:
    """As dialplans write it: `normal_clearing`."""
    return "" if cause is None else cause.name.lower()


def path_of(moments: Iterable[Moment]) -> tuple[str, ...]:
    """The nodes that were entered, in order; those of a flow that another one runs as flow/node."""
    return tuple(moment.label for moment in moments if isinstance(moment, Entered))


def heard_in(moments: Iterable[Moment]) -> tuple[str, ...]:
    """What the caller heard, in order."""
    return tuple(moment.text for moment in moments if isinstance(moment, Heard))
