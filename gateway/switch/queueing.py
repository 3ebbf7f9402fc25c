"""A caller's visit to a queue: the wait with its music and announcements, the talk, and what comes after.

The engine decides about the place; the visit is what the caller hears and does at it. It is an action of a
dialplan (`Actions.queue`): it ends with an exit of the queue node, and it is cancelled when the caller hangs
up, in whatever state.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import structlog

from gateway.queues.signals import (
    Leaving,
)

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
