"""The envelope that a call in an app brings along, made of what the app said. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.call.context import Introduction
from gateway.handoff.content import Content, sealed
from gateway.handoff.envelope import Envelope, Name, TooLarge, Value

_FIELDS: Final = frozenset(Content.model_fields) - {"attributes", "privacy"}
_VOUCHED: Final = frozenset({"authentication"})
"""What counts only when it is signed."""
_NAME: Final = TypeAdapter(Name)
_VALUE: Final = TypeAdapter(Value)


def arriving(
    said: Mapping[str, Any],
    introduction: Introduction | None,
    *,
    id: str,
    now: datetime,
    expires_at: datetime,
    source: str = "page",
    channel: str = "app",
) -> tuple[Envelope, tuple[str, ...]]:
    """The envelope, and the names of what couldn't be taken into it.

    `said`: what `source` said (the page, or a PBX), with what was signed over it. Members that an envelope
    has a place for go there, the others become attributes. What is wrong is left out and named: a call isn't
    lost for it.
    """
    signed = {} if introduction is None else introduction.context
    fields, attributes, refused = sorted_out(said, vouched=signed)
    if introduction is not None:
        customer = {"id": introduction.subject[:256]}
        if introduction.name:
            customer["name"] = introduction.name[:256]
        fields["customer"] = {**fields.get("customer", {}), **customer}
    fields.setdefault("channel", channel)
    source = source if introduction is None else f"app:{introduction.app or 'node'}"
    try:
        content = Content.model_validate({**fields, "attributes": attributes})
        return sealed(content, id=id, source=source, now=now, expires_at=expires_at), tuple(refused)
    except (TooLarge, ValidationError):
        least = Content.model_validate({"customer": fields.get("customer", {}), "channel": channel})
        envelope = sealed(least, id=id, source=source, now=now, expires_at=expires_at)
        return envelope, tuple(said)


def sorted_out(
    said: Mapping[str, Any], *, vouched: Container[str]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Members of an envelope, attributes, and the names of what is neither.

    `vouched`: names of what somebody whose word counts has said.
    """
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    refused: list[str] = []
    for name, value in said.items():
        if name in _VOUCHED and name not in vouched:
            refused.append(name)
        elif name in _FIELDS:
            if _fits({name: value}):
                fields[name] = value
            else:
                refused.append(name)
        elif _is_attribute(name, value):
            attributes[name] = value
        else:
            refused.append(name)
    return fields, attributes, refused


def _fits(fields: Mapping[str, Any]) -> bool:
    try:
        Content.model_validate(fields)
    except ValidationError:
        return False
    return True


def _is_attribute(name: str, value: Any) -> bool:
    try:
        _NAME.validate_python(name)
        _VALUE.validate_python(value)
    except ValidationError:
        return False
    return True
