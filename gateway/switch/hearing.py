"""Who hears whom in a conversation, from its state. Pure.

The driver never connects anybody by hand: whenever something changes, it asks `hearing` and brings the bridge
to that. So what is audible in a state is said once, here, whichever way led into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.switch.conversation_state import ConversationState


class Party(Enum):
    """A place in the conversation."""

    CALLER = "caller"
    AGENT = "agent"  # whoever serves the caller now; after a transfer it may be anybody
    CONSULTED = "consulted"


class SupervisionMode(Enum):
    """What a supervisor may do. They always hear what the agent and those who talk with them say."""

    LISTEN = "listen"
    WHISPER = "whisper"  # heard by the agent alone
    JOIN = "join"  # heard by all who talk


class Channel(Enum):
    """Of a recording."""

    CALLER = "caller"  # left
    OTHERS = "others"  # right


class Loop(Enum):
    """What somebody hears over and over while nobody talks to them."""

    MUSIC = "music"
    RINGBACK = "ringback"
    DIAL_TONE = "dial_tone"


Voice = Party | str
"""A party, or a supervisor by id."""
Ear = Party | str | Channel


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that decides who hears whom.

    `away`: parties whose own phone has put us on hold. `early_media`: the consulted party's network sends
    audio before the answer. `dialling`: the agent presses the keys of a number. `whispered_to`: the agent's
    place is taken by one of ours, and not by somebody outside, whom supervisors mustn't whisper to.
    """

    state: ConversationState
    away: frozenset[Party] = frozenset()
    muted: frozenset[Party] = frozenset()
    early_media: bool = False
    dialling: bool = False
    supervisors: Mapping[str, SupervisionMode] = field(default_factory=lambda: MappingProxyType({}))
    whispered_to: bool = True


@dataclass(frozen=True, slots=True)
class Hearing:
    """`connections`: from a voice to an ear. `loops`: who hears what over and over."""

    connections: frozenset[tuple[Voice, Ear]]
    loops: Mapping[Party, Loop]


_S, _P = ConversationState, Party

TALKING: Final[Mapping[ConversationState, frozenset[Party]]] = MappingProxyType(
    {
        _S.NEW: frozenset(),
        _S.TALKING: frozenset({_P.CALLER, _P.AGENT}),
        _S.HELD: frozenset({_P.AGENT}),
        _S.RINGING: frozenset({_P.AGENT}),
        _S.UNATTENDED: frozenset(),
        _S.CONSULTING: frozenset({_P.AGENT, _P.CONSULTED}),
        _S.ALTERNATED: frozenset({_P.CALLER, _P.AGENT}),
        _S.CONFERENCE: frozenset({_P.CALLER, _P.AGENT, _P.CONSULTED}),
        _S.ENDED: frozenset(),
    }
)
"""Who talks with one another. Somebody who is alone in it waits for the other side."""

HELD: Final[Mapping[ConversationState, Party]] = MappingProxyType(
    {
        _S.HELD: _P.CALLER,
        _S.RINGING: _P.CALLER,
        _S.CONSULTING: _P.CALLER,
        _S.ALTERNATED: _P.CONSULTED,
    }
)
"""Who is on hold."""


def talkers(scene: Scene) -> frozenset[Party]:
    """Who talks with one another; a party whose phone holds us is out of it."""
    return TALKING[scene.state] - scene.away


def held(scene: Scene) -> frozenset[Party]:
    """Who hears music: on hold, or left alone by a phone that holds us."""
    waiting = {HELD[scene.state]} if scene.state in HELD else set()
    alone = talkers(scene)
    if len(TALKING[scene.state]) > 1 and len(alone) == 1:
        waiting |= alone
    return frozenset(waiting - scene.away)


def hearing(scene: Scene, *, recorded: bool = False) -> Hearing:
    """Who hears whom. `recorded`: a recording takes part.

    A recording holds what the caller took part in: consultations, hold and whispers are silence in it.
    """
    connections: set[tuple[Voice, Ear]] = set()
    connections.update(_talk(scene))
    connections.update(_supervised(scene))
    if recorded:
        connections.update(_recorded(scene))
    loops = dict.fromkeys(held(scene), Loop.MUSIC)
    listener = {_S.RINGING: _P.AGENT, _S.UNATTENDED: _P.CALLER}.get(scene.state)
    if listener is not None and scene.early_media:
        connections.add((_P.CONSULTED, listener))
    elif listener is not None and listener not in scene.away:
        loops[listener] = Loop.RINGBACK
    if scene.dialling:
        loops[_P.AGENT] = Loop.DIAL_TONE
    return Hearing(frozenset(connections), MappingProxyType(loops))


def _voices(scene: Scene) -> frozenset[Party]:
    return talkers(scene) - scene.muted


def _joined(scene: Scene) -> frozenset[str]:
    modes = scene.supervisors.items()
    return frozenset(supervisor for supervisor, mode in modes if mode is SupervisionMode.JOIN)


def _talk(scene: Scene) -> Iterator[tuple[Voice, Ear]]:
    for ear in talkers(scene):
        for voice in _voices(scene) | _joined(scene):
            if voice is not ear:
                yield voice, ear


def _supervised(scene: Scene) -> Iterator[tuple[Voice, Ear]]:
    agent_there = _P.AGENT in talkers(scene)
    for supervisor, mode in scene.supervisors.items():
        for voice in _voices(scene) | (_joined(scene) - {supervisor}):
            yield voice, supervisor
        if mode is SupervisionMode.WHISPER and scene.whispered_to and agent_there:
            yield supervisor, _P.AGENT


def _recorded(scene: Scene) -> Iterator[tuple[Voice, Ear]]:
    if _P.CALLER not in talkers(scene):
        return
    for voice in _voices(scene) | _joined(scene):
        yield voice, Channel.CALLER if voice is _P.CALLER else Channel.OTHERS
