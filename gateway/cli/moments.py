"""Times that people type after an option."""

from __future__ import annotations

from datetime import date, datetime, time, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.errors import RingbackError


class UnusableMoment(RingbackError):
    """What was typed is no time."""


def zone_of(name: str) -> tzinfo:
    """Raises UnusableMoment."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnusableMoment(f"there is no time zone '{name}', such as Europe/Berlin") from None


def moment_of(text: str | None, zone: tzinfo) -> datetime | None:
    """A date (its midnight) or a time; without a zone of its own it is in `zone`. Raises UnusableMoment."""
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), zone)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UnusableMoment(
            f"'{text}' is neither a date nor a time, such as 2026-01-05 or 2026-01-05T08:00"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)
