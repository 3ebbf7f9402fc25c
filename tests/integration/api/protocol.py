"""What the AsyncAPI documents say of messages, to hold real ones against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from ruamel.yaml import YAML

from gateway import api

HERE = Path(api.__file__).parent
BASE = "http://node/asyncapi"


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(HERE / f"{name}.asyncapi.yaml")
    return loaded


_REGISTRY: Registry[Any] = Registry().with_resources(
    (f"{BASE}/{name}.yaml", DRAFT202012.create_resource(document(name))) for name in ("desktop", "live")
)


def check(name: str, message: dict[str, Any], kind: str | None = None) -> dict[str, Any]:
    """The message, when the document of socket `name` has it so. Raises jsonschema's ValidationError."""
    place = f"{BASE}/{name}.yaml#/components/messages/{kind or message['type']}/payload"
    Draft202012Validator({"$ref": place}, registry=_REGISTRY).validate(message)
    return message
