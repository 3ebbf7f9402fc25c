"""What becomes of two envelopes that meet on one call. Pure.

Of the same customer, or of one who isn't known in one of them: each fact's newest word counts, the journey is
that of both, priority and skills are the higher. Of two customers nothing is mixed: the one that came now
stays, and its journey says that there was another. Proof stays with whom it proves: authentication goes from
one to the other only when both name the same customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from gateway.handoff.envelope import (
    MAX_BYTES,
    Authentication,
    Envelope,
    Fact,
    Privacy,
    Step,
    StepKind,
)

F = TypeVar("F", bound="Fact[Any]")


def merged(here: Envelope, came: Envelope) -> Envelope:
    """`came` met `here`. The id, and the time it lives, are those of `came`."""
    if here.id == came.id and here == came:
        return came
    if here.customer_id and came.customer_id and here.customer_id != came.customer_id:
        return came.with_steps(
            Step(
                kind=StepKind.OTHER,
                at=came.created_at,
                text="another customer's context was set aside",
                source="ringback",
                privacy=Privacy.PUBLIC,
            )
        )
    together = came.model_copy(
        update={
            "customer": _newest(here.customer, came.customer),
            "authentication": (
                stronger(here.authentication, came.authentication)
                if here.customer_id and here.customer_id == came.customer_id
                else came.authentication
            ),
            "channel": _newer(here.channel, came.channel),
            "intent": _newer(here.intent, came.intent),
            "language": _newer(here.language, came.language),
            "priority": _higher(here.priority, came.priority),
            "skills": {
                name: _higher(here.skills.get(name), came.skills.get(name))
                for name in sorted({*here.skills, *came.skills})
            },
            "attributes": _newest(here.attributes, came.attributes),
            "attachments": tuple(dict.fromkeys((*here.attachments, *came.attachments)))[-32:],
            "journey": (),
            "forgotten_steps": max(here.forgotten_steps, came.forgotten_steps),
        }
    )
    if together.size > MAX_BYTES:
        return came  # there is no room for both: the one that came now is whole
    steps = dict.fromkeys((*here.journey, *came.journey))
    return together.with_steps(*sorted(steps, key=lambda step: step.at))


def _newer(one: F | None, other: F | None) -> F | None:
    """The later word; of two of the same moment, `other`."""
    if one is None or other is None:
        return one or other
    return one if one.at > other.at else other


def _newest(one: Mapping[str, F], other: Mapping[str, F]) -> dict[str, F]:
    found = dict(one)
    for name, fact in other.items():
        mine = found.get(name)
        if mine is None or mine.at <= fact.at:
            found[name] = fact
    return found


def _higher(one: F | None, other: F | None) -> F | None:
    if one is None or other is None:
        return one or other
    return one if one.value > other.value else other


def stronger(one: Authentication | None, other: Authentication | None) -> Authentication | None:
    """The one that proves more; of equals the one that holds longer."""
    if one is None or other is None:
        return one or other
    return one if (one.level, one.until) > (other.level, other.until) else other
