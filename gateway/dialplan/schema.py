"""The JSON Schema of dialplan files, made from the tables the loader reads by. Pure.

An editor that knows it (`# yaml-language-server: $schema=…`) completes keys and explains them while hovering.
It says what a file may look like; what a plan means is what `ringback dialplan check` checks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from gateway.dialplan.agent_keys import AGENT_KEYS
from gateway.dialplan.calendars import OPENINGS
from gateway.dialplan.exits import EXITS, Default, Exit
from gateway.dialplan.flows import FLOW_SCHEMA
from gateway.dialplan.keygroups import group_schema
from gateway.dialplan.keytypes import NAME_SCHEMA
from gateway.dialplan.kinds import NODE_KINDS, NodeKind
from gateway.dialplan.queue_keys import QUEUE_KEYS
from gateway.dialplan.routes import TECHNOLOGIES
from gateway.dialplan.spoken import PROMPT_SCHEMA
from gateway.dialplan.survey_keys import SURVEY_KEYS

_NAMES: Final[dict[str, Any]] = {"type": ["array", "string"], "items": NAME_SCHEMA}
_FLAG: Final[dict[str, Any]] = {"enum": [True, False, "yes", "no"]}
_DURING: Final[dict[str, Any]] = {"enum": list(OPENINGS)}


def schema() -> dict[str, Any]:
    """The schema of one document of a plan."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ringback dialplan",
        "description": "One document of a dialplan; see dialplans/README.md.",
        "type": "object",
        "oneOf": [_document(first, properties, needed) for first, properties, needed in _documents()],
    }


def text() -> str:
    """The schema as the file that ships has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _document(first: str, properties: dict[str, Any], needed: tuple[str, ...]) -> dict[str, Any]:
    return {
        "title": first,
        "properties": properties,
        "required": [first, *needed],
        "additionalProperties": False,
    }


def _documents() -> list[tuple[str, dict[str, Any], tuple[str, ...]]]:
    calendar = {
        "type": "object",
        "properties": {
            "timezone": {"type": "string"},
            "hours": {"type": "object"},
            "days": {"type": "object"},
            "holidays": {"type": "string"},
        },
        "required": ["timezone", "hours"],
        "additionalProperties": False,
    }
    texts = {"type": "object", "additionalProperties": PROMPT_SCHEMA, "minProperties": 1}
    nodes = {"type": "object", "additionalProperties": _node(), "minProperties": 1}
    return [
        ("routes", {"routes": {"type": ["array", "object", "null"], "items": _route()}}, ()),
        ("flow", {**FLOW_SCHEMA, "nodes": nodes}, ("start", "nodes")),
        ("calendars", {"calendars": {"type": "object", "additionalProperties": calendar}}, ()),
        ("catalogue", {"catalogue": {"type": "string"}, "fallback": _NAMES, "texts": texts}, ("texts",)),
        ("queues", {"queues": _queues(), "language": {"type": "string"}}, ()),
        ("agents", {"agents": _agents()}, ()),
        ("surveys", {"surveys": _surveys(), "language": {"type": "string"}}, ()),
        ("hosts", {"hosts": _NAMES}, ()),
        ("ani_lists", {"ani_lists": {"type": "object", "additionalProperties": _NAMES}}, ()),
    ]


def _queues() -> dict[str, Any]:
    queue = {"anyOf": [group_schema(QUEUE_KEYS), {"type": "null"}]}
    return {"anyOf": [_NAMES, {"type": "object", "additionalProperties": queue, "minProperties": 1}]}


def _surveys() -> dict[str, Any]:
    survey = {"anyOf": [group_schema(SURVEY_KEYS), {"type": "null"}]}
    return {"anyOf": [_NAMES, {"type": "object", "additionalProperties": survey, "minProperties": 1}]}


def _agents() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": group_schema(AGENT_KEYS), "minProperties": 1}


def _route() -> dict[str, Any]:
    named = dict.fromkeys(("dnis", "flow", "trunk", "callers", "calendar"), NAME_SCHEMA)
    return {
        "type": "object",
        "properties": {
            **named,
            "technology": {"enum": list(TECHNOLOGIES)},
            "during": _DURING,
            "answer": _FLAG,
        },
        "required": ["dnis", "flow"],
        "additionalProperties": False,
    }


def _node() -> dict[str, Any]:
    return {"type": "object", "oneOf": [_kind(name, kind) for name, kind in NODE_KINDS.items()]}


def _kind(name: str, kind: NodeKind) -> dict[str, Any]:
    properties: dict[str, Any] = {
        key: {**spec.schema, "description": spec.meaning} for key, spec in kind.keys.items()
    }
    if name == "play":
        properties["fallback"] = {"type": "string", "description": "spoken when the file can't be played"}
    needed = [key for key, spec in kind.keys.items() if spec.needed and key != name]
    for exit_ in EXITS[kind.node]:
        if exit_.label not in properties:
            properties[exit_.label] = {**NAME_SCHEMA, "description": _described(exit_)}
            needed += [exit_.label] if exit_.otherwise is Default.NEEDED else []
    return {
        "title": name,
        "description": kind.meaning,
        "properties": properties,
        "required": [name, *needed],
        "additionalProperties": False,
    }


def _described(exit_: Exit) -> str:
    default = exit_.otherwise.value if isinstance(exit_.otherwise, Default) else f"`{exit_.otherwise}`"
    return f"{exit_.meaning}; left out: {default}"


if __name__ == "__main__":
    Path("dialplans/schema/dialplan.schema.json").write_text(text(), encoding="utf-8")
