"""Callbacks for the API."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.api.ports import CallbackView
from gateway.callbacks.request import CallbackWish
from gateway.callbacks.scheduler import Slot
from gateway.centre import ContactCentre
from gateway.switch.pending_callback import PendingCallback


class LiveCallbacks:
    """`gateway.api.ports.Callbacks`."""

    def __init__(self, centre: ContactCentre) -> None:
        self._runner = centre.runner
        self._desk = centre.callbacks

    def pending(self) -> Sequence[CallbackView]:
        return [self._view(pending) for pending in self._desk.book.pending()]

    def find(self, callback: str) -> CallbackView | None:
        pending = self._desk.book.find(callback)
        return None if pending is None else self._view(pending)

    def slots(self, queue: str) -> Sequence[Slot]:
        return self._desk.times.slots(queue)

    async def request(self, wish: CallbackWish) -> tuple[CallbackView, bool]:
        pending, new = await self._desk.requests.request(wish)
        return self._view(pending), new

    async def change(self, callback: str, *, number: str | None, at: float | None) -> bool:
        return await self._desk.requests.change(callback, number=number, at=at)

    def cancel(self, callback: str, *, by: str) -> bool:
        return self._desk.cancel(callback, by)

    def claim(self, callback: str, agent: str, *, by: str) -> None:
        self._desk.claim(callback, agent, by)

    def _view(self, pending: PendingCallback) -> CallbackView:
        entry = self._runner.entry(pending.callback.id)
        waits = pending.due_at > self._runner.now
        return CallbackView(
            callback=pending.callback,
            state=pending.state,
            position=self._runner.position(pending.callback.id),
            not_before=self._desk.times.wall_of(pending.due_at) if waits else None,
            agents=() if entry is None else entry.agents,
        )
