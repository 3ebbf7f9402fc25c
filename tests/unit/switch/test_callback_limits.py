"""Limits that a restart doesn't forget, and that don't count what came to nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from gateway.callbacks.numbers import CallableNumber
from gateway.callbacks.policy import DAY_S, CallbackPolicy
from gateway.callbacks.request import Callback, CallbackFault, CallbackRefused
from gateway.queues.journal import JournalEvent, JournalKind, StoredEvent
from gateway.storage.database import StorageError
from gateway.switch.callback_limits import GRANTED, CallbackLimits

NOW = 1_800_000_000.0
NUMBER = "+4930123456"
ONE = CallbackPolicy(per_identity=1, per_number=2)


def asked(identity: str, number: str = NUMBER) -> Callback:
    return Callback("e1", "q", CallableNumber(number, (number,)), NOW, "k1", identity=identity)


class History:
    """What the journal has; `broken`: nothing."""

    def __init__(self, *ago_s: float, broken: bool = False, granted: bool = True) -> None:
        self._ago_s = ago_s
        self._broken = broken
        self._granted = granted

    async def since(self, at: datetime, kind: JournalKind) -> AsyncIterator[Sequence[StoredEvent]]:
        if self._broken:
            raise StorageError("read", "it is away")
        details = {"identity": "kim", "number": NUMBER, **({GRANTED: True} if self._granted else {})}
        moments = [datetime.fromtimestamp(NOW - ago_s, UTC) for ago_s in self._ago_s]
        events = [
            JournalEvent(moment, kind, "q", "e1", details=details) for moment in moments if moment >= at
        ]
        yield [StoredEvent("n", number, event) for number, event in enumerate(events, 1)]


def test_who_has_asked_often_enough_is_refused_and_so_is_the_number() -> None:
    limits = CallbackLimits(lambda: NOW)
    limits.count(asked("kim"))

    with pytest.raises(CallbackRefused) as refused:
        limits.check(ONE, "kim", "+4930999999")
    assert refused.value.fault is CallbackFault.TOO_MANY_OF_CALLER
    limits.count(asked("lee"))
    with pytest.raises(CallbackRefused) as refused:
        limits.check(ONE, "pat", NUMBER)
    assert refused.value.fault is CallbackFault.TOO_MANY_OF_NUMBER


def test_what_came_to_nothing_isnt_counted() -> None:
    limits = CallbackLimits(lambda: NOW)
    limits.count(asked("kim"))
    limits.take_back(asked("kim"))

    limits.check(ONE, "kim", NUMBER)


async def test_what_was_granted_before_a_restart_counts_for_a_day() -> None:
    limits = CallbackLimits(lambda: NOW)
    await limits.recall(History(3600.0))
    with pytest.raises(CallbackRefused):
        limits.check(ONE, "kim", NUMBER)

    for forgotten in (History(DAY_S + 1), History(3600.0, granted=False), History(3600.0, broken=True)):
        limits = CallbackLimits(lambda: NOW)
        await limits.recall(forgotten)
        limits.check(ONE, "kim", NUMBER)
