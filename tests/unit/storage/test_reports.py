"""Reports from the database, and today's figures after a restart."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from structlog.testing import capture_logs

from gateway.queues.intervals import Interval
from gateway.queues.journal import JournalEvent, JournalKind, StoredEvent
from gateway.queues.reports import Figures, thresholds_of
from gateway.queues.today import Today
from gateway.storage.database import Database
from gateway.storage.journal_store import JournalStore
from gateway.storage.reports import PAGE, READ_AHEAD, fold, replay
from tests.unit.queues.journalling import NINE, at, line

K = JournalKind
HOUR_S = 3600


async def written(database: Database, *events: JournalEvent) -> JournalStore:
    store = JournalStore(database, "node")
    await store.write([StoredEvent("node", number, event) for number, event in enumerate(events, 1)])
    return store


async def test_a_report_knows_what_was_going_on_when_it_begins(database: Database) -> None:
    store = await written(
        database,
        line(-20 * HOUR_S, K.AGENT_PRESENCE, "", agent="ann", presence="available"),
        line(-19 * HOUR_S, K.AGENT_STATE, "", agent="ann", state="on_call"),
        line(-HOUR_S, K.JOINED),
        line(60, K.CONNECTED, agent="bob"),
        line(2 * HOUR_S, K.FINISHED),
    )
    figures = Figures(Interval.HOUR, since=NINE)

    await fold(store, figures, NINE, at(HOUR_S), at(HOUR_S))

    rows = [(span.start, name, one.offered, one.asa_s) for span, name, one in figures.queues()]
    assert rows == [(NINE, "support", 0, HOUR_S + 60)]
    assert figures.agent("ann", NINE).on_call_s == HOUR_S
    assert timedelta(hours=19) > READ_AHEAD


async def test_nobody_works_in_the_future(database: Database) -> None:
    store = await written(database, line(0, K.AGENT_PRESENCE, "", agent="ann", presence="available"))
    figures = Figures(since=NINE)

    await fold(store, figures, NINE, at(24 * HOUR_S), at(60))

    assert figures.agent("ann", NINE).idle_s == 60


async def test_nobody_works_at_a_node_that_has_stopped(database: Database) -> None:
    store = await written(
        database,
        line(-30 * HOUR_S, K.STARTED, "", queue=""),
        line(-20 * HOUR_S, K.AGENT_PRESENCE, "", agent="ann", presence="available"),
        line(-10 * HOUR_S, K.STOPPED, "", queue=""),
        line(600, K.STARTED, "", queue=""),
        line(700, K.AGENT_PRESENCE, "", agent="ann", presence="available"),
    )
    figures = Figures(since=NINE)

    await fold(store, figures, NINE, at(HOUR_S), at(HOUR_S))

    assert figures.agent("ann", NINE).logged_in_s == HOUR_S - 700


async def test_a_report_reads_on_page_after_page(database: Database) -> None:
    joined = [line(second, K.JOINED, f"e{second}") for second in range(2 * PAGE + 1)]
    store = await written(database, *joined)
    figures = Figures(since=NINE)

    await fold(store, figures, NINE, at(HOUR_S), at(HOUR_S))

    assert figures.queue("support", NINE).offered == 2 * PAGE + 1


def todays(now: datetime) -> Today:
    return Today(lambda: now, thresholds_of([]))


async def test_a_restart_changes_no_figure_of_today(database: Database) -> None:
    events = [
        line(0, K.JOINED),
        line(10, K.CONNECTED, agent="ann"),
        line(70, K.FINISHED),
        line(80, K.JOINED, "e2"),
    ]
    store = await written(database, *events)
    before, after = todays(at(100)), todays(at(100))
    before.recall(events)

    after.catch_up()
    telling = asyncio.ensure_future(replay(store, after, at(90)))
    after.add(line(95, K.ABANDONED, "e2"))
    await telling
    before.add(line(95, K.ABANDONED, "e2"))

    assert after.queue("support") == before.queue("support")
    assert after.queue("support").abandoned == 1


async def test_figures_begin_at_the_start_when_the_past_cannot_be_read(database: Database) -> None:
    store = await written(database, line(0, K.JOINED))
    async with database.transaction("break") as connection:
        await connection.exec_driver_sql("DROP TABLE journal")
    today = todays(at(100))
    today.catch_up()
    today.add(line(95, K.JOINED, "e2"))

    with capture_logs() as lines:
        await replay(store, today, at(90))

    assert today.queue("support").offered == 1
    assert [one["event"] for one in lines] == ["figures_incomplete"]
