"""Errors over HTTP: problem details (RFC 9457), the same form for every cause.

A problem's `type` is about:blank (§4.2.1) as long as its status says all that a client can act on. What went
wrong inside is in the log; a client sees only that it did.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

Responses = dict[int | str, dict[str, Any]]
"""What a route says of its answers, by status."""


class Problem(BaseModel):
    """An error (RFC 9457). Some problems carry more members: what is known, or what was wrong where."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str | None = Field(None, examples=["there is no queue 'biling'; did you mean 'billing'?"])


class ProblemResponse(JSONResponse):
    """`application/problem+json`; `members` are extensions (RFC 9457 §3.2)."""

    media_type = "application/problem+json"

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
        }
        if detail:
            problem["detail"] = detail
        super().__init__({**problem, **members}, status, headers)

    def render(self, content: Any) -> bytes:
        # What was wrong may be named by a stranger's half a character, which UTF-8 hasn't.
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(Exception, _on_fault)


async def _on_http_error(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, HTTPException):
        raise error
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != phrase else None
    return ProblemResponse(error.status_code, detail, headers=error.headers)


async def _on_invalid_request(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # Without the input: what was sent may be a number or a secret, and the client knows it.
    faults = [
        {"pointer": "/".join(str(part) for part in fault["loc"]), "detail": fault["msg"]}
        for fault in error.errors()
    ]
    return ProblemResponse(422, "the request isn't what this endpoint takes", errors=faults)


async def _on_fault(_request: Request, _error: Exception) -> ProblemResponse:
    return ProblemResponse(500)  # Starlette raises it on, and uvicorn logs it with its traceback
