"""The callback endpoints: what they take, what they refuse and how, what they show to whom."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from gateway.callbacks.claims import ClaimFault, ClaimRefused
from gateway.callbacks.numbers import NumberFault, NumberRefused
from gateway.callbacks.request import CallbackFault, CallbackRefused
from gateway.callbacks.scheduler import Slot
from tests.fakes.floor import FakeFloor, bearer

WISH = {"queue": "billing", "number": "+4930123456", "identity": "c-7", "context": {"order": "A-7"}}


async def test_a_callback_is_asked_for_and_shown(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    answer = await supervisor.post("/v1/callbacks", json=WISH)

    assert (answer.status_code, answer.headers["location"]) == (201, "/v1/callbacks/c1")
    assert answer.json() == {
        "id": "c1", "queue": "billing", "number": "+4930123456", "name": "",
        "state": "waiting", "position": 3,
        "requested_at": "2023-11-14T22:13:20Z", "not_before": None,
        "promised_from": "2023-11-14T22:14:20Z", "promised_until": "2023-11-14T22:15:20Z",
        "attempts": 0, "last_outcome": None, "agents": [], "source": "api", "language": "", "identity": "c-7",
        "context": {"order": "A-7"},
    }  # fmt: skip
    assert (await supervisor.get("/v1/callbacks/c1")).json() == answer.json()
    assert floor.callbacks.wishes[0].by == "sue"


async def test_a_second_request_of_a_customer_finds_the_first(supervisor: httpx.AsyncClient) -> None:
    first = await supervisor.post("/v1/callbacks", json=WISH)
    second = await supervisor.post("/v1/callbacks", json={**WISH, "number": "+4930654321"})

    assert (second.status_code, second.json()["id"]) == (200, first.json()["id"])


async def test_a_request_that_is_repeated_with_its_key_acts_once(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    wish = {**WISH, "identity": ""}
    headers = {"idempotency-key": "k-callbacks"}
    first = await supervisor.post("/v1/callbacks", json=wish, headers=headers)
    second = await supervisor.post("/v1/callbacks", json=wish, headers=headers)
    other = await supervisor.post("/v1/callbacks", json={**wish, "number": "+491"}, headers=headers)

    assert first.json()["id"] == second.json()["id"]
    assert len(floor.callbacks.wishes) == 1
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("refused", "status", "said"),
    [
        (NumberRefused(NumberFault.EMERGENCY), 422, "emergency"),
        (NumberRefused(NumberFault.COSTLY), 422, "premium"),
        (NumberRefused(NumberFault.INVALID), 422, "country code"),
        (NumberRefused(NumberFault.COUNTRY), 422, "country"),
        (NumberRefused(NumberFault.DESTINATION), 422, "among"),
        (CallbackRefused(CallbackFault.UNKNOWN_QUEUE), 422, "queue"),
        (CallbackRefused(CallbackFault.NO_SUCH_TIME), 422, "slots"),
        (CallbackRefused(CallbackFault.TOO_MANY_OF_CALLER), 429, "too often"),
        (CallbackRefused(CallbackFault.TOO_MANY_OF_NUMBER), 429, "too often"),
        (CallbackRefused(CallbackFault.NOT_STORED), 503, "promised"),
    ],
)
async def test_what_cant_be_promised_is_refused_with_the_reason(
    supervisor: httpx.AsyncClient,
    floor: FakeFloor,
    refused: NumberRefused | CallbackRefused,
    status: int,
    said: str,
) -> None:
    await supervisor.post("/v1/callbacks", json=WISH)
    floor.callbacks.refuses = refused

    asked = await supervisor.post("/v1/callbacks", json={**WISH, "identity": "other"})
    changed = await supervisor.patch("/v1/callbacks/c1", json={"number": "112"})

    assert (asked.status_code, changed.status_code) == (status, status)
    assert said in asked.json()["detail"]


async def test_a_callback_is_moved_and_given_another_number(supervisor: httpx.AsyncClient) -> None:
    await supervisor.post("/v1/callbacks", json=WISH)
    body = {"number": "+4930654321", "at": "2030-01-05T14:00:00+01:00"}

    answer = await supervisor.patch("/v1/callbacks/c1", json=body)

    assert (answer.json()["number"], answer.json()["state"]) == ("+4930654321", "scheduled")
    assert (await supervisor.patch("/v1/callbacks/c1", json={})).status_code == 422


async def test_a_callback_is_cancelled_once(supervisor: httpx.AsyncClient) -> None:
    await supervisor.post("/v1/callbacks", json=WISH)

    answers = [await supervisor.delete("/v1/callbacks/c1") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 404]
    assert (await supervisor.get("/v1/callbacks/c1")).json()["state"] == "cancelled"
    assert (await supervisor.patch("/v1/callbacks/c1", json={"number": "+491"})).status_code == 404
    assert (await supervisor.get("/v1/callbacks")).json() == {"callbacks": [], "next": None}


async def test_what_isnt_there_is_404(supervisor: httpx.AsyncClient) -> None:
    assert (await supervisor.get("/v1/callbacks/c9")).status_code == 404
    assert (await supervisor.delete("/v1/callbacks/c9")).status_code == 404
    assert (await supervisor.patch("/v1/callbacks/c9", json={"number": "+491"})).status_code == 404


async def test_callbacks_are_listed_a_page_at_a_time_by_queue_and_identity(
    supervisor: httpx.AsyncClient,
) -> None:
    for number, queue in enumerate(("billing", "sales", "billing", "billing")):
        wish = {"queue": queue, "number": f"+493012345{number}", "identity": f"i{number}"}
        await supervisor.post("/v1/callbacks", json=wish)

    first = (await supervisor.get("/v1/callbacks?queue=billing&limit=2")).json()
    rest = (await supervisor.get(f"/v1/callbacks?queue=billing&limit=2&cursor={first['next']}")).json()
    one = (await supervisor.get("/v1/callbacks?identity=i1")).json()

    assert [found["id"] for found in first["callbacks"] + rest["callbacks"]] == ["c1", "c3", "c4"]
    assert rest["next"] is None
    assert [found["id"] for found in one["callbacks"]] == ["c2"]


async def test_slots_are_listed(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    start, end = datetime(2026, 6, 1, 9, tzinfo=UTC), datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
    floor.callbacks.free = [Slot(start, end, 3)]

    found = (await supervisor.get("/v1/callbacks/slots?queue=billing")).json()

    assert found == {"slots": [{"start": "2026-06-01T09:00:00Z", "end": "2026-06-01T09:30:00Z", "free": 3}]}
    assert (await supervisor.get("/v1/callbacks/slots?queue=biling")).status_code == 404


async def test_apps_see_the_end_of_a_number_only(supervisor: httpx.AsyncClient) -> None:
    await supervisor.post("/v1/callbacks", json=WISH)

    found = (await supervisor.get("/v1/callbacks/c1", headers=bearer("app"))).json()

    assert found["number"] == "•••456"


async def test_an_agent_claims_for_themselves_and_a_supervisor_for_others(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    await supervisor.post("/v1/callbacks", json=WISH)

    own = await supervisor.post("/v1/callbacks/c1/claim", headers=bearer("ann"))
    others = await supervisor.post("/v1/callbacks/c1/claim", json={"agent": "bob"}, headers=bearer("ann"))
    unsaid = await supervisor.post("/v1/callbacks/c1/claim")
    for_ann = await supervisor.post("/v1/callbacks/c1/claim", json={"agent": "ann"})
    app = await supervisor.post("/v1/callbacks/c1/claim", headers=bearer("app"))

    assert (own.status_code, own.json()["agents"]) == (200, ["ann"])
    assert (others.status_code, unsaid.status_code, for_ann.status_code, app.status_code) == (
        403,
        422,
        200,
        403,
    )
    assert floor.callbacks.claims == [("c1", "ann", "ann"), ("c1", "ann", "sue")]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ClaimFault.OVER, "is over"),
        (ClaimFault.TAKEN, "another agent's"),
        (ClaimFault.AGENT_NOT_FREE, "ann isn't free"),
        (ClaimFault.OTHER_QUEUE, "doesn't serve"),
        (ClaimFault.ON_THE_LINE, "on the line"),
        (ClaimFault.OUT_OF_HOURS, "may be called now"),
    ],
)
async def test_a_claim_that_comes_to_nothing_says_why(
    supervisor: httpx.AsyncClient, floor: FakeFloor, fault: ClaimFault, said: str
) -> None:
    await supervisor.post("/v1/callbacks", json=WISH)
    floor.callbacks.refuses = ClaimRefused(fault)

    refused = await supervisor.post("/v1/callbacks/c1/claim", json={"agent": "ann"})

    assert refused.status_code == 409
    assert said in refused.json()["detail"]
