"""The samples, as a newcomer meets them: an app's page, a call, the agent's screen, and the CRM's list."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.handoff.apps import app
from tests.integration.handoff.doing import desktop
from tests.integration.handoff.plan import DIRECT
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until_async
from tests.integration.queues.centre import Centre

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60, func_only=True)]


async def test_a_customer_of_the_sample_app_is_known_to_the_agent_and_to_the_crm(centre: Centre) -> None:
    await centre.on_duty("ann")
    base = f"http://{LOOPBACK}:{centre.gateway.http_port}/demo"
    async with httpx.AsyncClient(base_url=base, follow_redirects=True) as client:
        pages = [await client.get(page) for page in ("/app", "/app/app.js", "/crm", "/demo.css")]
        tapped = (await client.post("/app/talk")).json()
        async with desktop(centre, "ann") as screen, app(centre, tapped["token"]) as phone:
            await screen.next("hello")
            await phone.call().start(DIRECT)
            context = (await screen.next("offer"))["offer"]["context"]

        async def told() -> list[dict[str, Any]]:
            events = (await client.get("/crm/events")).json()["events"]
            found = [got["event"] for got in events]
            return [event for event in found if event["type"] == "agent.offered"]

        offered = await until_async(told, "the CRM is told of the offer")
        forged = await client.post("/crm/events", json={"type": "agent.offered"})

    assert [page.status_code for page in pages] == [200] * 4
    assert all("default-src 'none'" in page.headers["content-security-policy"] for page in pages)
    assert context["customer"] == {"id": "c-4711", "name": "Ada Lovelace"}
    assert context["authentication"]["state"] == "verified"
    assert context["attributes"]["shop"] == "X"
    assert [step["kind"] for step in context["journey"]][:3] == ["screen", "chat", "bot"]
    assert offered[-1]["data"]["context"]["customer"]["id"] == "c-4711"
    assert forged.status_code == 401
