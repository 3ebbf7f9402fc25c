"""Key presses reported by more than one source count once.

A phone may tell of one press twice or three times: as an RFC 4733 event, as a SIP INFO, and as the tone
itself, whole or as the residue that leaks out before its own gateway mutes it. The policy:

1. The first report of a press delivers it. A source that reports the same key within `WINDOW_S`, and hasn't
   spoken of that press yet, means the same press. The window is longer than sources lag behind each other:
   INFO often comes only when the key is released.
2. Signalling beats listening: within `SIGNALLED_S` of a press that came as an RTP event or an INFO, tones
   aren't believed at all. In-band detection loses digits to packet loss and finds some in speech.
3. A release is delivered by the source that delivered its press. Where a source forgets one (the next key
   goes down, or the call ends), it is made up, so that every press has exactly one release.

As long as each source in use reports every press in order, within `WINDOW_S` of the others, no press is lost
and none counts twice. (Letting one source own the leg's digits for a while, which is simpler, isn't enough:
presses that are under way when the ownership changes are lost.)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from gateway.call.leg import DigitPressed, DigitReleased, DigitSource

DIGITS: Final = frozenset("0123456789*#ABCD")
WINDOW_S: Final = 3.0
SIGNALLED_S: Final = 60.0

DigitEvent = DigitPressed | DigitReleased


@dataclass(frozen=True, slots=True)
class _Press:
    """A delivered press. `reported_by`: the sources that have spoken of it."""

    digit: str
    at: float
    reported_by: set[DigitSource] = field(default_factory=set)


class DigitMerger:
    """Merges the reports of one leg. `now` is any clock in seconds that doesn't go backwards."""

    def __init__(self) -> None:
        self._recent: deque[_Press] = deque()  # delivered within the window, oldest first
        self._down: dict[DigitSource, _Press] = {}  # delivered and not yet released
        self._signalled_at: float | None = None

    def press(self, digit: str, source: DigitSource, now: float) -> tuple[DigitEvent, ...]:
        """A source reports that a key went down. Returns what to deliver. ValueError on a bad key."""
        if digit not in DIGITS:
            raise ValueError(f"not a key: {digit!r}")
        if source is DigitSource.IN_BAND:
            if self._signalled_at is not None and now - self._signalled_at <= SIGNALLED_S:
                return ()  # rule 2
        else:
            self._signalled_at = now
        if self._is_known(digit, source, now):
            return ()
        events = self._release_forgotten(source, now)
        press = _Press(digit, now, {source})
        self._recent.append(press)
        self._down[source] = press
        return (*events, DigitPressed(digit, source))

    def release(self, digit: str, source: DigitSource, duration_s: float) -> tuple[DigitEvent, ...]:
        """A source reports that a key went up again, after `duration_s` seconds down."""
        press = self._down.get(source)
        if press is None or press.digit != digit:
            return ()
        del self._down[source]
        return (DigitReleased(digit, source, duration_s),)

    def finish(self, now: float) -> tuple[DigitEvent, ...]:
        """The leg ends: release the keys that are still down, in the order in which they went down."""
        by_age = sorted(self._down, key=lambda source: self._down[source].at)
        return tuple(event for source in by_age for event in self._release_forgotten(source, now))

    def _is_known(self, digit: str, source: DigitSource, now: float) -> bool:
        """Rule 1: whether the source means the oldest recent press of this key that it hasn't spoken of."""
        while self._recent and now - self._recent[0].at > WINDOW_S:
            self._recent.popleft()
        for press in self._recent:
            if press.digit == digit and source not in press.reported_by:
                press.reported_by.add(source)
                return True
        return False

    def _release_forgotten(self, source: DigitSource, now: float) -> tuple[DigitEvent, ...]:
        press = self._down.pop(source, None)
        return () if press is None else (DigitReleased(press.digit, source, now - press.at),)
