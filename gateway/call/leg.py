"""The CallLeg port: one side of a call, the same for every technology.

Everything above this module (sessions, dialplans, queues) knows legs only through this port. A leg is
implemented by `gateway.sip.leg.SipLeg` and `gateway.webrtc.leg.WebRtcLeg`, both on `gateway.legs.Leg`, and by
the fake in `tests/fakes/leg.py`; all of them pass the one suite in `tests/contract/`.

A leg has four states (DESIGN §4). Hold isn't one of them: it is a direction of the media (RFC 3264 §8.4).
What happened (`LegEvent`) is kept apart from why it ended (`Ended.cause`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from gateway.call.cause import Cause
from gateway.call.cdr import MediaQuality
from gateway.call.state import LegState, MediaDirection

if TYPE_CHECKING:
    from media.bridge import Port

Headers = Sequence[tuple[str, str]]


class Technology(Enum):
    """How the leg reaches us; the `technology` label of every call metric."""

    SIP = "sip"
    IN_APP = "in_app"


class CallDirection(Enum):
    """Who started the leg, seen from Ringback."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Side(Enum):
    """Which side did something: ours, or the far end (the network counts as the far end)."""

    LOCAL = "local"
    REMOTE = "remote"


class DigitSource(Enum):
    """How a key press travelled."""

    RTP_EVENT = "rtp_event"  # RFC 4733 telephone-event
    SIP_INFO = "sip_info"  # RFC 6086 INFO with application/dtmf-relay or application/dtmf
    IN_BAND = "in_band"  # the tones themselves (ITU-T Q.23), heard by our detector


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a leg. `number` is the user part of the address as it came ("" when anonymous)."""

    number: str
    display_name: str = ""
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Ringing:
    """Outbound: the far end alerts (SIP 180, or another provisional response without audio)."""


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """Outbound: audio flows before the answer (SIP 183 or 180 with SDP)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The leg is CONFIRMED and its audio is on the bridge."""


@dataclass(frozen=True, slots=True)
class MediaDirectionChanged:
    """The agreed direction changed, seen from us: SENDRECV talks, anything else is some kind of hold."""

    direction: MediaDirection


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """A key went down. Exactly one for each press, whatever was retransmitted or lost."""

    digit: str  # one of "0123456789*#ABCD"
    source: DigitSource


@dataclass(frozen=True, slots=True)
class DigitReleased:
    """The same key went up again; follows its `DigitPressed` exactly once."""

    digit: str
    source: DigitSource
    duration_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The leg is TERMINATED. Always the last event, exactly once."""

    cause: Cause
    by: Side
    sip_status: int | None = None  # the final SIP status where one was sent or received
    text: str = ""  # reason phrase, or the text of a Reason header (RFC 3326)
    headers: Mapping[str, str] = field(default_factory=dict)


LegEvent = Ringing | EarlyMedia | Answered | MediaDirectionChanged | DigitPressed | DigitReleased | Ended


class CallLeg(Protocol):
    """One side of a call.

    Promises, each kept by `tests/contract/test_leg_contract.py`:

    - Methods that aren't legal in the present state raise `gateway.errors.WrongState` and change nothing;
      on a TERMINATED leg they raise `gateway.errors.LegEnded`. `hang_up` on a TERMINATED leg is a no-op,
      because both ends may hang up at once.
    - Events come in the order in which they happened; `Ended` comes exactly once and last, whoever ended it.
    - `audio` may be connected at any time, before there is any media too; connections survive re-INVITEs.
    - A leg belongs to one consumer: only one task may wait in `next_event` at a time.
    """

    @property
    def id(self) -> str: ...
    @property
    def technology(self) -> Technology: ...
    @property
    def direction(self) -> CallDirection: ...
    @property
    def remote(self) -> Party:
        """The far end: who calls us (inbound, the ANI) or whom we call (outbound)."""
        ...

    @property
    def local(self) -> Party:
        """Our end: what was dialled (inbound, the DNIS) or who we say we are (outbound)."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the far end's INVITE (inbound) or final response (outbound), names in lower case."""
        ...

    @property
    def state(self) -> LegState: ...
    @property
    def media_direction(self) -> MediaDirection: ...
    @property
    def audio(self) -> Port:
        """The leg's place on the conference bridge."""
        ...

    @property
    def network_id(self) -> str:
        """The technology's own name for the leg (SIP: the Call-ID), to find it in traces; "" when unknown."""
        ...

    @property
    def quality(self) -> MediaQuality | None:
        """What the media was like; known when the leg has ended and had any."""
        ...

    async def ring(self) -> None:
        """Inbound, TRYING: tell the caller that we alert (SIP 180)."""
        ...

    async def progress(self) -> None:
        """Inbound, before the answer: open the audio already (SIP 183 with SDP); state EARLY."""
        ...

    async def answer(self, headers: Headers = ()) -> None:
        """Inbound, TRYING or EARLY: accept. Returns when it is sent; `Answered` follows on the ACK."""
        ...

    async def reject(self, cause: Cause, *, retry_after_s: int | None = None, headers: Headers = ()) -> None:
        """Inbound, before the answer: refuse with the SIP status that RFC 3398 §8.2.6 gives for `cause`."""
        ...

    async def hang_up(self, cause: Cause = Cause.NORMAL_CLEARING, *, headers: Headers = ()) -> None:
        """End the leg from any state (BYE, CANCEL, or a rejection, whichever fits)."""
        ...

    async def hold(self) -> None:
        """CONFIRMED: stop the far end's audio (re-INVITE, sendonly). Returns when the far end agreed."""
        ...

    async def resume(self) -> None:
        """CONFIRMED: take it off hold again (re-INVITE, sendrecv)."""
        ...

    async def send_digits(self, digits: str, *, duration_s: float = 0.16) -> None:
        """CONFIRMED: send keys (RFC 4733 where agreed, else tones). ValueError on what isn't a key."""
        ...

    async def next_event(self) -> LegEvent:
        """The next event, in order. After `Ended` was returned, raises `gateway.errors.LegEnded`."""
        ...
