"""What is due when: one instant a subject, changed or dropped in O(log n). Pure."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Subject = TypeVar("Subject", bound=Hashable)

SLACK: Final = 64
"""So many outdated lines may lie in the heap before it is swept, beside as many as there are live ones."""


class Deadlines(Generic[Subject]):
    """A heap whose outdated lines are skipped. Of the same instant, what was set first is due first."""

    def __init__(self) -> None:
        self._at: dict[Subject, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Subject]] = []
        self._count = 0

    def set(self, subject: Subject, at: float | None) -> None:
        """`subject` is due at `at`, and at no other time; None: never."""
        known = self._at.get(subject)
        if at is None:
            if known is not None:
                del self._at[subject]
                self._sweep()
            return
        if known is not None and known[0] == at:
            return
        self._count += 1
        self._at[subject] = (at, self._count)
        heapq.heappush(self._heap, (at, self._count, subject))
        self._sweep()

    @property
    def size(self) -> int:
        """Lines in the heap, outdated ones too."""
        return len(self._heap)

    @property
    def due_at(self) -> float | None:
        """When something is due next."""
        while self._heap:
            at, count, subject = self._heap[0]
            if self._at.get(subject) == (at, count):
                return at
            heapq.heappop(self._heap)
        return None

    def pop(self, now: float) -> Subject | None:
        """What has been due for the longest time, and isn't any more; None when nothing is due."""
        due_at = self.due_at
        if due_at is None or due_at > now:
            return None
        subject = heapq.heappop(self._heap)[2]
        del self._at[subject]
        return subject

    def _sweep(self) -> None:
        if len(self._heap) <= 2 * len(self._at) + SLACK:
            return
        self._heap = [line for line in self._heap if self._at.get(line[2]) == line[:2]]
        heapq.heapify(self._heap)
