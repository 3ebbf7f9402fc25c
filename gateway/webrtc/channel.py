"""One session's messages over sockets that come and go: none is lost, none counts twice. Pure.

Both ends number what they say. Whoever connects again names the last number that it has seen, and gets what
came after it. What isn't acknowledged is kept, up to a bound; a far end that never acknowledges loses its
session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

MAX_UNACKNOWLEDGED: Final = 500


class ChannelFull(Exception):
    """The far end acknowledges nothing: it has stalled."""


class Gap(Exception):
    """A message is missing before this one: the socket has to be made anew."""


class Channel:
    """The numbers of one session, and what may have to be said again."""

    def __init__(self) -> None:
        self._sent = 0
        self._unacknowledged: deque[dict[str, Any]] = deque()
        self.received = 0  # the last number of theirs

    def say(self, message: dict[str, Any]) -> dict[str, Any]:
        """Numbers a message and keeps it. Raises ChannelFull."""
        if len(self._unacknowledged) >= MAX_UNACKNOWLEDGED:
            raise ChannelFull
        self._sent += 1
        numbered = {"seq": self._sent, **message}
        self._unacknowledged.append(numbered)
        return numbered

    def acknowledge(self, number: int | None) -> None:
        """The far end has seen everything up to `number`."""
        while number is not None and self._unacknowledged and self._unacknowledged[0]["seq"] <= number:
            self._unacknowledged.popleft()

    def take(self, number: int) -> bool:
        """Whether a message of theirs counts: False for one that was seen already. Raises Gap."""
        if number <= self.received:
            return False
        if number > self.received + 1:
            raise Gap
        self.received = number
        return True

    def again(self) -> Iterator[dict[str, Any]]:
        """What the far end hasn't acknowledged, in order."""
        return iter(list(self._unacknowledged))

    def forget(self) -> None:
        """The far end has forgotten everything (its page was reloaded): what it has to know is said anew."""
        self._unacknowledged.clear()
