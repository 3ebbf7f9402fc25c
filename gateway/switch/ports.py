"""What the switch needs of the media plane, of storage and of monitoring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

from gateway.call.cdr import CallRecord
from gateway.call.leg import CallLeg
from gateway.dialplan.run import NodeLeft
from media.clip import Clip
from media.playback import PlaybackEnd

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


OpenPlayer = Callable[[CallLeg], Player]
"""Makes a player whose audio goes to the leg. Called on the event loop; returns at once."""


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
