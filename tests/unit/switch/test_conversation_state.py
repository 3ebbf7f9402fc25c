"""The table of a conversation's states: every signal in every state."""

from __future__ import annotations

import pytest

from gateway.errors import WrongState
from gateway.switch.conversation_state import (
    TRANSITIONS,
    ConversationSignal,
    ConversationState,
    next_state,
)

S, E = ConversationState, ConversationSignal

ALLOWED = {
    (S.NEW, E.JOIN): S.TALKING,
    (S.TALKING, E.HOLD): S.HELD,
    (S.TALKING, E.CONSULT): S.RINGING,
    (S.TALKING, E.BLIND_TRANSFER): S.ENDED,
    (S.TALKING, E.REQUEUE): S.ENDED,
    (S.TALKING, E.AGENT_GONE): S.ENDED,
    (S.HELD, E.RESUME): S.TALKING,
    (S.HELD, E.CONSULT): S.RINGING,
    (S.HELD, E.BLIND_TRANSFER): S.ENDED,
    (S.HELD, E.REQUEUE): S.ENDED,
    (S.HELD, E.AGENT_GONE): S.ENDED,
    (S.RINGING, E.ANSWER): S.CONSULTING,
    (S.RINGING, E.COMPLETE): S.UNATTENDED,
    (S.RINGING, E.AGENT_GONE): S.UNATTENDED,
    (S.RINGING, E.CANCEL): S.TALKING,
    (S.RINGING, E.CONSULTED_GONE): S.TALKING,
    (S.UNATTENDED, E.ANSWER): S.TALKING,
    (S.UNATTENDED, E.CONSULTED_GONE): S.ENDED,
    **{
        (state, signal): S.TALKING
        for state in (S.CONSULTING, S.ALTERNATED, S.CONFERENCE)
        for signal in (E.COMPLETE, E.AGENT_GONE, E.CANCEL, E.CONSULTED_GONE)
    },
    (S.CONSULTING, E.ALTERNATE): S.ALTERNATED,
    (S.ALTERNATED, E.ALTERNATE): S.CONSULTING,
    (S.CONSULTING, E.CONFERENCE): S.CONFERENCE,
    (S.ALTERNATED, E.CONFERENCE): S.CONFERENCE,
}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("signal", E)
def test_every_signal_in_every_state(state: ConversationState, signal: ConversationSignal) -> None:
    if (state, signal) in ALLOWED:
        assert next_state(state, signal) is ALLOWED[state, signal]
    else:
        with pytest.raises(WrongState) as raised:
            next_state(state, signal)
        assert (raised.value.action, raised.value.state) == (signal.value, state.name)


def test_the_table_knows_every_state() -> None:
    assert set(TRANSITIONS) == set(S)
