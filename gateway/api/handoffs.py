"""Context in: apps' and bots' servers hand an envelope over, before their customer calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, HTTPException, Path
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from gateway.api import auth
from gateway.api.auth import Keyring, Role, requires
from gateway.api.idempotency import Repeated
from gateway.dialplan.faults import suggest
from gateway.handoff.content import Content
from gateway.handoff.desk import HandoffDesk, Kept, NoNumberFree, NoSuchPool, Opened, PinTaken
from gateway.handoff.envelope import Line, TooLarge
from gateway.handoff.matching import Match, Matched
from gateway.handoff.numbers import canonical
from gateway.handoff.showing import Audience, shown
from gateway.storage.database import StorageError

log = structlog.get_logger(__name__)

AWAY = "the database doesn't answer: the log says why"
_AUDIENCES = {
    Role.APP: Audience.ADMIN,  # it is their own: they wrote it
    Role.AGENT: Audience.AGENT,
    Role.SUPERVISOR: Audience.SUPERVISOR,
    Role.ADMIN: Audience.ADMIN,
}


@dataclass(slots=True)
class HandoffSlot:
    """What the routes need of the node; filled when it is there."""

    desk: HandoffDesk | None = None

    def ready(self) -> HandoffDesk:
        """HTTPException 503 while the node is starting."""
        if self.desk is None:
            raise HTTPException(503, "the node is starting: try again in a second")
        return self.desk


class HandoffRequest(Content):
    """Context, and how the customer's call will be known."""

    ttl_s: int = Field(3600, ge=60, le=86_400, description="Seconds in which a call can find it.")
    pin: bool = Field(False, description="A one-time PIN, for a caller to type.")
    number: Line | None = Field(
        None,
        pattern=r"^\+?[0-9 ()./-]{3,32}$",
        description="A call from this number finds it for some minutes, without proving anything.",
    )
    number_pool: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        examples=["web"],
        description="Lend the customer a number of this pool, of their own for a while: whoever calls it is "
        "taken for them, without having proved anything.",
    )


class HandedOver(BaseModel):
    """How a call finds the envelope."""

    id: str = Field(examples=["8c2f3a7d9e1b4c5f8a6d7e9f0b1c2d3e"])
    token: str = Field(description="For the `hello` of one in-app call; an hour at most, and once.")
    expires_at: datetime
    pin: str | None = Field(None, examples=["471108"], description="Typed once, within its time.")
    pin_expires_at: datetime | None = None
    lent_number: str | None = Field(None, examples=["+4930123459"], description="What to call, until then.")
    lent_until: datetime | None = None


class ChangeFound(BaseModel):
    at: datetime
    by: str = Field(examples=["ivr:5f0c"])
    what: str = Field(examples=["written"])
    details: dict[str, Any]


class HandoffFound(BaseModel):
    """An envelope as it is now. What the key's holder hasn't the right to see is masked."""

    id: str
    app: str = Field(description="Whose key handed it over; empty for one that began with a call.")
    created_at: datetime
    expires_at: datetime
    context: dict[str, Any]
    changes: list[ChangeFound]


HandoffId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


def routes(slot: HandoffSlot, keyring: Keyring) -> APIRouter:
    router = APIRouter(prefix="/v1/handoffs", tags=["handoffs"])
    _add_posting(router, slot, Depends(requires(keyring, Role.APP)))
    reader = Depends(requires(keyring, Role.APP, Role.AGENT, Role.SUPERVISOR))

    @router.get(
        "/{handoff}",
        summary="An envelope, and everything that was done to it.",
        description="Apps see their own, agents what an agent is shown.",
        responses={404: {"description": "There is none of that id, or it is another app's."}},
    )
    async def show_handoff(handoff: HandoffId, holder: auth.Holder = reader) -> HandoffFound:
        desk = slot.ready()
        try:
            kept = await desk.get(handoff)
            if kept is None or (holder.role is Role.APP and kept.app != holder.name):
                raise HTTPException(404, f"there is no handoff '{handoff}'")
            changes = await desk.changes(handoff)
        except StorageError as error:
            raise HTTPException(503, AWAY) from error
        return HandoffFound(
            id=handoff,
            app=kept.app,
            created_at=kept.envelope.created_at,
            expires_at=kept.expires_at,
            context=_context(kept, holder, desk),
            changes=[
                ChangeFound(at=found.at, by=found.by, what=found.what, details=dict(found.details))
                for found in changes
            ],
        )

    return router


def _add_posting(router: APIRouter, slot: HandoffSlot, placer: Any) -> None:
    repeated: Repeated[Opened] = Repeated()

    @router.post(
        "",
        summary="Hand context over: whoever takes the customer's call will see it.",
        description="With an Idempotency-Key (any text of yours, kept for ten minutes) a repeated request "
        "gets the answer of the first one.",
        status_code=201,
        response_model=HandedOver,
        responses={
            409: {"description": "The Idempotency-Key was used for another request."},
            413: {"description": "More than 32 KB."},
            503: {"description": "Every number of the pool is lent, or the database doesn't answer."},
        },
    )
    async def hand_over(
        request: HandoffRequest,
        holder: auth.Holder = placer,
        idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
    ) -> Response:
        desk = slot.ready()
        async with repeated.of(holder.name, idempotency_key, request.model_dump_json()) as earlier:
            if earlier.value is None:
                earlier.value = await _hand_over(desk, request, holder.name)
            opened = earlier.value
        log.info("handoff_taken", handoff=opened.id, app=holder.name)
        body = HandedOver(
            id=opened.id,
            token=opened.token,
            expires_at=opened.expires_at,
            pin=opened.pin or None,
            pin_expires_at=opened.pin_expires_at,
            lent_number=opened.lent_number or None,
            lent_until=opened.lent_until,
        )
        headers = {"location": f"/v1/handoffs/{opened.id}", "cache-control": "no-store"}
        return JSONResponse(body.model_dump(mode="json", exclude_none=True), 201, headers)


async def _hand_over(desk: HandoffDesk, request: HandoffRequest, app: str) -> Opened:
    try:
        return await desk.hand_over(
            request,
            app=app,
            ttl=timedelta(seconds=request.ttl_s),
            number=canonical(request.number or ""),
            pin=request.pin,
            pool=request.number_pool,
        )
    except TooLarge as large:
        raise HTTPException(413, str(large)) from large
    except NoSuchPool as unknown:
        raise HTTPException(422, f"{unknown}{suggest(unknown.pool, unknown.known)}") from unknown
    except (PinTaken, NoNumberFree) as taken:
        raise HTTPException(503, str(taken)) from taken
    except StorageError as error:
        raise HTTPException(503, AWAY) from error


def _context(kept: Kept, holder: auth.Holder, desk: HandoffDesk) -> dict[str, Any]:
    # As it is stored: how far a call may believe it is decided when one comes.
    return shown(Matched(kept.envelope, Match.TOKEN), _AUDIENCES[holder.role], desk.utc())
