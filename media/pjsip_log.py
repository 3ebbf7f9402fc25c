"""PJSIP's own log lines, in ours: one event each, and never more than a reader could read.

Anybody can make PJSIP complain, at the price of a datagram. So its lines are limited to a burst and a rate;
how many were left out is said, and `ringback_sip_malformed_total` counts what wasn't SIP in any case.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

log = logging.getLogger("pjsip")

BURST: Final = 50
PER_SECOND: Final = 10.0

# What PJSIP calls an error is mostly somebody else's: a bad packet, a port that is closed.
_LEVELS: Final = {0: logging.CRITICAL, 1: logging.WARNING, 2: logging.INFO}


class PjsipLog:
    """Writes lines as long as there is budget. `now`: seconds that don't go backwards."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._budget = float(BURST)
        self._refilled_at = now()
        self._left_out = 0

    def write(self, lines: Iterable[tuple[int, str]]) -> None:
        """(PJSIP's level, text) of each line."""
        now = self._now()
        self._budget = min(BURST, self._budget + (now - self._refilled_at) * PER_SECOND)
        self._refilled_at = now
        for level, text in lines:
            if self._budget < 1:
                self._left_out += 1
                continue
            self._budget -= 1
            if self._left_out:
                log.warning("left out %d lines", self._left_out)
                self._left_out = 0
            log.log(_LEVELS.get(level, logging.DEBUG), "%s", " ".join(text.split()))
