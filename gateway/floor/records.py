"""The link to a caller's record in a CRM, beside what an agent is shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.centre import ContactCentre
from gateway.config import DesktopSettings
from gateway.handoff.showing import MASK
from gateway.record_url import record_url


@dataclass(frozen=True, slots=True)
class RecordLink:
    """`template`: "" for no link. `opens`: by itself, when an agent accepts in the browser."""

    template: str = ""
    title: str = ""
    opens: bool = False

    @classmethod
    def of(cls, settings: DesktopSettings) -> RecordLink:
        return cls(settings.record_url, settings.record_title, settings.record_open == "accept")

    def beside(self, context: Mapping[str, Any], entry: str, centre: ContactCentre) -> dict[str, Any]:
        """The context with `record` in it: `url`, `title`, `open`."""
        call, place = centre.offers.call_at(entry), centre.runner.entry(entry)
        if not self.template or call is None:
            return dict(context)
        customer, attributes = context.get("customer"), context.get("attributes")
        values = {
            **{name: context.get(name) for name in ("intent", "language", "channel")},
            "customer": customer if isinstance(customer, Mapping) else {},
            "attributes": attributes if isinstance(attributes, Mapping) else {},
            "handoff": context.get("id"),
            "call_id": centre.runner.call_of(entry),
            "entry": entry,
            "queue": "" if place is None else place.queue,
            "agent": "" if place is None or not place.agents else next(iter(place.agents)),
            "number": call.caller.number,
            "name": call.caller.display_name,
        }
        url = record_url(self.template, _unmasked(values))
        return {**context, "record": {"url": url, "title": self.title, "open": self.opens}}


def _unmasked(values: Mapping[str, Any]) -> dict[str, Any]:
    """A mask isn't a value."""
    return {
        name: _unmasked(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if value != MASK
    }
