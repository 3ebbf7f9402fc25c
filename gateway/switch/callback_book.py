"""The callbacks of a node that wait or are dialled, and those that are over since not too long."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.callbacks.numbers import CallableNumber
from monitoring.metrics import CallbackStats

if TYPE_CHECKING:
    from gateway.switch.pending_callback import PendingCallback

REMEMBERED: Final = 1000
"""Callbacks that are over and can still be asked for."""

STATES: Final = ("waiting", "scheduled", "dialling")
"""How a pending callback can stand."""


CLEARING_S: Final = 4.0
"""So long at most a phone takes to let go of a call, and its owner to put it down."""

LINE_CLEARING_S: Final = 0.5
"""So long after we have hung up the next call isn't made."""


@dataclass(slots=True)
class _Line:
    holder: PendingCallback
    free_at: float = math.inf


class CallbackBook:
    """By their entries."""

    def __init__(self) -> None:
        self._pending: dict[str, PendingCallback] = {}
        self._over: OrderedDict[str, PendingCallback] = OrderedDict()
        self._lines: dict[str, _Line] = {}  # numbers that are called, or were and talk

    def pending(self) -> Sequence[PendingCallback]:
        """Those that wait or are dialled, the oldest first."""
        return tuple(self._pending.values())

    def get(self, entry: str) -> PendingCallback | None:
        """One that waits or is dialled."""
        return self._pending.get(entry)

    def find(self, entry: str) -> PendingCallback | None:
        """The same, or one that is over since not too long."""
        return self._pending.get(entry) or self._over.get(entry)

    def same_number(self, queue: str, number: CallableNumber) -> PendingCallback | None:
        """The one for this number: nobody is called twice for one wish, known or not."""
        for pending in self._pending.values():
            known = pending.callback
            if known.number.dialled == number.dialled and known.queue == queue:
                return pending
        return None

    def in_slots(self, queue: str) -> Mapping[float, int]:
        """How many each slot of this queue has, by its beginning."""
        return Counter(
            pending.callback.slot
            for pending in self._pending.values()
            if pending.callback.slot is not None and pending.callback.queue == queue
        )

    def stats(self, queues: Iterable[str]) -> Sequence[CallbackStats]:
        """How many of each queue are in which state, zeros included."""
        counts = Counter((pending.callback.queue, pending.state) for pending in self._pending.values())
        return [CallbackStats(queue, state, counts[queue, state]) for queue in queues for state in STATES]

    def open(self, pending: PendingCallback) -> None:
        self._pending[pending.callback.id] = pending

    def take_line(self, pending: PendingCallback, now: float) -> float:
        """0.0: its customer can be called, and is ours from now on. Else so many seconds are to pass first;
        infinitely many while another callback of theirs, in another queue, has them on the phone.
        """
        number = pending.callback.number.dialled
        line = self._lines.get(number)
        if line is not None and line.holder is not pending and line.free_at > now:
            return line.free_at - now
        self._lines[number] = _Line(pending)
        return 0.0

    def release_line(self, pending: PendingCallback, now: float) -> None:
        """Their phone is free soon, as far as we know."""
        for number, line in list(self._lines.items()):
            if line.holder is pending:
                line.free_at = now + LINE_CLEARING_S
            elif line.free_at <= now:
                del self._lines[number]

    def close(self, pending: PendingCallback, *, remember: bool) -> None:
        """It isn't pending any more. `remember`: it can be asked for still."""
        entry = pending.callback.id
        if self._pending.get(entry) is pending:
            del self._pending[entry]
        if remember:
            self._over[entry] = pending
            while len(self._over) > REMEMBERED:
                self._over.popitem(last=False)
