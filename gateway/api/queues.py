"""GET /v1/queues and what waits in them; DELETE an entry, PATCH its priority or its queue."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, HTTPException, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.auth import Holder, Keyring, Role, requires
from gateway.api.paging import Cursor, Limit, cursor_of, parts_of
from gateway.api.ports import FloorDesk, Queueing
from gateway.api.problems import ProblemResponse, Responses
from gateway.api.states import EntryFound, QueueDetails, QueueRules, QueueState
from gateway.dialplan.faults import suggest
from gateway.queues.entry import PLACED, EntryState
from gateway.queues.signals import Leave, Leaving, Move, SetPriority
from gateway.queues.views import EntryView, QueueView

log = structlog.get_logger(__name__)

MAX_PRIORITY: Final = 1_000_000

Name = Annotated[str, Path(max_length=128, examples=["billing"])]
EntryId = Annotated[str, Path(max_length=128, examples=["5f0c9a3e"])]


class QueuesFound(BaseModel):
    queues: list[QueueState]


class EntriesFound(BaseModel):
    """One page of a queue, in the order in which the entries are served."""

    entries: list[EntryFound]
    next: str | None = Field(description="The cursor of the next page; null after the last one.")


class EntryChange(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"priority": 10}]})

    priority: int | None = Field(
        None, ge=-MAX_PRIORITY, le=MAX_PRIORITY, description="The higher goes first, at once."
    )
    queue: str | None = Field(
        None, max_length=128, description="Move it there; it keeps its time, so maybe not at the end."
    )


def routes(desk: FloorDesk, keyring: Keyring) -> APIRouter:
    """Reading is for every role, changes for supervisors and admins."""
    router = APIRouter(prefix="/v1/queues", tags=["queues"])
    reader = Depends(requires(keyring, Role.APP, Role.AGENT, Role.SUPERVISOR))
    supervisor = Depends(requires(keyring, Role.SUPERVISOR))
    no_queue: Responses = {404: {"description": "There is no such queue; the nearest name is in `detail`."}}
    no_entry: Responses = {
        404: {"description": "There is no such queue, or nothing of that id waits in it any more."},
        409: {"description": "It is past waiting: an agent talks with it."},
    }

    @router.get("", summary="The queues, and how they are at this moment.", dependencies=[reader])
    async def list_queues() -> QueuesFound:
        queueing = desk.ready().queueing
        views = sorted(queueing.queues(), key=lambda view: view.name)
        return QueuesFound(queues=[QueueState.of(view, queueing) for view in views])

    @router.get(
        "/{name}", summary="A queue, and how it is set.", dependencies=[reader], responses={**no_queue}
    )
    async def show_queue(name: Name) -> QueueDetails:
        queueing = desk.ready().queueing
        state = QueueState.of(_queue(queueing, name), queueing)
        settings = queueing.settings(name)
        rules = None if settings is None else QueueRules.of(settings)
        return QueueDetails(**dict(state), rules=rules)

    @router.get(
        "/{name}/entries",
        summary="Who waits, in order: callers and callbacks.",
        responses={**no_queue},
    )
    async def list_entries(
        name: Name, limit: Limit = 50, cursor: Cursor = None, holder: Holder = reader
    ) -> EntriesFound:
        queueing = desk.ready().queueing
        _queue(queueing, name)
        page, following = _page(queueing, name, limit, cursor)
        return EntriesFound(
            entries=[EntryFound.of(entry, queueing, holder) for entry in page], next=following
        )

    @router.delete(
        "/{name}/entries/{entry}",
        summary="Take an entry out: its caller goes on as the plan says, a callback is cancelled.",
        status_code=204,
        response_class=Response,
        responses={**no_entry},
    )
    async def remove_entry(name: Name, entry: EntryId, holder: Holder = supervisor) -> Response:
        queueing = desk.ready().queueing
        view = _placed(queueing, name, entry)
        reason = Leaving.CANCELLED if view.callback else Leaving.REMOVED
        queueing.post(Leave(entry, reason), by=holder.name)
        log.info("entry_removed", queue=name, entry=entry, by=holder.name)
        return Response(status_code=204)

    @router.patch(
        "/{name}/entries/{entry}",
        summary="Change an entry's priority, move it to another queue, or both; all of it or nothing.",
        responses={**no_entry, 422: {"description": "Nothing to change, or no such queue to move to."}},
        response_model=EntryFound,
    )
    async def change_entry(
        name: Name, entry: EntryId, change: EntryChange, holder: Holder = supervisor
    ) -> EntryFound | Response:
        queueing = desk.ready().queueing
        _placed(queueing, name, entry)
        if change.priority is None and change.queue is None:
            return _unusable("body", "give a priority, a queue or both")
        known = {view.name for view in queueing.queues()}
        if change.queue is not None and change.queue not in known:
            return _unusable(
                "body/queue", f"there is no queue '{change.queue}'{suggest(change.queue, known)}"
            )
        if change.queue is not None and change.queue != name:
            queueing.post(Move(entry, change.queue), by=holder.name)
        if change.priority is not None:
            queueing.post(SetPriority(entry, change.priority), by=holder.name)
        log.info(
            "entry_changed", queue=name, entry=entry, moved_to=change.queue, priority=change.priority,
            by=holder.name,
        )  # fmt: skip
        return EntryFound.of(_found(queueing, entry), queueing, holder)

    return router


def _queue(queueing: Queueing, name: str) -> QueueView:
    view = queueing.queue(name)
    if view is None:
        known = {view.name for view in queueing.queues()}
        raise HTTPException(404, f"there is no queue '{name}'{suggest(name, known)}")
    return view


def _found(queueing: Queueing, entry: str) -> EntryView:
    view = queueing.entry(entry)
    if view is None:
        raise HTTPException(404, f"no entry {entry} waits any more: it was served, or its caller left")
    return view


def _placed(queueing: Queueing, name: str, entry: str) -> EntryView:
    """An entry of this queue that waits. HTTPException 404 or 409."""
    _queue(queueing, name)
    view = _found(queueing, entry)
    if view.queue != name:
        raise HTTPException(404, f"entry {entry} is in the queue '{view.queue}' now, not in '{name}'")
    if view.state in PLACED:
        return view
    if view.state is EntryState.CONNECTED:
        agents = " and ".join(view.agents) or "an agent"
        raise HTTPException(409, f"entry {entry} talks with {agents}: transfer or requeue its call instead")
    raise HTTPException(404, f"entry {entry} doesn't wait any more: it is {view.state.value}")


def _page(
    queueing: Queueing, name: str, limit: int, cursor: str | None
) -> tuple[list[EntryView], str | None]:
    """The queue moves between two pages: the next one begins behind the last entry of the one before,
    wherever that is now, or at the place where it was, when it is gone.
    """
    entries = list(queueing.entries(name))
    start = 0
    if cursor is not None:
        last, place = parts_of(cursor, str, int)
        behind = next((place for place, entry in enumerate(entries, start=1) if entry.id == last), None)
        start = max(int(place), 0) if behind is None else behind
    page = list(islice(entries, start, start + limit))
    end = start + len(page)
    following = cursor_of(page[-1].id, end - 1) if page and end < len(entries) else None
    return page, following


def _unusable(pointer: str, detail: str) -> ProblemResponse:
    errors = [{"pointer": pointer, "detail": detail}]
    return ProblemResponse(422, "the request isn't what this endpoint takes", errors=errors)
