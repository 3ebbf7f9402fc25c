"""Webhooks of real calls, to real HTTP servers: told once it happened, whatever breaks in between."""

from __future__ import annotations

import asyncio
import os
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
from tests.integration.webhooks.receiver import Receiver
from tests.integration.webhooks.site import killed, settings, start_again, telling

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
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

    async def ringback(self, *words: str) -> str:
        """What a command of `ringback webhooks` prints."""
        url = f"http://127.0.0.1:{self.centre.gateway.http_port}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "webhooks", *words, "--url", url,
            env={**os.environ, "RINGBACK_API_KEY": self.centre.key}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 30.0)
        assert process.returncode == 0
        return output.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
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
    await centre.request("DELETE", f"/v1/callbacks/{again['id']}")
    cancelled = await crm.next("callback.cancelled", entry=again["id"])

    assert requested.data["caller"]["number"] == CUSTOMER
    assert requested.data["context"]["topic"] == "x"
    assert failed.data["attempt"] == dialled.data["callback"]["attempts"] == 3
    assert failed.data["outcome"] == "busy"
    assert failed.data["callback"]["id"] == asked["id"]
    assert len(crm.of("callback.failed", **about, final=False)) == 2
    assert cancelled.data["reason"] == "cancelled"


async def test_what_was_given_up_is_listed_and_sent_again_and_who_is_gone_is_left_alone(told: Told) -> None:
    centre = told.centre
    await centre.set_presence("ann", "on_break", "lunch")
    caller = await centre.wait_in("quiet", "4930777")
    caller.bye()
    abandoned = await told.crm.next("queue.abandoned")

    async def dead() -> list[dict[str, Any]]:
        listed = (await centre.get("/v1/webhooks/deliveries?state=dead&endpoint=broken"))["deliveries"]
        mine: list[dict[str, Any]] = [one for one in listed if one["message"] == abandoned.message["id"]]
        return mine

    [listed] = await until_async(dead, "it is given up", deadline_s=10.0)
    told.broken.status = 204
    one = await told.ringback("replay", listed["id"])
    again = await told.broken.next("queue.abandoned")
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


async def test_what_happened_is_told_after_the_receiver_was_down_and_the_node_was_killed(
    tmp_path: Path,
) -> None:
    crm, stack = Receiver(status=503), AsyncExitStack()
    async with crm, stack:
        more = settings(("crm", crm.url, '["call.*"]', True))
        async with telling(tmp_path, more) as (centre, _):
            await served(centre)
            await until(lambda: {one.type for one in crm.received} >= {"call.ended"}, "it was tried")
            [before] = (await centre.get("/v1/webhooks"))["endpoints"]
            tried = {one.message["id"] for one in crm.received}
            await killed(centre)
            crm.status = 204
            await start_again(centre, stack)
            ended = await crm.next("call.ended", agent="ann")
            await crm.next("call.connected")

            async def empty() -> bool:
                [found] = (await centre.get("/v1/webhooks"))["endpoints"]
                return bool(found["pending"] == 0)

            await until_async(empty, "everything is delivered")

    taken = [one.message["id"] for one in crm.received if one.answered < 300]
    assert before["pending"] >= 2
    assert ended.message["id"] in tried
    assert ended.genuine
    assert len(taken) == len(set(taken))
