"""The call endpoints: what is listed, who may act on what, and placing calls once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.api.ports import Origination, Target, UnusableTarget
from gateway.call.cdr import CallResult
from gateway.errors import WrongState
from gateway.storage.calls import CallFilter
from gateway.storage.database import StorageError
from tests.fakes.clock import START
from tests.fakes.floor import FakeFloor, bearer, call_view
from tests.unit.storage.builders import record

CALLS = "/v1/calls"
TO = {"kind": "number", "name": "+4930123456"}
REQUEST: dict[str, Any] = {"to": TO, "connect": {"kind": "queue", "name": "billing"}}


@pytest.fixture
def calls(floor: FakeFloor) -> None:
    """Three in progress, four finished."""
    for number in range(3):
        view = call_view(f"live-{number}", started_at=START + timedelta(minutes=number))
        floor.conversations.add(replace(view, agents=("ann",) if number == 1 else ()))
    floor.archive.records += [record(number) for number in range(1, 5)]


async def test_calls_in_progress_come_before_finished_ones(
    supervisor: httpx.AsyncClient, calls: None
) -> None:
    found = (await supervisor.get(CALLS)).json()

    assert [(call["id"], call["live"]) for call in found["calls"]] == [
        ("live-2", True), ("live-1", True), ("live-0", True),
        ("call-4", False), ("call-3", False), ("call-2", False), ("call-1", False),
    ]  # fmt: skip
    assert found["next"] is None


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7])
async def test_pages_of_every_size_hold_every_call_once(
    supervisor: httpx.AsyncClient, calls: None, limit: int
) -> None:
    found: list[str] = []
    query: dict[str, Any] = {"limit": limit}
    for _ in range(10):
        page = (await supervisor.get(CALLS, params=query)).json()
        found += [call["id"] for call in page["calls"]]
        assert len(page["calls"]) <= limit
        if page["next"] is None:
            break
        query["cursor"] = page["next"]

    assert found == ["live-2", "live-1", "live-0", "call-4", "call-3", "call-2", "call-1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"live": "true"}, ["live-2", "live-1", "live-0"]),
        ({"agent": "ann"}, ["live-1"]),
        ({"queue": "billing"}, []),
        ({"live": "true", "since": "2026-01-01T12:01:00Z"}, ["live-2", "live-1"]),
        ({"live": "true", "until": "2026-01-01T12:01:00+00:00"}, ["live-0"]),
        ({"live": "true", "direction": "outbound"}, []),
    ],
    ids=str,
)
async def test_calls_are_filtered(
    supervisor: httpx.AsyncClient, calls: None, query: dict[str, str], found: list[str]
) -> None:
    answer = (await supervisor.get(CALLS, params=query)).json()

    assert [call["id"] for call in answer["calls"]] == found


async def test_the_archive_is_asked_for_what_is_wanted(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    await supervisor.get(
        CALLS, params={"number": "100", "result": "answered", "since": "2026-01-01T00:00:00Z"}
    )

    assert floor.archive.wanted == [CallFilter("100", None, CallResult.ANSWERED, START.replace(hour=0), None)]


async def test_who_sees_only_the_end_of_numbers_cannot_ask_for_whole_ones(
    supervisor: httpx.AsyncClient, calls: None
) -> None:
    listed = await supervisor.get(CALLS, headers=bearer("bob"))
    asked = await supervisor.get(CALLS, params={"number": "+4930123456"}, headers=bearer("bob"))

    assert {call["ani"] for call in listed.json()["calls"] if call["live"]} == {"•••456"}
    assert asked.status_code == 403


async def test_an_agent_sees_the_number_and_context_of_their_own_call(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    floor.conversations.add(call_view("call-1", agents=("ann",), context={"order": "A-7"}))

    own = (await supervisor.get(f"{CALLS}/call-1", headers=bearer("ann"))).json()
    others = (await supervisor.get(f"{CALLS}/call-1", headers=bearer("bob"))).json()

    assert (own["ani"], own["context"]) == ("+4930123456", {"order": "A-7"})
    assert (others["ani"], others["context"]) == ("•••456", {})


async def test_a_finished_call_is_shown_with_its_legs(supervisor: httpx.AsyncClient, calls: None) -> None:
    found = (await supervisor.get(f"{CALLS}/call-2")).json()

    assert (found["live"], found["state"], found["result"]) == (False, "ended", "answered")
    assert [leg["leg_id"] for leg in found["legs"]] == ["leg-2"]


async def test_an_unknown_call_is_404(supervisor: httpx.AsyncClient) -> None:
    answers = [
        await supervisor.get(f"{CALLS}/x"),
        await supervisor.delete(f"{CALLS}/x"),
        await supervisor.post(f"{CALLS}/x/hold"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3


async def test_a_database_that_is_away_is_503(
    supervisor: httpx.AsyncClient, floor: FakeFloor, calls: None
) -> None:
    floor.archive.fault = StorageError("read", "disk on fire")

    listed = await supervisor.get(CALLS)
    live = await supervisor.get(CALLS, params={"live": "true"})

    assert (listed.status_code, live.status_code) == (503, 200)
    assert "fire" not in listed.text


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("hold", None, ("hold", "call-1", "sue")),
        ("resume", {}, ("resume", "call-1", "sue")),
        ("mute", {"muted": False}, ("mute", "call-1", False, "sue")),
        ("transfer", {"to": TO}, ("transfer", "call-1", Target("number", "+4930123456"), "sue")),
        ("consult", {"to": TO}, ("consult", "call-1", Target("number", "+4930123456"), "sue")),
        ("alternate", None, ("alternate", "call-1", "sue")),
        ("complete", None, ("complete", "call-1", "sue")),
        ("conference", None, ("conference", "call-1", "sue")),
        ("cancel", None, ("cancel", "call-1", "sue")),
        ("requeue", {"priority": 5}, ("requeue", "call-1", None, 5, "sue")),
        ("record", {"action": "pause"}, ("record", "call-1", "pause", "sue")),
        ("press", {"keys": "1#"}, ("press", "call-1", "1#", "sue")),
        (
            "supervise",
            {"mode": "whisper", "device": "sip:sue@10.0.0.9"},
            ("supervise", "call-1", "whisper", "sip:sue@10.0.0.9", "sue"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_operation_is_carried_out(
    supervisor: httpx.AsyncClient, floor: FakeFloor, path: str, body: object, asked: tuple[Any, ...]
) -> None:
    floor.conversations.add(call_view("call-1", agents=("ann",)))

    answer = await supervisor.post(f"{CALLS}/call-1/{path}", json=body)

    assert (answer.status_code, answer.json()["id"]) == (200, "call-1")
    assert floor.conversations.asked == [asked]


async def test_a_call_is_ended(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    floor.conversations.add(call_view("call-1"))

    answer = await supervisor.delete(f"{CALLS}/call-1")

    assert (answer.status_code, floor.conversations.live) == (204, {})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("transfer", {}),
        ("transfer", {"to": {"kind": "number", "name": "12\r\nX-Evil: 1"}}),
        ("transfer", {"to": {"kind": "number", "name": "sip:a@b?Replaces=x"}}),
        ("transfer", {"to": {"kind": "number", "name": "<sip:a@b>"}}),
        ("transfer", {"to": {"kind": "queue", "name": "a\nb"}}),
        ("transfer", {"to": {"kind": "queue", "name": "nowhere"}}),
        ("transfer", {"to": {"kind": "planet", "name": "Mars"}}),
        ("record", {"action": "erase"}),
        ("supervise", {"mode": "spy"}),
        ("supervise", {"mode": "listen", "device": "sip:a@b\r\n"}),
        ("hold", {"music": "loud"}),
    ],
    ids=str,
)
async def test_a_bad_operation_is_422_and_does_nothing(
    supervisor: httpx.AsyncClient, floor: FakeFloor, path: str, body: object
) -> None:
    floor.conversations.add(call_view("call-1"))

    answer = await supervisor.post(f"{CALLS}/call-1/{path}", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert floor.conversations.asked == []


async def test_an_operation_in_the_wrong_state_is_409(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    floor.conversations.add(call_view("call-1"))
    floor.conversations.refusal = WrongState("hold", "HELD")

    answer = await supervisor.post(f"{CALLS}/call-1/hold")

    assert (answer.status_code, answer.json()["detail"]) == (409, "cannot hold in state HELD")


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [("ann", "hold", 200), ("bob", "hold", 403), ("app", "hold", 403), ("root", "hold", 200)],
)
async def test_agents_act_on_their_own_calls_only(
    supervisor: httpx.AsyncClient, floor: FakeFloor, who: str, path: str, status: int
) -> None:
    floor.conversations.add(call_view("call-1", agents=("ann",)))

    answer = await supervisor.post(f"{CALLS}/call-1/{path}", headers=bearer(who))

    assert answer.status_code == status


async def test_agents_do_not_supervise(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    floor.conversations.add(call_view("call-1", agents=("ann",)))

    answer = await supervisor.post(
        f"{CALLS}/call-1/supervise", json={"mode": "listen"}, headers=bearer("ann")
    )

    assert answer.status_code == 403


async def test_a_call_is_placed(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    answer = await supervisor.post(
        CALLS, json={**REQUEST, "context": {"order": "A-7"}}, headers=bearer("app")
    )

    assert (answer.status_code, answer.headers["location"]) == (201, "/v1/calls/placed")
    assert answer.json()["state"] == "ringing"
    (asked,) = floor.conversations.asked
    assert asked == (
        "originate",
        Origination(Target("number", "+4930123456"), Target("queue", "billing"), context={"order": "A-7"}),
        "app",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"to": {"kind": "queue", "name": "billing"}},
        {"connect": TO},
        {"to": {"kind": "number", "name": "tel:123"}},
        {"to": {"kind": "number", "name": ""}},
        {"caller_id": "x\r\n"},
        {"ring_s": 0},
        {"ring_s": 10_000},
        {"context": {str(number): 1 for number in range(65)}},
        {"extra": 1},
    ],
    ids=str,
)
async def test_a_bad_request_for_a_call_rings_nobody(
    supervisor: httpx.AsyncClient, floor: FakeFloor, change: dict[str, Any]
) -> None:
    answer = await supervisor.post(CALLS, json={**REQUEST, **change})

    assert (answer.status_code, floor.conversations.asked) == (422, [])


@pytest.mark.parametrize(
    ("fault", "status"), [(UnusableTarget("no"), 422), (WrongState("dial", "DRAINING"), 409)]
)
async def test_a_call_that_cannot_be_placed_says_why(
    supervisor: httpx.AsyncClient, floor: FakeFloor, fault: Exception, status: int
) -> None:
    floor.conversations.refusal = fault

    answer = await supervisor.post(CALLS, json=REQUEST)

    assert (answer.status_code, answer.json()["detail"]) == (status, str(fault))


async def test_an_agent_places_calls_for_themselves_only(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    as_ann = bearer("ann")

    own = await supervisor.post(
        CALLS, json={"to": TO, "connect": {"kind": "agent", "name": "ann"}}, headers=as_ann
    )
    others = await supervisor.post(
        CALLS, json={"to": TO, "connect": {"kind": "agent", "name": "bob"}}, headers=as_ann
    )

    assert (own.status_code, others.status_code) == (201, 403)


async def test_a_repeated_request_rings_once(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    headers = {"idempotency-key": uuid4().hex}

    answers = [await supervisor.post(CALLS, json=REQUEST, headers=headers) for _ in range(3)]
    other = await supervisor.post(CALLS, json={**REQUEST, "ring_s": 60}, headers=headers)
    somebody_else = await supervisor.post(CALLS, json=REQUEST, headers={**headers, **bearer("app")})
    floor.conversations.end("placed")
    late = await supervisor.post(CALLS, json=REQUEST, headers=headers)

    assert [answer.status_code for answer in answers] == [201] * 3
    assert (other.status_code, somebody_else.status_code, late.status_code) == (409, 201, 409)
    assert len(floor.conversations.asked) == 2


async def test_a_request_that_failed_may_be_repeated(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    headers = {"idempotency-key": uuid4().hex}
    floor.conversations.refusal = WrongState("dial", "DRAINING")
    failed = await supervisor.post(CALLS, json=REQUEST, headers=headers)
    floor.conversations.refusal = None

    repeated = await supervisor.post(CALLS, json=REQUEST, headers=headers)

    assert (failed.status_code, repeated.status_code) == (409, 201)


@pytest.mark.parametrize("cursor", ["x", "WyJsaXZlIiwgInllc3RlcmRheSIsICJ4Il0", "WyJtYXliZSIsICIiLCAiIl0"])
async def test_a_cursor_of_somebody_elses_is_422(supervisor: httpx.AsyncClient, cursor: str) -> None:
    assert (await supervisor.get(CALLS, params={"cursor": cursor})).status_code == 422
