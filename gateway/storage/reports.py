"""Reports from the journal in the database: the pure fold of `gateway.queues.reports`, fed page by page.

The folding is done on a worker, so that a report of a year keeps no call waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

import structlog

from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.reports import Figures
from gateway.queues.today import Today
from gateway.storage.database import StorageError
from gateway.storage.journal_store import JournalStore, Selection

log = structlog.get_logger(__name__)

READ_AHEAD: Final = timedelta(hours=4)
"""How long before a report's begin its reading begins: entries that were waiting or talking then are known
from their joining on. Of older ones their own events say what is needed.
"""

PAGE: Final = 250
"""Events that the event loop makes of rows at a time."""

_PASSED_OVER: Final = frozenset(
    {JournalKind.RINGING, JournalKind.ACCEPTED, JournalKind.RELAXED, JournalKind.RECORDING}
)


async def fold(
    store: JournalStore, figures: Figures, since: datetime, until: datetime, now: datetime
) -> None:
    """Feed `figures`, which begin at `since` too, with the journal of a range of time, up to `now` at most.

    Raises StorageError.
    """
    await _feed(store, figures.add_all, since, until)
    figures.settle(min(until, now))
    figures.forget(since)


async def replay(store: JournalStore, today: Today, now: datetime) -> None:
    """Feed today's figures with what was before `now`; after `today.catch_up()`, which held back the rest.

    A database that fails costs the figures of before, and the log has it.
    """
    try:
        await _feed(store, today.recall, today.span.start, now)
    except StorageError as error:
        log.warning("figures_incomplete", reason=str(error))
    finally:
        today.caught_up()


async def _feed(
    store: JournalStore, take: Callable[[Iterable[JournalEvent]], None], since: datetime, until: datetime
) -> None:
    begin = since - READ_AHEAD
    take([stored.event for stored in await store.standing(begin)])
    kinds: Collection[JournalKind] = [kind for kind in JournalKind if kind not in _PASSED_OVER]
    async for page in store.pages(Selection(since=begin, until=until, kinds=kinds), page=PAGE):
        await asyncio.to_thread(take, [stored.event for stored in page])
