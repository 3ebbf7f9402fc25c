"""Queues, agents and calls as the API sees them, kept in dictionaries and changed by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import AgentProfile, Membership
from gateway.api.auth import HashedKey, Holder, Keyring, Role, hash_of, new_key
from gateway.api.ports import (
    CallbackView,
    Caller,
    CallView,
    Change,
    Floor,
    Handler,
    OfferView,
    Origination,
    PartyView,
    QueueFigures,
    RecordingAction,
    RecordingFile,
    RecordingState,
    SupervisionMode,
    Target,
    UnknownCall,
    Unsubscribe,
    UnusableTarget,
)
from gateway.call.cdr import CallRecord
from gateway.callbacks.claims import ClaimRefused
from gateway.callbacks.numbers import CallableNumber, NumberRefused
from gateway.callbacks.request import Callback, CallbackRefused, CallbackWish
from gateway.callbacks.scheduler import Slot
from gateway.errors import WrongState
from gateway.queues.entry import EntryState
from gateway.queues.settings import QueueSettings
from gateway.queues.signals import (
    EndWrapUp,
    Event,
    ExtendWrapUp,
    Leave,
    Move,
    SetPresence,
    SetPriority,
)
from gateway.queues.views import AgentView, EntryView, QueueView
from gateway.storage.calls import CallFilter, CallMark
from tests.fakes.clock import START

NOW = START.timestamp()

KEYS: Mapping[str, str] = {name: new_key() for name in ("app", "ann", "bob", "sue", "root")}
_ROLES = {
    "app": Role.APP, "ann": Role.AGENT, "bob": Role.AGENT, "sue": Role.SUPERVISOR, "root": Role.ADMIN
}  # fmt: skip
KEYRING = Keyring([HashedKey(Holder(name, _ROLES[name]), hash_of(key)) for name, key in KEYS.items()])


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS[name]}"}


def entry_view(name: str, queue: str = "billing", **others: Any) -> EntryView:
    defaults: dict[str, Any] = {
        "state": EntryState.WAITING, "position": 1, "priority": 0, "skills": {}, "language": "en",
        "identity": "", "enqueued_at": NOW - 60.0, "joined_at": NOW - 60.0, "callback": False,
        "not_before": None, "agents": (),
    }  # fmt: skip
    return EntryView(id=name, queue=queue, **{**defaults, **others})


def agent_view(name: str, *queues: str, **others: Any) -> AgentView:
    profile = AgentProfile(
        name, name.capitalize(), skills={"billing": 5}, queues={queue: Membership() for queue in queues}
    )
    defaults: dict[str, Any] = {
        "presence": Presence.AVAILABLE, "reason": "", "state": AgentState.IDLE, "since": NOW - 30.0,
        "reachable": True, "entry": None, "wrap_up_until": None, "calls": 2, "talk_s": 300.0, "misses": 0,
    }  # fmt: skip
    return AgentView(profile=profile, **{**defaults, **others})


def call_view(name: str, **others: Any) -> CallView:
    defaults: dict[str, Any] = {
        "technology": "sip", "direction": "inbound", "ani": "+4930123456", "dnis": "100",
        "state": "talking", "started_at": START - timedelta(seconds=90),
        "answered_at": START - timedelta(seconds=88),
    }  # fmt: skip
    return CallView(id=name, **{**defaults, **others})


@dataclass(frozen=True, slots=True)
class Estimate:
    median_s: float
    low_s: float
    high_s: float


class _Told:
    """Whoever wants to hear of changes."""

    def __init__(self) -> None:
        self.handlers: list[Handler] = []

    def subscribe(self, handler: Handler) -> Unsubscribe:
        self.handlers.append(handler)
        return lambda: self.handlers.remove(handler)

    def tell(self, change: Change) -> None:
        for handler in tuple(self.handlers):
            handler(change)


class FakeQueueing(_Told):
    """Two queues and two agents; what is posted is remembered, and done where that is simple."""

    def __init__(self) -> None:
        super().__init__()
        self.time = NOW
        self.names = ["billing", "sales"]
        self.placed: dict[str, EntryView] = {}
        self.staff = {
            "ann": agent_view("ann", "billing", "sales"),
            "bob": agent_view("bob", "billing", presence=Presence.ON_BREAK, reason="lunch"),
        }
        self.callers: dict[str, Caller] = {}
        self.dispositions: dict[str, tuple[str, ...]] = {}
        self.estimates: dict[str, Estimate] = {}
        self.posted: list[tuple[Event, str]] = []

    def now(self) -> float:
        return self.time

    def add(self, entry: EntryView, caller: Caller | None = None) -> None:
        self.placed[entry.id] = entry
        self.callers[entry.id] = caller or Caller("+4930123456", "Ann Example", f"call-{entry.id}")
        self.tell(Change("queue", entry.queue))

    def set_agent(self, agent: str, **changes: Any) -> None:
        self.staff[agent] = replace(self.staff[agent], **changes)
        self.tell(Change("agent", agent))

    def queues(self) -> tuple[QueueView, ...]:
        return tuple(self._queue(name) for name in self.names)

    def queue(self, name: str) -> QueueView | None:
        return self._queue(name) if name in self.names else None

    def _queue(self, name: str) -> QueueView:
        entries = tuple(self.entries(name))
        staff = [agent for agent in self.staff.values() if name in agent.profile.queues]
        on_duty = [agent for agent in staff if agent.presence is Presence.AVAILABLE]
        return QueueView(
            name=name,
            waiting=sum(not entry.callback for entry in entries),
            callbacks=sum(entry.callback for entry in entries),
            connected=0,
            oldest_at=min((entry.enqueued_at for entry in entries), default=None),
            staffed=len([agent for agent in staff if agent.presence is not Presence.LOGGED_OUT]),
            on_duty=len(on_duty),
            idle=len([agent for agent in on_duty if agent.state is AgentState.IDLE]),
        )

    def agents(self) -> tuple[AgentView, ...]:
        return tuple(self.staff.values())

    def agent(self, agent: str) -> AgentView | None:
        return self.staff.get(agent)

    def entries(self, queue: str) -> Iterable[EntryView]:
        places = (entry for entry in self.placed.values() if entry.queue == queue)
        return sorted(places, key=lambda entry: (-entry.priority, entry.enqueued_at))

    def entry(self, entry: str) -> EntryView | None:
        return self.placed.get(entry)

    def settings(self, queue: str) -> QueueSettings | None:
        if queue not in self.names:
            return None
        return QueueSettings(queue, capacity=50, dispositions=self.dispositions.get(queue, ()))

    def figures(self, queue: str) -> QueueFigures | None:
        return QueueFigures(10, 8, 1, 0.75, 12.34, 60.0, None) if queue == "billing" else None

    def estimate(self, entry: str) -> Estimate | None:
        return self.estimates.get(entry)

    def caller(self, entry: str) -> Caller | None:
        return self.callers.get(entry)

    async def settled(self) -> bool:
        return True

    def post(self, event: Event, *, by: str = "") -> None:
        self.posted.append((event, by))
        match event:
            case Leave(entry):
                left = self.placed.pop(entry)
                self.tell(Change("queue", left.queue))
            case SetPriority(entry, priority):
                self.add(replace(self.placed[entry], priority=priority))
            case Move(entry, queue):
                self.add(replace(self.placed[entry], queue=queue))
            case SetPresence(agent, presence, reason):
                self.set_agent(agent, presence=presence, reason=reason)
            case ExtendWrapUp(agent, by_s):
                until = self.staff[agent].wrap_up_until or self.time
                self.set_agent(agent, wrap_up_until=until + by_s)
            case EndWrapUp(agent):
                self.set_agent(agent, state=AgentState.IDLE, wrap_up_until=None)
            case _:
                raise NotImplementedError(event)


class FakeOffers:
    """At most one offer an agent."""

    def __init__(self, queueing: FakeQueueing) -> None:
        self._queueing = queueing
        self.open: dict[str, OfferView] = {}
        self.answers: list[tuple[str, str, str]] = []
        self.notes: list[tuple[str, str, str]] = []
        self.desktops: list[str] = []
        self.screens: list[str] = []
        self.outcomes: dict[str, str] = {}
        self.phone_only = False

    def make(self, agent: str, entry: str, name: str = "offer-1") -> None:
        now = self._queueing.now()
        queue = self._queueing.placed[entry].queue
        self.open[agent] = OfferView(name, agent, entry, queue, now, now + 20.0, callback=False)
        self._queueing.set_agent(agent, state=AgentState.RINGING, entry=entry)

    def end(self, agent: str) -> None:
        del self.open[agent]
        self._queueing.set_agent(agent, state=AgentState.IDLE, entry=None)

    def screened(self, offer: str) -> None:
        self.screens.append(offer)

    def offer(self, agent: str) -> OfferView | None:
        return self.open.get(agent)

    def accept(self, offer: str, *, by: str) -> None:
        if self.phone_only:
            raise WrongState("accept on the screen", "RINGING: pick up the phone")
        self._answer("accept", offer, by)

    def decline(self, offer: str, *, by: str) -> None:
        self._answer("decline", offer, by)

    def _answer(self, what: str, offer: str, by: str) -> None:
        agent = next((agent for agent, view in self.open.items() if view.id == offer), None)
        if agent is None:
            raise WrongState(what, "OVER")
        self.answers.append((what, offer, by))
        self.outcomes[offer] = "accepted" if what == "accept" else "declined"
        self.end(agent)

    def note(self, agent: str, disposition: str, notes: str) -> None:
        self.notes.append((agent, disposition, notes))

    def outcome(self, offer: str) -> str:
        return self.outcomes.get(offer, "")

    def desktop_opened(self, agent: str) -> None:
        self.desktops.append(agent)

    def desktop_closed(self, agent: str) -> None:
        self.desktops.remove(agent)


class FakeConversations(_Told):
    """Calls in progress. What is asked of them is remembered; hold, mute and recording change the view."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[str, CallView] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.refusal: Exception | None = None
        self.pause: asyncio.Event | None = None  # while it isn't set, a far end doesn't agree to a hold

    def add(self, call: CallView) -> None:
        self.live[call.id] = call
        self.tell(Change("call", call.id))

    def end(self, call_id: str) -> None:
        del self.live[call_id]
        self.tell(Change("call", call_id))

    def calls(self) -> Sequence[CallView]:
        return tuple(self.live.values())

    def call(self, call_id: str) -> CallView | None:
        return self.live.get(call_id)

    def _ask(self, what: str, call_id: str, *arguments: object, **changes: Any) -> None:
        if call_id not in self.live:
            raise UnknownCall(call_id)
        if self.refusal is not None:
            raise self.refusal
        self.asked.append((what, call_id, *arguments))
        self.add(replace(self.live[call_id], **changes))

    async def hold(self, call_id: str, *, by: str) -> None:
        if self.pause is not None:
            await self.pause.wait()
        self._ask("hold", call_id, by, state="held")

    async def resume(self, call_id: str, *, by: str) -> None:
        self._ask("resume", call_id, by, state="talking")

    async def mute(self, call_id: str, muted: bool, *, by: str) -> None:
        agent = PartyView("agent", "talking", "", agent=by, muted=muted)
        self._ask("mute", call_id, muted, by, parties=(agent,))

    async def transfer(self, call_id: str, target: Target, *, by: str, note: str = "") -> None:
        if target.name == "nowhere":
            raise UnusableTarget("there is no queue 'nowhere'")
        self._ask("transfer", call_id, target, by, *filter(None, [note]))

    async def consult(self, call_id: str, target: Target, *, by: str, note: str = "") -> None:
        self._ask("consult", call_id, target, by, *filter(None, [note]), state="consulting")

    async def alternate(self, call_id: str, *, by: str) -> None:
        self._ask("alternate", call_id, by, state="alternated")

    async def complete(self, call_id: str, *, by: str) -> None:
        self._ask("complete", call_id, by)

    async def conference(self, call_id: str, *, by: str) -> None:
        self._ask("conference", call_id, by, state="conference")

    async def cancel(self, call_id: str, *, by: str) -> None:
        self._ask("cancel", call_id, by, state="talking")

    async def requeue(
        self, call_id: str, queue: str | None, priority: int | None, *, by: str, note: str = ""
    ) -> None:
        self._ask("requeue", call_id, queue, priority, by, *filter(None, [note]))

    async def record(self, call_id: str, action: RecordingAction, *, by: str) -> None:
        state = {"start": "on", "resume": "on", "pause": "paused", "stop": "off"}[action]
        self._ask("record", call_id, action, by, recording=RecordingState(state))

    async def supervise(
        self, call_id: str, mode: SupervisionMode, *, by: str, device: str | None = None
    ) -> None:
        self._ask("supervise", call_id, mode, device, by)

    async def chat_link(self, call_id: str, *, by: str) -> None:
        self._ask("chat_link", call_id, by)

    async def press(self, call_id: str, keys: str, *, by: str) -> None:
        self._ask("press", call_id, keys, by)

    async def hang_up(self, call_id: str, *, by: str) -> None:
        self._ask("hang_up", call_id, by)
        self.end(call_id)

    async def originate(self, origination: Origination, *, by: str) -> CallView:
        self.asked.append(("originate", origination, by))
        if self.refusal is not None:
            raise self.refusal
        view = call_view("placed", direction="outbound", state="ringing", answered_at=None)
        self.add(view)
        return view


class FakeArchive:
    """Finished calls."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.wanted: list[CallFilter] = []
        self.fault: Exception | None = None

    async def find(
        self, wanted: CallFilter, limit: int, *, after: CallMark | None = None
    ) -> Sequence[CallRecord]:
        self.wanted.append(wanted)
        if self.fault is not None:
            raise self.fault
        kept = [one for one in self.records if wanted.agent in ("", None, one.attributes.get("agent"))]
        newest = sorted(kept, key=lambda record: (record.started_at, record.leg_id), reverse=True)
        if after is not None:
            mark = (after.started_at, after.leg_id)
            newest = [record for record in newest if (record.started_at, record.leg_id) < mark]
        return newest[:limit]

    async def get(self, call_id: str) -> Sequence[CallRecord]:
        return [record for record in self.records if record.call_id == call_id]


class FakeRecordings:
    """Recordings by id."""

    def __init__(self) -> None:
        self.files: dict[str, RecordingFile] = {}

    def add(self, name: str, path: Path, *agents: str) -> None:
        self.files[name] = RecordingFile(name, path, "audio/flac", "call-1", agents)

    async def find(self, recording_id: str) -> RecordingFile | None:
        return self.files.get(recording_id)


class FakeCallbacks:
    """`gateway.api.ports.Callbacks`: keeps what it is asked for; `refuses` says no to everything."""

    def __init__(self) -> None:
        self.kept: dict[str, CallbackView] = {}
        self.wishes: list[CallbackWish] = []
        self.free: list[Slot] = []
        self.claims: list[tuple[str, str, str]] = []
        self.refuses: NumberRefused | CallbackRefused | ClaimRefused | None = None

    def pending(self) -> Sequence[CallbackView]:
        return [view for view in self.kept.values() if view.state in ("waiting", "scheduled", "dialling")]

    def find(self, callback: str) -> CallbackView | None:
        return self.kept.get(callback)

    def slots(self, queue: str) -> Sequence[Slot]:  # the port's
        return self.free

    async def request(self, wish: CallbackWish) -> tuple[CallbackView, bool]:
        self._refuse()
        self.wishes.append(wish)
        for view in self.pending():
            if wish.identity and view.callback.identity == wish.identity:
                return view, False
        number = CallableNumber(wish.number, (wish.number,))
        callback = Callback(
            id=f"c{len(self.kept) + 1}",
            queue=wish.queue,
            number=number,
            requested_at=1_700_000_000.0,
            call_id="k1",
            name=wish.name,
            identity=wish.identity,
            source="api",
            by=wish.by,
            promised_s=(60.0, 120.0),
            context=wish.context,
        )
        view = self.kept[callback.id] = CallbackView(callback, "waiting", 3)
        return view, True

    async def change(self, callback: str, *, number: str | None, at: float | None) -> bool:
        self._refuse()
        view = self.kept.get(callback)
        if view is None or view not in self.pending():
            return False
        checked = view.callback.number if number is None else CallableNumber(number, (number,))
        changed = replace(view.callback, number=checked)
        self.kept[callback] = replace(view, callback=changed, state="scheduled" if at else view.state)
        return True

    def cancel(self, callback: str, *, by: str) -> bool:  # the port's
        view = self.kept[callback]
        if view not in self.pending():
            return False
        self.kept[callback] = replace(view, state="cancelled", position=None)
        return True

    def claim(self, callback: str, agent: str, *, by: str) -> None:
        self._refuse()
        self.kept[callback] = replace(self.kept[callback], agents=(agent,))
        self.claims.append((callback, agent, by))

    def _refuse(self) -> None:
        if self.refuses is not None:
            raise self.refuses


class FakeFloor:
    """All of it, and the `Floor` that the API is given."""

    def __init__(self) -> None:
        self.queueing = FakeQueueing()
        self.offers = FakeOffers(self.queueing)
        self.conversations = FakeConversations()
        self.archive = FakeArchive()
        self.recordings = FakeRecordings()
        self.callbacks = FakeCallbacks()
        self.floor = Floor(
            self.queueing,
            self.offers,
            self.conversations,
            self.archive,
            self.recordings,
            self.callbacks,
        )
