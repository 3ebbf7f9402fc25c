"""Where a caller can be sent, and how a conversation can end. Pure.

`Conversation.run` returns one of the ends and whoever ran it carries the caller on. A caller who hung up
isn't among them: then the run is cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.call.cause import Cause


@dataclass(frozen=True, slots=True)
class ToNumber:
    """A number as an agent would dial it, or a SIP URI."""

    number: str


@dataclass(frozen=True, slots=True)
class ToQueue:
    queue: str


@dataclass(frozen=True, slots=True)
class ToFlow:
    """A flow of the dialplan."""

    flow: str


@dataclass(frozen=True, slots=True)
class ToAgent:
    agent: str


Target = ToNumber | ToQueue | ToFlow | ToAgent


def name_of(target: Target) -> str:
    """As the journal and screens show it: "queue:billing"."""
    match target:
        case ToNumber(number):
            return f"number:{number}"
        case ToQueue(queue):
            return f"queue:{queue}"
        case ToFlow(flow):
            return f"flow:{flow}"
        case ToAgent(agent):
            return f"agent:{agent}"


@dataclass(frozen=True, slots=True)
class AgentHungUp:
    """Whoever served the caller at the last has left, and the caller is still there.

    `agent`: "" when it was somebody outside, reached by a transfer. `lost`: not on purpose; their phone or
    its network failed.
    """

    agent: str
    cause: Cause = Cause.NORMAL_CLEARING
    by: str = ""

    @property
    def lost(self) -> bool:
        return self.cause is not Cause.NORMAL_CLEARING


@dataclass(frozen=True, slots=True)
class BlindTransfer:
    """The agent sent the caller on without waiting for anybody. `note` is for whoever takes over."""

    target: Target
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The agent left while the consulted party still rang, and it never answered: the caller is alone."""

    target: Target
    cause: Cause
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Requeued:
    """Back to waiting at the original place: in `queue` (None: the same), with other wishes where given."""

    queue: str | None = None
    priority: int | None = None
    skills: Mapping[str, int] | None = None
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Faulted:
    """Something of ours broke. The caller is alone, and has done nothing to deserve it."""

    fault: Exception


ConversationEnd = AgentHungUp | BlindTransfer | TransferFailed | Requeued | Faulted
