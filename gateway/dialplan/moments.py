"""What a simulated call consists of: the moments of it, in order, and how each reads. Pure.

The simulator makes them; the terminal, the flow tests and their coverage read them. Times are seconds of
virtual time since the call came in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from gateway.call.cause import Cause


@dataclass(frozen=True, slots=True)
class Entered:
    """The call came to a node."""

    at_s: float
    flow: str
    node: str


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
    """The call waits for the caller at `node`."""

    at_s: float
    node: str


@dataclass(frozen=True, slots=True)
class Did:
    """The caller did something; `what` is a sentence without its subject."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class Took:
    """The call left a node by a branch. `branch` is the label that `model.branches` gives it."""

    at_s: float
    flow: str
    node: str
    branch: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt at a node failed: `outcome` is `no_input`, `no_match` or `audio_failed`."""

    at_s: float
    node: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Over:
    """The call ended. `cause`: why we ended it; None when the caller did."""

    at_s: float
    cause: Cause | None


Moment = Entered | Heard | Silenced | Asked | Did | Took | Failed | Over


def describe(moment: Moment) -> str | None:
    """A moment in words, without its time; None for one that nobody can notice."""
    match moment:
        case Heard():
            return f"[{moment.node}] {moment.text}"
        case Asked():
            return f"[{moment.node}] (waits for the caller)"
        case Did():
            return f"caller {moment.what}"
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


_FAILURES = {
    "no_input": "nothing was said or pressed",
    "no_match": "that isn't one of the choices",
    "audio_failed": "the audio can't be played",
}


def cause_name(cause: Cause | None) -> str:
    """As dialplans write it: `normal_clearing`."""
    return "" if cause is None else cause.name.lower()


def path_of(moments: Iterable[Moment]) -> tuple[str, ...]:
    """The nodes that were entered, in order."""
    return tuple(moment.node for moment in moments if isinstance(moment, Entered))


def heard_in(moments: Iterable[Moment]) -> tuple[str, ...]:
    """What the caller heard, in order."""
    return tuple(moment.text for moment in moments if isinstance(moment, Heard))
