"""The calendar endpoints: who may, what they answer, and that what they set holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.api.app import create_app
from gateway.api.auth import HashedKey, Holder, Keyring, Role, hash_of, new_key
from gateway.api.calendars import CalendarDesk, CalendarParts
from gateway.dialplan.overrides import CalendarOverrides
from monitoring.health import Health
from monitoring.metrics import Metrics
from tests.fakes.clock import START, ManualClock
from tests.fakes.plans import plan_of

KEYS = {role: new_key() for role in Role}
KEYRING = Keyring([HashedKey(Holder(f"the {role.value}", role), hash_of(key)) for role, key in KEYS.items()])
OFFICE = "/v1/calendars/office/override"
# START is noon on a Thursday that is New Year's Day.
PLAN = """\
calendars:
  office: {timezone: UTC, hours: {mon-fri: 08:00-18:00}}
  shop: {timezone: UTC, hours: {sat: 08:00-18:00}}
  bank: {timezone: UTC, hours: {mon-fri: 08:00-18:00}, holidays: DE}
  fair: {timezone: UTC, hours: {sat: 08:00-18:00}, days: {2026-01-01: 10:00-14:00}}
---
routes:
- {dnis: 1, flow: f, calendar: office}
- {dnis: 2, flow: f, calendar: shop}
- {dnis: 3, flow: f, calendar: bank}
- {dnis: 4, flow: f, calendar: fair}
---
{flow: f, start: e, nodes: {e: {hangup: }}}
"""


def bearer(role: Role) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS[role]}"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def overrides(tmp_path: Path, clock: ManualClock) -> CalendarOverrides:
    return CalendarOverrides(tmp_path / "overrides.json", clock.utc)


@pytest.fixture
def desk(tmp_path: Path, clock: ManualClock, overrides: CalendarOverrides) -> CalendarDesk:
    desk = CalendarDesk()
    plan = plan_of(tmp_path, PLAN)
    desk.parts = CalendarParts(lambda: plan.calendars, overrides, clock)
    return desk


@pytest.fixture
async def client(desk: CalendarDesk) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(health=Health(), metrics=Metrics(), keyring=KEYRING, calendars=desk)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://node", headers=bearer(Role.SUPERVISOR)
    ) as client:
        yield client


async def office(client: httpx.AsyncClient) -> dict[str, Any]:
    calendars = (await client.get("/v1/calendars")).json()["calendars"]
    found: dict[str, Any] = next(calendar for calendar in calendars if calendar["name"] == "office")
    return found


async def test_each_calendar_is_listed_with_what_it_says_and_why(client: httpx.AsyncClient) -> None:
    calendars = (await client.get("/v1/calendars")).json()["calendars"]

    assert [(c["name"], c["open"], c["state"], c["reason"], c["override"]) for c in calendars] == [
        ("bank", False, "holiday", "holiday", None),
        ("fair", True, "open", "day", None),
        ("office", True, "open", "hours", None),
        ("shop", False, "closed", "hours", None),
    ]


async def test_an_override_holds_until_it_is_deleted(
    client: httpx.AsyncClient, overrides: CalendarOverrides
) -> None:
    closed = await client.put(OFFICE, json={"state": "closed", "until": None})
    listed, states = await office(client), overrides.states()

    cleared = await client.delete(OFFICE)

    assert (closed.status_code, closed.json()) == (200, listed)
    assert listed == {
        "name": "office",
        "open": False,
        "state": "closed",
        "reason": "override",
        "override": {
            "state": "closed",
            "until": None,
            "by": "the supervisor",
            "since": "2026-01-01T12:00:00Z",
        },
    }
    assert states == {"office": "closed"}
    assert (cleared.status_code, cleared.content, overrides.states()) == (204, b"", {})
    assert (await office(client))["reason"] == "hours"


async def test_an_override_ends_by_itself_at_its_time(client: httpx.AsyncClient, clock: ManualClock) -> None:
    answer = await client.put(OFFICE, json={"state": "closed", "until": "2026-01-01T14:00:00+01:00"})
    clock.advance(3599.0)
    before = await office(client)
    clock.advance(1.0)

    after = await office(client)

    assert answer.json()["override"]["until"] == "2026-01-01T13:00:00Z"
    assert (before["reason"], after["reason"], after["override"]) == ("override", "hours", None)


async def test_the_last_word_counts(client: httpx.AsyncClient, overrides: CalendarOverrides) -> None:
    await client.put(OFFICE, json={"state": "closed"})

    answer = await client.put(OFFICE, json={"state": "open"}, headers=bearer(Role.ADMIN))

    assert answer.json()["override"]["by"] == "the admin"
    assert overrides.states() == {"office": "open"}


async def test_deleting_what_was_not_set_changes_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.delete(OFFICE)).status_code == 204


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_an_unknown_calendar_is_404_with_the_nearest_name(
    client: httpx.AsyncClient, method: str
) -> None:
    answer = await client.request(method, "/v1/calendars/ofice/override", json={"state": "open"})

    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert problem["detail"] == "the plan has no calendar 'ofice'; did you mean 'office'?"
    assert problem["calendars"] == ["bank", "fair", "office", "shop"]


async def test_the_override_of_a_calendar_that_left_the_plan_can_be_taken_back(
    client: httpx.AsyncClient, desk: CalendarDesk, overrides: CalendarOverrides, clock: ManualClock
) -> None:
    await client.put(OFFICE, json={"state": "closed"})
    desk.parts = CalendarParts(dict, overrides, clock)

    answer = await client.delete(OFFICE)

    assert (answer.status_code, overrides.states()) == (204, {})


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"state": "holiday"},
        {"state": "open", "untill": None},
        {"state": "open", "until": "tomorrow"},
        {"state": "open", "until": 1800000000},
        {"state": "open", "until": "2026-12-24"},
        {"state": "open", "until": "2026-12-24T12:00:00"},
        {"state": "open", "until": "2026-13-24T12:00:00Z"},
        {"state": "open", "until": "9999-12-31T23:59:59-12:00"},
        {"state": "open", "until": START.isoformat()},
        {"state": "open", "until": (START - timedelta(days=1)).isoformat()},
    ],
    ids=str,
)
async def test_a_bad_body_is_422_and_changes_nothing(
    client: httpx.AsyncClient, overrides: CalendarOverrides, body: object
) -> None:
    answer = await client.put(OFFICE, json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"]
    assert overrides.states() == {}


@pytest.mark.parametrize(
    ("role", "status"), [(Role.ADMIN, 200), (Role.SUPERVISOR, 200), (Role.AGENT, 403), (Role.APP, 403)]
)
async def test_admins_and_supervisors_may_and_nobody_else(
    client: httpx.AsyncClient, role: Role, status: int
) -> None:
    headers = bearer(role)
    listed = await client.get("/v1/calendars", headers=headers)
    set_to = await client.put(OFFICE, json={"state": "closed"}, headers=headers)
    cleared = await client.delete(OFFICE, headers=headers)

    assert (listed.status_code, set_to.status_code) == (status, status)
    assert cleared.status_code == (204 if status == 200 else status)


async def test_what_cannot_be_written_is_503_and_does_not_hold(
    client: httpx.AsyncClient, overrides: CalendarOverrides, tmp_path: Path
) -> None:
    await client.put(OFFICE, json={"state": "closed"})
    (tmp_path / ".overrides.json.new").mkdir()

    refused = await client.put(OFFICE, json={"state": "open"})
    kept = await client.delete(OFFICE)

    assert (refused.status_code, kept.status_code) == (503, 503)
    assert "can't be kept" in refused.json()["detail"]
    assert overrides.states() == {"office": "closed"}


async def test_a_starting_node_says_so(client: httpx.AsyncClient, desk: CalendarDesk) -> None:
    desk.parts = None

    answers = [
        await client.get("/v1/calendars"),
        await client.put(OFFICE, json={"state": "open"}),
        await client.delete(OFFICE),
    ]

    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "1")] * 3
