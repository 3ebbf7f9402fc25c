"""What webhooks are told of an envelope that changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.handoff.desk import Change
from gateway.handoff.envelope import Envelope
from gateway.handoff.matching import Match, Matched
from gateway.handoff.showing import told
from gateway.webhooks.events import Delivery, EventType, Subscriptions


def handoff_deliveries(
    subscriptions: Subscriptions, envelope: Envelope, change: Change
) -> Sequence[Delivery]:
    """`envelope`: as it is after the change."""

    def describe(personal: bool) -> dict[str, Any]:
        # As it is stored: how far a call may believe it is decided when one comes.
        return {
            "handoff": envelope.id,
            "what": change.what,
            "by": change.by,
            "details": dict(change.details),
            "context": told(Matched(envelope, Match.TOKEN), change.at, personal=personal),
        }

    return subscriptions.deliveries(EventType.HANDOFF_CHANGED, change.at, describe)
