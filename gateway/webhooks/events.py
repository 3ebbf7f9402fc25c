"""What can be told, to whom, and in which words. Pure.

An event that happens is one message for each endpoint that wants it: a `Delivery`, whose body is fixed when
the event happens and stored in the transaction that stores the event. So it is told even if the node dies in
the next moment, and every try sends the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4


class EventType(Enum):
    """What can be told. `DESCRIPTIONS` says what each means and carries."""

    AGENT_OFFERED = "agent.offered"
    CALL_CONNECTED = "call.connected"
    CALL_TRANSFERRED = "call.transferred"
    CALL_NOTED = "call.noted"
    CALL_ENDED = "call.ended"
    QUEUE_JOINED = "queue.joined"
    QUEUE_LEFT = "queue.left"
    QUEUE_ABANDONED = "queue.abandoned"
    CALLBACK_REQUESTED = "callback.requested"
    CALLBACK_UPDATED = "callback.updated"
    CALLBACK_DIALLED = "callback.dialled"
    CALLBACK_FAILED = "callback.failed"
    CALLBACK_COMPLETED = "callback.completed"
    CALLBACK_CANCELLED = "callback.cancelled"
    SURVEY_INVITED = "survey.invited"
    SURVEY_ANSWERED = "survey.answered"
    HANDOFF_CHANGED = "handoff.changed"
    CHAT_LINK_REQUESTED = "chat.link_requested"
    RECORDING_READY = "recording.ready"
    TEST = "webhook.test"


DESCRIPTIONS: Final[Mapping[EventType, str]] = MappingProxyType(
    {
        EventType.AGENT_OFFERED: "An agent is asked to take a call, before their phone rings: `agent`, "
        "`offer`, `queue`, `waited_s`. The moment to open the customer's record.",
        EventType.CALL_CONNECTED: "The customer and an agent hear each other: `agent`, `queue`, `wait_s`.",
        EventType.CALL_TRANSFERRED: "An agent sent the customer on: `to`, `how` (blind, attended, requeue), "
        "`by`.",
        EventType.CALL_NOTED: "An agent wrote something of a call, during it or in wrap-up: `agent`, "
        "`disposition`, and `notes` for an endpoint that may see personal facts.",
        EventType.CALL_ENDED: "The customer's call is over: `started_at`, `duration_s`, `direction`, "
        "`technology`; of one that was in a queue `queue`, `agent`, `wait_s`, `talk_s`; `disposition` as far "
        "as it is noted by then (`call.noted` follows for what comes later), `recordings`.",
        EventType.QUEUE_JOINED: "A caller waits: `queue`, `priority`. `restored`: again, after a restart.",
        EventType.QUEUE_LEFT: "A caller left a queue unserved, by key, by time, because nobody is on duty: "
        "`reason`, `wait_s`.",
        EventType.QUEUE_ABANDONED: "A caller hung up while they waited: `wait_s`, `position`.",
        EventType.CALLBACK_REQUESTED: "A callback is promised: `callback` says all about it.",
        EventType.CALLBACK_UPDATED: "Its number or time is another now: `callback`.",
        EventType.CALLBACK_DIALLED: "The customer is being called: `attempt`.",
        EventType.CALLBACK_FAILED: "They weren't reached: `attempt`, `outcome`, `next_at`. With `final` true "
        "nobody will call again: tell the customer in another way.",
        EventType.CALLBACK_COMPLETED: "The customer talks with an agent: `agent`, `wait_s`.",
        EventType.CALLBACK_CANCELLED: "Nobody will call: `reason` (cancelled, removed, merged), `by`.",
        EventType.SURVEY_INVITED: "The customer couldn't be asked in the call: `url_path` takes their "
        "answer (POST, with an app's key) until `expires_at`.",
        EventType.SURVEY_ANSWERED: "The customer said how it was: `survey`, `agent`, `nps`, `csat`, "
        "`recording` of a comment.",
        EventType.HANDOFF_CHANGED: "An envelope was handed over or changed: `handoff`, `what`, `by`, and the "
        "`context` as it is now.",
        EventType.CHAT_LINK_REQUESTED: "A caller would rather write: send them a link to a chat, to "
        "`caller.number` or in their app. `by`: the agent who asks for it; none is there when they wait.",
        EventType.RECORDING_READY: "A recording is complete: `recording` (GET /v1/recordings/{id}).",
        EventType.TEST: "Somebody tries whether the endpoint works.",
    }
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for one endpoint. `message`: the event's id, one for all endpoints. `body`: JSON, as sent."""

    message: str
    endpoint: str
    type: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which events an endpoint wants: types, or patterns such as "call.*". `personal`: it may see personal
    facts of customers; secret ones are never sent.
    """

    endpoint: str
    events: tuple[str, ...] = ("*",)
    personal: bool = False

    def wants(self, event: EventType) -> bool:
        return any(fnmatchcase(event.value, pattern) for pattern in self.events)


Describe = Callable[[bool], Mapping[str, Any]]
"""The `data` of an event; for an endpoint that may see personal facts when it is given True."""


class Subscriptions:
    """Who wants what, on the node of this name."""

    def __init__(self, subscriptions: Sequence[Subscription] = (), node: str = "") -> None:
        self._wanting = {
            event: tuple(one for one in subscriptions if one.wants(event)) for event in EventType
        }
        self._node = node

    def wanted(self, event: EventType) -> bool:
        return bool(self._wanting[event])

    def deliveries(self, event: EventType, at: datetime, describe: Describe) -> tuple[Delivery, ...]:
        """What is to be sent, and to whom; nothing, and `describe` unasked, when nobody wants it."""
        wanting = self._wanting[event]
        if not wanting:
            return ()
        message, bodies = uuid4().hex, dict[bool, str]()
        for one in wanting:
            if one.personal not in bodies:
                bodies[one.personal] = body_of(message, event, at, self._node, describe(one.personal))
        return tuple(
            Delivery(message, one.endpoint, event.value, at, bodies[one.personal]) for one in wanting
        )


def body_of(message: str, event: EventType, at: datetime, node: str, data: Mapping[str, Any]) -> str:
    """The JSON of a message: `id`, `type`, `timestamp` (RFC 3339, UTC), `node`, `data`."""
    return json.dumps(
        {
            "id": message,
            "type": event.value,
            "timestamp": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "node": node,
            "data": data,
        },
        separators=(",", ":"),
        default=str,
    )
