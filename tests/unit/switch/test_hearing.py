"""Who hears whom: for every state, and with everything that changes it."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from gateway.switch.conversation_state import ConversationState as S
from gateway.switch.hearing import (
    Channel,
    Ear,
    Hearing,
    Loop,
    Party,
    Scene,
    SupervisionMode,
    Voice,
    hearing,
    held,
    talkers,
)

CALLER, AGENT, CONSULTED = Party.CALLER, Party.AGENT, Party.CONSULTED
LISTEN, WHISPER, JOIN = SupervisionMode.LISTEN, SupervisionMode.WHISPER, SupervisionMode.JOIN


def both(one: Party, other: Party) -> set[tuple[Voice, Ear]]:
    return {(one, other), (other, one)}


@pytest.mark.parametrize(
    ("state", "connections", "loops"),
    [
        (S.NEW, set(), {}),
        (S.TALKING, both(CALLER, AGENT), {}),
        (S.HELD, set(), {CALLER: Loop.MUSIC}),
        (S.RINGING, set(), {CALLER: Loop.MUSIC, AGENT: Loop.RINGBACK}),
        (S.UNATTENDED, set(), {CALLER: Loop.RINGBACK}),
        (S.CONSULTING, both(AGENT, CONSULTED), {CALLER: Loop.MUSIC}),
        (S.ALTERNATED, both(CALLER, AGENT), {CONSULTED: Loop.MUSIC}),
        (S.CONFERENCE, both(CALLER, AGENT) | both(CALLER, CONSULTED) | both(AGENT, CONSULTED), {}),
        (S.ENDED, set(), {}),
    ],
)
def test_in_each_state(state: S, connections: set[tuple[Voice, Ear]], loops: dict[Party, Loop]) -> None:
    assert hearing(Scene(state)) == Hearing(frozenset(connections), loops)


def test_early_media_is_heard_in_place_of_the_ringing() -> None:
    assert hearing(Scene(S.RINGING, early_media=True)) == Hearing(
        frozenset({(CONSULTED, AGENT)}), {CALLER: Loop.MUSIC}
    )
    assert hearing(Scene(S.UNATTENDED, early_media=True)) == Hearing(frozenset({(CONSULTED, CALLER)}), {})


def test_the_muted_hear_and_are_not_heard() -> None:
    scene = Scene(S.CONFERENCE, muted=frozenset({AGENT}))

    heard = hearing(scene).connections

    assert {ear for _, ear in heard} == {CALLER, AGENT, CONSULTED}
    assert {voice for voice, _ in heard} == {CALLER, CONSULTED}


def test_somebody_whose_phone_holds_us_is_out_and_who_is_left_alone_hears_music() -> None:
    away = frozenset({AGENT})

    assert hearing(Scene(S.TALKING, away=away)) == Hearing(frozenset(), {CALLER: Loop.MUSIC})
    assert hearing(Scene(S.CONFERENCE, away=away)) == Hearing(frozenset(both(CALLER, CONSULTED)), {})
    assert held(Scene(S.CONSULTING, away=away)) == {CALLER, CONSULTED}
    # Who is away hears their own phone's silence, not our tones.
    assert hearing(Scene(S.RINGING, away=away)).loops == {CALLER: Loop.MUSIC}


def test_a_number_is_asked_for_with_a_dial_tone() -> None:
    assert hearing(Scene(S.HELD, dialling=True)).loops == {CALLER: Loop.MUSIC, AGENT: Loop.DIAL_TONE}


def test_supervisors_by_their_mode() -> None:
    def heard(
        mode: SupervisionMode, state: S = S.TALKING, *, whispered_to: bool = True
    ) -> set[tuple[Voice, Ear]]:
        scene = Scene(state, supervisors={"sue": mode}, whispered_to=whispered_to)
        plain = hearing(Scene(state)).connections
        return set(hearing(scene).connections - plain)

    hears = {(CALLER, "sue"), (AGENT, "sue")}
    assert heard(LISTEN) == hears
    assert heard(WHISPER) == hears | {("sue", AGENT)}
    assert heard(JOIN) == hears | {("sue", AGENT), ("sue", CALLER)}
    assert heard(WHISPER, whispered_to=False) == hears
    assert heard(LISTEN, S.HELD) == {(AGENT, "sue")}
    assert heard(JOIN, S.CONSULTING) == {
        (AGENT, "sue"),
        (CONSULTED, "sue"),
        ("sue", AGENT),
        ("sue", CONSULTED),
    }
    assert heard(WHISPER, S.UNATTENDED) == set()


def test_supervisors_who_joined_are_heard_by_the_others() -> None:
    scene = Scene(S.TALKING, supervisors={"sue": JOIN, "tom": LISTEN, "kim": JOIN})

    heard = hearing(scene).connections

    assert {ear for voice, ear in heard if voice == "sue"} == {CALLER, AGENT, "tom", "kim"}
    assert not any(voice == "tom" for voice, _ in heard)


def test_a_recording_holds_what_the_caller_took_part_in() -> None:
    def taps(scene: Scene) -> set[tuple[Voice, Ear]]:
        return {pair for pair in hearing(scene, recorded=True).connections if isinstance(pair[1], Channel)}

    supervisors = {"sue": JOIN, "tom": WHISPER}
    assert taps(Scene(S.TALKING, supervisors=supervisors)) == {
        (CALLER, Channel.CALLER),
        (AGENT, Channel.OTHERS),
        ("sue", Channel.OTHERS),
    }
    assert taps(Scene(S.CONFERENCE, muted=frozenset({AGENT}))) == {
        (CALLER, Channel.CALLER),
        (CONSULTED, Channel.OTHERS),
    }
    for state in (S.HELD, S.RINGING, S.CONSULTING, S.UNATTENDED):
        assert taps(Scene(state)) == set()


SUBSETS = [
    frozenset(subset)
    for subset in chain.from_iterable(combinations((AGENT, CONSULTED), size) for size in range(3))
]


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("away", SUBSETS)
@pytest.mark.parametrize("muted", [*SUBSETS, frozenset({CALLER})])
@pytest.mark.parametrize("mode", SupervisionMode)
def test_what_must_never_be_heard(
    state: S, away: frozenset[Party], muted: frozenset[Party], mode: SupervisionMode
) -> None:
    scene = Scene(state, away=away, muted=muted, supervisors={"sue": mode})

    shown = hearing(scene, recorded=True)

    for voice, ear in shown.connections:
        assert voice is not ear
        assert voice not in muted
        assert voice not in away
        if voice == "sue" and mode is not JOIN:
            assert mode is WHISPER
            assert ear is AGENT
        if isinstance(ear, Party) and shown.loops.get(ear) is Loop.MUSIC:
            # Who hears music has nobody but a supervisor who joined a lonely agent.
            assert voice == "sue"
    assert not (set(shown.loops) & away)
    assert talkers(scene) <= {CALLER, AGENT, CONSULTED} - away
