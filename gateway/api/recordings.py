"""GET /v1/recordings/{id}: what was said in a call, for who may hear it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Path
from fastapi.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from gateway.api.auth import Holder, Keyring, Role, requires
from gateway.api.ports import FloorDesk
from gateway.api.problems import ProblemResponse

log = structlog.get_logger(__name__)

RecordingId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,128}(\.[0-9]{1,4})?$", examples=["9b2f6c.1"])]


class _Audio(FileResponse):
    """A file whose refusals are problems, as everywhere here; Starlette's are plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def translate(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= 400:
                refused = True
                ranges = {k.decode(): v.decode() for k, v in message["headers"] if k == b"content-range"}
                problem = ProblemResponse(message["status"], "this range can't be given", headers=ranges)
                await problem(scope, receive, send)
            elif not refused:
                await send(message)

        await super().__call__(scope, receive, translate)


def routes(desk: FloorDesk, keyring: Keyring) -> APIRouter:
    """Supervisors and admins hear everything, agents the calls they were in. Every access is logged."""
    router = APIRouter(prefix="/v1/recordings", tags=["calls"])
    listener = Depends(requires(keyring, Role.AGENT, Role.SUPERVISOR))

    @router.get(
        "/{recording}",
        summary="A recording: both sides, on separate channels. Takes Range, so players can seek.",
        response_class=FileResponse,
        responses={
            200: {
                "description": "All of it.",
                "content": {"audio/flac": {}, "audio/ogg": {}, "audio/wav": {}},
            },
            206: {"description": "The range that was asked for (RFC 9110 §15.3.7)."},
            404: {"description": "There is no such recording, or its time is over and it was removed."},
            400: {"description": "The Range header isn't one."},
            416: {"description": "The range lies behind its end."},
        },
    )
    async def listen(recording: RecordingId, holder: Holder = listener) -> FileResponse:
        found = await desk.ready().recordings.find(recording)
        if found is None:
            raise HTTPException(404, f"there is no recording '{recording}', or it was removed in time")
        if holder.role is Role.AGENT and holder.name not in found.agents:
            raise HTTPException(403, f"agent {holder.name} wasn't in this call")
        try:
            status = await asyncio.to_thread(found.path.stat)
        except OSError as error:
            log.warning("recording_gone", recording=recording, reason=error.strerror)
            raise HTTPException(404, f"recording '{recording}' is no longer on the disk") from error
        log.info("recording_heard", recording=recording, call_id=found.call_id, by=holder.name)
        return _Audio(
            found.path,
            media_type=found.media_type,
            filename=f"{found.id}{found.path.suffix}",
            content_disposition_type="inline",
            stat_result=status,
            headers={"cache-control": "private, no-store"},
        )

    return router
