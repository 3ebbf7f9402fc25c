"""The last contact with a customer: what an agent is told of it when they come again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.handoff.envelope import Envelope, Step, StepKind
from gateway.handoff.numbers import canonical

_AGENT: Final = "agent:"
_NUMBER: Final = "tel:"


def key_of(envelope: Envelope) -> str:
    """Whose contact it is: the customer's id, or the number they call from while nobody knows it."""
    if envelope.customer_id:
        return envelope.customer_id
    number = envelope.customer.get("number")
    known = "" if number is None else canonical(number.value)
    return f"{_NUMBER}{known}" if known else ""


def last_contact(envelopes: Iterable[Envelope]) -> dict[str, Any] | None:
    """Of the newest of these in which somebody talked with them: `at`, `agent`, `noted`, `survey`, `intent`,
    `channel`, as far as they are known; `handoff`, its id; `by`: customer or number, by what it was found.
    None when nobody has.
    """
    for envelope in envelopes:
        talks = [one for one in envelope.journey if one.kind is StepKind.CALL]
        if talks:
            return _summary(envelope, talks)
    return None


def _summary(envelope: Envelope, talks: list[Step]) -> dict[str, Any]:
    noted, survey = _last(envelope, StepKind.NOTE), _last(envelope, StepKind.SURVEY)
    agents = [one.source for one in (*talks, *noted) if one.source.startswith(_AGENT)]
    told = {
        "at": talks[-1].at.isoformat(),
        "agent": agents[-1].removeprefix(_AGENT) if agents else "",
        "noted": noted[-1].text if noted else "",
        "survey": survey[-1].text if survey else "",
        "intent": "" if envelope.intent is None else envelope.intent.value,
        "channel": "" if envelope.channel is None else envelope.channel.value,
        "handoff": envelope.id,
        # Anybody can have a network say that they call from this number.
        "by": "number" if key_of(envelope).startswith(_NUMBER) else "customer",
    }
    return {name: value for name, value in told.items() if value}


def _last(envelope: Envelope, kind: StepKind) -> list[Step]:
    return [one for one in envelope.journey if one.kind is kind][-1:]
