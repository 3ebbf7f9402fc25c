"""The leg's table, every pair of it, and the direction rules of RFC 3264."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.call.state import (
    ACTIONS,
    INBOUND_ACTIONS,
    LegAction,
    LegSignal,
    LegState,
    MediaDirection,
    next_state,
    require,
)
from gateway.errors import LegEnded, WrongState

LEGAL = {
    (LegState.TRYING, LegSignal.ALERTED): LegState.EARLY,
    (LegState.TRYING, LegSignal.PROGRESSED): LegState.EARLY,
    (LegState.TRYING, LegSignal.ANSWERED): LegState.CONFIRMED,
    (LegState.TRYING, LegSignal.ENDED): LegState.TERMINATED,
    (LegState.EARLY, LegSignal.ALERTED): LegState.EARLY,
    (LegState.EARLY, LegSignal.PROGRESSED): LegState.EARLY,
    (LegState.EARLY, LegSignal.ANSWERED): LegState.CONFIRMED,
    (LegState.EARLY, LegSignal.ENDED): LegState.TERMINATED,
    (LegState.CONFIRMED, LegSignal.ENDED): LegState.TERMINATED,
}
ILLEGAL = sorted(set(product(LegState, LegSignal)) - LEGAL.keys(), key=str)

SENDRECV, SENDONLY, RECVONLY, INACTIVE = (
    MediaDirection.SENDRECV,
    MediaDirection.SENDONLY,
    MediaDirection.RECVONLY,
    MediaDirection.INACTIVE,
)


@pytest.mark.parametrize(("pair", "expected"), LEGAL.items())
def test_a_legal_signal_leads_to_the_next_state(pair: tuple[LegState, LegSignal], expected: LegState) -> None:
    assert expected is next_state(*pair)


@pytest.mark.parametrize(("state", "signal"), ILLEGAL)
def test_an_illegal_signal_raises_and_names_both(state: LegState, signal: LegSignal) -> None:
    with pytest.raises(WrongState) as raised:
        next_state(state, signal)

    assert raised.value.state == state.name
    assert signal.value in raised.value.action


def test_no_way_leads_out_of_terminated_and_every_state_can_reach_it() -> None:
    assert all(state is not LegState.TERMINATED for state, _ in LEGAL)
    assert all(
        next_state(state, LegSignal.ENDED) is LegState.TERMINATED
        for state in LegState
        if state is not LegState.TERMINATED
    )


@pytest.mark.parametrize(
    ("action", "state"),
    [(action, state) for action, states in ACTIONS.items() for state in sorted(states, key=str)],
)
def test_an_action_is_legal_in_its_states(action: LegAction, state: LegState) -> None:
    require(action, state, leg_id="leg-1", inbound=True)


@pytest.mark.parametrize(
    ("action", "state"),
    [
        (action, state)
        for action, state in product(LegAction, LegState)
        if state not in ACTIONS[action] and state is not LegState.TERMINATED
    ],
)
def test_an_action_in_another_state_is_refused(action: LegAction, state: LegState) -> None:
    with pytest.raises(WrongState) as raised:
        require(action, state, leg_id="leg-1", inbound=True)

    assert (raised.value.action, raised.value.state) == (action.value, state.name)


@pytest.mark.parametrize("action", LegAction)
def test_nothing_can_be_done_with_a_terminated_leg(action: LegAction) -> None:
    with pytest.raises(LegEnded) as raised:
        require(action, LegState.TERMINATED, leg_id="leg-1", inbound=True)

    assert raised.value.leg_id == "leg-1"


@pytest.mark.parametrize("action", sorted(INBOUND_ACTIONS, key=str))
def test_an_outbound_leg_is_not_ours_to_answer(action: LegAction) -> None:
    with pytest.raises(WrongState, match="outbound"):
        require(action, LegState.TRYING, leg_id="leg-1", inbound=False)


@pytest.mark.parametrize("action", sorted(INBOUND_ACTIONS, key=str))
def test_after_our_answer_no_other_response_is_legal(action: LegAction) -> None:
    with pytest.raises(WrongState, match="after the answer"):
        require(action, LegState.TRYING, leg_id="leg-1", inbound=True, answer_sent=True)


def test_a_confirmed_leg_can_be_held_though_its_answer_was_sent() -> None:
    require(LegAction.HOLD, LegState.CONFIRMED, leg_id="leg-1", inbound=True, answer_sent=True)


@pytest.mark.parametrize(
    ("wish", "offer", "answer"),
    [
        # RFC 3264 §6.1, when we would talk: only the offer limits us.
        (SENDRECV, SENDRECV, SENDRECV),
        (SENDRECV, SENDONLY, RECVONLY),
        (SENDRECV, RECVONLY, SENDONLY),
        (SENDRECV, INACTIVE, INACTIVE),
        # When we hold the far end, a re-INVITE of its own doesn't end that.
        (SENDONLY, SENDRECV, SENDONLY),
        (SENDONLY, SENDONLY, INACTIVE),
        (SENDONLY, RECVONLY, SENDONLY),
        (SENDONLY, INACTIVE, INACTIVE),
        (RECVONLY, SENDRECV, RECVONLY),
        (RECVONLY, SENDONLY, RECVONLY),
        (RECVONLY, RECVONLY, INACTIVE),
        (RECVONLY, INACTIVE, INACTIVE),
        (INACTIVE, SENDRECV, INACTIVE),
        (INACTIVE, SENDONLY, INACTIVE),
        (INACTIVE, RECVONLY, INACTIVE),
        (INACTIVE, INACTIVE, INACTIVE),
    ],
)
def test_an_answer_never_exceeds_the_offer_or_the_wish(
    wish: MediaDirection, offer: MediaDirection, answer: MediaDirection
) -> None:
    assert answer is wish.answer_to(offer)


@pytest.mark.parametrize(
    ("media", "session", "expected"),
    [
        ([], [], SENDRECV),
        (["a=rtpmap:0 PCMU/8000", "a=sendonly"], [], SENDONLY),
        (["recvonly "], [], RECVONLY),
        (["a=ptime:20"], ["a=inactive"], INACTIVE),
        (["a=sendrecv"], ["a=inactive"], SENDRECV),
        (["a=SENDONLY"], [], SENDRECV),  # RFC 8866 §9: attribute names are case-sensitive
    ],
)
def test_the_media_sections_attribute_wins_and_none_means_both_ways(
    media: list[str], session: list[str], expected: MediaDirection
) -> None:
    assert expected is MediaDirection.from_sdp(media, session)


@pytest.mark.parametrize(
    ("direction", "mirrored", "on_hold"),
    [
        (SENDRECV, SENDRECV, False),
        (SENDONLY, RECVONLY, True),
        (RECVONLY, SENDONLY, True),
        (INACTIVE, INACTIVE, True),
    ],
)
def test_a_direction_mirrors_and_knows_whether_it_is_a_hold(
    direction: MediaDirection, mirrored: MediaDirection, *, on_hold: bool
) -> None:
    assert (mirrored, on_hold) == (direction.mirrored, direction.on_hold)
