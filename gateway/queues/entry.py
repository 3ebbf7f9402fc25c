"""A place in a queue: its states, as a table, and what it carries. Pure.

A callback is an entry like any other, without media: same id, enqueue time, priority, skills and context.

    WAITING ──OFFERED──▶ OFFERED ──CONNECTED──▶ CONNECTED ──FINISHED──▶ DONE
       ▲ └─RETURNED───────┘ │                       └──REQUEUED──▶ WAITING
       ├──CALLBACK──▶ CALLBACK_WAITING ──DIALLING──▶ CALLBACK_DIALING ──CONNECTED──▶ CONNECTED
       │                    ▲──────────RETURNED──────────┘
       └──▶ ABANDONED, TIMED_OUT, LEFT
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.errors import WrongState


class EntryState(Enum):
    WAITING = "waiting"
    OFFERED = "offered"  # one agent (ring-all: several) is being asked
    CONNECTED = "connected"  # talks with an agent
    CALLBACK_WAITING = "callback_waiting"  # the caller hung up on purpose; the place is kept
    CALLBACK_DIALING = "callback_dialing"  # an agent is reserved for it
    ABANDONED = "abandoned"  # the caller hung up
    TIMED_OUT = "timed_out"  # the maximum wait is over and there was nowhere to overflow to
    LEFT = "left"  # by a key, by the API, because nobody is staffed, or a callback that was given up
    DONE = "done"  # served


class EntrySignal(Enum):
    OFFERED = "offered"
    RETURNED = "returned"  # the offer or the dial failed; back to the exact place
    CONNECTED = "connected"
    FINISHED = "finished"
    REQUEUED = "requeued"  # by the agent: back to the place that the enqueue time gives
    CALLBACK = "callback"  # the caller asks to be called back
    RETURNING = "returning"  # the caller of a pending callback is on the line again, and waits
    DIALLING = "dialling"
    ABANDONED = "abandoned"
    TIMED_OUT = "timed_out"
    LEFT = "left"


TRANSITIONS: Final[Mapping[EntryState, Mapping[EntrySignal, EntryState]]] = MappingProxyType(
    {
        EntryState.WAITING: MappingProxyType(
            {
                EntrySignal.OFFERED: EntryState.OFFERED,
                EntrySignal.CALLBACK: EntryState.CALLBACK_WAITING,
                EntrySignal.ABANDONED: EntryState.ABANDONED,
                EntrySignal.TIMED_OUT: EntryState.TIMED_OUT,
                EntrySignal.LEFT: EntryState.LEFT,
            }
        ),
        EntryState.OFFERED: MappingProxyType(
            {
                EntrySignal.OFFERED: EntryState.OFFERED,  # ring-all asks one more
                EntrySignal.RETURNED: EntryState.WAITING,
                EntrySignal.CONNECTED: EntryState.CONNECTED,
                EntrySignal.CALLBACK: EntryState.CALLBACK_WAITING,
                EntrySignal.ABANDONED: EntryState.ABANDONED,
                EntrySignal.TIMED_OUT: EntryState.TIMED_OUT,
                EntrySignal.LEFT: EntryState.LEFT,
            }
        ),
        EntryState.CONNECTED: MappingProxyType(
            {EntrySignal.FINISHED: EntryState.DONE, EntrySignal.REQUEUED: EntryState.WAITING}
        ),
        EntryState.CALLBACK_WAITING: MappingProxyType(
            {
                EntrySignal.DIALLING: EntryState.CALLBACK_DIALING,
                EntrySignal.RETURNING: EntryState.WAITING,
                EntrySignal.LEFT: EntryState.LEFT,
                EntrySignal.TIMED_OUT: EntryState.TIMED_OUT,
            }
        ),
        EntryState.CALLBACK_DIALING: MappingProxyType(
            {
                EntrySignal.DIALLING: EntryState.CALLBACK_DIALING,
                EntrySignal.RETURNED: EntryState.CALLBACK_WAITING,
                EntrySignal.CONNECTED: EntryState.CONNECTED,
                EntrySignal.LEFT: EntryState.LEFT,
            }
        ),
        EntryState.ABANDONED: MappingProxyType({}),
        EntryState.TIMED_OUT: MappingProxyType({}),
        EntryState.LEFT: MappingProxyType({}),
        EntryState.DONE: MappingProxyType({}),
    }
)

OPEN: Final = frozenset(state for state, signals in TRANSITIONS.items() if signals)
"""States from which something can still happen."""

PLACED: Final = frozenset(
    {EntryState.WAITING, EntryState.OFFERED, EntryState.CALLBACK_WAITING, EntryState.CALLBACK_DIALING}
)
"""States that count in positions."""


def next_state(state: EntryState, signal: EntrySignal) -> EntryState:
    """The state after `signal`. Raises WrongState when that can't happen in `state`."""
    try:
        return TRANSITIONS[state][signal]
    except KeyError:
        raise WrongState(f"be {signal.value}", state.name) from None
