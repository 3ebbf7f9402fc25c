"""GET /v1/calendars and PUT, DELETE /v1/calendars/{name}/override: who is open, and somebody's word on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from gateway.api.auth import Holder, Keyring, Role, requires
from gateway.api.problems import ProblemResponse, Responses
from gateway.clock import Clock
from gateway.dialplan.calendars import Calendar, Opening, Reason
from gateway.dialplan.faults import suggest
from gateway.dialplan.overrides import CalendarOverrides, Override, OverrideState, OverrideStoreFault

_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class CalendarParts:
    """What the endpoints ask. `plan`: the calendars of the plan in force, by name."""

    plan: Callable[[], Mapping[str, Calendar]]
    overrides: CalendarOverrides
    clock: Clock


class CalendarDesk:
    """The HTTP server answers before there is a plan: until then `parts` is None."""

    def __init__(self) -> None:
        self.parts: CalendarParts | None = None

    def ready(self) -> CalendarParts:
        if self.parts is None:
            raise HTTPException(503, "the node is starting", {"retry-after": "1"})
        return self.parts


def _rfc_3339(value: object) -> object:
    """Pydantic alone takes numbers and dates too. RFC 3339 §5.6."""
    if value is None:
        return None
    if not isinstance(value, str) or _RFC_3339.fullmatch(value) is None:
        raise ValueError("a time has a date, a time and a zone, as in 2026-12-24T12:00:00+01:00")
    return value


class OverrideRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"state": "closed", "until": "2026-12-24T12:00:00+01:00"}]},
    )

    state: OverrideState
    until: Annotated[AwareDatetime | None, BeforeValidator(_rfc_3339)] = Field(
        None, description="RFC 3339. From then on the hours count again; without it until it is deleted."
    )


class OverrideFound(BaseModel):
    state: OverrideState
    until: datetime | None
    by: str = Field(description="The name of the key that set it.")
    since: datetime


class CalendarState(BaseModel):
    name: str
    open: bool
    state: Opening = Field(description="The branch that a call takes now.")
    reason: Reason = Field(
        description="hours: the weekly ones; day: a day that differs from its weekday; holiday; override."
    )
    override: OverrideFound | None


class CalendarsState(BaseModel):
    calendars: list[CalendarState]


def routes(desk: CalendarDesk, keyring: Keyring) -> APIRouter:
    """For supervisors and admins."""
    router = APIRouter(prefix="/v1/calendars", tags=["calendars"])
    supervisor = Depends(requires(keyring, Role.SUPERVISOR))
    not_kept: Responses = {
        503: {"description": "The disk refuses it, or the node is starting; nothing has changed."}
    }
    unknown: Responses = {
        404: {"description": "The plan in force has no such calendar; `calendars` are those it has."}
    }

    @router.get("", summary="The calendars of the plan in force.", dependencies=[supervisor])
    async def list_calendars() -> CalendarsState:
        parts = desk.ready()
        calendars = sorted(parts.plan().values(), key=lambda calendar: calendar.name)
        return CalendarsState(calendars=[_state(parts, calendar) for calendar in calendars])

    @router.put(
        "/{name}/override",
        summary="Set a calendar open or closed, whatever its hours, for every call from now on.",
        response_model=CalendarState,
        responses={**unknown, **not_kept},
    )
    async def set_override(name: str, request: OverrideRequest, holder: Holder = supervisor) -> Response:
        parts = desk.ready()
        calendar = parts.plan().get(name)
        if calendar is None:
            return _unknown(parts, name)
        override = _override_of(request, holder, parts.clock.utc())
        if isinstance(override, ProblemResponse):
            return override
        try:
            await parts.overrides.set(name, override)
        except OverrideStoreFault as fault:
            return ProblemResponse(503, str(fault))
        return JSONResponse(_state(parts, calendar).model_dump(mode="json"))

    @router.delete(
        "/{name}/override",
        summary="Back to the hours.",
        status_code=204,
        response_class=Response,
        responses={**unknown, **not_kept},
    )
    async def clear_override(name: str, holder: Holder = supervisor) -> Response:
        parts = desk.ready()
        # One whose calendar left the plan can still be taken back: the calendar may return.
        if name not in parts.plan() and name not in parts.overrides.in_force():
            return _unknown(parts, name)
        try:
            await parts.overrides.clear(name, by=holder.name)
        except OverrideStoreFault as fault:
            return ProblemResponse(503, str(fault))
        return Response(status_code=204)

    return router


def _state(parts: CalendarParts, calendar: Calendar) -> CalendarState:
    name = calendar.name
    override = parts.overrides.in_force().get(name)
    states = {} if override is None else {name: override.state}
    state, reason = calendar.verdict(parts.clock.utc(), states)
    found = None
    if override is not None:
        found = OverrideFound(
            state=override.state, until=override.until, by=override.by, since=override.since
        )
    return CalendarState(name=name, open=state == "open", state=state, reason=reason, override=found)


def _override_of(request: OverrideRequest, holder: Holder, utc: datetime) -> Override | ProblemResponse:
    until = request.until
    try:
        until = None if until is None else until.astimezone(UTC)
    except OverflowError:  # the last hours of the year 9999, and the first ones of the year 1
        return _bad_until("no such time in UTC")
    if until is not None and until <= utc:
        return _bad_until(f"this time is past: it is {utc.isoformat(timespec='seconds')}")
    return Override(request.state, until, holder.name, utc)


def _bad_until(detail: str) -> ProblemResponse:
    errors = [{"pointer": "body/until", "detail": detail}]
    return ProblemResponse(422, "the request isn't what this endpoint takes", errors=errors)


def _unknown(parts: CalendarParts, name: str) -> ProblemResponse:
    known = sorted(parts.plan())
    detail = f"the plan has no calendar '{name}'{suggest(name, known)}"
    return ProblemResponse(404, detail, calendars=known)
