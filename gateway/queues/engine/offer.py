"""One agent being asked for one entry, as the engine keeps it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.queues.engine.agent import Agent
    from gateway.queues.engine.place import Place


@dataclass(slots=True, eq=False)
class OpenOffer:
    """Mutable, and gone when the two talk or the offer came to nothing. The agent is reserved for it."""

    id: str
    place: Place
    agent: Agent
    rang_at: float | None = None
    accepted: bool = False

    def rang_s(self, now: float) -> float:
        return 0.0 if self.rang_at is None else now - self.rang_at
