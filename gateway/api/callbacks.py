"""GET and POST /v1/callbacks, GET, PATCH and DELETE /v1/callbacks/{id}, POST /v1/callbacks/{id}/claim,
GET /v1/callbacks/slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.agents.presence import Presence
from gateway.api.agents import agent_of
from gateway.api.auth import Holder, Keyring, Role, check_acts_for, requires
from gateway.api.idempotency import Repeated
from gateway.api.paging import Cursor, Limit, cursor_of, parts_of
from gateway.api.ports import CallbackView, FloorDesk
from gateway.api.problems import Responses
from gateway.api.states import shown_number, time_of
from gateway.callbacks.claims import ClaimFault, ClaimRefused
from gateway.callbacks.numbers import NumberFault, NumberRefused
from gateway.callbacks.request import CallbackFault, CallbackRefused, CallbackWish
from gateway.dialplan.faults import suggest

log = structlog.get_logger(__name__)

CallbackId = Annotated[str, Path(max_length=64, examples=["5f0c9a3e"])]

NUMBER_FAULTS: Final[Mapping[NumberFault, str]] = {
    NumberFault.INVALID: "it isn't a telephone number: write it with + and the country code",
    NumberFault.EMERGENCY: "it is an emergency number",
    NumberFault.COSTLY: "it is a premium-rate number, or of another kind that isn't called",
    NumberFault.COUNTRY: "this queue doesn't call its country",
    NumberFault.DESTINATION: "it isn't among the numbers that this queue calls",
}
FAULTS: Final[Mapping[CallbackFault, tuple[int, str]]] = {
    CallbackFault.UNKNOWN_QUEUE: (422, "there is no such queue"),
    CallbackFault.TOO_MANY_OF_CALLER: (429, "this customer has asked too often today"),
    CallbackFault.TOO_MANY_OF_NUMBER: (429, "this number was asked for too often today"),
    CallbackFault.NO_SUCH_TIME: (
        422,
        "nobody can be called then: GET /v1/callbacks/slots has the times, if the queue has slots; otherwise "
        "it lies in the past, more than 60 days ahead, or outside the calling hours where the customer is",
    ),
    CallbackFault.NOT_STORED: (503, "the database doesn't answer: nothing can be promised now"),
}

CLAIM_FAULTS: Final[Mapping[ClaimFault, str]] = {
    ClaimFault.OVER: "callback {callback} is over",
    ClaimFault.TAKEN: "callback {callback} is another agent's already",
    ClaimFault.AGENT_NOT_FREE: "{agent} isn't free to take a call: {state}",
    ClaimFault.OTHER_QUEUE: "{agent} doesn't serve the queue of callback {callback}",
    ClaimFault.ON_THE_LINE: "the customer of callback {callback} is still on the line",
    ClaimFault.OUT_OF_HOURS: "nobody may be called now where the customer of callback {callback} is",
}


class CallbackFound(BaseModel):
    """One callback. It has its place in the queue like every caller."""

    id: str = Field(examples=["5f0c9a3e"])
    queue: str = Field(examples=["billing"])
    number: str = Field(examples=["+4930123456"], description="Whole for supervisors and admins.")
    name: str
    state: str = Field(
        examples=["waiting"],
        description="waiting, scheduled (for later), dialling, talking, kept; or why it is over: cancelled, "
        "exhausted (after the last try), merged, removed, lost.",
    )
    position: int | None = Field(examples=[3], description="From 1; null when it isn't placed any more.")
    requested_at: datetime
    not_before: datetime | None = Field(
        description="No dial sooner: a time that was chosen, or the next try."
    )
    promised_from: datetime | None = Field(description="The band that the customer was told.")
    promised_until: datetime | None
    attempts: int
    last_outcome: str | None = Field(
        examples=["busy"], description="answered, busy, no_answer, machine, declined, failed, unreachable."
    )
    agents: list[str] = Field(description="Who are asked to take it now, or have it.")
    source: str = Field(examples=["queue"], description="queue, dialplan or api.")
    language: str
    identity: str
    context: dict[str, Any]

    @classmethod
    def of(cls, view: CallbackView, holder: Holder) -> CallbackFound:
        callback = view.callback
        promised = callback.promised_s
        begin = callback.requested_at
        return cls(
            id=callback.id,
            queue=callback.queue,
            number=shown_number(callback.number.dialled, holder),
            name=callback.name,
            state=view.state,
            position=view.position,
            requested_at=time_of(begin),
            not_before=None if view.not_before is None else time_of(view.not_before),
            promised_from=None if promised is None else time_of(begin + promised[0]),
            promised_until=None if promised is None else time_of(begin + promised[1]),
            attempts=callback.attempts,
            last_outcome=None if callback.last_outcome is None else callback.last_outcome.value,
            agents=list(view.agents),
            source=callback.source,
            language=callback.language,
            identity=callback.identity,
            context=dict(callback.context),
        )


class CallbacksFound(BaseModel):
    callbacks: list[CallbackFound]
    next: str | None = Field(description="The cursor of the next page; null after the last one.")


class SlotFound(BaseModel):
    start: datetime
    end: datetime
    free: int = Field(examples=[3], description="So many more callbacks it takes.")


class SlotsFound(BaseModel):
    slots: list[SlotFound] = Field(description="Empty for a queue without slots: there any time will do.")


class CallbackRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"queue": "billing", "number": "+4930123456", "context": {"order": "A-7"}}]
        },
    )

    queue: str = Field(max_length=128)
    number: str = Field(max_length=40, description="Best with + and the country code.")
    at: AwareDatetime | None = Field(None, description="When; as soon as possible without it.")
    name: str = Field("", max_length=128)
    identity: str = Field("", max_length=255, description="Whose it is: one callback for each in a queue.")
    language: str = Field("", max_length=32, examples=["en"])
    priority: int = Field(0, ge=-1000, le=1000, description="The higher goes first.")
    skills: dict[str, int] = Field({}, max_length=32)
    agent: str = Field("", max_length=128, description="Whom to prefer.")
    context: dict[str, Any] = Field({}, max_length=64, description="Shown to the agent; no secrets.")


class CallbackChange(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"at": "2026-01-05T14:00:00+01:00"}]}
    )

    number: str | None = Field(None, max_length=40)
    at: AwareDatetime | None = None


class CallbackClaim(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"agent": "ann"}]})

    agent: str | None = Field(None, max_length=128, description="For whom; an agent's own key is theirs.")


def routes(desk: FloorDesk, keyring: Keyring) -> APIRouter:
    """For apps, agents, supervisors and admins: whoever talks with customers."""
    router = APIRouter(prefix="/v1/callbacks", tags=["callbacks"])
    anybody = Depends(requires(keyring, Role.APP, Role.AGENT, Role.SUPERVISOR))
    _add_reading(router, desk, anybody)
    _add_asking(router, desk, anybody)
    _add_changing(router, desk, anybody)
    _add_claiming(router, desk, Depends(requires(keyring, Role.AGENT, Role.SUPERVISOR)))
    return router


def _add_reading(router: APIRouter, desk: FloorDesk, anybody: Any) -> None:
    @router.get("", summary="Callbacks that aren't over, the oldest first.")
    async def list_callbacks(
        queue: Annotated[str | None, Query(max_length=128)] = None,
        identity: Annotated[str | None, Query(max_length=255)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        holder: Holder = anybody,
    ) -> CallbacksFound:
        views = [
            view
            for view in desk.ready().callbacks.pending()
            if queue in (None, view.callback.queue) and identity in (None, view.callback.identity)
        ]
        start = 0
        if cursor is not None:
            last, place = parts_of(cursor, str, int)
            behind = next((at for at, view in enumerate(views, 1) if view.callback.id == last), None)
            start = max(int(place), 0) if behind is None else behind
        page = list(islice(views, start, start + limit))
        end = start + len(page)
        following = cursor_of(page[-1].callback.id, end - 1) if page and end < len(views) else None
        return CallbacksFound(callbacks=[CallbackFound.of(view, holder) for view in page], next=following)

    @router.get(
        "/slots",
        summary="The times that can be chosen in a queue.",
        dependencies=[anybody],
        responses={404: {"description": "There is no such queue."}},
    )
    async def list_slots(queue: Annotated[str, Query(max_length=128)]) -> SlotsFound:
        floor = desk.ready()
        if floor.queueing.queue(queue) is None:
            known = {view.name for view in floor.queueing.queues()}
            raise HTTPException(404, f"there is no queue '{queue}'{suggest(queue, known)}")
        found = floor.callbacks.slots(queue)
        return SlotsFound(slots=[SlotFound(start=s.start, end=s.end, free=s.free) for s in found])

    @router.get(
        "/{callback}",
        summary="A callback; for a while also one that is over.",
        responses={404: {"description": "There is no such callback."}},
    )
    async def show_callback(callback: CallbackId, holder: Holder = anybody) -> CallbackFound:
        return CallbackFound.of(_found(desk, callback), holder)


def _add_asking(router: APIRouter, desk: FloorDesk, anybody: Any) -> None:
    repeated: Repeated[str] = Repeated()

    @router.post(
        "",
        summary="Ask for a callback.",
        description="It is on disk when this answers. A customer (an identity, or a number) who has one in "
        "the queue keeps that one, with the new number and time: then the status is 200. With an "
        "Idempotency-Key (any text of yours, kept for ten minutes) a repeated request finds the callback of "
        "the first one.",
        status_code=201,
        response_model=CallbackFound,
        responses={
            200: {"model": CallbackFound, "description": "The customer has one already; it was updated."},
            409: {"description": "The Idempotency-Key was used for another request."},
            422: {"description": "Not a number that is called, no such queue, or not at that time."},
            429: {"description": "Too many of this customer, or for this number, today."},
            503: {"description": "The database doesn't answer, or the node is starting."},
        },
    )
    async def ask(
        request: CallbackRequest,
        holder: Holder = anybody,
        idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
    ) -> Response:
        floor = desk.ready()
        async with repeated.of(holder.name, idempotency_key, request.model_dump_json()) as earlier:
            new = False
            if earlier.value is None:
                try:
                    view, new = await floor.callbacks.request(_wish(request, holder))
                except (NumberRefused, CallbackRefused) as refused:
                    raise refusal(refused) from None
                earlier.value = view.callback.id
                log.info("callback_requested", entry=view.callback.id, by=holder.name, new=new)
            else:
                view = _found(desk, earlier.value)
        body = CallbackFound.of(view, holder).model_dump(mode="json")
        location = {"location": f"/v1/callbacks/{view.callback.id}"}
        return JSONResponse(body, 201 if new else 200, location)


def _add_changing(router: APIRouter, desk: FloorDesk, anybody: Any) -> None:
    gone: Responses = {404: {"description": "There is no such callback, or it is over."}}

    @router.patch(
        "/{callback}",
        summary="Another number, another time, or both; all of it or nothing.",
        responses={
            **gone,
            422: {"description": "Nothing to change, not a number that is called, or not at that time."},
            503: {"description": "The database doesn't answer."},
        },
    )
    async def change(callback: CallbackId, wanted: CallbackChange, holder: Holder = anybody) -> CallbackFound:
        if wanted.number is None and wanted.at is None:
            raise HTTPException(422, "give a number, a time (`at`) or both")
        floor = desk.ready()
        at = None if wanted.at is None else wanted.at.timestamp()
        try:
            changed = await floor.callbacks.change(callback, number=wanted.number, at=at)
        except (NumberRefused, CallbackRefused) as refused:
            raise refusal(refused) from None
        if not changed:
            _found(desk, callback)
            raise HTTPException(404, f"callback {callback} is over")
        log.info("callback_changed", entry=callback, by=holder.name)
        return CallbackFound.of(_found(desk, callback), holder)

    @router.delete(
        "/{callback}",
        summary="Cancel it. The customer's phone stops ringing, if it rings.",
        status_code=204,
        response_class=Response,
        responses={**gone, 409: {"description": "It is past cancelling: the customer talks already."}},
    )
    async def cancel(callback: CallbackId, holder: Holder = anybody) -> Response:
        view = _found(desk, callback)
        if not desk.ready().callbacks.cancel(callback, by=holder.name):
            if view.state == "talking":
                raise HTTPException(
                    409, f"callback {callback} can't be cancelled: its customer is on the line"
                )
            raise HTTPException(404, f"callback {callback} is over")
        log.info("callback_cancelled", entry=callback, by=holder.name)
        return Response(status_code=204)


def _add_claiming(router: APIRouter, desk: FloorDesk, staff: Any) -> None:
    @router.post(
        "/{callback}/claim",
        summary="An agent takes it now, out of its turn.",
        description="Their phone rings, or their screen shows the offer, as with any callback; once they "
        "answer it is theirs, and the customer is dialled. Neither a chosen time nor the pause between tries "
        "stands against it, the calling hours where the customer is do. If it comes to nothing, the callback "
        "waits on at its place. An agent claims for themselves; a supervisor says for whom (`agent`).",
        responses={
            404: {"description": "There is no such callback, or no such agent."},
            409: {
                "description": "Over, somebody else's already, the agent isn't free or doesn't serve the "
                "queue, the customer hasn't hung up yet, or may not be called at this hour."
            },
            422: {"description": "A supervisor has to say for which agent."},
        },
    )
    async def claim(
        callback: CallbackId, wanted: CallbackClaim | None = None, holder: Holder = staff
    ) -> CallbackFound:
        agent = None if wanted is None else wanted.agent
        if agent is None:
            if holder.role is not Role.AGENT:
                raise HTTPException(422, 'say for which agent: {"agent": …}')
            agent = holder.name
        check_acts_for(holder, agent)
        floor = desk.ready()
        _found(desk, callback)
        view = agent_of(floor.queueing, agent)
        try:
            floor.callbacks.claim(callback, agent, by=holder.name)
        except ClaimRefused as refused:
            state = view.state.value if view.presence is Presence.AVAILABLE else view.presence.value
            said = CLAIM_FAULTS[refused.fault].format(callback=callback, agent=agent, state=state)
            raise HTTPException(409, said) from None
        log.info("callback_claimed", entry=callback, agent=agent, by=holder.name)
        return CallbackFound.of(_found(desk, callback), holder)


def _found(desk: FloorDesk, callback: str) -> CallbackView:
    view = desk.ready().callbacks.find(callback)
    if view is None:
        raise HTTPException(404, f"there is no callback {callback}, or it was over long ago")
    return view


def _wish(request: CallbackRequest, holder: Holder) -> CallbackWish:
    return CallbackWish(
        queue=request.queue,
        number=request.number,
        at=None if request.at is None else request.at.timestamp(),
        name=request.name,
        identity=request.identity,
        language=request.language,
        priority=request.priority,
        skills=request.skills,
        sticky=request.agent,
        by=holder.name,
        context=request.context,
    )


def refusal(refused: NumberRefused | CallbackRefused) -> HTTPException:
    if isinstance(refused, NumberRefused):
        return HTTPException(422, f"the number can't be called back: {NUMBER_FAULTS[refused.fault]}")
    status, detail = FAULTS[refused.fault]
    return HTTPException(status, detail)
