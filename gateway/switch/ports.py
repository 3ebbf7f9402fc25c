"""What the switch needs of the media plane, of storage and of monitoring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from gateway.call.cause import Cause
from gateway.call.cdr import CallRecord
from gateway.call.leg import CallLeg
from gateway.dialplan.run import NodeLeft
from media.answering import AnsweredBy
from media.clip import Clip
from media.playback import PlaybackEnd

if TYPE_CHECKING:
    from media.bridge import Port

RejectionReason = Literal["full", "draining", "no_route"]


class Playback(Protocol):
    """One run of clips through a player."""

    def finished(self) -> Awaitable[PlaybackEnd]:
        """Returns when all has been played (COMPLETED), was stopped or replaced (STOPPED), or couldn't be
        put on the bridge (FAILED).
        """
        ...


class Player(Protocol):
    """Plays clips to one leg: `media.player.Player` is one."""

    def play(self, clips: Sequence[Clip], *, loop: bool = False, start_s: float = 0.0) -> Playback:
        """Play in place of what plays now. Returns at once."""
        ...

    def stop(self) -> None: ...
    def close(self) -> None: ...


@runtime_checkable
class KeepsPrivate(Protocol):
    """A player whose call is recorded."""

    def keep_private(self, private: bool) -> None:
        """While `private`, silence is recorded in place of what is said."""
        ...


class PortPlayer(Player, Protocol):
    """A player with a place on the bridge, for whoever connects it: `media.player.Player` is one."""

    @property
    def port(self) -> Port: ...


class Connector(Protocol):
    """Says who hears whom: `media.bridge.Bridge` is one. Returns at once and acts in order."""

    def connect(self, source: Port, sink: Port, level: float = 1.0) -> None:
        """`sink` hears `source`, `level` times as loud. Connecting again changes the level."""
        ...

    def disconnect(self, source: Port, sink: Port) -> None:
        """`sink` no longer hears `source`. Nothing happens when it didn't."""
        ...


class AnswerEar(Protocol):
    """Listens to a leg that was answered just now: `media.answer_ear.AnswerEar` is one."""

    async def answered_by(self) -> AnsweredBy:
        """The verdict, in a few seconds."""
        ...

    async def ready_for_message(self) -> None:
        """Until a machine has said its piece."""
        ...

    def close(self) -> None: ...


OpenEar = Callable[[CallLeg], AnswerEar]
"""Makes an ear on the leg. Called on the event loop; returns at once."""

OpenPlayer = Callable[[CallLeg], Player]
"""Makes a player whose audio goes to the leg. Called on the event loop; returns at once."""

OpenCallPlayer = Callable[[str, CallLeg], Player]
"""The same for the caller's leg of the call of that id, which may be recorded with what it is told."""


class Line(Protocol):
    """A leg to somebody of ours. Whoever it is handed to gives it back with `release`."""

    @property
    def leg(self) -> CallLeg: ...

    @property
    def standing(self) -> bool:
        """It was up before the offer and stays up after the call."""
        ...

    def release(self, cause: Cause = Cause.NORMAL_CLEARING) -> None:
        """Hang up, or, if it is standing, leave it for the next call.

        Returns at once, whatever the far end does: a phone that has lost its network answers no BYE for half
        a minute, and nobody waits for that. Never raises; safe to repeat.
        """
        ...


class CallLog(Protocol):
    """Where finished calls go."""

    async def write(self, record: CallRecord) -> None:
        """Take one record. It is kept, or its loss is counted, by the log itself."""
        ...


class CallObserver(Protocol):
    """Whoever counts. None of these may raise or wait."""

    def call_started(self, leg: CallLeg) -> None: ...
    def call_rejected(self, reason: RejectionReason) -> None: ...
    def node_left(self, outcome: NodeLeft) -> None: ...
    def internal_error(self) -> None: ...
    def call_ended(self, record: CallRecord) -> None:
        """Follows each `call_started` exactly once."""
        ...
