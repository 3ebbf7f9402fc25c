"""The states of a leg and the directions of its media, as tables.

A leg follows the dialog of RFC 3261 §12. Read `TRANSITIONS` as: in this state, when this has happened, the
leg is in that state. A signal that a row doesn't list can't happen in that state: `next_state` raises and
the caller's state stays what it was.

    TRYING ──ALERTED, PROGRESSED──▶ EARLY ──ANSWERED──▶ CONFIRMED
      │  └───────────ANSWERED────────────────────────────▶ │
      └──ENDED──▶ TERMINATED ◀──ENDED── EARLY, CONFIRMED ◀─┘

`ACTIONS` says which methods of the CallLeg port are legal in which state. Hold appears in neither: it is a
direction of the media (RFC 3264 §8.4), and a held leg is CONFIRMED like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.errors import LegEnded, WrongState


class LegState(Enum):
    """RFC 3261 §12: where the leg's dialog is."""

    TRYING = "trying"  # the INVITE is under way, and no provisional response with a tag was seen
    EARLY = "early"  # alerting or early media
    CONFIRMED = "confirmed"  # answered, and the answer was acknowledged
    TERMINATED = "terminated"  # over; for good


class LegSignal(Enum):
    """What happened to a leg, whichever side did it."""

    ALERTED = "alerted"  # 180 sent or received
    PROGRESSED = "progressed"  # a provisional response with SDP sent or received
    ANSWERED = "answered"  # 2xx and its ACK both seen
    ENDED = "ended"  # BYE, CANCEL, a final failure, a timeout


TRANSITIONS: Final[Mapping[LegState, Mapping[LegSignal, LegState]]] = MappingProxyType(
    {
        LegState.TRYING: MappingProxyType(
            {
                LegSignal.ALERTED: LegState.EARLY,
                LegSignal.PROGRESSED: LegState.EARLY,
                LegSignal.ANSWERED: LegState.CONFIRMED,
                LegSignal.ENDED: LegState.TERMINATED,
            }
        ),
        LegState.EARLY: MappingProxyType(
            {
                # Provisional responses repeat: a retransmission every minute (RFC 3261 §13.3.1.1), a 180
                # after a 183, another branch of a fork.
                LegSignal.ALERTED: LegState.EARLY,
                LegSignal.PROGRESSED: LegState.EARLY,
                LegSignal.ANSWERED: LegState.CONFIRMED,
                LegSignal.ENDED: LegState.TERMINATED,
            }
        ),
        LegState.CONFIRMED: MappingProxyType({LegSignal.ENDED: LegState.TERMINATED}),
        LegState.TERMINATED: MappingProxyType({}),
    }
)


def next_state(state: LegState, signal: LegSignal) -> LegState:
    """The state after `signal`. Raises WrongState when that can't happen in `state`."""
    try:
        return TRANSITIONS[state][signal]
    except KeyError:
        raise WrongState(f"be {signal.value}", state.name) from None


class LegAction(Enum):
    """The methods of the CallLeg port whose legality depends on the state. `hang_up` is always legal."""

    RING = "ring"
    PROGRESS = "progress"
    ANSWER = "answer"
    REJECT = "reject"
    HOLD = "hold"
    RESUME = "resume"
    SEND_DIGITS = "send digits"


_BEFORE_ANSWER: Final = frozenset({LegState.TRYING, LegState.EARLY})
_TALKING: Final = frozenset({LegState.CONFIRMED})

ACTIONS: Final[Mapping[LegAction, frozenset[LegState]]] = MappingProxyType(
    {
        LegAction.RING: frozenset({LegState.TRYING}),
        LegAction.PROGRESS: _BEFORE_ANSWER,
        LegAction.ANSWER: _BEFORE_ANSWER,
        LegAction.REJECT: _BEFORE_ANSWER,
        LegAction.HOLD: _TALKING,
        LegAction.RESUME: _TALKING,
        LegAction.SEND_DIGITS: _TALKING,
    }
)

INBOUND_ACTIONS: Final = frozenset({LegAction.RING, LegAction.PROGRESS, LegAction.ANSWER, LegAction.REJECT})


def require(
    action: LegAction, state: LegState, *, leg_id: str, inbound: bool, answer_sent: bool = False
) -> None:
    """Raise unless `action` is legal now: LegEnded on a TERMINATED leg, else WrongState.

    `answer_sent`: our 2xx is out and its ACK isn't here yet. The state is still what it was, but the final
    response is given (RFC 3261 §13.3.1), so nothing that would send another response is legal any more.
    """
    if state is LegState.TERMINATED:
        raise LegEnded(leg_id)
    if state not in ACTIONS[action]:
        raise WrongState(action.value, state.name)
    if action in INBOUND_ACTIONS and not inbound:
        raise WrongState(f"{action.value} an outbound leg", state.name)
    if action in INBOUND_ACTIONS and answer_sent:
        raise WrongState(f"{action.value} after the answer", state.name)


class MediaDirection(Enum):
    """RFC 3264 §5.1: who sends audio, seen from us. The value is the SDP attribute."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"  # we send and hear nothing: we hold the far end
    RECVONLY = "recvonly"  # we hear and mayn't send: the far end holds us
    INACTIVE = "inactive"  # neither

    @property
    def sends(self) -> bool:
        return self in (MediaDirection.SENDRECV, MediaDirection.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (MediaDirection.SENDRECV, MediaDirection.RECVONLY)

    @property
    def on_hold(self) -> bool:
        """Some kind of hold: audio doesn't flow both ways."""
        return self is not MediaDirection.SENDRECV

    @property
    def mirrored(self) -> MediaDirection:
        """The same agreement seen from the other end."""
        return _direction(sends=self.receives, receives=self.sends)

    def answer_to(self, offer: MediaDirection) -> MediaDirection:
        """Our answer to `offer` (the far end's attribute, seen from it), when `self` is what we would like.

        RFC 3264 §6.1: we send only what the offerer would receive, and receive only what it would send.
        """
        return _direction(sends=self.sends and offer.receives, receives=self.receives and offer.sends)

    @classmethod
    def from_sdp(cls, media: Iterable[str], session: Iterable[str] = ()) -> MediaDirection:
        """The direction that SDP attributes give, with or without "a=", seen from whoever wrote them.

        RFC 8866 §6.7: the media section's attribute wins over the session's, and without any it is sendrecv.
        """
        for attributes in (media, session):
            for attribute in attributes:
                try:
                    return cls(attribute.removeprefix("a=").strip())
                except ValueError:
                    continue
        return cls.SENDRECV


def _direction(*, sends: bool, receives: bool) -> MediaDirection:
    if sends:
        return MediaDirection.SENDRECV if receives else MediaDirection.SENDONLY
    return MediaDirection.RECVONLY if receives else MediaDirection.INACTIVE
