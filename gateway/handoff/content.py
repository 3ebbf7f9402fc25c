"""What an app or a bot hands over: plain values, that become an envelope's facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.handoff.envelope import (
    Attachment,
    Authentication,
    Envelope,
    Fact,
    Language,
    Level,
    Line,
    Link,
    Name,
    Privacy,
    SkillLevel,
    Step,
    StepKind,
    Text,
    Value,
)

LONGEST_AUTHENTICATION: Final = timedelta(hours=12)
_LEVELS: Final = {
    "none": Level.NONE,
    "claimed": Level.CLAIMED,
    "single": Level.SINGLE,
    "strong": Level.STRONG,
}
_LevelName = Annotated[str, Field(pattern="^(none|claimed|single|strong)$", examples=["strong"])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AuthenticationGiven(_Body):
    method: Line = Field(min_length=1, examples=["app_session"])
    level: _LevelName
    at: AwareDatetime | None = Field(None, strict=False, description="Now without it.")
    until: AwareDatetime = Field(strict=False, description="At most 12 h from now.")


class StepGiven(_Body):
    kind: StepKind = Field(StepKind.OTHER, strict=False)
    at: AwareDatetime | None = Field(None, strict=False, description="Now without it.")
    text: Text = Field(min_length=1, examples=["Card blocked at shop X"])


class AttachmentGiven(_Body):
    url: Link
    title: Line = ""


class Content(_Body):
    """What is handed over. `privacy` names facts as `customer.NAME`, `attributes.NAME`."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "customer": {"id": "c-4711", "name": "Ada Lovelace", "number": "+4930123456"},
                    "authentication": {
                        "method": "app_session",
                        "level": "strong",
                        "until": "2030-01-01T12:00:00Z",
                    },
                    "channel": "app",
                    "intent": "card_blocked",
                    "language": "en",
                    "attributes": {"shop": "X"},
                    "journey": [{"kind": "chat", "text": "Card blocked at shop X"}],
                }
            ]
        },
    )

    customer: Mapping[Name, Line] = Field(default_factory=dict, max_length=32)
    authentication: AuthenticationGiven | None = None
    channel: Line | None = Field(None, examples=["app"])
    intent: Line | None = Field(None, examples=["card_blocked"])
    language: Language | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] | None = None
    skills: Mapping[Name, SkillLevel] = Field(default_factory=dict, max_length=32)
    attributes: Mapping[Name, Value] = Field(default_factory=dict, max_length=128)
    attachments: tuple[AttachmentGiven, ...] = Field((), max_length=32, strict=False)
    journey: tuple[StepGiven, ...] = Field((), max_length=100, strict=False)
    privacy: Mapping[
        Annotated[str, Field(pattern=r"^(customer|attributes)\.[A-Za-z0-9_.-]{1,64}$")],
        Annotated[Privacy, Field(strict=False)],
    ] = Field(default_factory=dict, max_length=160)


def sealed(content: Content, *, id: str, source: str, now: datetime, expires_at: datetime) -> Envelope:
    """The envelope of what `source` handed over. Raises TooLarge."""

    def fact(name: str, value: Any, otherwise: Privacy = Privacy.PUBLIC) -> dict[str, Any]:
        return {
            "value": value, "source": source, "at": now, "privacy": content.privacy.get(name, otherwise)
        }  # fmt: skip

    def optional(name: str) -> dict[str, Any] | None:
        value = getattr(content, name)
        return None if value is None else fact(name, value)

    return Envelope.model_validate({
        "id": id,
        "created_at": now,
        "expires_at": expires_at,
        "customer": {
            name: fact(f"customer.{name}", value, Privacy.PERSONAL)
            for name, value in content.customer.items()
        },
        "authentication": _authentication(content.authentication, source, now),
        "channel": optional("channel"),
        "intent": optional("intent"),
        "language": optional("language"),
        "priority": optional("priority"),
        "skills": {name: fact("", level) for name, level in content.skills.items()},
        "attributes": {
            name: fact(f"attributes.{name}", value) for name, value in content.attributes.items()
        },
        "attachments": tuple(
            Attachment(url=given.url, title=given.title, source=source) for given in content.attachments
        ),
        "journey": tuple(
            Step(kind=given.kind, at=given.at or now, text=given.text, source=source)
            for given in content.journey
        ),
    }).checked()  # fmt: skip


def _authentication(given: AuthenticationGiven | None, source: str, now: datetime) -> Authentication | None:
    if given is None:
        return None
    return Authentication(
        method=given.method,
        level=_LEVELS[given.level],
        at=min(given.at or now, now),  # nobody has logged in later than now, whatever their clock says
        until=min(given.until, now + LONGEST_AUTHENTICATION),
        source=source,
    )


__all__ = ["AttachmentGiven", "AuthenticationGiven", "Content", "Fact", "StepGiven", "sealed"]
