"""What a person chose (presence) and what calls did (state), as tables. Pure.

The two are apart on purpose: an agent may choose a break in the middle of a call, and is on break when the
call and its wrap-up are over. Only an agent who is AVAILABLE and IDLE is offered calls.

    IDLE ──RESERVED──▶ RESERVED ──RINGING──▶ RINGING ──ANSWERED──▶ ON_CALL ──ENDED──▶ WRAP_UP
     ▲                    └──────RELEASED───────┤                     └──CLEARED──┐      │
     └──────────────────────────────────────────┴─────────────────────────────────┴──WRAPPED

`ENGAGED` and `DISENGAGED` are calls that Ringback didn't make: on the same phone, or on the PBX.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.errors import WrongState


class Presence(Enum):
    """What an agent chose."""

    LOGGED_OUT = "logged_out"
    AVAILABLE = "available"
    ON_BREAK = "on_break"  # with a reason, such as "lunch" or "rona"


class AgentState(Enum):
    """What calls did to an agent."""

    IDLE = "idle"
    RESERVED = "reserved"  # chosen for an entry; their phone doesn't ring yet
    RINGING = "ringing"  # offered; their phone rings or their screen shows it
    ON_CALL = "on_call"  # with a customer, or on any other call
    WRAP_UP = "wrap_up"  # notes after a call


class AgentSignal(Enum):
    """What happened to an agent."""

    RESERVED = "reserved"
    RINGING = "ringing"
    ANSWERED = "answered"
    RELEASED = "released"  # declined, not answered, cancelled, failed
    ENDED = "ended"  # the call is over, wrap-up follows
    CLEARED = "cleared"  # the call is over, no wrap-up
    WRAPPED = "wrapped"
    ENGAGED = "engaged"  # on a call that isn't ours
    DISENGAGED = "disengaged"


TRANSITIONS: Final[Mapping[AgentState, Mapping[AgentSignal, AgentState]]] = MappingProxyType(
    {
        AgentState.IDLE: MappingProxyType(
            {AgentSignal.RESERVED: AgentState.RESERVED, AgentSignal.ENGAGED: AgentState.ON_CALL}
        ),
        AgentState.RESERVED: MappingProxyType(
            {
                AgentSignal.RINGING: AgentState.RINGING,
                AgentSignal.ANSWERED: AgentState.ON_CALL,
                AgentSignal.RELEASED: AgentState.IDLE,
                AgentSignal.ENGAGED: AgentState.ON_CALL,
            }
        ),
        AgentState.RINGING: MappingProxyType(
            {
                AgentSignal.ANSWERED: AgentState.ON_CALL,
                AgentSignal.RELEASED: AgentState.IDLE,
                AgentSignal.ENGAGED: AgentState.ON_CALL,
            }
        ),
        AgentState.ON_CALL: MappingProxyType(
            {
                AgentSignal.ENDED: AgentState.WRAP_UP,
                AgentSignal.CLEARED: AgentState.IDLE,
                AgentSignal.DISENGAGED: AgentState.IDLE,
            }
        ),
        AgentState.WRAP_UP: MappingProxyType(
            {AgentSignal.WRAPPED: AgentState.IDLE, AgentSignal.ENGAGED: AgentState.ON_CALL}
        ),
    }
)


def next_state(state: AgentState, signal: AgentSignal) -> AgentState:
    """The state after `signal`. Raises WrongState when that can't happen in `state`."""
    try:
        return TRANSITIONS[state][signal]
    except KeyError:
        raise WrongState(f"be {signal.value}", state.name) from None
