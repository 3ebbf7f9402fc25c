"""What the node shows, kept up by its snapshots and deltas. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

SECTIONS: Final = ("queues", "entries", "agents", "calls")

Item = dict[str, Any]


class Mirror:
    """The items of each section by their id, and the node's clock."""

    def __init__(self) -> None:
        self.sections: dict[str, dict[str, Item]] = {section: {} for section in SECTIONS}
        self._at = datetime.fromtimestamp(0, UTC)
        self._heard_at = 0.0

    def take(self, message: Mapping[str, Any], now: float) -> None:
        """A snapshot, delta or tick; anything else changes nothing. `now`: monotonic seconds."""
        kind = message.get("type")
        if kind not in ("snapshot", "delta", "tick"):
            return
        self._at, self._heard_at = datetime.fromisoformat(message["at"]), now
        for section, items in self.sections.items():
            if kind == "snapshot":
                items.clear()
            for name, item in message.get(section, {}).items():
                if item is None:
                    items.pop(name, None)
                else:
                    items[name] = item

    def node_time(self, now: float) -> datetime:
        """The time at the node: its waits are counted from it, however wrong our own clock is."""
        return self._at + timedelta(seconds=now - self._heard_at)
