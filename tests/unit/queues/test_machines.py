"""The two tables: every state with every signal."""

from __future__ import annotations

import pytest

from gateway.agents import presence
from gateway.agents.presence import AgentSignal, AgentState
from gateway.errors import WrongState
from gateway.queues import entry
from gateway.queues.entry import EntrySignal, EntryState

ENTRY = {
    ("waiting", "offered"): "offered",
    ("waiting", "callback"): "callback_waiting",
    ("waiting", "abandoned"): "abandoned",
    ("waiting", "timed_out"): "timed_out",
    ("waiting", "left"): "left",
    ("offered", "offered"): "offered",
    ("offered", "returned"): "waiting",
    ("offered", "connected"): "connected",
    ("offered", "callback"): "callback_waiting",
    ("offered", "abandoned"): "abandoned",
    ("offered", "timed_out"): "timed_out",
    ("offered", "left"): "left",
    ("connected", "finished"): "done",
    ("connected", "requeued"): "waiting",
    ("callback_waiting", "dialling"): "callback_dialing",
    ("callback_waiting", "returning"): "waiting",
    ("callback_waiting", "left"): "left",
    ("callback_waiting", "timed_out"): "timed_out",
    ("callback_dialing", "dialling"): "callback_dialing",
    ("callback_dialing", "returned"): "callback_waiting",
    ("callback_dialing", "connected"): "connected",
    ("callback_dialing", "left"): "left",
}
AGENT = {
    ("idle", "reserved"): "reserved",
    ("idle", "engaged"): "on_call",
    ("reserved", "ringing"): "ringing",
    ("reserved", "answered"): "on_call",
    ("reserved", "released"): "idle",
    ("reserved", "engaged"): "on_call",
    ("ringing", "answered"): "on_call",
    ("ringing", "released"): "idle",
    ("ringing", "engaged"): "on_call",
    ("on_call", "ended"): "wrap_up",
    ("on_call", "cleared"): "idle",
    ("on_call", "disengaged"): "idle",
    ("wrap_up", "wrapped"): "idle",
    ("wrap_up", "engaged"): "on_call",
}


@pytest.mark.parametrize("state", EntryState)
@pytest.mark.parametrize("signal", EntrySignal)
def test_every_signal_in_every_state_of_an_entry(state: EntryState, signal: EntrySignal) -> None:
    expected = ENTRY.get((state.value, signal.value))
    if expected is None:
        with pytest.raises(WrongState):
            entry.next_state(state, signal)
    else:
        assert entry.next_state(state, signal) is EntryState(expected)


@pytest.mark.parametrize("state", AgentState)
@pytest.mark.parametrize("signal", AgentSignal)
def test_every_signal_in_every_state_of_an_agent(state: AgentState, signal: AgentSignal) -> None:
    expected = AGENT.get((state.value, signal.value))
    if expected is None:
        with pytest.raises(WrongState):
            presence.next_state(state, signal)
    else:
        assert presence.next_state(state, signal) is AgentState(expected)
