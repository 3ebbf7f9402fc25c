"""The queue endpoints: what they show to whom, and what they ask of the engine."""

from __future__ import annotations

import httpx
import pytest

from gateway.api.ports import Caller, FloorDesk
from gateway.queues.entry import EntryState
from gateway.queues.signals import Leave, Leaving, Move, SetPriority
from tests.fakes.floor import NOW, Estimate, FakeFloor, bearer, entry_view

ENTRIES = "/v1/queues/billing/entries"


async def test_every_queue_is_listed_with_its_figures(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    floor.queueing.add(entry_view("e1", enqueued_at=NOW - 93.25))
    floor.queueing.add(entry_view("e2", callback=True, state=EntryState.CALLBACK_WAITING))

    billing, sales = (await supervisor.get("/v1/queues")).json()["queues"]

    assert billing == {
        "name": "billing", "waiting": 1, "callbacks": 1, "connected": 0,
        "oldest_at": "2026-01-01T11:58:26.750000Z", "oldest_wait_s": 93.2,
        "staffed": 2, "on_duty": 1, "idle": 1,
        "today": {
            "offered": 10, "answered": 8, "abandoned": 1, "service_level": 0.75, "average_wait_s": 12.34,
            "longest_wait_s": 60.0, "average_handle_s": None,
        },
    }  # fmt: skip
    assert (sales["name"], sales["oldest_at"], sales["today"]) == ("sales", None, None)


async def test_a_queue_is_shown_with_its_rules(supervisor: httpx.AsyncClient) -> None:
    answer = (await supervisor.get("/v1/queues/billing")).json()

    assert (answer["name"], answer["rules"]["strategy"], answer["rules"]["capacity"]) == (
        "billing", "longest_idle", 50
    )  # fmt: skip


async def test_an_unknown_queue_is_404_with_the_nearest_name(supervisor: httpx.AsyncClient) -> None:
    answers = [
        await supervisor.get("/v1/queues/biling"),
        await supervisor.get("/v1/queues/biling/entries"),
        await supervisor.delete("/v1/queues/biling/entries/e1"),
        await supervisor.patch("/v1/queues/biling/entries/e1", json={"priority": 1}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert {answer.json()["detail"] for answer in answers} == {
        "there is no queue 'biling'; did you mean 'billing'?"
    }


async def test_an_entry_is_shown_with_position_wait_and_estimate(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    floor.queueing.add(
        entry_view("e1", position=4, skills={"billing": 3}), Caller("+4930123456", "Ann", "call-7")
    )
    floor.queueing.estimates["e1"] = Estimate(170.0, 95.0, 290.0)

    (entry,) = (await supervisor.get(ENTRIES)).json()["entries"]

    assert entry == {
        "id": "e1", "queue": "billing", "state": "waiting", "position": 4, "priority": 0,
        "number": "+4930123456", "name": "Ann", "call_id": "call-7", "skills": {"billing": 3},
        "language": "en", "enqueued_at": "2026-01-01T11:59:00Z", "wait_s": 60.0,
        "estimate": {"median_s": 170.0, "low_s": 95.0, "high_s": 290.0},
        "callback": False, "not_before": None, "agents": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("who", "number"),
    [("root", "+4930123456"), ("sue", "+4930123456"), ("ann", "•••456"), ("app", "•••456")],
)
async def test_numbers_are_masked_by_role(
    supervisor: httpx.AsyncClient, floor: FakeFloor, who: str, number: str
) -> None:
    floor.queueing.add(entry_view("e1"))

    (entry,) = (await supervisor.get(ENTRIES, headers=bearer(who))).json()["entries"]

    assert entry["number"] == number


async def test_pages_go_on_where_the_last_one_ended_though_the_queue_moves(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    for number in range(5):
        floor.queueing.add(entry_view(f"e{number}", enqueued_at=NOW - 100 + number))
    first = (await supervisor.get(ENTRIES, params={"limit": 2})).json()
    del floor.queueing.placed["e0"]  # somebody is served in between
    second = (await supervisor.get(ENTRIES, params={"limit": 2, "cursor": first["next"]})).json()
    del floor.queueing.placed["e3"]  # and the last one seen leaves

    third = (await supervisor.get(ENTRIES, params={"limit": 2, "cursor": second["next"]})).json()

    pages = [[entry["id"] for entry in page["entries"]] for page in (first, second, third)]
    assert pages == [["e0", "e1"], ["e2", "e3"], ["e4"]]
    assert third["next"] is None


@pytest.mark.parametrize("cursor", ["x", "!!!", "bnVsbA", "WzEsMl0", "é"])
async def test_a_cursor_of_somebody_elses_is_422(supervisor: httpx.AsyncClient, cursor: str) -> None:
    answer = await supervisor.get(ENTRIES, params={"cursor": cursor})

    assert answer.status_code == 422
    assert "begin without one" in answer.json()["detail"]


@pytest.mark.parametrize("limit", [0, 501, "many"])
async def test_a_page_has_a_size_in_bounds(supervisor: httpx.AsyncClient, limit: object) -> None:
    assert (await supervisor.get(ENTRIES, params={"limit": str(limit)})).status_code == 422


async def test_a_caller_is_taken_out_and_a_callback_is_cancelled(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    floor.queueing.add(entry_view("e1"))
    floor.queueing.add(entry_view("e2", callback=True, state=EntryState.CALLBACK_WAITING))

    answers = [await supervisor.delete(f"{ENTRIES}/{entry}") for entry in ("e1", "e2")]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert floor.queueing.posted == [
        (Leave("e1", Leaving.REMOVED), "sue"), (Leave("e2", Leaving.CANCELLED), "sue")
    ]  # fmt: skip


async def test_priority_and_queue_change_together(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    floor.queueing.add(entry_view("e1"))

    answer = await supervisor.patch(f"{ENTRIES}/e1", json={"priority": 10, "queue": "sales"})

    assert answer.status_code == 200
    assert (answer.json()["priority"], answer.json()["queue"]) == (10, "sales")
    assert floor.queueing.posted == [(Move("e1", "sales"), "sue"), (SetPriority("e1", 10), "sue")]


async def test_moving_to_where_it_is_already_changes_nothing(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    floor.queueing.add(entry_view("e1"))

    answer = await supervisor.patch(f"{ENTRIES}/e1", json={"queue": "billing"})

    assert (answer.status_code, floor.queueing.posted) == (200, [])


@pytest.mark.parametrize(
    "body",
    [
        None, [], {}, {"priority": "high"}, {"priority": 10**9}, {"prio": 1}, {"queue": "nowhere"},
        {"priority": 5, "queue": "nowhere"}, {"priority": None},
    ],
    ids=str,
)  # fmt: skip
async def test_a_bad_change_is_422_and_changes_nothing(
    supervisor: httpx.AsyncClient, floor: FakeFloor, body: object
) -> None:
    floor.queueing.add(entry_view("e1"))

    answer = await supervisor.patch(f"{ENTRIES}/e1", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"]
    assert floor.queueing.posted == []


@pytest.mark.parametrize(
    ("entry", "status", "detail"),
    [
        (None, 404, "no entry e1 waits any more"),
        (entry_view("e1", "sales"), 404, "in the queue 'sales' now"),
        (entry_view("e1", state=EntryState.CONNECTED, agents=("ann",)), 409, "talks with ann"),
        (entry_view("e1", state=EntryState.ABANDONED), 404, "it is abandoned"),
    ],
)
async def test_what_is_not_waiting_here_stays_as_it_is(
    supervisor: httpx.AsyncClient, floor: FakeFloor, entry: object, status: int, detail: str
) -> None:
    if entry is not None:
        floor.queueing.placed["e1"] = entry  # type: ignore[assignment] # of the parameters above

    removed = await supervisor.delete(f"{ENTRIES}/e1")
    changed = await supervisor.patch(f"{ENTRIES}/e1", json={"priority": 1})

    assert (removed.status_code, changed.status_code) == (status, status)
    assert detail in removed.json()["detail"]
    assert floor.queueing.posted == []


@pytest.mark.parametrize(("who", "status"), [("root", 204), ("sue", 204), ("ann", 403), ("app", 403)])
async def test_only_supervisors_and_admins_change_queues(
    supervisor: httpx.AsyncClient, floor: FakeFloor, who: str, status: int
) -> None:
    floor.queueing.add(entry_view("e1"))
    changed = await supervisor.patch(f"{ENTRIES}/e1", json={"priority": 1}, headers=bearer(who))

    removed = await supervisor.delete(f"{ENTRIES}/e1", headers=bearer(who))

    assert removed.status_code == status
    assert changed.status_code == (200 if status == 204 else status)


async def test_a_starting_node_says_so(supervisor: httpx.AsyncClient, desk: FloorDesk) -> None:
    desk.floor = None

    answers = [await supervisor.get(path) for path in ("/v1/queues", "/v1/queues/billing", ENTRIES)]

    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "1")] * 3
