"""Reports from the journal in the database: the pure fold of `gateway.queues.reports`, fed page by page.

The folding is done on a worker, so that a report of a year keeps no call waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.reports import Figures
from gateway.queues.today import Today
from gateway.storage.journal_store import JournalStore, Selection

READ_AHEAD: Final = timedelta(hours=4)
"""How long before a report's begin its reading begins: entries that were waiting or talking then are known
from their joining on. Of older ones their own events say what is needed.
"""

PAGE: Final = 250
"""Events that the event loop makes of rows at a time."""

_PASSED_OVER: Final = frozenset(
    {JournalKind.RINGING, JournalKind.ACCEPTED, JournalKind.RELAXED, JournalKind.RECORDING}
)


async def fold(store: JournalStore, figures: Figures, since: datetime, until: datetime) -> None:
    """Feed `figures` with the journal of a range of time; intervals that end before it are left out.

    Raises StorageError.
    """
    await _feed(store, figures.add_all, since, until)
    figures.settle(until)
    figures.forget(since)


async def replay(store: JournalStore, today: Today, now: datetime) -> None:
    """Feed today's figures with what has been so far. Raises StorageError."""
    await _feed(store, today.add_all, today.span.start, now + timedelta(microseconds=1))


async def _feed(
    store: JournalStore, take: Callable[[Iterable[JournalEvent]], None], since: datetime, until: datetime
) -> None:
    begin = since - READ_AHEAD
    take([stored.event for stored in await store.standing(begin)])
    kinds: Collection[JournalKind] = [kind for kind in JournalKind if kind not in _PASSED_OVER]
    async for page in store.pages(Selection(since=begin, until=until, kinds=kinds), page=PAGE):
        await asyncio.to_thread(take, [stored.event for stored in page])
