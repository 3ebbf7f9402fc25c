"""GET /v1/dialplans and POST /v1/dialplans/reload: which version is in force, and putting in another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, Depends, HTTPException
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.auth import Holder, Keyring, Role, requires
from gateway.api.problems import ProblemResponse
from gateway.dialplan.faults import Fault, PlanRefused
from gateway.dialplan.reload import Kept, PlanKeeper
from gateway.dialplan.versions import UnknownVersion, VersionStoreFault

log = structlog.get_logger(__name__)


class DialplanDesk:
    """What the endpoints ask. The HTTP server answers before there is a plan: until then `keeper` is None.

    `calls`: how many calls are in progress on each version.
    """

    def __init__(self) -> None:
        self.keeper: PlanKeeper | None = None
        self.calls: Callable[[], Mapping[str, int]] = dict

    def ready(self) -> PlanKeeper:
        if self.keeper is None:
            raise HTTPException(503, "the node is starting", {"retry-after": "1"})
        return self.keeper


class VersionState(BaseModel):
    """One version that the node has or can go back to."""

    version: str
    in_force: bool
    calls: int = Field(description="Calls in progress that began on it.")
    source: str = Field(description="The directory it was read from.")
    loaded_at: datetime
    flows: int


class DialplansState(BaseModel):
    version: str = Field(description="In force for the calls that begin now.")
    pinned: bool = Field(description="Somebody went back to it; a restart keeps it, until the next reload.")
    versions: list[VersionState]


class FaultFound(BaseModel):
    """One thing that is wrong with a plan. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    severity: str
    message: str


class ReloadRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})

    version: str | None = Field(
        None, max_length=64, description="A kept version to go back to; the configured directory without it."
    )


class ReloadResult(BaseModel):
    version: str
    previous: str
    outcome: str = Field(description="loaded, rolled_back or unchanged")
    warnings: list[FaultFound]


def routes(desk: DialplanDesk, keyring: Keyring) -> APIRouter:
    """Both endpoints, for admins."""
    router = APIRouter(prefix="/v1/dialplans", tags=["dialplans"])
    admin = Depends(requires(keyring, Role.ADMIN))

    @router.get("", summary="The version in force, and those kept.", dependencies=[admin])
    async def list_versions() -> DialplansState:
        keeper = desk.ready()
        calls = desk.calls()
        states = [_state(kept, calls) for kept in await keeper.versions()]
        return DialplansState(version=keeper.version, pinned=keeper.pinned, versions=states)

    @router.post(
        "/reload",
        summary="Put the configured directory, or an earlier version, into force: all of it or nothing.",
        response_model=ReloadResult,
        responses={
            404: {"description": "No such version is kept."},
            422: {"description": "The plan has errors; the problem lists all of them in `faults`."},
        },
    )
    async def reload(
        holder: Holder = admin, request: Annotated[ReloadRequest | None, Body()] = None
    ) -> Response:
        keeper = desk.ready()
        version = request.version if request is not None else None
        log.info("dialplan_reload_asked", by=holder.name, version=version or "the directory's")
        try:
            reloaded = await keeper.reload(version)
        except PlanRefused as refused:
            return _refusal(refused, keeper.version)
        except UnknownVersion as unknown:
            return ProblemResponse(404, str(unknown), versions=list(unknown.known))
        except VersionStoreFault as fault:
            return ProblemResponse(503, str(fault), version=keeper.version)
        result = ReloadResult(
            version=reloaded.version,
            previous=reloaded.previous,
            outcome=reloaded.outcome.value,
            warnings=[_found(warning) for warning in reloaded.warnings],
        )
        return JSONResponse(result.model_dump())

    return router


def _state(kept: Kept, calls: Mapping[str, int]) -> VersionState:
    version = kept.version
    return VersionState(
        version=version.name,
        in_force=kept.in_force,
        calls=calls.get(version.name, 0),
        source=version.source,
        loaded_at=version.loaded_at,
        flows=version.flows,
    )


def _refusal(refused: PlanRefused, in_force: str) -> ProblemResponse:
    faults: list[dict[str, Any]] = [_found(fault).model_dump() for fault in refused.faults]
    errors = sum(fault["severity"] == "error" for fault in faults)
    detail = f"the plan has {errors} {'error' if errors == 1 else 'errors'}; {in_force} stays in force"
    return ProblemResponse(422, detail, version=in_force, faults=faults)


def _found(fault: Fault) -> FaultFound:
    return FaultFound(
        file=fault.file,
        line=fault.line,
        column=fault.column,
        severity=fault.severity.value,
        message=fault.message,
    )
