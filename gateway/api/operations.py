"""What can be done with a call in progress: one model for each operation, the same over REST and on desktops.

Over REST the last part of the path is the `type` of a command on a desktop, and the body is the rest of it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Annotated, Final, Literal, assert_never

from fastapi import HTTPException
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.api.ports import (
    Conversations,
    RecordingAction,
    SupervisionMode,
    Target,
    UnknownCall,
    UnusableTarget,
)
from gateway.errors import WrongState

# A number, a SIP address, or an extension of the PBX. Nothing that could end a header (CR, LF) or add one
# (<, >, ?).
_NUMBER: Final = re.compile(
    r"\+?[0-9*#]{1,32}|sips?:[A-Za-z0-9_.!~*'()&=+$,;/%:@\[\]-]{1,200}|pbx:\+?[0-9A-Za-z*#_.-]{1,64}",
    re.ASCII,
)
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


def number(value: str) -> str:
    """E.164, an extension, a SIP address, or pbx: and an extension of the PBX. Raises ValueError."""
    if _NUMBER.fullmatch(value) is None:
        raise ValueError(
            "a number has digits after an optional +; an address is sip:user@host or pbx:extension"
        )
    return value


Number = Annotated[str, AfterValidator(number)]


class To(BaseModel):
    """Where a call goes."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kind": "queue", "name": "billing"}]}
    )

    kind: Literal["number", "queue", "flow", "agent"]
    name: str = Field(min_length=1, max_length=210)

    def target(self) -> Target:
        """HTTPException 422 for a number that isn't one, and for names with control characters."""
        if self.kind == "number" and _NUMBER.fullmatch(self.name) is None:
            raise HTTPException(422, f"'{self.name}' is neither a number nor an address")
        if _NAME.fullmatch(self.name) is None and self.kind != "number":
            raise HTTPException(422, f"this isn't the name of any {self.kind}")
        return Target(self.kind, self.name)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


Note = Annotated[str, Field(max_length=1000, description="Shown to whoever takes the call next.")]


class NoArguments(_Body):
    """An operation that needs nothing else."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})


class MuteBody(_Body):
    muted: bool = Field(True, examples=[True])


class TransferBody(_Body):
    to: To = Field(examples=[{"kind": "agent", "name": "bob"}])
    note: Note = ""


class RequeueBody(_Body):
    queue: str | None = Field(
        None, max_length=128, description="The same queue without it.", examples=["sales"]
    )
    priority: int | None = Field(None, ge=-1_000_000, le=1_000_000)
    note: Note = ""


class RecordBody(_Body):
    action: RecordingAction = Field(
        "start", description="A pause leaves silence, so both sides stay aligned.", examples=["pause"]
    )


class PressBody(_Body):
    keys: str = Field(
        pattern=r"^[0-9*#A-D]{1,32}$", description="Heard by whoever the agent talks with.", examples=["1#"]
    )


class SuperviseBody(_Body):
    mode: SupervisionMode = Field(
        description="Hear both; be heard by the agent; by both.", examples=["listen"]
    )
    device: Number | None = Field(
        None,
        description="The phone to ring; your own, as an agent, without it.",
        examples=["sip:sue@10.0.0.9"],
    )


class Hold(NoArguments):
    type: Literal["hold"]


class Resume(NoArguments):
    type: Literal["resume"]


class Mute(MuteBody):
    type: Literal["mute"]


class Transfer(TransferBody):
    type: Literal["transfer"]


class Consult(TransferBody):
    type: Literal["consult"]


class Alternate(NoArguments):
    type: Literal["alternate"]


class Complete(NoArguments):
    type: Literal["complete"]


class Conference(NoArguments):
    type: Literal["conference"]


class Cancel(NoArguments):
    type: Literal["cancel"]


class Requeue(RequeueBody):
    type: Literal["requeue"]


class Record(RecordBody):
    type: Literal["record"]


class Supervise(SuperviseBody):
    type: Literal["supervise"]


class Press(PressBody):
    type: Literal["press"]


class ChatLink(NoArguments):
    type: Literal["chat_link"]


class HangUp(NoArguments):
    type: Literal["hang_up"]


Control = (
    Hold
    | Resume
    | Mute
    | Transfer
    | Consult
    | Alternate
    | Complete
    | Conference
    | Cancel
    | Requeue
    | Record
    | Press
    | ChatLink
    | HangUp
)
"""What an agent does with their own call."""

Operation = Control | Supervise


async def perform(conversations: Conversations, call_id: str, operation: Operation, *, by: str) -> None:
    """Do it. HTTPException 404 (no such call), 409 (not in this state) or 422 (nobody to be reached so)."""
    try:
        await _dispatch(conversations, call_id, operation, by)
    except UnknownCall as unknown:
        raise HTTPException(404, str(unknown)) from unknown
    except WrongState as wrong:
        raise HTTPException(409, str(wrong)) from wrong
    except UnusableTarget as unusable:
        raise HTTPException(422, str(unusable)) from unusable


def _dispatch(conversations: Conversations, call_id: str, operation: Operation, by: str) -> Awaitable[None]:
    match operation:
        case Hold():
            return conversations.hold(call_id, by=by)
        case Resume():
            return conversations.resume(call_id, by=by)
        case Mute(muted=muted):
            return conversations.mute(call_id, muted, by=by)
        case Transfer(to=to, note=note):
            return conversations.transfer(call_id, to.target(), by=by, note=note)
        case Consult(to=to, note=note):
            return conversations.consult(call_id, to.target(), by=by, note=note)
        case Alternate():
            return conversations.alternate(call_id, by=by)
        case Complete():
            return conversations.complete(call_id, by=by)
        case Conference():
            return conversations.conference(call_id, by=by)
        case Cancel():
            return conversations.cancel(call_id, by=by)
        case Requeue(queue=queue, priority=priority, note=note):
            return conversations.requeue(call_id, queue, priority, by=by, note=note)
        case Record(action=action):
            return conversations.record(call_id, action, by=by)
        case Supervise(mode=mode, device=device):
            return conversations.supervise(call_id, mode, by=by, device=device)
        case Press(keys=keys):
            return conversations.press(call_id, keys, by=by)
        case ChatLink():
            return conversations.chat_link(call_id, by=by)
        case HangUp():
            return conversations.hang_up(call_id, by=by)
        case _:
            assert_never(operation)
