"""The callbacks of a node that wait or are dialled, and those that are over since not too long."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from gateway.callbacks.numbers import CallableNumber
from monitoring.metrics import CallbackStats

if TYPE_CHECKING:
    from gateway.switch.pending_callback import PendingCallback

REMEMBERED: Final = 1000
"""Callbacks that are over and can still be asked for."""

STATES: Final = ("waiting", "scheduled", "dialling")
"""How a pending callback can stand."""


class CallbackBook:
    """By their entries."""

    def __init__(self) -> None:
        self._pending: dict[str, PendingCallback] = {}
        self._over: OrderedDict[str, PendingCallback] = OrderedDict()

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

    def close(self, pending: PendingCallback, *, remember: bool) -> None:
        """It isn't pending any more. `remember`: it can be asked for still."""
        entry = pending.callback.id
        if self._pending.get(entry) is pending:
            del self._pending[entry]
        if remember:
            self._over[entry] = pending
            while len(self._over) > REMEMBERED:
                self._over.popitem(last=False)
