"""The world beyond the caller, as a simulation has it: lookups, queues, agents, recordings. Pure.

Whatever a run asks for (`requests`) is answered here: from what the fixture says of the node, else as on a
good day: lookups excepted, whose answers nobody can guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from gateway.dialplan.requests import (
    CallbackRequest,
    ContextRequest,
    DialRequest,
    LookupRequest,
    QueueRequest,
    RecordRequest,
    Request,
    SurveyRequest,
    TransferRequest,
)
from gateway.errors import RingbackError

AGENT_AFTER_S: Final = 20.0
TALK_S: Final = 60.0
MESSAGE_S: Final = 10.0
SURVEY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """How a request comes out: `outcome` is an exit of its node. `after_s`: how long that takes."""

    outcome: str
    value: Any = None
    after_s: float = 0.0


class NoReply(RingbackError):
    """A lookup that no fixture answers."""

    def __init__(self, node: str, url: str) -> None:
        super().__init__(f"nothing answers the lookup at '{node}' ({url}): give it an answer in `lookups`")
        self.node = node
        self.url = url


@dataclass(slots=True)
class World:
    """Replies by the name of the node: the first time the first, the last one from then on.

    Raises NoReply from `reply` for a lookup without one. `envelopes`: by what finds them (an id or a PIN).
    """

    replies: Mapping[str, Sequence[Reply]] = field(default_factory=dict)
    envelopes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)

    def reply(self, node: str, request: Request, context: Mapping[str, Any]) -> Reply:
        """What comes of `request`, which `node` makes. `context`: the envelope as it is."""
        given = self.replies.get(node, ())
        if given:
            number = self._asked.get(node, 0)
            self._asked[node] = number + 1
            return given[min(number, len(given) - 1)]
        return self._good_day(node, request, context)

    def _good_day(self, node: str, request: Request, context: Mapping[str, Any]) -> Reply:
        match request:
            case LookupRequest():
                raise NoReply(node, request.url)
            case QueueRequest():
                if 0 < request.timeout_s < AGENT_AFTER_S:
                    return Reply("timed_out", after_s=request.timeout_s)
                return Reply("next", after_s=AGENT_AFTER_S + TALK_S)
            case DialRequest():
                return Reply("next", after_s=TALK_S)
            case RecordRequest():
                return Reply("next", "message-1", min(MESSAGE_S, request.maximum_s))
            case SurveyRequest():
                return Reply("next", after_s=SURVEY_S)
            case ContextRequest():
                return self._envelope(request, context)
            case CallbackRequest() | TransferRequest():
                return Reply("next")
            case _:
                assert_never(request)

    def _envelope(self, request: ContextRequest, context: Mapping[str, Any]) -> Reply:
        found: Mapping[str, Any] | None = context
        if request.find is not None:
            found = self.envelopes.get(request.find)
        return Reply("not_found") if found is None else Reply("next", {**found, **request.write})


def http_reply(status: int, body: Any, after_s: float = 0.0) -> Reply:
    """What an HTTP answer comes to, as the live lookup decides it: `body` None is one that isn't JSON."""
    if 200 <= status < 300:
        return Reply("garbage", after_s=after_s) if body is None else Reply("next", body, after_s)
    if status in (404, 410):
        return Reply("not_found", after_s=after_s)
    return Reply("server_error" if status >= 500 else "refused", after_s=after_s)
