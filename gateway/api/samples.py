"""Two samples to try a node with, and to copy from: an app's server, and a CRM that is told what happens.

They do with the node's own parts what other people's servers do over HTTP. Off unless `voice.sample_page` is
set; they ask nobody who they are: to try, never to run.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from gateway.api.handoffs import AWAY, HandoffSlot
from gateway.api.web import WEB, serve
from gateway.handoff.content import Content
from gateway.storage.database import StorageError
from gateway.webhooks.signing import verified

DEMO: Final = WEB / "demo"
CRM: Final = "sample-crm"
"""The name of the endpoint whose messages the sample CRM takes."""
APP: Final = "sample-bank"
TTL: Final = timedelta(minutes=10)
AUTHENTICATED: Final = timedelta(minutes=5)
KEPT: Final = 100


@dataclass(slots=True)
class Samples:
    """`on`: whether they are served. `keys`: what the CRM's messages are signed with."""

    on: bool = False
    keys: Sequence[bytes] = ()
    received: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))


def routes(samples: Samples, slot: HandoffSlot) -> APIRouter:
    router = APIRouter(prefix="/demo", include_in_schema=False)

    def check() -> None:
        if not samples.on:
            raise HTTPException(404)

    @router.post("/app/talk")
    async def talk() -> JSONResponse:
        """What the app's server does when its customer, who has logged in, taps "Talk to us"."""
        check()
        desk = slot.ready()
        try:
            opened = await desk.hand_over(
                _known((desk.utc() + AUTHENTICATED).isoformat()), app=APP, ttl=TTL, pin=True
            )
        except StorageError as error:
            raise HTTPException(503, AWAY) from error
        body = {"handoff": opened.id, "token": opened.token, "pin": opened.pin}
        return JSONResponse(body, 201, {"cache-control": "no-store"})

    @router.post("/crm/events")
    async def receive(request: Request) -> Response:
        """What a CRM does with a message: check the signature, keep what is new, answer soon."""
        check()
        body = await request.body()
        if not verified(samples.keys, request.headers, body, time.time()):
            raise HTTPException(401, "not signed with the secret of the endpoint")
        message = request.headers["webhook-id"]
        if all(known["id"] != message for known in samples.received):
            samples.received.append({"id": message, "event": json.loads(body)})
        return Response(status_code=204)

    @router.get("/crm/events")
    async def events() -> JSONResponse:
        check()
        return JSONResponse({"events": list(samples.received)}, headers={"cache-control": "no-store"})

    @router.get("/{page}")
    async def without_slash(page: str) -> Response:
        check()
        if "." in page:
            return serve(DEMO, page)
        return RedirectResponse(f"/demo/{page}/")

    @router.get("/{page}/{name:path}")
    async def file(page: str, name: str) -> Response:
        check()
        return serve(DEMO, f"{page}/{name or 'index.html'}")

    return router


def _known(until: str) -> Content:
    return Content.model_validate(
        {
            "customer": {"id": "c-4711", "name": "Ada Lovelace"},
            "authentication": {"method": "app_session", "level": "strong", "until": until},
            "channel": "app",
            "intent": "card_blocked",
            "language": "en",
            "attributes": {"card": "ending in 4242", "shop": "X"},
            "journey": [
                {"kind": "screen", "text": "Cards › card ending in 4242"},
                {"kind": "chat", "text": "Ada: My card was declined at shop X."},
                {"kind": "bot", "text": "Bot: It was blocked after three wrong PINs. Shall I connect you?"},
            ],
        }
    )
