"""The whole envelope is on the agent's screen after a transfer, a callback, and `kill -9` still."""

from __future__ import annotations

import os
import signal
from typing import Any

import httpx
import pytest

from tests.integration.handoff.conftest import BANK_KEY
from tests.integration.handoff.doing import call, desktop, opened_by
from tests.integration.handoff.plan import PIN
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until_async
from tests.integration.queues.centre import Centre

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90, func_only=True)]


def whole(context: dict[str, Any], opened: dict[str, Any]) -> bool:
    """Nothing of what was handed over is missing."""
    return (
        context["id"] == opened["id"]
        and context["customer"]["id"] == "c-1"
        and context["intent"] == "card_blocked"
        and context["attributes"]["shop"] == "X"
        and "My card was blocked at shop X" in [step["text"] for step in context["journey"]]
    )


async def post(centre: Centre, path: str, body: Any, key: str = BANK_KEY) -> httpx.Response:
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}) as client:
        return await client.post(f"http://{LOOPBACK}:{centre.gateway.http_port}{path}", json=body)


async def talking(centre: Centre) -> str:
    """The id of the call that ann has."""

    async def there() -> str:
        calls = await centre.get("/v1/calls")
        return next((str(found["id"]) for found in calls["calls"] if "ann" in found["agents"]), "")

    return str(await until_async(there, "ann talks"))


async def test_requeue_and_transfer_keep_it_and_show_the_note(centre: Centre) -> None:
    opened = await opened_by(centre)
    await centre.on_duty("ann")
    async with desktop(centre, "ann") as screen, desktop(centre, "ben") as other:
        await screen.next("hello")
        await other.next("hello")
        await call(centre, PIN, opened["pin"])
        first = (await screen.next("offer"))["offer"]["context"]
        await centre.agents["ann"].answer()
        call_id = await talking(centre)
        await centre.set_presence("ben", "available")
        sent = await centre.request(
            "POST",
            f"/v1/calls/{call_id}/transfer",
            {"to": {"kind": "agent", "name": "ben"}, "note": "wants a new card"},
        )
        second = (await other.next("offer"))["offer"]["context"]

    assert await centre.gateway.metric("ringback_handoff_shown_before_answer_total", shown="yes") >= 1
    assert sent.status_code < 300, sent.text
    assert whole(first, opened)
    assert whole(second, opened)
    texts = [step["text"] for step in second["journey"]]
    assert "wants a new card" in texts
    assert any(text.startswith("ann took the call") for text in texts)
    assert second["authentication"]["state"] == "verified"


async def test_call_me_now_is_a_callback_with_the_context_and_its_journey(centre: Centre) -> None:
    opened = await opened_by(centre, pin=False)
    async with desktop(centre, "ann") as screen:
        await screen.next("hello")
        asked = await post(
            centre, f"/v1/handoffs/{opened['id']}/callback", {"queue": "help", "number": "+4930123456"}
        )
        wrong = await post(centre, f"/v1/handoffs/{opened['id']}/callback", {"queue": "help"})
        await centre.on_duty("ann")
        offer = (await screen.next("offer"))["offer"]

    assert asked.status_code == 201, asked.text
    assert wrong.status_code == 422
    assert offer["callback"] is True
    assert whole(offer["context"], opened)
    assert offer["context"]["authentication"]["authenticated"] is False, "whoever answers hasn't proved it"
    assert offer["context"]["callback"]["attempt"] == 1


async def test_a_caller_s_envelope_survives_kill_9(centre: Centre) -> None:
    opened = await opened_by(centre)
    await centre.set_presence("ann", "on_break", "tea")
    await call(centre, PIN, opened["pin"], "+4930654321")
    await centre.until_waiting("help", 1)
    os.kill(centre.gateway.pid, signal.SIGKILL)
    await centre.gateway.process.exited(10)
    await centre.gateway.__aenter__()
    centre.calls.clear()
    async with desktop(centre, "ann") as screen:
        await screen.next("hello")
        await centre.on_duty("ann")
        offer = (await screen.next("offer"))["offer"]

    assert offer["callback"] is True, "the line is gone: they are called back"
    assert whole(offer["context"], opened)
