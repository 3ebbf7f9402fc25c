"""Reports over HTTP: who may, what is asked for, and what they say."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from gateway.api.app import create_app
from gateway.api.reports import ReportDesk, ReportParts
from gateway.queues.journal import JournalEvent, JournalKind, StoredEvent
from gateway.queues.reports import thresholds_of
from gateway.queues.settings import QueueSettings
from gateway.storage.database import Database
from gateway.storage.journal_store import JournalStore
from monitoring.health import Health
from monitoring.metrics import Metrics
from tests.fakes.clock import START, ManualClock
from tests.fakes.floor import KEYRING, bearer

K = JournalKind
QUEUES = "/v1/reports/queues"
AGENTS = "/v1/reports/agents"


def at_noon(seconds: float, kind: JournalKind, entry: str = "", **changes: Any) -> JournalEvent:
    """START is noon in UTC, and one in the afternoon in Berlin."""
    queue, agent = changes.pop("queue", "billing"), changes.pop("agent", "")
    return JournalEvent(START + timedelta(seconds=seconds), kind, queue, entry, "", agent, changes)


EVENTS = [
    at_noon(-9000, K.AGENT_PRESENCE, queue="", agent="ann", presence="available"),
    at_noon(-3605, K.JOINED, "early"),
    at_noon(-3590, K.CONNECTED, "early", agent="ann", wait_s=15),
    at_noon(-3500, K.FINISHED, "early", agent="ann", by="caller"),
    at_noon(10, K.JOINED, "e1"),
    at_noon(40, K.CONNECTED, "e1", agent="ann", wait_s=30),
    at_noon(60, K.JOINED, "e2", queue="sales"),
    at_noon(100, K.ABANDONED, "e2", queue="sales", wait_s=40),
    at_noon(160, K.FINISHED, "e1", agent="ann", by="agent"),
]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.open(SecretStr(f"sqlite:///{tmp_path / 'ringback.db'}"))
    await database.upgrade()
    yield database
    await database.close()


@pytest.fixture
def clock() -> ManualClock:
    clock = ManualClock()
    clock.advance(600)
    return clock


@pytest.fixture
async def desk(database: Database, clock: ManualClock) -> ReportDesk:
    journal = JournalStore(database, "node")
    await journal.write([StoredEvent("node", number, event) for number, event in enumerate(EVENTS, 1)])
    desk = ReportDesk()
    thresholds = thresholds_of([QueueSettings("billing", service_level_s=20)])
    desk.parts = ReportParts(journal, lambda: thresholds, clock, ZoneInfo("UTC"))
    return desk


@pytest.fixture
def app(desk: ReportDesk) -> FastAPI:
    return create_app(health=Health(), metrics=Metrics(), keyring=KEYRING, reports=desk)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://node", headers=bearer("sue")
    ) as client:
        yield client


async def rows(client: httpx.AsyncClient, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


async def test_without_parameters_it_is_today_up_to_now(client: httpx.AsyncClient) -> None:
    report = (await client.get(QUEUES)).json()

    assert {name: report[name] for name in ("since", "until", "timezone", "interval")} == {
        "since": "2026-01-01T00:00:00Z",
        "until": "2026-01-01T12:10:00Z",
        "timezone": "UTC",
        "interval": "total",
    }
    billing, sales = report["rows"]
    assert list(billing) == report["columns"]
    assert (billing["queue"], billing["offered"], billing["answered"], billing["sl"]) == (
        "billing",
        2,
        2,
        0.5,
    )
    assert (billing["asa_s"], billing["talk_s"], billing["longest_wait_s"]) == (22.5, 210.0, 30.0)
    assert (sales["queue"], sales["abandoned"], sales["sl"], sales["sl2"]) == ("sales", 1, None, 0.0)


async def test_intervals_are_the_zones_and_their_times_too(client: httpx.AsyncClient) -> None:
    found = await rows(client, QUEUES, interval="1h", timezone="Europe/Berlin", queue="billing")

    assert [(row["start"], row["end"], row["offered"], row["answered"]) for row in found] == [
        ("2026-01-01T11:00:00+01:00", "2026-01-01T12:00:00+01:00", 1, 0),
        ("2026-01-01T12:00:00+01:00", "2026-01-01T13:00:00+01:00", 0, 1),
        ("2026-01-01T13:00:00+01:00", "2026-01-01T13:10:00+01:00", 1, 1),
    ]


async def test_what_was_before_a_report_explains_it_and_is_not_in_it(client: httpx.AsyncClient) -> None:
    (billing,) = await rows(client, QUEUES, since="2026-01-01T11:00:00Z", until="2026-01-01T11:30:00Z")
    (ann,) = await rows(client, AGENTS, since="2026-01-01T11:00:00Z", until="2026-01-01T11:30:00Z")

    assert (billing["start"], billing["end"]) == ("2026-01-01T11:00:00+00:00", "2026-01-01T11:30:00+00:00")
    assert (billing["offered"], billing["answered"], billing["handled"], billing["talk_s"]) == (0, 1, 1, 90.0)
    assert (ann["logged_in_s"], ann["idle_s"]) == (1800.0, 1800.0)


async def test_dates_are_midnights_of_the_zone(client: httpx.AsyncClient) -> None:
    report = (
        await client.get(
            QUEUES, params={"since": "2026-01-01", "until": "2026-01-02", "timezone": "Asia/Tokyo"}
        )
    ).json()

    assert (report["since"], report["until"]) == ("2026-01-01T00:00:00+09:00", "2026-01-02T00:00:00+09:00")
    assert len(report["rows"]) == 2


async def test_a_service_level_can_be_asked_for_that_is_not_the_plans(client: httpx.AsyncClient) -> None:
    (row,) = await rows(client, QUEUES, queue="billing", service_level_s=30)

    assert row["sl"] == 1.0


async def test_agents_have_their_conversations_and_their_time(client: httpx.AsyncClient) -> None:
    (ann,) = await rows(client, AGENTS)

    assert (ann["agent"], ann["answered"], ann["handled"], ann["aht_s"]) == ("ann", 2, 2, 105.0)
    assert ann["logged_in_s"] == 9600.0
    assert await rows(client, AGENTS, agent="bob") == []


@pytest.mark.parametrize(
    ("parameters", "accept"),
    [({"format": "csv"}, "*/*"), ({}, "text/csv"), ({}, "text/csv, application/json;q=0.5")],
)
async def test_a_report_as_csv_has_the_same_rows(
    client: httpx.AsyncClient, parameters: dict[str, str], accept: str
) -> None:
    answer = await client.get(QUEUES, params=parameters, headers={"accept": accept})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="queues.csv"'
    read = list(csv.DictReader(io.StringIO(answer.text)))
    expected = [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in await rows(client, QUEUES)
    ]
    assert read == expected


@pytest.mark.parametrize("accept", ["application/json", "text/csv;q=0, */*", "text/html, application/*"])
async def test_json_is_for_whoever_does_not_ask_for_csv(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.get(QUEUES, headers={"accept": accept})

    assert answer.headers["content-type"] == "application/json"


async def test_other_forms_are_not_to_be_had(client: httpx.AsyncClient) -> None:
    answer = await client.get(QUEUES, headers={"accept": "image/png"})

    assert (answer.status_code, answer.json()["detail"]) == (406, "reports are application/json or text/csv")


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        (
            {"timezone": "Mars/Olympus"},
            "timezone: there is no time zone 'Mars/Olympus', such as Europe/Berlin",
        ),
        ({"timezone": "../../etc/passwd"}, "timezone: there is no time zone"),
        ({"since": "yesterday"}, "since: a date, or a time with its zone"),
        ({"since": "2026-01-01T08:00:00"}, "since: a date, or a time with its zone"),
        ({"since": "1999-12-31"}, "since: a date, or a time with its zone"),
        ({"until": "9999-12-31T23:59:59-14:00"}, "until: a date, or a time with its zone"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "since: a date, or a time with its zone"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "until: it has to be later than `since`"),
        ({"since": "2026-01-02"}, "until: it has to be later than `since`"),
        ({"since": "2024-01-01"}, "since: a report covers at most 400 days"),
        ({"since": "2025-06-01", "interval": "15m"}, "interval: a report has at most 10000 intervals"),
    ],
)
async def test_what_cannot_be_answered_is_said(
    client: httpx.AsyncClient, parameters: dict[str, str], detail: str
) -> None:
    answer = await client.get(QUEUES, params=parameters)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(detail)


async def test_a_plus_sign_that_nobody_escaped_is_understood(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{QUEUES}?since=2026-01-01T08:00:00+01:00")

    assert answer.json()["since"] == "2026-01-01T07:00:00Z"


@pytest.mark.parametrize(("name", "status"), [("root", 200), ("sue", 200), ("ann", 403), ("app", 403)])
async def test_reports_are_for_supervisors(client: httpx.AsyncClient, name: str, status: int) -> None:
    for path in (QUEUES, AGENTS):
        assert (await client.get(path, headers=bearer(name))).status_code == status


async def test_before_the_journal_is_open_there_are_no_reports(
    client: httpx.AsyncClient, desk: ReportDesk
) -> None:
    desk.parts = None

    answer = await client.get(QUEUES)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_database_that_fails_is_said(client: httpx.AsyncClient, database: Database) -> None:
    async with database.transaction("break") as connection:
        await connection.exec_driver_sql("DROP TABLE journal")

    answer = await client.get(QUEUES)

    assert answer.status_code == 503
    assert answer.json()["detail"] == "storage: read failed: no such table: journal"
