"""Keeps callers from guessing PINs."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

WINDOW_S: Final = 600.0
MISSES_A_CALLER: Final = 5
MISSES_IN_ALL: Final = 300
MAX_CALLERS: Final = 10_000


class PinGuard:
    """Counts wrong PINs of the last ten minutes, by caller and in all.

    A number can be forged, so callers together have a limit as well: with six digits and a thousand open PINs
    three hundred guesses hit one in every four windows at most, which the log shows long before.
    """

    def __init__(self) -> None:
        self._callers: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque()

    def allows(self, caller: str, now: float) -> bool:
        mine = self._callers.get(caller, deque())
        for misses in (mine, self._all):
            while misses and misses[0] <= now - WINDOW_S:
                misses.popleft()
        return len(mine) < MISSES_A_CALLER and len(self._all) < MISSES_IN_ALL

    def missed(self, caller: str, now: float) -> None:
        self._callers.setdefault(caller, deque(maxlen=MISSES_A_CALLER)).append(now)
        self._callers.move_to_end(caller)
        self._all.append(now)
        while len(self._callers) > MAX_CALLERS:
            self._callers.popitem(last=False)
