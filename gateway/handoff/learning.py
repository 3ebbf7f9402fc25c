"""What another system of ours answered about a caller, written into their envelope. Pure.

It may say more of the customer, and newer; it can't make another customer of them. What it says of their
authentication is that it has checked what they typed or said: one factor, for this customer alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from gateway.handoff.arriving import sorted_out
from gateway.handoff.content import Content, sealed
from gateway.handoff.envelope import Envelope, TooLarge
from gateway.handoff.matching import CEILINGS, Match
from gateway.handoff.merging import stronger


def learned(
    here: Envelope, said: Mapping[str, Any], *, source: str, now: datetime
) -> tuple[Envelope, tuple[str, ...]]:
    """`here` with what `source` said, and the names of what couldn't be taken; a call isn't lost for it."""
    fields, attributes, refused = sorted_out(said, vouched=said)
    try:
        content = Content.model_validate({**fields, "attributes": attributes})
        came = sealed(content, id=here.id, source=source, now=now, expires_at=here.expires_at)
        if here.customer_id and came.customer_id not in ("", here.customer_id):
            came = came.model_copy(update={"customer": {}, "authentication": None})
            refused = [*refused, "customer", "authentication"]
        return _together(here, came).checked(), tuple(refused)
    except (TooLarge, ValidationError):
        return here, tuple(said)


def _together(here: Envelope, came: Envelope) -> Envelope:
    proof = came.authentication
    newer = ("channel", "intent", "language", "priority")
    return here.model_copy(
        update={
            **{name: fact for name in newer if (fact := getattr(came, name)) is not None},
            "customer": {**here.customer, **came.customer},
            "authentication": stronger(
                here.authentication, None if proof is None else proof.at_most(CEILINGS[Match.LOOKUP])
            ),
            "skills": {**here.skills, **came.skills},
            "attributes": {**here.attributes, **came.attributes},
            "attachments": tuple(dict.fromkeys((*here.attachments, *came.attachments)))[-32:],
        }
    ).with_steps(*came.journey)
