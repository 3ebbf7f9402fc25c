"""/v1/calls: those in progress and those that are over; placing one, and acting on one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import structlog
from fastapi import APIRouter, Body, Depends, Header, HTTPException, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.api import operations
from gateway.api.auth import Holder, Keyring, Role, requires
from gateway.api.call_pages import CallQuery, page_of
from gateway.api.idempotency import Repeated
from gateway.api.operations import Number, To, perform
from gateway.api.paging import Cursor, Limit
from gateway.api.ports import CallView, Conversations, FloorDesk, Origination, UnusableTarget
from gateway.api.problems import Responses
from gateway.api.states import CallFound
from gateway.call.cdr import CallRecord, CallResult
from gateway.errors import WrongState
from gateway.storage.database import StorageError

log = structlog.get_logger(__name__)

MAX_RING_S: Final = 120.0

CallId = Annotated[str, Path(max_length=128, examples=["9b2f6c"])]
Nothing = Annotated[operations.NoArguments | None, Body()]


class CallsFound(BaseModel):
    """Calls in progress, then finished ones, each from the newest. A finished call has a row for each leg."""

    calls: list[CallFound]
    next: str | None = Field(description="The cursor of the next page; null after the last one.")


class LegFound(BaseModel):
    """One side of a finished call."""

    leg_id: str
    direction: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    result: CallResult
    cause: int = Field(description="ITU-T Q.850.", examples=[16])
    cause_text: str
    sip_status: int | None
    ended_by: str
    path: list[str] = Field(description="The nodes of the plan that it went through.")
    codec: str | None
    packets_lost: int | None
    jitter_ms: float | None


class CallDetails(CallFound):
    legs: list[LegFound] = Field([], description="Of a finished call.")


class CallRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "to": {"kind": "number", "name": "+4930123456"},
                    "connect": {"kind": "queue", "name": "billing"},
                    "context": {"order": "A-7"},
                }
            ]
        },
    )

    to: To = Field(description="Whom to ring: a number or an agent.")
    connect: To = Field(description="Whom they talk with when they answer: a queue, a flow or an agent.")
    caller_id: Number | Literal[""] = Field("", description="The number that they see, if the trunk lets us.")
    ring_s: float = Field(30.0, ge=5, le=MAX_RING_S)
    context: dict[str, Any] = Field({}, max_length=64, description="Shown to the agent; no secrets.")


def routes(desk: FloorDesk, keyring: Keyring) -> APIRouter:
    """Apps place and see calls, agents act on their own, supervisors and admins on every one."""
    router = APIRouter(prefix="/v1/calls", tags=["calls"])
    _add_reading(router, desk, Depends(requires(keyring, Role.APP, Role.AGENT, Role.SUPERVISOR)))
    _add_placing(router, desk, Depends(requires(keyring, Role.APP, Role.AGENT, Role.SUPERVISOR)))
    _add_operations(router, desk, keyring)
    return router


def _add_reading(router: APIRouter, desk: FloorDesk, reader: Any) -> None:
    @router.get(
        "",
        summary="The calls in progress, then the finished ones, from the newest.",
        responses={503: {"description": "The node is starting, or its database doesn't answer."}},
    )
    async def list_calls(
        live: Annotated[
            bool | None, Query(description="Only those in progress, or only finished ones.")
        ] = None,
        number: Annotated[str | None, Query(max_length=255, description="Called or calling, whole.")] = None,
        direction: Annotated[Literal["inbound", "outbound"] | None, Query()] = None,
        queue: Annotated[str | None, Query(max_length=128, description="Of calls in progress.")] = None,
        agent: Annotated[
            str | None, Query(max_length=128, description="In it now; of finished calls, their leg.")
        ] = None,
        result: Annotated[CallResult | None, Query(description="Of finished calls.")] = None,
        since: Annotated[AwareDatetime | None, Query(description="Started then or later.")] = None,
        until: Annotated[AwareDatetime | None, Query(description="Started before.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        holder: Holder = reader,
    ) -> CallsFound:
        query = CallQuery(live, number, direction, queue, agent, result, since, until)
        try:
            found, following = await page_of(desk.ready(), query, limit, cursor, holder)
        except StorageError as error:
            raise HTTPException(503, "the database doesn't answer: the log says why") from error
        return CallsFound(calls=found, next=following)

    @router.get(
        "/{call}",
        summary="A call, in progress or finished.",
        responses={
            404: {"description": "There is no such call."},
            503: {"description": "The node is starting, or its database doesn't answer."},
        },
    )
    async def show_call(call: CallId, holder: Holder = reader) -> CallDetails:
        floor = desk.ready()
        if (view := floor.conversations.call(call)) is not None:
            return CallDetails(**dict(CallFound.of(view, holder)))
        try:
            legs = await floor.archive.get(call)
        except StorageError as error:
            raise HTTPException(503, "the database doesn't answer: the log says why") from error
        if not legs:
            raise HTTPException(404, f"there is no call '{call}', in progress or finished")
        found = CallFound.ended(legs[0], holder)
        return CallDetails(**dict(found), legs=[_leg(record) for record in legs])


def _add_placing(router: APIRouter, desk: FloorDesk, placer: Any) -> None:
    repeated: Repeated[str] = Repeated()

    @router.post(
        "",
        summary="Place a call: ring somebody, and connect who answers.",
        description="With an Idempotency-Key (any text of yours, kept for ten minutes) a repeated request "
        "finds the call of the first one instead of ringing twice.",
        status_code=201,
        response_model=CallFound,
        responses={
            409: {
                "description": "Not now: the agent is busy, the node drains, or the key was used otherwise."
            },
            422: {"description": "Not a number, no such agent, queue or flow, or it may not be dialled."},
        },
    )
    async def place_call(
        request: CallRequest,
        holder: Holder = placer,
        idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
    ) -> Response:
        floor = desk.ready()
        origination = _origination(request, holder)
        async with repeated.of(holder.name, idempotency_key, request.model_dump_json()) as earlier:
            if earlier.value is None:
                view = await _originate(floor.conversations, origination, holder)
                earlier.value = view.id
            else:
                found = floor.conversations.call(earlier.value)
                if found is None:
                    raise HTTPException(409, f"call {earlier.value}, placed with this key, is over already")
                view = found
        log.info("call_placed", call_id=view.id, by=holder.name)
        return JSONResponse(
            CallFound.of(view, holder).model_dump(mode="json"), 201, {"location": f"/v1/calls/{view.id}"}
        )


def _origination(request: CallRequest, holder: Holder) -> Origination:
    if request.to.kind not in ("number", "agent"):
        raise HTTPException(422, "`to` is a number or an agent: a queue or a flow goes into `connect`")
    if request.connect.kind == "number":
        # Two numbers of the outside world joined by us is what toll fraud looks like.
        raise HTTPException(422, "`connect` is a queue, a flow or an agent")
    if holder.role is Role.AGENT and holder.name not in (request.to.name, request.connect.name):
        raise HTTPException(403, "an agent places calls for themselves: with themselves in `connect` or `to`")
    return Origination(
        request.to.target(), request.connect.target(), request.caller_id, request.ring_s, request.context
    )


async def _originate(conversations: Conversations, origination: Origination, holder: Holder) -> CallView:
    try:
        return await conversations.originate(origination, by=holder.name)
    except UnusableTarget as unusable:
        raise HTTPException(422, str(unusable)) from unusable
    except WrongState as wrong:
        raise HTTPException(409, str(wrong)) from wrong


def _add_operations(router: APIRouter, desk: FloorDesk, keyring: Keyring) -> None:
    actor = Depends(requires(keyring, Role.AGENT, Role.SUPERVISOR))
    supervisor = Depends(requires(keyring, Role.SUPERVISOR))
    problems: Responses = {
        404: {"description": "No such call is in progress."},
        409: {"description": "The call isn't in a state for this; `detail` says in which it is."},
    }

    async def act(call: str, operation: operations.Operation, holder: Holder) -> CallFound | Response:
        conversations = desk.ready().conversations
        view = conversations.call(call)
        if view is None:
            raise HTTPException(404, f"no call {call} is in progress")
        check_takes_part(view, holder)
        log.info("call_operation", call_id=call, operation=operation.type, by=holder.name)
        await perform(conversations, call, operation, by=holder.name)
        after = conversations.call(call)
        return Response(status_code=204) if after is None else CallFound.of(after, holder)

    over: Responses = {204: {"description": "Done, and the call is over with it."}}
    described: dict[str, Any] = {"response_model": CallFound, "responses": {**problems, **over}}

    @router.delete(
        "/{call}", summary="End the call.", status_code=204, response_class=Response, responses={**problems}
    )
    async def hang_up(call: CallId, holder: Holder = actor) -> Response:
        await act(call, operations.HangUp(type="hang_up"), holder)
        return Response(status_code=204)

    @router.post("/{call}/hold", summary="The caller hears music, the agent nobody.", **described)
    async def hold(call: CallId, holder: Holder = actor, _: Nothing = None) -> CallFound | Response:
        return await act(call, operations.Hold(type="hold"), holder)

    @router.post("/{call}/resume", summary="Back from hold.", **described)
    async def resume(call: CallId, holder: Holder = actor, _: Nothing = None) -> CallFound | Response:
        return await act(call, operations.Resume(type="resume"), holder)

    @router.post("/{call}/mute", summary="The others don't hear the agent, or hear them again.", **described)
    async def mute(call: CallId, body: operations.MuteBody, holder: Holder = actor) -> CallFound | Response:
        return await act(call, operations.Mute(type="mute", **dict(body)), holder)

    @router.post("/{call}/transfer", summary="Blind: to a number, a queue, a flow or an agent.", **described)
    async def transfer(
        call: CallId, body: operations.TransferBody, holder: Holder = actor
    ) -> CallFound | Response:
        return await act(call, operations.Transfer(type="transfer", **dict(body)), holder)

    @router.post("/{call}/consult", summary="Hold the caller and ask somebody else.", **described)
    async def consult(
        call: CallId, body: operations.TransferBody, holder: Holder = actor
    ) -> CallFound | Response:
        return await act(call, operations.Consult(type="consult", **dict(body)), holder)

    @router.post("/{call}/alternate", summary="Talk with the other of the two, and back.", **described)
    async def alternate(call: CallId, holder: Holder = actor, _: Nothing = None) -> CallFound | Response:
        return await act(call, operations.Alternate(type="alternate"), holder)

    @router.post(
        "/{call}/complete", summary="Leave the caller with whom you asked: an attended transfer.", **described
    )
    async def complete(call: CallId, holder: Holder = actor, _: Nothing = None) -> CallFound | Response:
        return await act(call, operations.Complete(type="complete"), holder)

    @router.post("/{call}/conference", summary="All three talk.", **described)
    async def conference(call: CallId, holder: Holder = actor, _: Nothing = None) -> CallFound | Response:
        return await act(call, operations.Conference(type="conference"), holder)

    @router.post("/{call}/cancel", summary="Back to the caller without whom you asked.", **described)
    async def cancel(call: CallId, holder: Holder = actor, _: Nothing = None) -> CallFound | Response:
        return await act(call, operations.Cancel(type="cancel"), holder)

    @router.post(
        "/{call}/requeue", summary="Back to the queue, at the place that its time gives.", **described
    )
    async def requeue(
        call: CallId, body: operations.RequeueBody, holder: Holder = actor
    ) -> CallFound | Response:
        return await act(call, operations.Requeue(type="requeue", **dict(body)), holder)

    @router.post("/{call}/record", summary="Start, pause, resume or stop recording.", **described)
    async def record(
        call: CallId, body: operations.RecordBody, holder: Holder = actor
    ) -> CallFound | Response:
        return await act(call, operations.Record(type="record", **dict(body)), holder)

    @router.post("/{call}/press", summary="Press keys, for whomever the agent talks with.", **described)
    async def press(call: CallId, body: operations.PressBody, holder: Holder = actor) -> CallFound | Response:
        return await act(call, operations.Press(type="press", keys=body.keys), holder)

    @router.post(
        "/{call}/chat_link", summary="Webhooks are asked to send the caller a link to a chat.", **described
    )
    async def chat_link(call: CallId, holder: Holder = actor, _: Nothing = None) -> CallFound | Response:
        return await act(call, operations.ChatLink(type="chat_link"), holder)

    @router.post("/{call}/supervise", summary="Listen, whisper to the agent, join, or stop.", **described)
    async def supervise(
        call: CallId, body: operations.SuperviseBody, holder: Holder = supervisor
    ) -> CallFound | Response:
        return await act(call, operations.Supervise(type="supervise", **dict(body)), holder)


def check_takes_part(view: CallView, holder: Holder) -> None:
    """HTTPException 403 for an agent who isn't in the call; supervisors and admins may act on every one."""
    if holder.role is Role.AGENT and holder.name not in view.agents:
        raise HTTPException(403, f"agent {holder.name} isn't in call {view.id}")


def _leg(record: CallRecord) -> LegFound:
    quality = record.quality
    return LegFound(
        leg_id=record.leg_id,
        direction=record.direction,
        started_at=record.started_at,
        answered_at=record.answered_at,
        ended_at=record.ended_at,
        result=record.result,
        cause=record.cause,
        cause_text=record.cause_text,
        sip_status=record.sip_status,
        ended_by=record.ended_by,
        path=list(record.path),
        codec=quality.codec if quality else None,
        packets_lost=quality.packets_lost if quality else None,
        jitter_ms=quality.jitter_ms if quality else None,
    )
