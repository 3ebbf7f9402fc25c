"""From one channel to the next with what is known: a chat, or an app, that becomes a call."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.api import auth
from gateway.api.auth import Keyring, Role, requires
from gateway.api.callbacks import CallbackFound, refusal
from gateway.api.handoffs import AWAY, HandoffId, HandoffSlot
from gateway.api.ports import FloorDesk
from gateway.callbacks.numbers import NumberRefused
from gateway.callbacks.request import CallbackRefused, CallbackWish
from gateway.handoff.desk import HandoffDesk, Kept
from gateway.handoff.matching import Match, Matched
from gateway.handoff.showing import Audience, shown
from gateway.storage.database import StorageError

log = structlog.get_logger(__name__)


class CallMe(BaseModel):
    """Call the customer of an envelope: now, which is as soon as an agent is free, or at a time."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"queue": "cards", "number": "+4930123456"}]}
    )

    queue: str = Field(min_length=1, max_length=64)
    number: str | None = Field(
        None, min_length=1, max_length=64, description="The envelope's `customer.number` without it."
    )
    at: AwareDatetime | None = Field(None, description="As soon as an agent is free without it.")


def routes(slot: HandoffSlot, floor: FloorDesk, keyring: Keyring) -> APIRouter:
    router = APIRouter(prefix="/v1/handoffs", tags=["handoffs"])
    unknown: dict[int | str, dict[str, Any]] = {
        404: {"description": "There is none of that id, or it is another app's."}
    }
    anybody = Depends(requires(keyring, Role.APP, Role.AGENT, Role.SUPERVISOR))
    _add_calling(router, slot, floor, anybody, unknown)

    return router


def _add_calling(
    router: APIRouter,
    slot: HandoffSlot,
    floor: FloorDesk,
    anybody: Any,
    unknown: dict[int | str, dict[str, Any]],
) -> None:
    @router.post(
        "/{handoff}/callback",
        summary="Call me: the customer is called as soon as an agent is free, who sees the context first.",
        description="What POST /v1/callbacks does, with everything that was handed over. A customer who has "
        "a callback in the queue keeps that one: then the status is 200.",
        status_code=201,
        response_model=CallbackFound,
        responses={
            **unknown,
            200: {"model": CallbackFound, "description": "The customer has one already; it was updated."},
            422: {"description": "No number, not one that is called, no such queue, or not at that time."},
            429: {"description": "Too many of this customer, or for this number, today."},
            503: {"description": "The database doesn't answer, or the node is starting."},
        },
    )
    async def call_me(handoff: HandoffId, request: CallMe, holder: auth.Holder = anybody) -> Response:
        desk, here = slot.ready(), floor.ready()
        kept = await _found(desk, handoff, holder)
        wish = _wish(kept, request, holder, desk.utc())
        try:
            view, new = await here.callbacks.request(wish)
        except (NumberRefused, CallbackRefused) as refused:
            raise refusal(refused) from None
        log.info("callback_requested", entry=view.callback.id, by=holder.name, handoff=handoff, new=new)
        body = CallbackFound.of(view, holder).model_dump(mode="json")
        location = {"location": f"/v1/callbacks/{view.callback.id}"}
        return JSONResponse(body, 201 if new else 200, location)


async def _found(desk: HandoffDesk, handoff: str, holder: auth.Holder) -> Kept:
    try:
        kept = await desk.get(handoff)
    except StorageError as error:
        raise HTTPException(503, AWAY) from error
    if kept is None or (holder.role is Role.APP and kept.app != holder.name):
        raise HTTPException(404, f"there is no handoff '{handoff}'")
    return kept


def _wish(kept: Kept, request: CallMe, holder: auth.Holder, now: datetime) -> CallbackWish:
    envelope = kept.envelope
    known, name = envelope.customer.get("number"), envelope.customer.get("name")
    number = request.number or ("" if known is None else known.value) or kept.number
    if not number:
        raise HTTPException(422, "give a number: the envelope has none")
    return CallbackWish(
        queue=request.queue,
        number=number,
        at=None if request.at is None else request.at.timestamp(),
        name="" if name is None else name.value,
        identity=envelope.customer_id,
        language="" if envelope.language is None else envelope.language.value,
        by=holder.name,
        context=shown(Matched(envelope, Match.CALLBACK), Audience.AGENT, now),
    )
