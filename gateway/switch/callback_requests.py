"""How a callback comes to be: a caller's place becomes one, or somebody asks without a call.

Whoever hears that a callback is kept may rely on it: it is on disk before a word is said. What can't be
stored is undone, so that everything stands as it was promised before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from gateway.callbacks.numbers import CallableNumber, check_number
from gateway.callbacks.request import Callback, CallbackFault, CallbackRefused, CallbackWish
from gateway.faults import point
from gateway.queues.forecasts import Forecasts
from gateway.queues.journal import JournalKind
from gateway.queues.signals import BecomeCallback, Enqueue, Leave, Leaving, Postpone
from gateway.switch.callback_book import CLEARING_S
from gateway.switch.callback_limits import CallbackLimits

if TYPE_CHECKING:
    from gateway.switch.callbacks import CallbackDesk
    from gateway.switch.pending_callback import PendingCallback

HELD_S: Final = 60.0
"""Who asks for a callback is on the line still, and isn't dialled: so long at most, if we crash meanwhile."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a caller's place has become. `before`: of a callback that was there already, how it was."""

    pending: PendingCallback
    before: Callback | None


class CallbackRequests:
    """Of one desk."""

    def __init__(self, desk: CallbackDesk, limits: CallbackLimits, forecasts: Forecasts) -> None:
        self._desk = desk
        self._runner = desk.runner
        self._book = desk.book
        self._times = desk.times
        self._limits = limits
        self._forecasts = forecasts
        self._asked_in: dict[str, str] = {}  # the callback that was asked for in a call that goes on

    def check(self, queue: str, number: str) -> CallableNumber:
        """Raises NumberRefused."""
        return check_number(number, self._desk.policy(queue).numbers)

    def check_limits(self, queue: str, identity: str, number: CallableNumber) -> None:
        """Raises CallbackRefused when there can't be one more."""
        self._limits.check(self._desk.policy(queue), identity, number.dialled)

    # ---- in a call

    def changing(
        self, queue: str, identity: str, number: CallableNumber
    ) -> AbstractAsyncContextManager[object]:
        """Whoever changes the callback of this customer, if they have one, does so alone."""
        known = self._known(queue, identity, number)
        return nullcontext() if known is None else known.changing

    def convert(self, callback: Callback) -> Conversion:
        """The caller who waits at the entry `callback.id` has a callback instead, from now on.

        Of a customer who has one already, that one is kept and updated; it is what is returned.
        """
        same = self._book.same_number(callback.queue, callback.number)
        earlier = same or self._desk.of(callback.queue, callback.identity)
        before = None if earlier is None else earlier.callback
        pending = self._desk.open(callback)
        point("callback.opened")
        pending.due_at = self._due(callback, self._hold_s(callback))
        if same is not None:
            self._runner.post(Leave(callback.id, Leaving.MERGED))
        else:
            self._runner.post(BecomeCallback(callback.id, pending.due_at))
        found = self._settle(pending, same)
        return Conversion(found, None if found is pending else before)

    def undo(self, conversion: Conversion) -> None:
        """It can't be stored. What was promised before goes on as it was; a new one is the caller's to take
        back (`CallbackDesk.hand_back`).
        """
        pending, before = conversion.pending, conversion.before
        if before is None:
            self._limits.take_back(pending.callback)
        else:
            self._restore(pending, before)

    def caller_gone(self, call_id: str) -> None:
        """Who asked has hung up: from now on they can be called."""
        pending = self._book.get(self._asked_in.pop(call_id, ""))
        if pending is not None:
            point("callback.releasing")
            self.postpone(pending, CLEARING_S)

    def on_the_line(self, callback: Callback) -> bool:
        """Whether who asked for it hasn't hung up yet."""
        return self._hold_s(callback) > 0

    # ---- without a place

    async def request(self, wish: CallbackWish) -> tuple[PendingCallback, bool]:
        """A callback for somebody who isn't in the queue; and whether it is new. On disk when this returns.

        Of a customer who has one in the queue already, that one is updated. Raises NumberRefused and
        CallbackRefused; then everything is as it was.
        """
        queue = wish.queue
        if self._runner.queue(queue) is None:
            raise CallbackRefused(CallbackFault.UNKNOWN_QUEUE)
        number = self.check(queue, wish.number)
        known = self._known(queue, wish.identity, number)
        if known is None:
            self.check_limits(queue, wish.identity, number)
            callback = self._callback_of(wish, number, self._times.slot_of(queue, wish.at, number.zones))
            return await self._enter(callback, wish)
        async with known.changing:
            if self._book.get(known.callback.id) is not known:
                return await self.request(wish)  # it was served, or couldn't be stored, meanwhile
            slot = self._slot_for(known, queue, wish.at, number)
            callback, before = self._callback_of(wish, number, slot), known.callback
            self._update(known, callback)
            if not await self._runner.settled():
                self._restore(known, before)
                raise CallbackRefused(CallbackFault.NOT_STORED)
        return known, False

    async def change(self, entry: str, *, number: str | None = None, at: float | None = None) -> bool:
        """Another number or time; None keeps it. False when it isn't pending any more.

        Raises NumberRefused and CallbackRefused; then it is as it was.
        """
        pending = self._book.get(entry)
        if pending is None:
            return False
        async with pending.changing:
            before = pending.callback
            checked = before.number if number is None else self.check(before.queue, number)
            if at is not None:
                slot = self._slot_for(pending, before.queue, at, checked)
                pending.retry_at = 0.0
                pending.change(slot=slot, not_before=at)
            pending.change(number=checked)
            self.postpone(pending, 0.0)
            self._record(pending)
            if not await self._runner.settled():
                self._restore(pending, before)
                raise CallbackRefused(CallbackFault.NOT_STORED)
        return True

    # ---- before a restart

    def reopen(
        self, callback: Callback, enqueue: Enqueue, known: Mapping[str, Any]
    ) -> PendingCallback | None:
        """One of before a restart, at its place; None when its queue doesn't take it."""
        pending = self._desk.open(callback)
        pending.due_at = self._due(callback, 0.0)
        enqueue = replace(enqueue, not_before=pending.due_at)
        if self._runner.enter(enqueue, pending, callback.call_id, {**known, **callback.details()}) is None:
            return pending
        self._book.close(pending, remember=False)
        self._desk.offers.unregister(callback.id)
        return None

    # ---- for the desk

    def postpone(self, pending: PendingCallback, hold_s: float) -> None:
        """By what is chosen, allowed, and `hold_s` from now."""
        pending.due_at = max(self._due(pending.callback, hold_s), pending.retry_at)
        self._runner.post(Postpone(pending.callback.id, pending.due_at))

    # ---- inside

    def _known(self, queue: str, identity: str, number: CallableNumber) -> PendingCallback | None:
        return self._desk.of(queue, identity) or self._book.same_number(queue, number)

    def _slot_for(
        self, pending: PendingCallback, queue: str, at: float | None, number: CallableNumber
    ) -> float | None:
        """As `CallbackTimes.slot_of`; the slot that it has already isn't full because of it."""
        rules, slot = self._desk.policy(queue).slots, pending.callback.slot
        if at is not None and rules is not None and slot is not None and slot <= at < slot + rules.length_s:
            return slot
        return self._times.slot_of(queue, at, number.zones)

    def _callback_of(self, wish: CallbackWish, number: CallableNumber, slot: float | None) -> Callback:
        estimate = None if wish.at is not None else self._forecasts.of_newcomer(wish.queue)
        return Callback(
            id=new_id(),
            queue=wish.queue,
            number=number,
            requested_at=self._runner.now,
            call_id=new_id(),
            caller_id=wish.caller_id,
            name=wish.name,
            identity=wish.identity,
            language=wish.language,
            source=wish.source,
            by=wish.by,
            asked_in=wish.asked_in,
            not_before=wish.at,
            slot=slot,
            promised_s=None if estimate is None else (estimate.low_s, estimate.high_s),
            context=wish.context,
        )

    async def _enter(self, callback: Callback, wish: CallbackWish) -> tuple[PendingCallback, bool]:
        pending = self._desk.open(callback)
        pending.due_at = self._due(callback, self._hold_s(callback))
        enqueue = Enqueue(
            entry=callback.id,
            queue=callback.queue,
            priority=wish.priority,
            skills=wish.skills,
            language=callback.language,
            sticky=wish.sticky or None,
            identity=callback.identity,
            callback=True,
            not_before=pending.due_at,
        )
        if self._runner.enter(enqueue, pending, callback.call_id) is not None:
            pending.dismissed(Leaving.MERGED)
        found = self._settle(pending, None)
        async with pending.changing:
            if not await self._runner.settled():
                self._limits.take_back(callback)
                self._runner.post(Leave(callback.id, Leaving.CANCELLED))
                raise CallbackRefused(CallbackFault.NOT_STORED)
        return found, found is pending

    def _settle(self, pending: PendingCallback, same: PendingCallback | None) -> PendingCallback:
        """After the engine was told: the new one, or the one that stands for it."""
        callback = pending.callback
        if pending.over is not None:
            live = same or self._desk.of(callback.queue, callback.identity)
            if live is not None:
                self._update(live, callback)
                return live
            return pending
        self._note_call(pending)
        self._limits.count(callback)
        self._record(pending, granted=True, identity=callback.identity)
        return pending

    def _update(self, live: PendingCallback, wish: Callback) -> None:
        """A second request of the same customer: the last word on number and time counts."""
        live.change(number=wish.number, not_before=wish.not_before, slot=wish.slot, asked_in=wish.asked_in)
        live.retry_at = 0.0
        self._note_call(live)
        if wish.promised_s is not None:
            live.change(promised_s=wish.promised_s)
        self.postpone(live, self._hold_s(wish))
        self._record(live)

    def _restore(self, live: PendingCallback, before: Callback) -> None:
        """The last word couldn't be stored, so the one before counts again; tries made since do, too."""
        live.change(
            number=before.number,
            not_before=before.not_before,
            slot=before.slot,
            asked_in=before.asked_in,
            promised_s=before.promised_s,
        )
        self.postpone(live, 0.0)
        self._record(live)

    def _record(self, pending: PendingCallback, **more: Any) -> None:
        point("callback.recording")
        callback = pending.callback
        self._runner.record(
            JournalKind.CALLBACK_UPDATED,
            entry=callback.id,
            queue=callback.queue,
            details={**callback.details(), **more},
        )

    def _hold_s(self, callback: Callback) -> float:
        """How long not to call: who asks on the phone is on it."""
        live = self._desk.conversations.live_calls.find(callback.asked_in)
        return 0.0 if live is None else HELD_S

    def _note_call(self, pending: PendingCallback) -> None:
        if pending.callback.asked_in:
            self._asked_in[pending.callback.asked_in] = pending.callback.id

    def _due(self, callback: Callback, hold_s: float) -> float:
        return self._times.due(callback, self._runner.now + hold_s)


def new_id() -> str:
    return uuid4().hex
