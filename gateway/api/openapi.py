"""The OpenAPI document at /openapi.json, shown at /docs: what FastAPI makes of the routes, with every error.

Routes say which problems are theirs (404, 409 …). Those that come from what all of them share (keys, limits,
bodies) are added here, and each is given the one form they have: a problem (RFC 9457).
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.api.problems import Problem
from gateway.webhooks.events import DESCRIPTIONS, EventType

TAGS: Final = [
    {"name": "health", "description": "For load balancers, orchestrators and Prometheus. Open."},
    {"name": "dialplans", "description": "Which version of the plan is in force; putting in another one."},
    {"name": "keys", "description": "Whose key a request came with."},
    {"name": "calendars", "description": "Who is open, and somebody's word on it."},
    {"name": "queues", "description": "Who waits, how long, and for how long still."},
    {"name": "agents", "description": "Who serves, what they chose, what calls did. Screen pop, wrap-up."},
    {"name": "reports", "description": "Figures by interval, computed from the journal. JSON or CSV."},
    {"name": "handoffs", "description": "Context of a customer who is about to call, from an app or a bot."},
    {
        "name": "callbacks",
        "description": "Who is to be called back: asking for it, moving it, cancelling it.",
    },
    {
        "name": "surveys",
        "description": "Links that customers answer at, when nobody could ask in the call.",
    },
    {"name": "webhooks", "description": "Other systems that are told what happens, and whether they were."},
    {"name": "calls", "description": "Calls in progress and finished; placing, moving, recording them."},
    {"name": "pbx", "description": "The Asterisk beside the node, and what agents' phones do there."},
]

_INTRODUCTION: Final = """\
Everything under `/v1` takes an API key (`ringback token` makes one): `Authorization: Bearer KEY`. A key has a
role: app, agent, supervisor or admin. An agent's key has the agent's id as its name.

Errors are problems (RFC 9457): `title` and `status` for programs, `detail` for people.

Two WebSockets belong to it: `/v1/live` (wallboards, `ringback top`) and `/v1/agents/{id}/desktop` (screen pop
and call control). `/asyncapi/live.yaml` and `/asyncapi/desktop.yaml` describe them.

What this node tells other systems by itself is below `webhooks`: signed POSTs, as Standard Webhooks has them.
"""

_SHARED: Final = {
    "401": "No key, or none of this node's.",
    "403": "The key's role isn't enough, or it is another agent's.",
    "413": "The body is too large.",
    "422": "The request isn't what this endpoint takes; `errors` say where.",
    "503": "The node is starting: try again in a second.",
}
_HEADERS: Final = {
    "webhook-id": "The message's id: what you had already under it, ignore.",
    "webhook-timestamp": "Seconds since the epoch, of this try: refuse what is five minutes old.",
    "webhook-signature": "`v1,BASE64` of HMAC-SHA256 over `ID.TIMESTAMP.BODY`; several, with blanks between, "
    "while a secret is changed.",
}
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def describe(app: FastAPI) -> None:
    """Let `app.openapi()` give the whole document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=_INTRODUCTION,
        license_info=app.license_info,
        routes=app.routes,
        tags=TAGS,
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    made["webhooks"] = {event.value: {"post": _told(event)} for event in EventType}
    for path in made["paths"].values():
        for operation in path.values():
            _add_problems(operation)
    return made


def _told(event: EventType) -> dict[str, Any]:
    """A webhook, as OpenAPI 3.1 has them."""
    body = {
        "type": "object",
        "required": ["id", "type", "timestamp", "node", "data"],
        "properties": {
            "id": {"type": "string", "description": "The same at every try, and in `webhook-id`."},
            "type": {"const": event.value},
            "timestamp": {"type": "string", "format": "date-time"},
            "node": {"type": "string"},
            "data": {"type": "object", "additionalProperties": True},
        },
    }
    return {
        "operationId": f"told_{event.value.replace('.', '_')}",
        "summary": event.value,
        "description": DESCRIPTIONS[event],
        "tags": ["webhooks"],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "It is yours now."},
            "410": {"description": "Never send anything here again."},
            "default": {"description": "It is sent again, later."},
        },
    }


def _add_problems(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "security" in operation:
        for status in ("401", "403", "503"):
            responses.setdefault(status, {"description": _SHARED[status]})
    if "requestBody" in operation:
        responses.setdefault("413", {"description": _SHARED["413"]})
    for status, response in responses.items():
        if status.startswith(("4", "5")):
            if response.get("description") == "Validation Error":
                response["description"] = _SHARED["422"]
            if set(response.get("content", ())) <= {"application/json"}:
                response["content"] = _PROBLEM
    operation["responses"] = dict(sorted(responses.items()))
