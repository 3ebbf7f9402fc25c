"""What the tests of handoffs do: hand over, call, and look at an agent's screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import connect

from tests.integration.api.conftest import Talk
from tests.integration.handoff.conftest import BANK_KEY
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UaCall
from tests.integration.queues.centre import Centre

CARD = {
    "customer": {"id": "c-1", "name": "Ada <b>Lovelace</b>\u202e"},
    "authentication": {"method": "app_session", "level": "strong", "until": "2099-01-01T00:00:00Z"},
    "channel": "chat",
    "intent": "card_blocked",
    "language": "en",
    "attributes": {"shop": "X", "iban": "DE00 1234"},
    "privacy": {"attributes.iban": "secret"},
    "journey": [{"kind": "chat", "text": "My card was blocked at shop X"}],
    "pin": True,
}


async def hand_over(centre: Centre, key: str = BANK_KEY, **changes: Any) -> httpx.Response:
    url = f"http://{LOOPBACK}:{centre.gateway.http_port}/v1/handoffs"
    async with httpx.AsyncClient() as client:
        headers = {"authorization": f"Bearer {key}"}
        return await client.post(url, json={**CARD, **changes}, headers=headers)


async def opened_by(centre: Centre, **changes: Any) -> dict[str, Any]:
    answer = await hand_over(centre, **changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def call(centre: Centre, number: str, digits: str = "", name: str = "caller") -> UaCall:
    phone = await centre.caller(name)
    made = await phone.call(centre.gateway.uri(number))
    await made.status(200)
    centre.calls.append(made)
    for digit in digits:
        await made.press_info(digit)
    return made


@asynccontextmanager
async def desktop(centre: Centre, agent: str) -> AsyncIterator[Talk]:
    headers = {"authorization": f"Bearer {centre.key}"}
    url = f"ws://{LOOPBACK}:{centre.gateway.http_port}/v1/agents/{agent}/desktop"
    async with connect(url, additional_headers=headers, proxy=None) as opened:
        yield Talk(opened, "desktop")
