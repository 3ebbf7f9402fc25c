"""The signalling protocol's messages: gateway/api/voice.asyncapi.yaml as code. Pure.

What comes in is checked by these models, whose errors name the field. What goes out is made by the functions
below; their names are the messages' types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from gateway.call.cause import Cause
from gateway.call.leg import Party
from gateway.call.screen import CallbackOffered, CallbackPromised, PromptShown, QueuePlace
from gateway.errors import RingbackError

VERSION: Final = 1
MAX_MESSAGE: Final = 65_536  # bytes
MAX_HEADERS: Final = 20
MAX_CONTEXT: Final = 8_192  # characters of JSON

Message = dict[str, Any]

CallId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{8,64}$")]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D]{1,32}$")]
Number = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+*#_.-]{1,64}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
HeaderValue = Annotated[str, StringConstraints(max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")]
HeaderMap = Annotated[dict[HeaderName, HeaderValue], Field(max_length=MAX_HEADERS)]


class Incoming(BaseModel):
    """`seq` numbers a session's messages, so that none counts twice; `ack` is the last of ours that was
    seen.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    seq: int = Field(ge=1, le=2**53)
    ack: int | None = Field(None, ge=0, le=2**53)


class CallMessage(Incoming):
    call: CallId


class StartCall(CallMessage):
    """Begin a call. `call` is made by the app: the same one never begins a second call."""

    type: Literal["call"]
    to: Number
    sdp: Annotated[str, StringConstraints(max_length=MAX_MESSAGE)]
    headers: HeaderMap = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)


class OfferMedia(CallMessage):
    """Media for a call, the first or in place of the present one. `negotiation` rises with each."""

    type: Literal["offer"]
    sdp: Annotated[str, StringConstraints(max_length=MAX_MESSAGE)]
    negotiation: int = Field(ge=1, le=1_000_000)


class AddCandidate(CallMessage):
    type: Literal["candidate"]
    candidate: Annotated[str, StringConstraints(max_length=512)] | None
    negotiation: int = Field(ge=1, le=1_000_000)


class AcknowledgeAnswer(CallMessage):
    """The app knows that the call is answered (SIP's ACK)."""

    type: Literal["ack"]


class PressKeys(CallMessage):
    type: Literal["digits"]
    digits: Digits
    duration_ms: int = Field(160, ge=40, le=1500)


class Hold(CallMessage):
    """The far end holds us: it hears nothing from us, and we hear it still (music, say) unless it mutes."""

    type: Literal["hold"]
    on: bool


class Mute(CallMessage):
    """The far end isn't to be heard; enforced here too, whatever its page does."""

    type: Literal["mute"]
    on: bool


class HangUp(CallMessage):
    type: Literal["hangup"]
    headers: HeaderMap = Field(default_factory=dict)


class TellRinging(CallMessage):
    """Somebody is being alerted to a call of ours."""

    type: Literal["ringing"]


class TellProgress(CallMessage):
    """Audio flows already, before the answer."""

    type: Literal["progress"]


class Accept(CallMessage):
    """A call of ours is answered."""

    type: Literal["accept"]
    headers: HeaderMap = Field(default_factory=dict)


class Reject(CallMessage):
    """A call of ours is refused. `status`: as SIP has it (RFC 3261 §21): 486 busy, 480 not here, 603 no."""

    type: Literal["reject"]
    status: int = Field(603, ge=300, le=699)
    headers: HeaderMap = Field(default_factory=dict)


class Received(BaseModel):
    """Nothing but `ack`; has no number of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["received"]
    ack: int = Field(ge=0, le=2**53)


class Hello(BaseModel):
    """The first message of every socket. `resume`: a session to go on with; then `received` is the last
    number seen of ours, or null for a page that has forgotten everything (it was reloaded)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["hello"]
    version: Literal[1] = 1
    token: Annotated[str, StringConstraints(max_length=8192)] | None = None
    resume: Annotated[str, StringConstraints(max_length=128)] | None = None
    received: int | None = Field(None, ge=0, le=2**53)


Request = Annotated[
    StartCall
    | OfferMedia
    | AddCandidate
    | AcknowledgeAnswer
    | PressKeys
    | Hold
    | Mute
    | HangUp
    | TellRinging
    | TellProgress
    | Accept
    | Reject
    | Received,
    Field(discriminator="type"),
]
_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Request)


class BadMessage(RingbackError):
    """What came isn't a message of this protocol. `code`: for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_request(text: str) -> Request:
    """Raises BadMessage, which names the field but doesn't repeat what was in it."""
    try:
        return _REQUESTS.validate_json(text)
    except (ValidationError, RecursionError) as error:
        raise BadMessage("bad_message", _reason(error)) from error


def parse_hello(text: str) -> Hello:
    try:
        return Hello.model_validate_json(text)
    except (ValidationError, RecursionError) as error:
        raise BadMessage("bad_message", _reason(error)) from error


def _reason(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "the message is nested too deeply"
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"] if not str(part)[:1].isupper())
    return f"{field}: {first['msg']}" if field else first["msg"]


# ---- what we send


def welcome(
    session: str,
    received: int,
    resume_s: float,
    servers: list[Message],
    calls: list[str],
    *,
    resumed: bool,
) -> Message:
    """`calls`: those that are still there, for a page that remembers one."""
    return {
        "type": "welcome",
        "version": VERSION,
        "session": session,
        "resumed": resumed,
        "received": received,
        "resume_s": resume_s,
        "ice_servers": servers,
        "calls": calls,
    }


def error(code: str, message: str, call: str | None = None) -> Message:
    return {"type": "error", "code": code, "message": message, "call": call}


def answer(sdp: str, negotiation: int) -> Message:
    return {"type": "answer", "sdp": sdp, "negotiation": negotiation}


def candidate(text: str | None, negotiation: int) -> Message:
    return {"type": "candidate", "candidate": text, "negotiation": negotiation}


def media(state: str, reason: str = "") -> Message:
    """`connected`, or `lost`: then the app offers anew."""
    return {"type": "media", "state": state, "reason": reason}


def ring(caller: Party, headers: Mapping[str, str]) -> Message:
    return {
        "type": "ring",
        "from": {"number": caller.number, "name": caller.display_name},
        "headers": dict(headers),
    }


def answered(headers: Mapping[str, str]) -> Message:
    return {"type": "answered", "headers": dict(headers)}


def held(*, on: bool) -> Message:
    """We hold the far end: it isn't heard."""
    return {"type": "held", "on": on}


def ended(
    cause: Cause,
    by: str,
    status: int | None,
    text: str,
    headers: Mapping[str, str],
    retry_after_s: int | None,
) -> Message:
    """`by`: "gateway" or "app"; `status`: as SIP has it, for a call that wasn't answered."""
    return {
        "type": "ended",
        "cause": cause.value,
        "reason": cause.name.lower(),
        "by": by,
        "status": status,
        "text": text,
        "headers": dict(headers),
        "retry_after_s": retry_after_s,
    }


def state(name: str, direction: str, caller: Party, called: Party, *, muted: bool, held: bool) -> Message:
    """Where a call is, for an app that has forgotten."""
    return {
        "type": "state",
        "state": name,
        "direction": direction,
        "from": {"number": caller.number, "name": caller.display_name},
        "to": called.number,
        "muted": muted,
        "held": held,
    }


def prompt(shown: PromptShown | None) -> Message:
    if shown is None:
        return {"type": "prompt", "text": "", "choices": []}
    return {
        "type": "prompt",
        "text": shown.text,
        "language": shown.language,
        "choices": [{"keys": choice.keys, "label": choice.label} for choice in shown.choices],
        "gathers": shown.gathers,
        "secret": shown.secret,
    }


def place(queue: QueuePlace | None) -> Message:
    if queue is None:
        return {"type": "queue", "queue": None}
    return {
        "type": "queue",
        "queue": queue.queue,
        "position": queue.position,
        "estimate_s": list(queue.estimate_s) if queue.estimate_s is not None else None,
        "waited_s": queue.waited_s,
    }


def callback_offer(offer: CallbackOffered | None) -> Message:
    if offer is None:
        return {"type": "callback_offer", "queue": None}
    return {
        "type": "callback_offer",
        "queue": offer.queue,
        "keys": offer.keys,
        "number": offer.number,
        "keeps_place": offer.keeps_place,
    }


def callback_promised(promise: CallbackPromised) -> Message:
    return {
        "type": "callback_promised",
        "queue": promise.queue,
        "id": promise.id,
        "number": promise.number,
        "estimate_s": list(promise.estimate_s) if promise.estimate_s is not None else None,
    }


def agent(name: str | None) -> Message:
    return {"type": "agent", "name": name}
