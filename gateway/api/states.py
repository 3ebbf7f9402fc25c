"""Queues, entries, agents, offers and calls as the API shows them: over REST, on desktops, on wallboards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from gateway.agents.presence import AgentState, Presence
from gateway.api.auth import Holder, Role
from gateway.api.ports import CallView, OfferView, Queueing, RecordingState
from gateway.call.cdr import CallRecord, CallResult
from gateway.queues.entry import EntryState
from gateway.queues.settings import QueueSettings, Strategy
from gateway.queues.views import AgentView, EntryView, QueueView

SHOWN_DIGITS: Final = 3


def masked(number: str) -> str:
    """The end of a number only: enough to recognise one that is known."""
    return f"•••{number[-SHOWN_DIGITS:]}" if len(number) > SHOWN_DIGITS else "•••"


def shown_number(number: str, holder: Holder) -> str:
    """The whole number to supervisors and admins, its end to everybody else; "" stays anonymous."""
    if not number or holder.role in (Role.SUPERVISOR, Role.ADMIN):
        return number
    return masked(number)


def time_of(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class EstimateState(_State):
    """The expected wait from now, in seconds; 80 % of the waits end between `low_s` and `high_s`."""

    median_s: float = Field(examples=[170.0])
    low_s: float = Field(examples=[95.0])
    high_s: float = Field(examples=[290.0])


class FiguresState(_State):
    """Since midnight, from the journal. Ratios are 0 to 1; null when nothing has happened yet."""

    offered: int = Field(examples=[412], description="Entries that joined.")
    answered: int = Field(examples=[379])
    abandoned: int = Field(examples=[21])
    service_level: float | None = Field(examples=[0.84])
    average_wait_s: float | None = Field(examples=[31.5])
    longest_wait_s: float | None = Field(examples=[260.0])
    average_handle_s: float | None = Field(examples=[215.0])


class QueueState(_State):
    """A queue at this moment."""

    name: str = Field(examples=["billing"])
    waiting: int = Field(examples=[4], description="Callers on the line.")
    callbacks: int = Field(examples=[2], description="Without media; they count in positions too.")
    connected: int = Field(examples=[5])
    oldest_at: datetime | None = Field(description="Since when the first of them waits.")
    oldest_wait_s: float | None = Field(examples=[93.2])
    staffed: int = Field(examples=[8], description="Agents logged in.")
    on_duty: int = Field(examples=[7], description="Of them, not on break.")
    idle: int = Field(examples=[0], description="Of them, free to take a call now.")
    today: FiguresState | None

    @classmethod
    def of(cls, view: QueueView, queueing: Queueing) -> QueueState:
        figures = queueing.figures(view.name)
        oldest = view.oldest_at
        return cls(
            name=view.name,
            waiting=view.waiting,
            callbacks=view.callbacks,
            connected=view.connected,
            oldest_at=None if oldest is None else time_of(oldest),
            oldest_wait_s=None if oldest is None else _seconds(queueing.now() - oldest),
            staffed=view.staffed,
            on_duty=view.on_duty,
            idle=view.idle,
            today=None if figures is None else FiguresState.model_validate(figures, from_attributes=True),
        )


class QueueRules(_State):
    """How a queue is set. Durations in seconds."""

    strategy: Strategy
    weight: int
    capacity: int | None
    maximum_wait_s: float | None
    overflow: str | None
    skills: dict[str, int]
    ring_s: float
    wrap_up_s: float
    dispositions: list[str] = Field(
        examples=[["resolved", "call_again"]],
        description="What a call may have come to; empty: in the agent's own words.",
    )
    service_level_s: float

    @classmethod
    def of(cls, settings: QueueSettings) -> QueueRules:
        given = {name: getattr(settings, name) for name in cls.model_fields}
        own = {"skills": dict(settings.skills), "dispositions": list(settings.dispositions)}
        return cls.model_validate(given | own)


class QueueDetails(QueueState):
    """A queue at this moment, and how it is set; `rules` is null while a removed queue empties."""

    rules: QueueRules | None


class EntryFound(_State):
    """One place in a queue."""

    id: str = Field(examples=["5f0c9a3e"])
    queue: str = Field(examples=["billing"])
    state: EntryState = Field(examples=["waiting"])
    position: int | None = Field(examples=[3], description="From 1; null when it isn't placed any more.")
    priority: int = Field(examples=[0], description="The higher goes first; rises by rule included.")
    number: str = Field(examples=["•••456"], description="Whole for supervisors and admins.")
    name: str = Field(examples=["Ann Example"])
    call_id: str = Field(examples=["9b2f6c"])
    skills: dict[str, int] = Field(examples=[{"billing": 3}])
    language: str = Field(examples=["en"])
    enqueued_at: datetime
    wait_s: float = Field(examples=[42.0])
    estimate: EstimateState | None = Field(description="Null when it isn't known.")
    callback: bool
    not_before: datetime | None = Field(description="Of a callback: no dial sooner.")
    agents: list[str] = Field(examples=[["ann"]], description="Who is asked, or who talks.")

    @classmethod
    def of(cls, view: EntryView, queueing: Queueing, holder: Holder) -> EntryFound:
        caller, estimate = queueing.caller(view.id), queueing.estimate(view.id)
        return cls(
            id=view.id,
            queue=view.queue,
            state=view.state,
            position=view.position,
            priority=view.priority,
            number=shown_number(caller.number, holder) if caller else "",
            name=caller.name if caller else "",
            call_id=caller.call_id if caller else "",
            skills=dict(view.skills),
            language=view.language,
            enqueued_at=time_of(view.enqueued_at),
            wait_s=_seconds(queueing.now() - view.enqueued_at),
            estimate=None
            if estimate is None
            else EstimateState(
                median_s=_seconds(estimate.median_s),
                low_s=_seconds(estimate.low_s),
                high_s=_seconds(estimate.high_s),
            ),
            callback=view.callback,
            not_before=None if view.not_before is None else time_of(view.not_before),
            agents=list(view.agents),
        )


class AgentFound(_State):
    """An agent at this moment."""

    id: str = Field(examples=["ann"])
    name: str = Field(examples=["Ann Example"])
    presence: Presence = Field(examples=["available"], description="What they chose.")
    reason: str = Field(examples=["lunch"], description="Of a break; rona after missed calls.")
    state: AgentState = Field(examples=["idle"], description="What calls did.")
    since: datetime = Field(description="Of the state when it isn't idle, else of the presence.")
    phone: bool = Field(description="Whether they have a phone; who has none answers in a browser.")
    reachable: bool = Field(description="Whether their phone or browser can be reached.")
    entry: str | None = Field(description="What they are asked to take, or talk with.")
    wrap_up_until: datetime | None
    queues: list[str] = Field(examples=[["billing", "sales"]])
    skills: dict[str, int] = Field(examples=[{"billing": 5}])
    calls: int = Field(examples=[12], description="Since they logged in.")
    talk_s: float = Field(examples=[2460.0], description="Since they logged in.")
    misses: int = Field(examples=[0], description="In a row.")

    @classmethod
    def of(cls, view: AgentView) -> AgentFound:
        until = view.wrap_up_until
        return cls(
            id=view.id,
            name=view.profile.name,
            presence=view.presence,
            reason=view.reason,
            state=view.state,
            since=time_of(view.since),
            phone=bool(view.profile.device),
            reachable=view.reachable,
            entry=view.entry,
            wrap_up_until=None if until is None else time_of(until),
            queues=sorted(view.profile.queues),
            skills=dict(view.profile.skills),
            calls=view.calls,
            talk_s=_seconds(view.talk_s),
            misses=view.misses,
        )


class OfferFound(_State):
    """A call that an agent is asked to take: the screen pop. The number is whole: they are to talk to it."""

    id: str
    entry: str
    queue: str
    number: str
    name: str
    call_id: str
    wait_s: float = Field(description="How long the caller had waited when it was offered.")
    since: datetime
    until: datetime = Field(description="When it rings out.")
    callback: bool
    connecting: bool = Field(description="Accepted; the two are being joined.")
    language: str
    skills: dict[str, int]
    context: dict[str, Any]

    @classmethod
    def of(cls, offer: OfferView, queueing: Queueing) -> OfferFound:
        caller, entry = queueing.caller(offer.entry), queueing.entry(offer.entry)
        return cls(
            id=offer.id,
            entry=offer.entry,
            queue=offer.queue,
            number=caller.number if caller else "",
            name=caller.name if caller else "",
            call_id=caller.call_id if caller else "",
            wait_s=_seconds(offer.since - entry.enqueued_at) if entry else 0.0,
            since=time_of(offer.since),
            until=time_of(offer.until),
            callback=offer.callback,
            connecting=offer.connecting,
            language=entry.language if entry else "",
            skills=dict(entry.skills) if entry else {},
            context=dict(caller.context) if caller else {},
        )


class PartyFound(_State):
    """Somebody in a conversation."""

    party: str = Field(examples=["agent"], description="caller, agent or consulted.")
    state: str = Field(examples=["talking"], description="ringing, talking, held, away or alone.")
    number: str = Field(examples=["•••456"])
    name: str
    agent: str = Field(examples=["ann"], description="Empty for somebody outside.")
    muted: bool


class CallFound(_State):
    """A call, in progress or finished."""

    id: str = Field(examples=["9b2f6c"])
    live: bool
    technology: str = Field(examples=["sip"])
    direction: str = Field(examples=["inbound"])
    ani: str = Field(examples=["•••456"], description="Who called; whole for supervisors and admins.")
    dnis: str = Field(examples=["100"], description="What was dialled.")
    name: str = Field("", examples=["Ann Example"])
    state: str = Field(
        examples=["talking"],
        description="dialplan, queue; talking, held, ringing, unattended, consulting, alternated, conference;"
        " ended.",
    )
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None = None
    duration_s: float | None = Field(None, description="From the answer to the end, of a finished call.")
    result: CallResult | None = Field(None, description="Of a finished call.")
    cause: int | None = Field(None, description="ITU-T Q.850, of a finished call.", examples=[16])
    flow: str = ""
    queue: str = ""
    entry: str = ""
    agents: list[str] = []
    parties: list[PartyFound] = []
    supervisors: list[str] = []
    recording: RecordingState = RecordingState.OFF
    recordings: list[str] = Field([], description="Ids for /v1/recordings.")
    context: dict[str, Any] = Field({}, description="For who talks in it, supervisors and admins.")

    @classmethod
    def of(cls, view: CallView, holder: Holder) -> CallFound:
        own = holder.role is Role.AGENT and holder.name in view.agents
        return cls(
            id=view.id,
            live=True,
            technology=view.technology,
            direction=view.direction,
            ani=view.ani if own else _number_at(view.ani, holder, far=view.direction == "inbound"),
            dnis=view.dnis if own else _number_at(view.dnis, holder, far=view.direction == "outbound"),
            name=view.name,
            state=view.state,
            started_at=view.started_at,
            answered_at=view.answered_at,
            flow=view.flow,
            queue=view.queue,
            entry=view.entry,
            agents=list(view.agents),
            parties=[
                PartyFound(
                    party=party.party,
                    state=party.state,
                    number=party.number if own or party.agent else shown_number(party.number, holder),
                    name=party.name,
                    agent=party.agent,
                    muted=party.muted,
                )
                for party in view.parties
            ],
            supervisors=list(view.supervisors),
            recording=view.recording,
            recordings=list(view.recordings),
            context=dict(view.context) if own or holder.role in (Role.SUPERVISOR, Role.ADMIN) else {},
        )

    @classmethod
    def ended(cls, record: CallRecord, holder: Holder) -> CallFound:
        agent = record.attributes.get("agent", "")
        # On an agent's leg the customer is who calls; an agent may know their own callers, as on the desktop.
        own = bool(agent) and holder.role is Role.AGENT and holder.name == agent
        far_calls = record.direction == "inbound" or bool(agent)
        return cls(
            id=record.call_id,
            live=False,
            technology=record.technology,
            direction=record.direction,
            ani=record.ani if own else _number_at(record.ani, holder, far=far_calls),
            dnis=_number_at(record.dnis, holder, far=record.direction == "outbound"),
            agents=[agent] if agent else [],
            state="ended",
            started_at=record.started_at,
            answered_at=record.answered_at,
            ended_at=record.ended_at,
            duration_s=_seconds(record.duration_s),
            result=record.result,
            cause=record.cause,
        )


def _number_at(number: str, holder: Holder, *, far: bool) -> str:
    """The customer's end is masked by role; ours (a service number, an extension) isn't anybody's secret."""
    return shown_number(number, holder) if far else number


def _seconds(seconds: float) -> float:
    """To a tenth, and never below 0: two clocks may differ by a little."""
    return round(max(seconds, 0.0), 1)
