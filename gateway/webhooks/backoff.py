"""When a delivery is tried again, and when it is given up. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_RETRY_AFTER_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double, from `first_s` to `longest_s`, until `attempts` tries have failed."""

    attempts: int = 15
    first_s: float = 5.0
    longest_s: float = 3600.0

    def pause_s(self, tries: int, chance: float, retry_after_s: float | None = None) -> float | None:
        """Seconds from the failure of try number `tries` to the next one; None: no more.

        `chance` in [0, 1) spreads those that failed together over the last half of the pause. The receiver's
        own word (`Retry-After`) counts when it is longer.
        """
        if tries >= self.attempts:
            return None
        whole = min(self.longest_s, self.first_s * 2.0 ** min(tries - 1, 64))
        pause = whole * (0.5 + chance / 2)
        return max(pause, min(retry_after_s or 0.0, LONGEST_RETRY_AFTER_S))
