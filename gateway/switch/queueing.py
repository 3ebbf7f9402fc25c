"""A caller's visit to a queue: the wait with its music and announcements, the talk, and what comes after.

The engine decides about the place; the visit is what the caller hears and does at it. It is an action of a
dialplan (`Actions.queue`): it ends with an exit of the queue node, and it is cancelled when the caller hangs
up, in whatever state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

import structlog

from gateway.agents.profile import AgentProfile
from gateway.call.leg import CallLeg, Headers, Party
from gateway.call.screen import QueuePlace, screen_of
from gateway.call.state import LegState
from gateway.dialplan.ports import Keys, Outcome
from gateway.dialplan.requests import QueueRequest
from gateway.queues.journal import JournalKind
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import (
    AgentReleased,
    Connect,
    Enqueue,
    Finished,
    Joined,
    JoinFailed,
    Leave,
    Leaving,
    Miss,
    Requeue,
)
from gateway.switch.offers import Briefing, Line, OfferDesk

log = structlog.get_logger(__name__)

EXITS: Final[Mapping[Leaving, str]] = MappingProxyType(
    {
        Leaving.KEY: "left",
        Leaving.TIMED_OUT: "timed_out",
        Leaving.EMPTY: "closed",
        Leaving.REMOVED: "left",
        Leaving.LOST: "error",
    }
)
"""The exit of the queue node for each way out of a queue that its caller survives."""
