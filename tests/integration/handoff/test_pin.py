"""Context that an app handed over is on the agent's screen when its PIN is typed, before the phone rings."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gateway.call.uui import parse_uui
from tests.integration.handoff.conftest import BANK_KEY, SHOP_KEY
from tests.integration.handoff.doing import call, desktop, hand_over, opened_by
from tests.integration.handoff.plan import DIRECT, PIN, WRONG_HZ
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import Centre, hears

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60, func_only=True)]


async def test_a_typed_pin_brings_the_context_to_the_agent_before_the_phone_rings(centre: Centre) -> None:
    opened = await opened_by(centre)
    await centre.on_duty("ann")
    async with desktop(centre, "ann") as screen:
        await screen.next("hello")
        await call(centre, PIN, opened["pin"])
        offer = (await screen.next("offer"))["offer"]
        ringing = await centre.agents["ann"].ring()
    context, invite = offer["context"], ringing.requests("INVITE")[0]

    assert context["id"] == opened["id"]
    assert context["match"] == "pin"
    assert context["customer"] == {"id": "c-1", "name": "Ada <b>Lovelace</b>"}, "text, and no override"
    assert context["authentication"]["state"] == "verified"
    assert context["authentication"]["level"] == "single", "a PIN proves one factor, whatever the app had"
    assert (context["intent"], context["language"], context["channel"]) == ("card_blocked", "en", "chat")
    assert context["attributes"] == {
        "shop": "X", "iban": "•••", "topic": "card_blocked", "verified": True, "who": "c-1"
    }  # fmt: skip
    assert [step["kind"] for step in context["journey"]] == ["chat", "menu", "queue"]
    assert invite["X-Ringback-Handoff"] == opened["id"]
    assert (uui := parse_uui(invite["User-to-User"])) is not None
    assert json.loads(uui.content) == {"id": opened["id"], "v": 1, "i": "card_blocked", "c": "c-1"}


async def test_a_pin_is_good_for_one_call_and_a_wrong_one_for_none(centre: Centre) -> None:
    opened = await opened_by(centre)
    await centre.set_presence("ann", "on_break", "tea")
    await call(centre, PIN, opened["pin"], "first")
    await centre.until_waiting("help", 1)
    again = await call(centre, PIN, opened["pin"], "second")

    await until(lambda: hears(again, WRONG_HZ), "the second caller hears that it is wrong")


async def test_a_call_from_the_number_finds_the_context_and_proves_nothing(centre: Centre) -> None:
    opened = await opened_by(centre, pin=False, number="+49 30 12345")
    await centre.on_duty("ann")
    async with desktop(centre, "ann") as screen:
        await screen.next("hello")
        await call(centre, DIRECT, name="004930 12345".replace(" ", ""))
        context = (await screen.next("offer"))["offer"]["context"]

    assert context["id"] == opened["id"]
    assert context["authentication"] | {"state": "claimed", "level": "claimed"} == context["authentication"]
    assert context["authentication"]["authenticated"] is False


async def test_somebody_else_s_app_sees_nothing_and_the_owner_every_change(centre: Centre) -> None:
    opened = await opened_by(centre)
    await centre.set_presence("ann", "on_break", "tea")
    await call(centre, PIN, opened["pin"])
    url = f"http://{LOOPBACK}:{centre.gateway.http_port}/v1/handoffs/{opened['id']}"
    async with httpx.AsyncClient() as client:
        shop = await client.get(url, headers={"authorization": f"Bearer {SHOP_KEY}"})

        async def written() -> Any:
            found = (await client.get(url, headers={"authorization": f"Bearer {BANK_KEY}"})).json()
            whats = [change["what"] for change in found["changes"]]
            return found if "entry.joined" in whats else None

        found = await until_async(written, "the visit to the queue is written")

    assert shop.status_code == 404
    assert found["context"]["attributes"]["iban"] == "DE00 1234"
    assert [change["what"] for change in found["changes"]][:3] == ["handed_over", "matched", "written"]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"customer": {"name": "x" * 10_000}}, 422),
        ({"customer": {"name": 7}}, 422),
        ({"customer": {"a b": "x"}}, 422),
        ({"authentication": {"method": "x", "level": "admin", "until": "2099-01-01T00:00:00Z"}}, 422),
        ({"authentication": True}, 422),
        ({"attachments": [{"url": "javascript:alert(1)"}]}, 422),
        ({"attributes": {f"a{i}": "x" * 3000 for i in range(20)}}, 413),
        ({"attributes": {"a": "x" * 300_000}}, 413),
        ({"ttl_s": "3600"}, 422),
        ({"ttl_s": 10**9}, 422),
        ({"unknown": 1}, 422),
    ],
)
async def test_what_is_wrong_is_refused_with_a_problem(
    centre: Centre, wrong: dict[str, Any], status: int
) -> None:
    answer = await hand_over(centre, **wrong)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
