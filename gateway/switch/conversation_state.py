"""A conversation's states and what leads from one to the next, as a table. Pure.

A caller, an agent, and for a while a consulted party whom the agent asks or hands the caller on to. Whoever
stays with the caller is the agent afterwards, so a completed transfer leads back to TALKING.

    NEW ──▶ TALKING ◀──▶ HELD
              │ ▲ ╲______│____ CONSULT
              │ │         ▼
              │ ├────── RINGING ──(the agent leaves)──▶ UNATTENDED ──ANSWERED──▶ TALKING
              │ │         │ ANSWERED
              │ ├────── CONSULTING ◀─ALTERNATE─▶ ALTERNATED
              │ │         └──────── CONFERENCE ────────┘
              ▼ └── (one of three leaves) ──┘
            ENDED

The caller's hang-up isn't here: it ends everything from any state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.errors import WrongState


class ConversationState(Enum):
    """Who talks with whom."""

    NEW = "new"
    TALKING = "talking"  # caller and agent
    HELD = "held"  # the caller hears music, the agent nobody
    RINGING = "ringing"  # the consulted party is being called, the caller hears music
    UNATTENDED = "unattended"  # the same, but the agent has left already: the caller hears the ringing
    CONSULTING = "consulting"  # agent and consulted party talk, the caller hears music
    ALTERNATED = "alternated"  # agent and caller talk, the consulted party hears music
    CONFERENCE = "conference"  # all three talk
    ENDED = "ended"


class ConversationSignal(Enum):
    """What somebody wants, or what happened."""

    JOIN = "join"
    HOLD = "hold"
    RESUME = "resume"
    CONSULT = "consult"
    ANSWER = "answer"  # the consulted party picked up
    ALTERNATE = "alternate"
    CONFERENCE = "conference"
    COMPLETE = "complete"  # the agent leaves the caller with the consulted party
    CANCEL = "cancel"  # the consulted party is sent away
    BLIND_TRANSFER = "transfer"
    REQUEUE = "requeue"
    AGENT_GONE = "be left by the agent"
    CONSULTED_GONE = "be left by the consulted party"


_S, _E = ConversationState, ConversationSignal

TRANSITIONS: Final[Mapping[ConversationState, Mapping[ConversationSignal, ConversationState]]] = (
    MappingProxyType(
        {
            _S.NEW: MappingProxyType({_E.JOIN: _S.TALKING}),
            _S.TALKING: MappingProxyType(
                {
                    _E.HOLD: _S.HELD,
                    _E.CONSULT: _S.RINGING,
                    _E.BLIND_TRANSFER: _S.ENDED,
                    _E.REQUEUE: _S.ENDED,
                    _E.AGENT_GONE: _S.ENDED,
                }
            ),
            _S.HELD: MappingProxyType(
                {
                    _E.RESUME: _S.TALKING,
                    _E.CONSULT: _S.RINGING,
                    _E.BLIND_TRANSFER: _S.ENDED,
                    _E.REQUEUE: _S.ENDED,
                    _E.AGENT_GONE: _S.ENDED,
                }
            ),
            _S.RINGING: MappingProxyType(
                {
                    _E.ANSWER: _S.CONSULTING,
                    _E.COMPLETE: _S.UNATTENDED,
                    _E.AGENT_GONE: _S.UNATTENDED,
                    _E.CANCEL: _S.TALKING,
                    _E.CONSULTED_GONE: _S.TALKING,
                }
            ),
            _S.UNATTENDED: MappingProxyType({_E.ANSWER: _S.TALKING, _E.CONSULTED_GONE: _S.ENDED}),
            _S.CONSULTING: MappingProxyType(
                {
                    _E.ALTERNATE: _S.ALTERNATED,
                    _E.CONFERENCE: _S.CONFERENCE,
                    _E.COMPLETE: _S.TALKING,
                    _E.AGENT_GONE: _S.TALKING,
                    _E.CANCEL: _S.TALKING,
                    _E.CONSULTED_GONE: _S.TALKING,
                }
            ),
            _S.ALTERNATED: MappingProxyType(
                {
                    _E.ALTERNATE: _S.CONSULTING,
                    _E.CONFERENCE: _S.CONFERENCE,
                    _E.COMPLETE: _S.TALKING,
                    _E.AGENT_GONE: _S.TALKING,
                    _E.CANCEL: _S.TALKING,
                    _E.CONSULTED_GONE: _S.TALKING,
                }
            ),
            _S.CONFERENCE: MappingProxyType(
                {
                    _E.COMPLETE: _S.TALKING,
                    _E.AGENT_GONE: _S.TALKING,
                    _E.CANCEL: _S.TALKING,
                    _E.CONSULTED_GONE: _S.TALKING,
                }
            ),
            _S.ENDED: MappingProxyType({}),
        }
    )
)

REPLACING: Final = frozenset({_E.COMPLETE, _E.AGENT_GONE})
"""Signals after which the agent is out; in a state with a consulted party, that one takes the place."""


def next_state(state: ConversationState, signal: ConversationSignal) -> ConversationState:
    """The state after `signal`. Raises WrongState when that can't happen in `state`."""
    try:
        return TRANSITIONS[state][signal]
    except KeyError:
        raise WrongState(signal.value, state.name) from None
