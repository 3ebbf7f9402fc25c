"""What the media plane measures of itself. Counters run from the start of the engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClockFigures:
    """How punctual the media clock is. Times in microseconds; `worst_us` since it was last asked for."""

    ticks: int
    late: int  # began over 5 ms after their time
    skipped: int  # given up after a stall of more than 200 ms
    worst_us: int
    busy_us: int
    scheduling: str  # "fifo", "nice" or "plain"


@dataclass(frozen=True, slots=True)
class EngineStats:
    clock: ClockFigures
    events_lost: int  # notices that found the queue to Python full
    malformed: int  # datagrams and streams that weren't SIP
    portless: int  # calls refused because every RTP port was used or resting
    commands_failed: int  # posted commands that raised
    underruns: int  # samples of silence that closed PCM ports had to fill in
    overruns: int  # samples from calls that they had to drop
    responses: tuple[tuple[str, int, int], ...]  # (method, status, count), sent and received
