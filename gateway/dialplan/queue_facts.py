"""What expressions see of a queue: `queues.NAME.waiting`, and the same of a caller's own queue. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gateway.queues.views import QueueView


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """The figures of one queue. Those of a queue that nobody has told anything about are these."""

    waiting: int = 0  # callers on the line
    callbacks: int = 0  # callers who have hung up and keep their place
    agents: int = 0  # on duty: logged in and not on break
    idle: int = 0  # of them, free to take a call now
    estimate_s: float = 0.0  # for who joins now; 0 when nobody can say
    estimate_known: bool = False
    oldest_wait_s: float = 0.0  # of who has waited longest

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def queue_facts(view: QueueView, estimate_s: float | None, now: float) -> Mapping[str, Any]:
    """The figures that `Facts.queues` has for a queue. `estimate_s`: for who joins now; None: unknown."""
    return QueueFacts(
        waiting=view.waiting,
        callbacks=view.callbacks,
        agents=view.on_duty,
        idle=view.idle,
        estimate_s=0.0 if estimate_s is None else float(estimate_s),
        estimate_known=estimate_s is not None,
        oldest_wait_s=0.0 if view.oldest_at is None else max(0.0, now - view.oldest_at),
    ).to_json()
