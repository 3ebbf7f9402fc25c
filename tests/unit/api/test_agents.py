"""The agent endpoints: who acts for whom, and what they ask of the engine."""

from __future__ import annotations

import httpx
import pytest

from gateway.agents.presence import AgentState, Presence
from gateway.api.ports import Caller
from gateway.queues.signals import EndWrapUp, ExtendWrapUp, SetPresence
from tests.fakes.floor import NOW, FakeFloor, bearer, entry_view

ANN, BOB = "/v1/agents/ann", "/v1/agents/bob"


async def test_agents_are_listed_with_presence_and_state(supervisor: httpx.AsyncClient) -> None:
    ann, bob = (await supervisor.get("/v1/agents")).json()["agents"]

    assert ann == {
        "id": "ann", "name": "Ann", "presence": "available", "reason": "", "state": "idle",
        "since": "2026-01-01T11:59:30Z", "phone": False, "reachable": True, "entry": None,
            "wrap_up_until": None,
        "queues": ["billing", "sales"], "skills": {"billing": 5}, "calls": 2, "talk_s": 300.0, "misses": 0,
    }  # fmt: skip
    assert (bob["presence"], bob["reason"]) == ("on_break", "lunch")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"queue": "sales"}, ["ann"]),
        ({"presence": "on_break"}, ["bob"]),
        ({"state": "idle", "queue": "billing"}, ["ann", "bob"]),
        ({"queue": "nothing"}, []),
    ],
)
async def test_agents_are_filtered(
    supervisor: httpx.AsyncClient, query: dict[str, str], found: list[str]
) -> None:
    agents = (await supervisor.get("/v1/agents", params=query)).json()["agents"]

    assert [agent["id"] for agent in agents] == found


async def test_an_unknown_agent_is_404_with_the_nearest_name(supervisor: httpx.AsyncClient) -> None:
    answers = [
        await supervisor.get("/v1/agents/an"),
        await supervisor.get("/v1/agents/an/offer"),
        await supervisor.put("/v1/agents/an/presence", json={"presence": "available"}),
        await supervisor.put("/v1/agents/an/wrap-up", json={"end": True}),
        await supervisor.post("/v1/agents/an/offer/accept"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 5
    assert {answer.json()["detail"] for answer in answers} == {"there is no agent 'an'; did you mean 'ann'?"}


async def test_an_agent_sets_their_own_presence(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    answer = await supervisor.put(
        f"{ANN}/presence", json={"presence": "on_break", "reason": "lunch"}, headers=bearer("ann")
    )

    assert (answer.json()["presence"], answer.json()["reason"]) == ("on_break", "lunch")
    assert floor.queueing.posted == [(SetPresence("ann", Presence.ON_BREAK, "lunch"), "ann")]


async def test_a_supervisor_forces_presence_in_their_own_name(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    answer = await supervisor.put(f"{ANN}/presence", json={"presence": "logged_out"})

    assert answer.json()["presence"] == "logged_out"
    assert floor.queueing.posted == [(SetPresence("ann", Presence.LOGGED_OUT), "sue")]


async def test_an_agent_acts_for_nobody_else(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    floor.queueing.add(entry_view("e1"))
    floor.offers.make("ann", "e1")
    as_bob = bearer("bob")

    answers = [
        await supervisor.put(f"{ANN}/presence", json={"presence": "available"}, headers=as_bob),
        await supervisor.put(f"{ANN}/wrap-up", json={"end": True}, headers=as_bob),
        await supervisor.get(f"{ANN}/offer", headers=as_bob),
        await supervisor.post(f"{ANN}/offer/accept", headers=as_bob),
        await supervisor.post(f"{ANN}/offer/decline", headers=as_bob),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5
    assert answers[0].json()["detail"] == (
        "this key is agent bob's; for ann it takes theirs, or a supervisor's"
    )
    assert (floor.queueing.posted, floor.offers.answers) == ([], [])


async def test_an_app_sees_no_agents(supervisor: httpx.AsyncClient) -> None:
    answer = await supervisor.get("/v1/agents", headers=bearer("app"))

    assert answer.status_code == 403
    assert answer.json()["detail"] == "this takes the role agent or supervisor; this key has app"


@pytest.mark.parametrize(
    "body",
    [
        None, {}, {"presence": "gone"}, {"presence": "available", "reason": "lunch"},
        {"presence": "on_break", "reason": "x" * 65}, {"presence": "on_break", "reason": "a\nb"},
        {"presence": "on_break", "why": "lunch"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_bad_presence_is_422_and_changes_nothing(
    supervisor: httpx.AsyncClient, floor: FakeFloor, body: object
) -> None:
    answer = await supervisor.put(f"{ANN}/presence", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert floor.queueing.posted == []


async def test_wrap_up_is_extended_and_ended_with_its_outcome(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    floor.queueing.set_agent("ann", state=AgentState.WRAP_UP, wrap_up_until=NOW + 10.0)

    extended = await supervisor.put(f"{ANN}/wrap-up", json={"extend_s": 30})
    ended = await supervisor.put(
        f"{ANN}/wrap-up", json={"end": True, "disposition": "resolved", "notes": "paid\ntwice"}
    )

    assert extended.json()["wrap_up_until"] == "2026-01-01T12:00:40Z"
    assert ended.json()["state"] == "idle"
    assert floor.queueing.posted == [(ExtendWrapUp("ann", 30.0), "sue"), (EndWrapUp("ann"), "sue")]
    assert floor.offers.notes == [("ann", "resolved", "paid\ntwice")]


@pytest.mark.parametrize("body", [{"end": True}, {"extend_s": 10}, {"end": True, "notes": "x"}])
async def test_who_is_not_in_wrap_up_cannot_extend_or_end_it(
    supervisor: httpx.AsyncClient, floor: FakeFloor, body: dict[str, object]
) -> None:
    answer = await supervisor.put(f"{ANN}/wrap-up", json=body)

    assert (answer.status_code, answer.json()["detail"]) == (409, "ann isn't in wrap-up: ann is idle")
    assert (floor.queueing.posted, floor.offers.notes) == ([], [])


@pytest.mark.parametrize("body", [{}, {"extend_s": 0}, {"extend_s": 10, "end": True}, {"extend_s": 1e9}])
async def test_a_bad_wrap_up_is_422(supervisor: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await supervisor.put(f"{ANN}/wrap-up", json=body)).status_code == 422


async def test_an_outcome_can_be_given_during_the_call(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    floor.queueing.set_agent("ann", state=AgentState.ON_CALL)

    answer = await supervisor.put(f"{ANN}/wrap-up", json={"disposition": "call_again"}, headers=bearer("ann"))

    assert (answer.status_code, floor.offers.notes) == (200, [("ann", "call_again", "")])


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        ({"billing": ("resolved", "sold"), "sales": ("won",)}, 422),
        ({"billing": ("resolved", "sold")}, 200),  # sales has no list: whatever the agent writes
        ({"billing": ("resolvd",), "sales": ("won",)}, 200),
    ],
)
async def test_an_outcome_is_one_of_the_queues_own(
    supervisor: httpx.AsyncClient, floor: FakeFloor, plan: dict[str, tuple[str, ...]], status: int
) -> None:
    floor.queueing.dispositions.update(plan)
    shown = (await supervisor.get("/v1/queues/billing")).json()["rules"]["dispositions"]

    answer = await supervisor.put(f"{ANN}/wrap-up", json={"disposition": "resolvd"})

    assert shown == list(plan["billing"])
    assert answer.status_code == status
    if status == 422:
        told = "'resolvd' is no disposition of ann's queues; did you mean 'resolved'?"
        assert answer.json()["detail"] == told
        assert floor.offers.notes == []


async def test_an_offer_shows_who_calls_before_it_is_taken(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    floor.queueing.add(
        entry_view("e1", skills={"billing": 3}),
        Caller("+4930123456", "Carl", "call-1", {"verified": True, "order": "A-7"}),
    )
    floor.offers.make("ann", "e1")

    offer = (await supervisor.get(f"{ANN}/offer", headers=bearer("ann"))).json()

    assert offer == {
        "id": "offer-1", "entry": "e1", "queue": "billing", "number": "+4930123456", "name": "Carl",
        "call_id": "call-1", "wait_s": 60.0, "since": "2026-01-01T12:00:00Z",
        "until": "2026-01-01T12:00:20Z", "callback": False, "connecting": False, "language": "en",
        "skills": {"billing": 3}, "context": {"verified": True, "order": "A-7"},
    }  # fmt: skip


@pytest.mark.parametrize("what", ["accept", "decline"])
async def test_an_offer_is_answered_once(supervisor: httpx.AsyncClient, floor: FakeFloor, what: str) -> None:
    floor.queueing.add(entry_view("e1"))
    floor.offers.make("ann", "e1")

    first = await supervisor.post(f"{ANN}/offer/{what}", headers=bearer("ann"))
    second = await supervisor.post(f"{ANN}/offer/{what}", headers=bearer("ann"))

    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["detail"] == "nothing is offered to ann now"
    assert floor.offers.answers == [(what, "offer-1", "ann")]


async def test_what_only_the_phone_can_accept_is_409(supervisor: httpx.AsyncClient, floor: FakeFloor) -> None:
    floor.queueing.add(entry_view("e1"))
    floor.offers.make("ann", "e1")
    floor.offers.phone_only = True

    answer = await supervisor.post(f"{ANN}/offer/accept")

    assert answer.status_code == 409
    assert "pick up the phone" in answer.json()["detail"]


async def test_without_an_offer_there_is_none_to_see(supervisor: httpx.AsyncClient) -> None:
    assert (await supervisor.get(f"{BOB}/offer")).status_code == 404
