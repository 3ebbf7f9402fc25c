"""Webhooks of real calls, to real HTTP servers: told once it happened, whatever breaks in between."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.peers.ua import UserAgent
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import Centre, hears, talking
from tests.integration.queues.plan import BYE_HZ, CONFIRM_HZ, KEPT_HZ, PENDING_HZ, TIMED_OUT_HZ
from tests.integration.webhooks.receiver import Receiver
from tests.integration.webhooks.site import killed, settings, start_again, telling

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
ASKED_HZ = (CONFIRM_HZ, KEPT_HZ, PENDING_HZ, BYE_HZ)
CALLER, CUSTOMER = "4930222", "+4930123456"


@dataclass(frozen=True, slots=True)
class Told:
    """A node and those whom it tells: everything; calls, without what is personal; two that don't work."""

    centre: Centre
    trunk: UserAgent
    crm: Receiver
    helpdesk: Receiver
    broken: Receiver
    gone: Receiver

    async def ringback(self, *words: str, group: str = "webhooks") -> str:
        """What a command of `ringback webhooks` (or another group) prints."""
        url = f"http://127.0.0.1:{self.centre.gateway.http_port}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", group, *words, "--url", url,
            env={**os.environ, "RINGBACK_API_KEY": self.centre.key}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 30.0)
        assert process.returncode == 0
        return output.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    async with (
        Receiver() as crm,
        Receiver() as helpdesk,
        Receiver(status=500) as broken,
        Receiver(status=410) as gone,
    ):
        more = settings(
            ("crm", crm.url, '["*"]', True),
            ("helpdesk", helpdesk.url, '["call.ended", "agent.*"]', False),
            ("broken", broken.url, '["queue.*"]', False),
            ("gone", gone.url, '["queue.*"]', False),
            attempts=2,
        )
        async with telling(tmp_path_factory.mktemp("told"), more) as (centre, trunk):
            yield Told(centre, trunk, crm, helpdesk, broken, gone)


@pytest_asyncio.fixture(loop_scope="module")
async def told(shared: Told) -> AsyncIterator[Told]:
    yield shared
    await shared.centre.clear()


async def served(centre: Centre) -> None:
    """A caller talks with Ann, who writes something down and hangs up."""
    await centre.on_duty("ann")
    caller = await centre.call_in("quiet", CALLER)
    agent = await centre.agents["ann"].answer()
    async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "the two talk")
    body = {"disposition": "solved", "notes": "wants the blue one"}
    answer = await centre.request("PUT", "/v1/agents/ann/wrap-up", body)
    assert answer.status_code == 200, answer.text
    agent.bye()
    await caller.request("BYE")


async def test_a_call_is_told_to_who_wants_it_signed_and_without_what_they_may_not_see(told: Told) -> None:
    await served(told.centre)
    offered = await told.crm.next("agent.offered", agent="ann", queue="quiet")
    connected = await told.crm.next("call.connected", agent="ann")
    ended = await told.crm.next("call.ended", agent="ann")
    noted = await told.crm.next("call.noted", agent="ann")
    joined = await told.crm.next("queue.joined", queue="quiet")
    changed = await told.crm.next("handoff.changed", handoff=joined.data["context"]["id"])
    plain = await told.helpdesk.next("call.ended")
    await told.helpdesk.next("agent.offered")
    count = await told.centre.gateway.metric(
        "ringback_webhook_deliveries_total", endpoint="crm", outcome="delivered"
    )

    assert all(one.genuine for one in (*told.crm.received, *told.helpdesk.received))
    calls = {one.data["call_id"] for one in (offered, connected, ended, joined, noted, plain)}
    assert len(calls) == 1
    assert offered.data["caller"]["number"] == ended.data["caller"]["number"] == CALLER
    assert ended.data["disposition"] == "solved"
    assert ended.data["notes"] == noted.data["notes"] == "wants the blue one"
    assert ended.data["talk_s"] > 0
    assert changed.data["context"]["channel"] == "phone"
    assert {one.type for one in told.helpdesk.received} == {"agent.offered", "call.ended"}
    assert plain.message["id"] == ended.message["id"] == plain.headers["webhook-id"]
    assert CALLER.encode() not in plain.raw
    assert b"blue one" not in plain.raw
    assert plain.data["disposition"] == "solved"
    assert count >= 6


async def test_a_caller_who_is_sent_on_is_told_with_where_to(told: Told) -> None:
    centre = told.centre
    await centre.on_duty("ann")
    caller = await centre.call_in("quiet", "4930111")
    agent = await centre.agents["ann"].answer()
    async with talking((caller, CALLER_HZ)):
        await until(lambda: hears(agent, CALLER_HZ), "the two talk")
    connected = await told.crm.next("call.connected", caller={"number": "4930111", "name": ""})
    body = {"to": {"kind": "number", "name": CUSTOMER}}
    await centre.request("POST", f"/v1/calls/{connected.data['call_id']}/transfer", body)
    rung = await told.trunk.next_call(10.0)
    transferred = await told.crm.next("call.transferred", call_id=connected.data["call_id"])
    rung.respond(486, "Busy Here")
    caller.bye()

    assert (transferred.data["how"], transferred.data["by"]) == ("blind", "boss")
    assert transferred.data["to"] == f"number:{CUSTOMER}"


async def test_a_callback_is_told_until_nobody_will_call_any_more(told: Told) -> None:
    centre, crm = told.centre, told.crm
    body = {"queue": "calling", "number": CUSTOMER, "identity": "c-1", "context": {"topic": "x"}}
    asked = (await centre.request("POST", "/v1/callbacks", body)).json()
    about = {"entry": asked["id"]}
    await centre.on_duty("ann")
    for _ in range(3):
        agent = await centre.agents["ann"].answer(15.0)
        customer = await told.trunk.next_call(10.0)
        customer.respond(486, "Busy Here")
        await agent.request("BYE", deadline_s=10.0)
    failed = await crm.next("callback.failed", **about, final=True)
    requested = await crm.next("callback.requested", **about)
    dialled = await crm.next("callback.dialled", **about, attempt=3)
    again = (await centre.request("POST", "/v1/callbacks", body)).json()
    await centre.request("PATCH", f"/v1/callbacks/{again['id']}", {"number": "+4930123457"})
    updated = await crm.next("callback.updated", entry=again["id"])
    await centre.request("DELETE", f"/v1/callbacks/{again['id']}")
    cancelled = await crm.next("callback.cancelled", entry=again["id"])

    assert requested.data["caller"]["number"] == CUSTOMER
    assert requested.data["context"]["topic"] == "x"
    assert failed.data["attempt"] == dialled.data["callback"]["attempts"] == 3
    assert failed.data["outcome"] == "busy"
    assert failed.data["callback"]["id"] == asked["id"]
    assert len(crm.of("callback.failed", **about, final=False)) == 2
    assert cancelled.data["reason"] == "cancelled"
    assert updated.data["caller"]["number"] == "+4930123457"
    assert crm.of("callback.updated", **about) == []


async def test_what_was_given_up_is_listed_and_sent_again_and_who_is_gone_is_left_alone(told: Told) -> None:
    centre = told.centre
    await centre.set_presence("ann", "on_break", "lunch")
    caller = await centre.wait_in("quiet", "4930777")
    caller.bye()
    abandoned = await told.crm.next("queue.abandoned", caller={"number": "4930777", "name": ""})

    async def dead() -> list[dict[str, Any]]:
        listed = (await centre.get("/v1/webhooks/deliveries?state=dead&endpoint=broken"))["deliveries"]
        mine: list[dict[str, Any]] = [one for one in listed if one["message"] == abandoned.message["id"]]
        return mine

    [listed] = await until_async(dead, "it is given up", deadline_s=10.0)
    told.broken.status = 204
    one = await told.ringback("replay", listed["id"])
    again = await told.broken.next("queue.abandoned", entry=abandoned.data["entry"])
    listing = await told.ringback("list", "--state", "dead")
    rest = await centre.request("POST", "/v1/webhooks/replay", {"endpoint": "broken"})
    await told.broken.next("queue.joined", entry=again.data["entry"])
    endpoints = (await centre.get("/v1/webhooks"))["endpoints"]
    asked_before = len(told.gone.received)
    told.gone.status = 204
    await centre.request("POST", "/v1/webhooks/gone/enable")
    tested = (await centre.request("POST", "/v1/webhooks/gone/test")).json()
    test = await told.gone.next("webhook.test")

    assert (listed["type"], listed["tries"], listed["status"]) == ("queue.abandoned", 2, 500)
    assert one == "1 will be sent again\n"
    assert "queue.joined" in listing
    assert rest.json()["replayed"] >= 1
    assert again.raw == (await centre.get(f"/v1/webhooks/deliveries/{listed['id']}"))["body"].encode()
    assert {one["name"] for one in endpoints if not one["enabled"]} == {"gone"}
    assert asked_before == 1
    assert test.genuine
    assert test.message["id"] == tested["message"]


async def test_a_customer_is_asked_in_a_call_of_its_own(told: Told) -> None:
    to, flow = {"kind": "number", "name": CUSTOMER}, {"kind": "flow", "name": "rate"}
    placed = await told.centre.request("POST", "/v1/calls", {"to": to, "connect": flow})
    customer = await told.trunk.next_call(10.0)
    customer.respond(200, "OK", sdp=True)
    await customer.request("ACK")
    await until(lambda: hears(customer, CONFIRM_HZ, ASKED_HZ), "how likely they are to recommend us")
    await customer.rtp.press("8")
    await until(lambda: hears(customer, BYE_HZ, ASKED_HZ), "thanks")
    await customer.request("BYE")
    answered = await told.crm.next("survey.answered", survey="short")

    assert placed.status_code == 201, placed.text
    assert answered.data["nps"] == 8
    assert answered.data["call_id"] == placed.json()["id"]


async def test_what_happened_is_told_after_the_receiver_was_down_and_the_node_was_killed(
    tmp_path: Path,
) -> None:
    crm, stack = Receiver(status=503), AsyncExitStack()
    async with crm, stack:
        more = settings(("crm", crm.url, '["call.*"]', True))
        async with telling(tmp_path, more) as (centre, _):
            await served(centre)
            await until(lambda: {one.type for one in crm.received} >= {"call.ended"}, "it was tried")
            talking_still = await centre.call_in("quiet", "4930999")
            agent = await centre.agents["ann"].answer()
            async with talking((talking_still, CALLER_HZ)):
                await until(lambda: hears(agent, CALLER_HZ), "the next two talk")
            [before] = (await centre.get("/v1/webhooks"))["endpoints"]
            tried = {one.message["id"] for one in crm.received}
            await killed(centre)
            crm.status = 204
            await start_again(centre, stack)
            ended = await crm.next("call.ended", agent="ann", disposition="solved")
            cut_off = await crm.next("call.ended", agent="ann", cause="node_died")
            await crm.next("call.connected", call_id=cut_off.data["call_id"])

            async def empty() -> bool:
                [found] = (await centre.get("/v1/webhooks"))["endpoints"]
                return bool(found["pending"] == 0)

            await until_async(empty, "everything is delivered")

    taken = [one.message["id"] for one in crm.received if one.answered < 300]
    assert before["pending"] >= 2
    assert ended.message["id"] in tried
    assert ended.genuine
    assert len(taken) == len(set(taken))


async def test_who_is_left_by_the_agent_is_asked_how_it_was_and_the_answers_are_in_report_and_webhook(
    told: Told,
) -> None:
    centre = told.centre
    await centre.set_presence("ann", "on_break", "lunch")
    caller = await centre.wait_in("surveyed", "4930333")
    await caller.rtp.press("5")
    await until(lambda: hears(caller, TIMED_OUT_HZ), "a link is on its way")
    linked = await told.crm.next("chat.link_requested", queue="surveyed")
    await centre.on_duty("ann")
    agent = await centre.agents["ann"].answer()
    async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ), "the two talk")
    await centre.request("PUT", "/v1/agents/ann/wrap-up", {"disposition": "sold"})
    again = await centre.request("POST", f"/v1/calls/{linked.data['call_id']}/chat_link")
    by_agent = await told.crm.next("chat.link_requested", by="boss")
    agent.bye()
    recorded = await told.crm.next("recording.ready", call_id=linked.data["call_id"])
    await until(lambda: hears(caller, CONFIRM_HZ, ASKED_HZ), "how likely they are to recommend us")
    await centre.until_state("ann", "idle")
    await caller.rtp.press("1")
    await asyncio.sleep(0.1)  # as a finger would
    await caller.rtp.press("0")
    await until(lambda: hears(caller, KEPT_HZ, ASKED_HZ), "how content they were")
    await caller.rtp.press("4")
    await until(lambda: hears(caller, PENDING_HZ, ASKED_HZ), "what can be done better")
    await until(lambda: not hears(caller, PENDING_HZ, ASKED_HZ), "the question is over")
    async with talking((caller, CALLER_HZ)):
        await asyncio.sleep(1.5)  # a comment
    await caller.rtp.press("#")
    await until(lambda: hears(caller, BYE_HZ, ASKED_HZ), "thanks")
    await caller.request("BYE")
    answered = await told.crm.next("survey.answered", agent="ann")
    report = await centre.get("/v1/reports/surveys?by=agent")
    table = await told.ringback("surveys", "--by", "agent", group="report")

    data = answered.data
    assert (data["survey"], data["source"]) == ("after-call", "call")
    assert (data["nps"], data["csat"], data["queue"]) == (10, 4, "surveyed")
    assert data["caller"]["number"] == "4930333"
    assert list((centre.gateway.data_dir / "voicemail").rglob(f"{data['comment']}.wav"))
    [row] = [row for row in report["rows"] if row["agent"] == "ann"]
    assert (row["nps"], row["csat"], row["comments"]) == (100.0, 4.0, 1)
    assert "ann" in table
    assert again.status_code == 200
    assert linked.data["caller"]["number"] == by_agent.data["caller"]["number"] == "4930333"
    recording = await centre.request("GET", f"/v1/recordings/{recorded.data['recording']}")
    assert recording.status_code == 200


async def test_the_next_call_shows_the_last_contact_and_the_way_to_the_customers_record(told: Told) -> None:
    centre = told.centre
    await centre.on_duty("ann")
    caller = await centre.call_in("quiet", "4930333")
    ringing = await centre.agents["ann"].ring()
    context = (await centre.get("/v1/agents/ann/offer"))["context"]
    caller.bye()
    await ringing.request("CANCEL")
    offered = await told.crm.next("agent.offered", queue="quiet", call_id=_call_in(context["record"]["url"]))

    last = context["last_contact"]
    assert (last["agent"], last["noted"]) == ("ann", "sold")
    assert last["survey"] == "NPS 10, CSAT 4, a comment"
    assert last["by"] == "number"
    assert context["record"]["url"].startswith("https://crm.example/?customer=&from=4930333&call=")
    assert offered.data["context"]["last_contact"] == last


def _call_in(url: str) -> str:
    return url.partition("&call=")[2]


async def test_who_hangs_up_first_is_asked_by_a_link_that_counts_once(told: Told) -> None:
    centre = told.centre
    await centre.on_duty("ann")
    caller = await centre.call_in("surveyed", "4930444")
    agent = await centre.agents["ann"].answer()
    async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(agent, CALLER_HZ), "the two talk")
    caller.bye()
    await agent.request("BYE")
    invited = await told.crm.next("survey.invited", agent="ann")
    path = invited.data["url_path"]
    shown = await centre.get(path)
    nothing = await centre.request("POST", path, {})
    first = await centre.request("POST", path, {"nps": 3, "comment": "too <b>slow</b>"})
    again = await centre.request("POST", path, {"nps": 10})
    forged = await centre.request("POST", f"{path[:-4]}AAAA", {"nps": 10})
    answered = await told.crm.next("survey.answered", source="link")
    journal = centre.gateway.data_dir / "ringback.db"

    assert (shown["survey"], shown["questions"]) == ("after-call", ["nps", "csat", "comment"])
    assert shown["answered"] is False
    assert nothing.status_code == 422
    assert (first.status_code, again.status_code, forged.status_code) == (204, 409, 404)
    assert (answered.data["nps"], answered.data["comment"]) == (3, "too <b>slow</b>")
    assert answered.data["call_id"] == invited.data["call_id"]
    with sqlite3.connect(journal) as database:
        [[kept]] = database.execute("SELECT details FROM journal WHERE kind = 'survey.invited'")
    assert "token" not in kept
