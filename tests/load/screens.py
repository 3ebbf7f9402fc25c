"""How long before an agent's phone rings the context is on their screen."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UaCall
from tests.integration.queues.centre import Agent, contact_centre


@dataclass(frozen=True, slots=True)
class Lead:
    """From the screen to the INVITE that makes the phone ring, ms; below 0 the phone was first."""

    offers: int
    p50_ms: float
    p1_ms: float
    """So much, or more, in 99 of 100 offers."""
    least_ms: float
    late: int


async def screen_lead(offers: int, directory: Path) -> Lead:
    """Offers one after another to one agent, with a desktop open and a phone that declines."""
    leads = []
    async with contact_centre(directory, ["ben"]) as centre:
        url = f"ws://{LOOPBACK}:{centre.gateway.http_port}/v1/agents/ben/desktop"
        headers = {"authorization": f"Bearer {centre.key}"}
        async with connect(url, additional_headers=headers, proxy=None) as screen:
            for _ in range(offers):
                await centre.on_duty("ben")
                caller = await centre.call_in("quiet")
                shown, (rung, at) = await asyncio.gather(_shown(screen), _rung(centre.agents["ben"]))
                leads.append((at - shown) * 1000)
                rung.respond(486, "Busy Here")
                caller.bye()
                await centre.clear()
    found = np.array(leads)
    p1, p50 = np.percentile(found, (1, 50))
    return Lead(offers, float(p50), float(p1), float(found.min()), int((found < 0).sum()))


async def _rung(agent: Agent) -> tuple[UaCall, float]:
    call = await agent.phone.next_call(10.0)
    return call, time.monotonic()


async def _shown(screen: ClientConnection) -> float:
    while True:
        message = json.loads(await screen.recv())
        if message["type"] == "offer":
            return time.monotonic()
