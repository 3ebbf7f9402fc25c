"""The call record: one line a call, complete when the call has ended.

Field names follow what billing and reporting tools expect of a call detail record; times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class CallResult(Enum):
    """What became of a call; the `result` label of `ringback_calls_total`."""

    ANSWERED = "answered"
    REJECTED = "rejected"  # refused: inbound by us (unknown number, full, draining), outbound by the far end
    CANCELLED = "cancelled"  # the caller gave up before the answer
    BUSY = "busy"  # outbound: the far end was busy
    NO_ANSWER = "no_answer"  # outbound: nobody answered in time
    FAILED = "failed"  # network, media or our own fault


@dataclass(frozen=True, slots=True)
class MediaQuality:
    """What the media of one leg was like, from RTCP and the jitter buffer (RFC 3550 §6.4)."""

    codec: str
    packets_received: int
    packets_lost: int
    packets_sent: int
    jitter_ms: float
    round_trip_ms: float | None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One finished call.

    `digits` never appears here: keys may be account numbers or PINs. `path` names the dialplan nodes visited.
    """

    call_id: str
    leg_id: str
    technology: str
    direction: str
    ani: str  # who called
    dnis: str  # what they dialled
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    result: CallResult
    cause: int  # ITU-T Q.850
    cause_text: str
    sip_status: int | None
    ended_by: str  # "local" or "remote"
    sip_call_id: str = ""
    dialplan: str = ""
    path: tuple[str, ...] = ()
    quality: MediaQuality | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Seconds from the answer to the end; 0.0 for a call that was never answered."""
        return (self.ended_at - self.answered_at).total_seconds() if self.answered_at else 0.0
