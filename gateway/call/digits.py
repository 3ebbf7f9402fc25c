"""Key presses reported by more than one source count once.

A phone may tell of one press twice or three times: as an RFC 4733 event, as a SIP INFO, and as the tone
itself, whole or as the residue that leaks out before its own gateway mutes it. The policy:

1. The first source that reports a press owns the leg's digits, and until `window_s` after its latest press
   what other sources report is ignored. The window has to be longer than sources can lag behind each other
   (INFO often comes when the key is released) and is short enough for a transfer to another phone.
2. Signalling beats listening: RTP events and INFO take the ownership from in-band detection, which loses
   digits to packet loss and finds some in speech. Presses that were already delivered from the tones are
   remembered for the window and not delivered again.
3. A release is delivered by the source that delivered its press. Where a source forgets one (the next key
   goes down, or the call ends), it is made up, so that every press has exactly one release.

As long as each source in use reports every press in order, within `window_s` of the others, no press is
lost and none counts twice.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from gateway.call.leg import DigitPressed, DigitReleased, DigitSource

DIGITS: Final = frozenset("0123456789*#ABCD")
WINDOW_S: Final = 3.0

DigitEvent = DigitPressed | DigitReleased


@dataclass(frozen=True, slots=True)
class _Key:
    """A key that went down: delivered, and not yet released or claimed by signalling."""

    digit: str
    at: float


class DigitMerger:
    """Merges the reports of one leg. `now` is any clock in seconds that doesn't go backwards."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._owner: DigitSource | None = None
        self._owner_pressed_at = 0.0
        self._down: dict[DigitSource, _Key] = {}
        self._heard: deque[_Key] = deque()  # delivered from the tones; signalling may yet report them

    def press(self, digit: str, source: DigitSource, now: float) -> tuple[DigitEvent, ...]:
        """A source reports that a key went down. Returns what to deliver. ValueError on a bad key."""
        if digit not in DIGITS:
            raise ValueError(f"not a key: {digit!r}")
        if not self._may_speak(source, now):
            return ()
        self._owner, self._owner_pressed_at = source, now
        if source is not DigitSource.IN_BAND and self._already_heard(digit, now):
            return ()
        events = self._release_forgotten(source, now)
        self._down[source] = _Key(digit, now)
        if source is DigitSource.IN_BAND:
            self._heard.append(_Key(digit, now))
        return (*events, DigitPressed(digit, source))

    def release(self, digit: str, source: DigitSource, duration_s: float) -> tuple[DigitEvent, ...]:
        """A source reports that a key went up again, after `duration_s` seconds down."""
        key = self._down.get(source)
        if key is None or key.digit != digit:
            return ()
        del self._down[source]
        return (DigitReleased(digit, source, duration_s),)

    def finish(self, now: float) -> tuple[DigitEvent, ...]:
        """The leg ends: release the keys that are still down, in the order in which they went down."""
        by_age = sorted(self._down, key=lambda source: self._down[source].at)
        return tuple(event for source in by_age for event in self._release_forgotten(source, now))

    def _may_speak(self, source: DigitSource, now: float) -> bool:
        if self._owner is None or self._owner is source:
            return True
        if self._owner is DigitSource.IN_BAND:
            return True  # rule 2
        return now - self._owner_pressed_at > self._window_s

    def _already_heard(self, digit: str, now: float) -> bool:
        """Rule 2: claims the oldest delivered tone of this key, if one is young enough."""
        while self._heard and now - self._heard[0].at > self._window_s:
            self._heard.popleft()
        for key in self._heard:
            if key.digit == digit:
                self._heard.remove(key)
                return True
        return False

    def _release_forgotten(self, source: DigitSource, now: float) -> tuple[DigitEvent, ...]:
        key = self._down.pop(source, None)
        return () if key is None else (DigitReleased(key.digit, source, now - key.at),)
