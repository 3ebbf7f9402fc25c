"""The envelope: what is known of a customer when they come, so that they never have to say it twice. Pure.

Whoever learns something puts it in: the app, a bot, the menu, the queue, an agent. Each fact says who said so
and when, and who may see it. One thing is more than a fact: whether the customer has proved who they are
(`Authentication`), since that expires by itself and is never more than its source can prove (`matching`).

The form is published as JSON Schema in `envelope.schema.json`; `VERSION` goes up when a reader of the old
form would misread the new one. An envelope never has more than `MAX_BYTES` of JSON: a journey that grows
beyond forgets its oldest steps and says how many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Annotated, Any, Final, Generic, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from gateway.errors import RingbackError
from gateway.handoff.neutral import clean, clean_line, shortened

VERSION: Final = 1
MAX_BYTES: Final = 32 * 1024
MAX_STEPS: Final = 200

T = TypeVar("T")


class TooLarge(RingbackError):
    """An envelope of more than `MAX_BYTES`; `size` is what it has."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the envelope has {size} bytes, and {MAX_BYTES} at most")
        self.size = size


class Privacy(Enum):
    """Who sees a fact. `PERSONAL`: who works on the call; `SECRET`: who has the right. Neither is logged."""

    PUBLIC = "public"
    PERSONAL = "personal"
    SECRET = "secret"  # noqa: S105  # a class of facts


class Level(IntEnum):
    """How well somebody has proved who they are."""

    NONE = 0
    CLAIMED = 1  # they say so, or their number does: anybody can say so
    SINGLE = 2  # one factor: something they know, or have
    STRONG = 3  # two factors, or a signed session of an app they have logged in to


MAX_LINE: Final = 256
MAX_TEXT: Final = 4000
MAX_DEPTH: Final = 6


def _line(value: str) -> str:
    return shortened(clean_line(value), MAX_LINE)  # NFC may make a text longer


def _text(value: str) -> str:
    return shortened(clean(value), MAX_TEXT)


def _value(value: JsonValue, depth: int = 0) -> JsonValue:
    """JSON from strangers: not too deep, its texts made harmless. Raises ValueError."""
    match value:
        case str():
            if len(value) > MAX_TEXT:
                raise ValueError(f"a text has at most {MAX_TEXT} characters")
            return _text(value)
        case int() if abs(value) > 2**53:
            raise ValueError("a number has at most 53 bits: write it as a text")
        case float() if not math.isfinite(value):
            raise ValueError("not a number")
        case dict() | list() if depth >= MAX_DEPTH:
            raise ValueError(f"values are nested at most {MAX_DEPTH} deep")
        case dict():
            return {_line(name): _value(item, depth + 1) for name, item in value.items()}
        case list():
            return [_value(item, depth + 1) for item in value]
        case _:
            return value


def _http_link(value: str) -> str:
    if not value.startswith(("https://", "http://")) or "@" in value.partition("//")[2].partition("/")[0]:
        raise ValueError("a link begins with https:// or http:// and has no name or password in it")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Line = Annotated[str, Field(max_length=MAX_LINE), AfterValidator(_line)]
Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_text)]
Link = Annotated[str, Field(max_length=2000, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_http_link)]
Value = Annotated[JsonValue, AfterValidator(_value)]
SkillLevel = Annotated[int, Field(ge=1, le=100)]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Fact(_Model, Generic[T]):
    """Something that is known. `source`: who said so, such as "app:bank", "ivr", "agent:ann"."""

    value: T
    source: Line
    at: AwareDatetime = Field(strict=False)
    privacy: Privacy = Field(Privacy.PUBLIC, strict=False)


class Authentication(_Model):
    """How the customer has proved who they are. Over at `until`, whoever looks at it."""

    method: Line = Field(examples=["app_session"])
    level: Level = Field(strict=False)
    at: AwareDatetime = Field(strict=False)
    until: AwareDatetime = Field(strict=False)
    source: Line = ""

    def holds(self, now: datetime) -> bool:
        return self.level >= Level.SINGLE and self.at <= now < self.until

    def state(self, now: datetime) -> Literal["verified", "claimed", "expired", "none"]:
        """As screens show it."""
        if self.level is Level.NONE:
            return "none"
        if now >= self.until:
            return "expired"
        return "verified" if self.level >= Level.SINGLE else "claimed"

    def at_most(self, level: Level) -> Self:
        return self if self.level <= level else self.model_copy(update={"level": level})


class StepKind(Enum):
    """What a step of a journey was."""

    SCREEN = "screen"
    CHAT = "chat"
    BOT = "bot"
    MENU = "menu"
    QUEUE = "queue"
    CALL = "call"
    CALLBACK = "callback"
    TRANSFER = "transfer"
    NOTE = "note"
    SURVEY = "survey"
    OTHER = "other"


class Step(_Model):
    """One step of the way here, in order."""

    kind: StepKind = Field(strict=False)
    at: AwareDatetime = Field(strict=False)
    text: Text = ""
    source: Line = ""
    privacy: Privacy = Field(Privacy.PERSONAL, strict=False)


class Attachment(_Model):
    """A document elsewhere."""

    url: Link
    title: Line = ""
    source: Line = ""
    privacy: Privacy = Field(Privacy.PERSONAL, strict=False)


class Envelope(_Model):
    """Everything that is known. Frozen: a change is another envelope."""

    version: Literal[1] = VERSION
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
    created_at: AwareDatetime = Field(strict=False)
    expires_at: AwareDatetime = Field(strict=False)
    customer: Mapping[Name, Fact[Line]] = Field(default_factory=dict, max_length=32)
    authentication: Authentication | None = None
    channel: Fact[Line] | None = None
    intent: Fact[Line] | None = None
    language: Fact[Language] | None = None
    priority: Fact[Annotated[int, Field(ge=-100, le=100)]] | None = None
    skills: Mapping[Name, Fact[SkillLevel]] = Field(default_factory=dict, max_length=32)
    attributes: Mapping[Name, Fact[Value]] = Field(default_factory=dict, max_length=128)
    attachments: tuple[Attachment, ...] = Field((), max_length=32, strict=False)
    journey: tuple[Step, ...] = Field((), max_length=MAX_STEPS, strict=False)
    forgotten_steps: int = Field(0, ge=0)

    @property
    def customer_id(self) -> str:
        """ "" while nobody knows."""
        fact = self.customer.get("id")
        return fact.value if fact is not None else ""

    def to_json(self) -> dict[str, Any]:
        # None is a value that an attribute may have; what the envelope hasn't is left out.
        return {name: value for name, value in self.model_dump(mode="json").items() if value is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises pydantic's ValidationError."""
        return cls.model_validate(value)

    @property
    def size(self) -> int:
        """Bytes of JSON."""
        return len(self.model_dump_json().encode())

    def checked(self) -> Self:
        """Raises TooLarge."""
        if (size := self.size) > MAX_BYTES:
            raise TooLarge(size)
        return self

    def with_steps(self, *steps: Step) -> Self:
        """With more of the journey; its oldest steps go when there are too many, or they are too long."""
        together = (*self.journey, *steps)
        kept = together[-MAX_STEPS:]
        grown = self._walked(kept, len(together) - len(kept))
        while grown.journey and grown.size > MAX_BYTES:
            grown = self._walked(grown.journey[1:], len(together) - len(grown.journey) + 1)
        return grown

    def with_attributes(
        self, values: Mapping[str, Any], source: str, at: datetime, privacy: Privacy = Privacy.PUBLIC
    ) -> Self:
        """With these written over what was there. Raises ValidationError or TooLarge, and is as it was."""
        facts = {
            name: {"value": value, "source": source, "at": at, "privacy": privacy}
            for name, value in values.items()
        }
        old = {name: fact.model_dump() for name, fact in self.attributes.items()}
        return self.model_validate({**dict(self), "attributes": {**old, **facts}}).checked()

    def _walked(self, journey: tuple[Step, ...], forgotten: int) -> Self:
        return self.model_copy(
            update={"journey": journey, "forgotten_steps": self.forgotten_steps + forgotten}
        )


def step(kind: StepKind, at: datetime, text: str, source: str) -> Step:
    """A step that we write ourselves, of words that may be a stranger's: shortened, never refused."""
    return Step(kind=kind, at=at.astimezone(UTC), text=shortened(clean(text), 2000), source=source)
