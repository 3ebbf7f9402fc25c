"""What is shown of an envelope, and to whom. Pure. Plain JSON: text is text, to be shown as such."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from gateway.handoff.envelope import Envelope, Fact, Privacy
from gateway.handoff.matching import CEILINGS, Match, Matched

MASK: Final = "•••"


class Audience(Enum):
    """Who looks."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    WEBHOOK = "webhook"
    CRM = "crm"  # a webhook that may see personal facts
    PLAN = "plan"  # the expressions of a dialplan
    LOG = "log"


SEES: Final[Mapping[Audience, frozenset[Privacy]]] = MappingProxyType(
    {
        Audience.AGENT: frozenset({Privacy.PUBLIC, Privacy.PERSONAL}),
        Audience.SUPERVISOR: frozenset({Privacy.PUBLIC, Privacy.PERSONAL}),
        Audience.ADMIN: frozenset(Privacy),
        Audience.PLAN: frozenset(Privacy),
        Audience.WEBHOOK: frozenset({Privacy.PUBLIC}),
        Audience.CRM: frozenset({Privacy.PUBLIC, Privacy.PERSONAL}),
        Audience.LOG: frozenset(),
    }
)
DROPS: Final = frozenset({Audience.WEBHOOK, Audience.CRM, Audience.LOG})
"""Who isn't even told that there is something they don't see."""


def shown(matched: Matched, audience: Audience, now: datetime) -> dict[str, Any]:
    """The context of a call, as `audience` is shown it."""
    envelope = matched.envelope
    return {
        "id": envelope.id,
        "match": matched.by.value,
        "customer": facts(envelope.customer, audience),
        "authentication": _authentication(matched, now),
        "channel": _value(envelope.channel, audience),
        "intent": _value(envelope.intent, audience),
        "language": _value(envelope.language, audience),
        "priority": _value(envelope.priority, audience),
        "skills": facts(envelope.skills, audience),
        "attributes": facts(envelope.attributes, audience),
        "attachments": [
            {"url": found.url, "title": found.title}
            for found in envelope.attachments
            if found.privacy in SEES[audience]
        ],
        "journey": journey(envelope, audience),
        "forgotten_steps": envelope.forgotten_steps,
    }


def told(matched: Matched, now: datetime, *, personal: bool) -> dict[str, Any]:
    """The context as a webhook is told it. Without `personal` there are public facts alone, and the
    customer's id, by which a CRM finds the rest; a secret fact never leaves.
    """
    context = shown(matched, Audience.CRM if personal else Audience.WEBHOOK, now)
    known = matched.envelope.customer.get("id")
    if known is not None and known.privacy is not Privacy.SECRET:
        context["customer"] = {**context["customer"], "id": known.value}
    return {name: value for name, value in context.items() if value is not None}


def facts(found: Mapping[str, Fact[Any]], audience: Audience) -> dict[str, Any]:
    """Their values; masked, or left out, where `audience` hasn't the right."""
    return {
        name: _value(fact, audience)
        for name, fact in found.items()
        if fact.privacy in SEES[audience] or audience not in DROPS
    }


def journey(envelope: Envelope, audience: Audience) -> list[dict[str, str]]:
    """The way here, oldest first."""
    return [
        {
            "kind": step.kind.value,
            "at": step.at.isoformat(),
            "text": step.text if step.privacy in SEES[audience] else MASK,
            "source": step.source,
        }
        for step in envelope.journey
        if step.privacy in SEES[audience] or audience not in DROPS
    ]


def _value(fact: Fact[Any] | None, audience: Audience) -> Any:
    if fact is None:
        return None
    if fact.privacy in SEES[audience]:
        return fact.value
    return None if audience in DROPS else MASK


def _authentication(matched: Matched, now: datetime) -> dict[str, Any]:
    """What it counts for on this call, at this moment."""
    found = matched.authentication
    if found is None:
        return {"state": "none", "authenticated": False}
    return {
        "state": found.state(now),
        "authenticated": found.holds(now),
        "method": found.method,
        "level": found.level.name.lower(),
        "at": found.at.isoformat(),
        "until": found.until.isoformat(),
        "source": found.source,
    }


def planned(matched: Matched, now: datetime) -> dict[str, Any]:
    """The context as a dialplan's expressions see it: attributes by their names, what has a place at it.

    `authentication.until_s`: seconds since the epoch.
    """
    context = shown(matched, Audience.PLAN, now)
    attributes = context.pop("attributes")
    known = {name: value for name, value in context.items() if value is not None}
    found = matched.authentication
    if found is not None:
        known["authentication"] = {**known["authentication"], "until_s": found.until.timestamp()}
    return {**attributes, **known}


def at_callback(context: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What was shown of a caller, when they are called back: whoever answers there hasn't proved anything."""
    authentication = context.get("authentication")
    if not isinstance(authentication, Mapping) or not authentication.get("authenticated"):
        return dict(context)
    over = datetime.fromisoformat(authentication["until"]) <= now
    level = CEILINGS[Match.CALLBACK].name.lower()
    lessened = {"state": "expired" if over else "claimed", "authenticated": False, "level": level}
    return {**context, "match": Match.CALLBACK.value, "authentication": {**authentication, **lessened}}
