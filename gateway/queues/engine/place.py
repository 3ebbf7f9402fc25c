"""One entry, as the engine keeps it: small, because ten thousand may wait. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.queues.engine.skills import NOTHING, Requirement
from gateway.queues.entry import PLACED, EntryState
from gateway.queues.settings import Strategy
from gateway.queues.views import EntryView

if TYPE_CHECKING:
    from gateway.queues.engine.agent import Agent
    from gateway.queues.engine.lane import Lane
    from gateway.queues.engine.line import Line
    from gateway.queues.engine.offer import OpenOffer

Key = tuple[int, float, int]
"""The order within a queue, the least first: effective priority (negative), enqueue time, sequence."""


@dataclass(slots=True, eq=False)
class Place:
    """Mutable. `seq` settles who came first at the same instant. What is None until needed costs less."""

    id: str
    seq: int
    line: Line
    priority: int  # without what waiting adds
    skills: Mapping[str, int]  # its own, without those of the queue
    language: str
    sticky: str | None
    identity: str
    enqueued_at: float
    joined_at: float  # of this queue; or on the line again, after a callback or a requeue
    state: EntryState
    lane: Lane = field(init=False)  # while it is placed
    callback: bool = False
    limit_at: float | None = None  # the caller's own
    not_before: float | None = None
    key: Key = (0, 0.0, 0)
    required: Requirement = NOTHING
    ready: bool = False  # in `lane.ready`
    holder: Agent | None = None  # waits for this agent alone
    sent_until: float = 0.0  # until then, because another agent sent it there
    offers: dict[str, OpenOffer] = field(default_factory=dict)
    accepted: OpenOffer | None = None
    made: int = 0  # offers so far, for their names
    declined: dict[Agent, float] | None = None  # who missed or declined it, and when
    talks_with: Agent | None = None
    connected_at: float = 0.0
    original_position: int = 0
    path: tuple[str, ...] = ()  # queues it overflowed from

    @property
    def rank(self) -> tuple[int, Key]:
        """The order across queues: the heaviest queue first, then as within a queue."""
        return (-self.line.settings.weight, self.key)

    @property
    def open_offers(self) -> tuple[OpenOffer, ...]:
        return tuple(self.offers.values())

    @property
    def has_media(self) -> bool:
        return self.state in (EntryState.WAITING, EntryState.OFFERED)

    @property
    def in_callback(self) -> bool:
        return self.state in (EntryState.CALLBACK_WAITING, EntryState.CALLBACK_DIALING)

    @property
    def limit(self) -> float | None:
        """When waiting is over; None: never. A callback is a promise: it waits until kept or given up."""
        if self.in_callback:
            return None
        maximum_s = self.line.settings.maximum_wait_s
        limits = (self.limit_at, None if maximum_s is None else self.joined_at + maximum_s)
        return min((at for at in limits if at is not None), default=None)

    def offerable(self, now: float) -> bool:
        """Whether one (more) agent may be asked."""
        if self.accepted is not None or self.state not in PLACED:
            return False
        if self.offers and self.line.settings.strategy is not Strategy.RING_ALL:
            return False
        if self.in_callback:
            due = self.not_before is None or self.not_before <= now
            return due and not self.line.holds_callbacks
        limit = self.limit
        return limit is None or limit > now

    def view(self, position: int | None) -> EntryView:
        agents: Iterable[Agent] = (offer.agent for offer in self.open_offers)
        if self.accepted is not None:
            agents = (self.accepted.agent,)
        elif self.talks_with is not None:
            agents = (self.talks_with,)
        return EntryView(
            id=self.id,
            queue=self.line.name,
            state=self.state,
            position=position,
            priority=-self.key[0],
            skills=dict(sorted(self.required)),
            language=self.language,
            identity=self.identity,
            enqueued_at=self.enqueued_at,
            joined_at=self.joined_at,
            callback=self.callback,
            not_before=self.not_before,
            agents=tuple(agent.id for agent in agents),
        )
