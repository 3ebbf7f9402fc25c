"""What the queues must do, said as plainly as possible: no indexes, no marks, everything recomputed.

The model is told every event and every effect. It keeps what callers, agents and customers know (who was
asked, who answered, who hung up) and judges each effect by it. `check` then compares it with what the engine
shows, and looks through everybody for somebody who was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import AgentProfile
from gateway.queues.engine import QueueEngine
from gateway.queues.engine.standing import PATIENCE_S
from gateway.queues.settings import QueueSettings, Staffing, Strategy
from gateway.queues.signals import (
    Accept,
    AgentChanged,
    AgentReleased,
    BecomeCallback,
    CancelOffer,
    Configure,
    Connect,
    Dismiss,
    Effect,
    Enqueue,
    Event,
    Finished,
    Joined,
    JoinFailed,
    Leaving,
    LogIn,
    Miss,
    Move,
    Moved,
    Offer,
    OfferMissed,
    Postpone,
    Refuse,
    Requeue,
    ReturnToWait,
    Ring,
    SetEngaged,
    SetPresence,
    SetPriority,
    SetReachable,
)
from gateway.queues.views import AgentView

AGENTS_FAULT = {Miss.DECLINED, Miss.NO_ANSWER, Miss.BUSY, Miss.UNREACHABLE, Miss.DISCONNECTED, Miss.EXPIRED}


@dataclass
class Somebody:
    """An entry, as its caller knows it."""

    id: str
    queue: str
    number: int  # in order of joining
    priority: int
    skills: dict[str, int]
    identity: str
    sticky: str | None
    enqueued_at: float
    joined_at: float
    limit_at: float | None
    callback: bool
    not_before: float | None
    talking: bool = False
    asked: set[str] = field(default_factory=set)  # offers
    accepted: str | None = None
    talks_with: str = ""
    declined: dict[str, float] = field(default_factory=dict)


@dataclass
class Desk:
    """An agent, as their colleagues see them."""

    profile: AgentProfile
    presence: Presence = Presence.LOGGED_OUT
    asked: str | None = None  # offer
    ringing: bool = False
    accepted: bool = False
    on_call: bool = False
    engaged: bool = False  # as we were told
    engaged_until: float = 0.0  # as a busy device makes one believe
    reachable: bool = True
    reachable_at: float = 0.0
    idle_since: float = 0.0
    calls: int = 0


class Model:
    def __init__(self, engine: QueueEngine, queues: Iterable[QueueSettings]) -> None:
        self.engine = engine
        self.settings = {queue.name: queue for queue in queues}
        self.open = set(self.settings)
        self.entries: dict[str, Somebody] = {}
        self.desks: dict[str, Desk] = {}
        self.offers: dict[str, tuple[str, str]] = {}  # entry, agent
        self.kept: dict[tuple[str, str], tuple[float, float]] = {}
        self.numbers = 0
        self.now = 0.0
        self.freshly_offered: list[Offer] = []
        self._heard: set[str] = set()  # offers whose end was foreseen

    # ---- what happens

    def take(self, event: Event, effects: Iterable[Effect], now: float) -> None:
        """One step: the event, then what the engine made of it, in order."""
        self.now = now
        effects = tuple(effects)
        self.freshly_offered = []
        self._heard = set()
        self._hear(event, effects)
        for effect in effects:
            self._judge(event, effect)
        if isinstance(event, Enqueue) and Refuse not in map(type, effects):
            self.kept.pop((event.queue, event.identity), None)

    def _hear(self, event: Event, effects: tuple[Effect, ...]) -> None:
        match event:
            case Enqueue() if event.entry not in self.entries:
                self._enqueue(event)
            case SetPriority() if self._placed(event.entry):
                self.entries[event.entry].priority = event.priority
            case Postpone() if self._placed(event.entry) and self.entries[event.entry].callback:
                self.entries[event.entry].not_before = event.not_before
            case Ring() if event.offer in self.offers:
                desk = self._desk_of(event.offer)
                desk.ringing = desk.ringing or not desk.accepted
            case Accept() if event.offer in self.offers:
                self._accept(event.offer)
            case OfferMissed() | JoinFailed() if event.offer in self.offers:
                self._over(event.offer, event.reason)
            case Joined() if event.offer in self.offers and self._desk_of(event.offer).accepted:
                self._join(event.offer)
            case Requeue() if event.entry in self.entries and self.entries[event.entry].talking:
                self._requeue(event)
            case Finished() if event.entry in self.entries and self.entries[event.entry].talking:
                del self.entries[event.entry]
            case AgentReleased() if event.agent in self.desks:
                desk = self.desks[event.agent]
                if desk.on_call:
                    desk.on_call, desk.idle_since = False, self.now
            case LogIn():
                desk = self.desks.setdefault(event.profile.id, Desk(event.profile, idle_since=self.now))
                desk.profile = event.profile
            case SetPresence() if event.agent in self.desks:
                desk = self.desks[event.agent]
                if desk.presence is Presence.LOGGED_OUT is not event.presence:
                    desk.idle_since, desk.calls = self.now, 0
                desk.presence = event.presence
            case SetEngaged() if event.agent in self.desks:
                self.desks[event.agent].engaged = event.engaged
                self.desks[event.agent].engaged_until = self.now
            case SetReachable() if event.agent in self.desks:
                self.desks[event.agent].reachable = event.reachable
                self.desks[event.agent].reachable_at = self.now
            case Configure():
                self.settings |= {queue.name: queue for queue in event.queues}
                self.open = {queue.name for queue in event.queues}
            case BecomeCallback() | ReturnToWait() if self._placed(event.entry):
                self._change_media(event, effects)
            case _:
                pass

    def _enqueue(self, event: Enqueue) -> None:
        """As if it were let in; a Refuse takes it out again."""
        self.numbers += 1
        kept_at, until = self.kept.get((event.queue, event.identity), (self.now, -1.0))
        enqueued_at = event.enqueued_at
        if enqueued_at is None:
            enqueued_at = kept_at if event.identity and until > self.now else self.now
        self.entries[event.entry] = Somebody(
            id=event.entry,
            queue=event.queue,
            number=self.numbers,
            priority=event.priority,
            skills=dict(event.skills),
            identity=event.identity,
            sticky=event.sticky,
            enqueued_at=enqueued_at,
            joined_at=self.now,
            limit_at=None if event.maximum_wait_s is None else self.now + event.maximum_wait_s,
            callback=event.callback,
            not_before=event.not_before if event.callback else None,
        )

    def _accept(self, offer: str) -> None:
        entry, agent = self.offers[offer]
        assert self.entries[entry].accepted in (None, offer), "an entry that two agents have accepted"
        self.entries[entry].accepted = offer
        self.desks[agent].accepted = True

    def _join(self, offer: str) -> None:
        entry, agent = self.offers.pop(offer)
        somebody, desk = self.entries[entry], self.desks[agent]
        somebody.talking, somebody.accepted, somebody.talks_with = True, None, agent
        somebody.asked.remove(offer)
        assert not somebody.asked, "somebody else is asked still"
        desk.asked, desk.ringing, desk.accepted, desk.on_call = None, False, False, True
        desk.calls += 1

    def _requeue(self, event: Requeue) -> None:
        somebody = self.entries[event.entry]
        somebody.talking, somebody.callback, somebody.not_before, somebody.limit_at = False, False, None, None
        somebody.joined_at = self.now
        if event.priority is not None:
            somebody.priority = event.priority
        if event.skills is not None:
            somebody.skills = dict(event.skills)
        somebody.declined = {somebody.talks_with: self.now}

    def _change_media(self, event: BecomeCallback | ReturnToWait, effects: tuple[Effect, ...]) -> None:
        somebody = self.entries[event.entry]
        for effect in effects:  # whoever was asked is told first
            if isinstance(effect, CancelOffer) and effect.offer in somebody.asked:
                self._over(effect.offer, effect.reason)
                self._heard.add(effect.offer)
        if isinstance(event, ReturnToWait):
            if somebody.callback:
                somebody.callback, somebody.not_before, somebody.joined_at = False, None, self.now
        elif somebody.callback:
            if event.not_before is not None:
                somebody.not_before = event.not_before
        elif (twin := self._twin(somebody)) is not None:
            assert Dismiss(event.entry, Leaving.MERGED) in effects
            self._merge(twin, somebody.enqueued_at, event.not_before)
        else:
            somebody.callback, somebody.limit_at = True, None
            somebody.not_before = event.not_before

    def _merge(self, twin: Somebody, enqueued_at: float | None, not_before: float | None) -> None:
        if twin.accepted is None:
            twin.not_before = not_before
            if enqueued_at is not None:
                twin.enqueued_at = min(twin.enqueued_at, enqueued_at)

    def _over(self, offer: str, reason: Miss) -> None:
        entry, agent = self.offers.pop(offer)
        somebody, desk = self.entries.get(entry), self.desks[agent]
        if somebody is not None:
            somebody.asked.discard(offer)
            customers = somebody.callback and (
                reason is Miss.CALLER_GONE or (desk.accepted and reason is not Miss.DISCONNECTED)
            )
            if customers:
                pause_s = self.settings[somebody.queue].retry_s
                somebody.not_before = max(somebody.not_before or 0.0, self.now + pause_s)
            elif reason in AGENTS_FAULT:
                somebody.declined[agent] = self.now
            if somebody.accepted == offer:
                somebody.accepted = None
        if reason is Miss.BUSY:
            desk.engaged_until = self.now + self.settings[self.entries[entry].queue].retry_s
        if reason in (Miss.UNREACHABLE, Miss.DISCONNECTED):
            desk.reachable_at = self.now + 60
        desk.asked, desk.ringing, desk.accepted = None, False, False

    # ---- what the engine makes of it

    def _judge(self, event: Event, effect: Effect) -> None:
        match effect:
            case Refuse():
                self._refused(event, effect)
            case Offer():
                self._offered(effect)
            case CancelOffer():
                if effect.offer in self._heard:
                    self._heard.remove(effect.offer)
                elif effect.offer in self.offers:
                    self._over(effect.offer, effect.reason)
                else:
                    assert isinstance(event, Accept), "an offer that was over is cancelled again"
            case Connect():
                assert self.entries[effect.entry].accepted == effect.offer
                assert self.offers[effect.offer] == (effect.entry, effect.agent)
            case Dismiss():
                self._dismissed(event, effect)
            case Moved():
                self._moved(event, effect)
            case AgentChanged():
                self._changed(effect)
            case _:
                pass

    def _refused(self, event: Event, effect: Refuse) -> None:
        assert isinstance(event, Enqueue)
        somebody = self.entries.pop(effect.entry)
        twin = self._twin(somebody)
        match effect.reason.value:
            case "unavailable":
                assert event.queue not in self.open
            case "closed":
                assert not self.is_staffed(event.queue, self.settings[event.queue].join)
            case "full":
                capacity = self.settings[event.queue].capacity
                assert capacity is not None
                assert len(self.callers(event.queue)) >= capacity
            case _:
                assert twin is not None
                self._merge(twin, event.enqueued_at, event.not_before)

    def _offered(self, offer: Offer) -> None:
        somebody, desk = self.entries[offer.entry], self.desks[offer.agent]
        assert offer.offer not in self.offers
        assert not somebody.talking
        assert somebody.accepted is None
        assert offer.callback == somebody.callback
        assert desk.asked is None, "an agent with two calls"
        assert not desk.on_call
        assert not desk.engaged
        assert desk.reachable
        assert desk.presence is Presence.AVAILABLE
        assert somebody.queue in desk.profile.queues
        assert self.has_skills(desk, somebody)
        if self.settings[somebody.queue].strategy is not Strategy.RING_ALL:
            assert not somebody.asked
        if somebody.callback and somebody.not_before is not None:
            assert somebody.not_before <= self.now
        assert self.may_be_asked(somebody, offer.agent), "asked again although others could take it"
        somebody.asked.add(offer.offer)
        desk.asked = offer.offer
        self.offers[offer.offer] = (offer.entry, offer.agent)
        self.freshly_offered.append(offer)

    def _dismissed(self, event: Event, effect: Dismiss) -> None:
        somebody = self.entries.pop(effect.entry)
        assert not somebody.talking, "somebody who talks was sent away"
        assert not somebody.asked, "an agent is left ringing"
        if effect.reason is Leaving.TIMED_OUT and getattr(event, "reason", None) is not Leaving.TIMED_OUT:
            limit = self.limit(somebody)
            assert limit is not None
            assert limit <= self.now
        if effect.reason is Leaving.EMPTY and getattr(event, "reason", None) is not Leaving.EMPTY:
            assert not somebody.callback
            assert not self.is_staffed(somebody.queue, self.settings[somebody.queue].stay)
        if effect.reason is Leaving.MERGED and isinstance(event, Move):
            twin = next(each for each in self.entries.values() if self._is_twin(each, event.queue, somebody))
            self._merge(twin, somebody.enqueued_at, somebody.not_before)
        rejoin_s = self.settings[somebody.queue].rejoin_s
        if effect.reason is Leaving.ABANDONED and not somebody.callback and somebody.identity:
            self.kept[somebody.queue, somebody.identity] = (somebody.enqueued_at, self.now + rejoin_s)

    def _moved(self, event: Event, effect: Moved) -> None:
        somebody = self.entries[effect.entry]
        if not isinstance(event, Move | Requeue):
            settings, limit = self.settings[somebody.queue], self.limit(somebody)
            assert settings.overflow == effect.queue
            assert limit is not None
            assert limit <= self.now
            assert self.is_staffed(effect.queue, self.settings[effect.queue].join)
        assert effect.queue in self.open
        somebody.queue, somebody.joined_at = effect.queue, self.now

    def _changed(self, effect: AgentChanged) -> None:
        desk = self.desks[effect.agent]
        if effect.presence is not desk.presence:
            assert effect.reason == "rona"
            assert effect.presence is Presence.ON_BREAK
            desk.presence = Presence.ON_BREAK

    # ---- what follows

    def is_free(self, agent: str) -> bool:
        view = self.view(agent)
        idle = view.state is AgentState.IDLE
        return idle and view.reachable and self.desks[agent].presence is Presence.AVAILABLE

    def _is_reachable(self, agent: str) -> bool:
        return self.view(agent).reachable

    def view(self, agent: str) -> AgentView:
        view = self.engine.agent(agent)
        assert view is not None
        return view

    def _placed(self, entry: str) -> bool:
        return entry in self.entries and not self.entries[entry].talking

    def _desk_of(self, offer: str) -> Desk:
        return self.desks[self.offers[offer][1]]

    def _twin(self, somebody: Somebody) -> Somebody | None:
        twins = (each for each in self.entries.values() if self._is_twin(each, somebody.queue, somebody))
        return next(twins, None)

    def _is_twin(self, other: Somebody, queue: str, somebody: Somebody) -> bool:
        """Whether `other` is the live callback in `queue` of the customer behind `somebody`."""
        if other is somebody or not other.callback or other.talking or not somebody.identity:
            return False
        return (other.queue, other.identity) == (queue, somebody.identity)

    def callers(self, queue: str) -> list[Somebody]:
        return [each for each in self.placed(queue) if not each.callback]

    def placed(self, queue: str) -> list[Somebody]:
        """In order."""
        places = [each for each in self.entries.values() if each.queue == queue and not each.talking]
        return sorted(places, key=self.key)

    def key(self, somebody: Somebody) -> tuple[float, float, int]:
        return (-self.priority(somebody), somebody.enqueued_at, somebody.number)

    def rank(self, somebody: Somebody) -> tuple[float, ...]:
        return (-self.settings[somebody.queue].weight, *self.key(somebody))

    def priority(self, somebody: Somebody) -> int:
        rise, priority, step = self.settings[somebody.queue].priority_rise, somebody.priority, 1
        if rise is None:
            return priority
        while somebody.enqueued_at + step * rise.every_s <= self.now and priority < rise.limit:
            priority, step = min(rise.limit, priority + rise.by), step + 1
        return priority

    def skills(self, somebody: Somebody) -> dict[str, int]:
        settings = self.settings[somebody.queue]
        levels = {
            skill: max(somebody.skills.get(skill, 0), settings.skills.get(skill, 0))
            for skill in {*somebody.skills, *settings.skills}
        }
        for relaxation in settings.relaxations:
            if somebody.enqueued_at + relaxation.after_s <= self.now:
                for skill in levels:
                    levels[skill] = min(levels[skill], relaxation.skills.get(skill, 99))
        return {skill: level for skill, level in levels.items() if level}

    def limit(self, somebody: Somebody) -> float | None:
        maximum_s = self.settings[somebody.queue].maximum_wait_s
        limits = [] if maximum_s is None else [somebody.joined_at + maximum_s]
        limits += [] if somebody.limit_at is None else [somebody.limit_at]
        return None if somebody.callback or not limits else min(limits)

    def is_staffed(self, queue: str, staffing: Staffing) -> bool:
        allowed = {
            Staffing.ALWAYS: set(Presence),
            Staffing.LOGGED_IN: {Presence.AVAILABLE, Presence.ON_BREAK},
            Staffing.ON_DUTY: {Presence.AVAILABLE},
        }[staffing]
        serving = [desk for desk in self.desks.values() if queue in desk.profile.queues]
        return staffing is Staffing.ALWAYS or any(desk.presence in allowed for desk in serving)

    def has_skills(self, desk: Desk, somebody: Somebody) -> bool:
        wanted: Mapping[str, int] = self.skills(somebody)
        return all(desk.profile.skills.get(skill, 0) >= level for skill, level in wanted.items())

    def serves(self, desk: Desk, somebody: Somebody) -> bool:
        return somebody.queue in desk.profile.queues and self.has_skills(desk, somebody)

    def may_be_asked(self, somebody: Somebody, agent: str) -> bool:
        if agent not in somebody.declined:
            return True
        at, retry_s = somebody.declined[agent], self.settings[somebody.queue].retry_s
        others = any(
            self.serves(desk, somebody) and desk.presence is Presence.AVAILABLE and self._is_reachable(name)
            for name, desk in self.desks.items()
            if name not in somebody.declined
        )
        if self.now >= at + max(PATIENCE_S, retry_s):
            return True
        return self.now >= at + retry_s and not others

    def wants_somebody(self, somebody: Somebody) -> bool:
        if somebody.talking or somebody.accepted is not None:
            return False
        if somebody.asked and self.settings[somebody.queue].strategy is not Strategy.RING_ALL:
            return False
        if somebody.callback:
            return somebody.not_before is None or somebody.not_before <= self.now
        limit = self.limit(somebody)
        return limit is None or limit > self.now

    # ---- whether the engine shows the same, and forgot nobody

    def check(self) -> None:
        self._check_devices()
        self._check_entries()
        self._check_agents()
        self._check_callbacks()
        self._check_nobody_is_forgotten()
        self._check_strategies()

    def _check_devices(self) -> None:
        """What the engine believes of a device after a miss ends by itself."""
        for name, desk in self.desks.items():
            view = self.view(name)
            if view.reachable != desk.reachable:
                assert desk.reachable
                assert self.now < desk.reachable_at, "a device is thought unreachable for too long"
            if desk.on_call or desk.accepted:
                continue
            if view.state is AgentState.ON_CALL:
                assert desk.engaged or self.now < desk.engaged_until, "an agent is stuck on a call"
                desk.idle_since = -1.0
            else:
                assert not desk.engaged
                if desk.idle_since < 0:
                    desk.idle_since = self.now
            if view.state is AgentState.WRAP_UP:
                assert view.wrap_up_until is not None
                assert view.wrap_up_until > self.now, "an agent is stuck in wrap-up"

    def _check_entries(self) -> None:
        for entry, somebody in self.entries.items():
            view = self.engine.entry(entry)
            assert view is not None, "somebody is lost"
            assert view.queue == somebody.queue
            assert view.position == self.engine.position(entry)
            if somebody.talking:
                assert view.state.value == "connected"
                continue
            asked = bool(somebody.asked)
            states = ("callback_waiting", "callback_dialing") if somebody.callback else ("waiting", "offered")
            assert view.state.value == states[asked]
            assert view.callback == somebody.callback
            assert dict(view.skills) == self.skills(somebody)
        for queue in self.settings:
            expected = [(each.id, self.priority(each)) for each in self.placed(queue)]
            assert [(view.id, view.priority) for view in self.engine.entries(queue)] == expected
            for position, view in enumerate(self.engine.entries(queue), start=1):
                assert view.position == position
            self._check_queue(queue)

    def _check_queue(self, queue: str) -> None:
        view, placed = self.engine.queue(queue), self.placed(queue)
        talking = [each for each in self.entries.values() if each.queue == queue and each.talking]
        if view is None:
            assert queue not in self.open
            assert not placed
            assert not talking
            return
        serving = [desk for desk in self.desks.values() if queue in desk.profile.queues]
        assert view.waiting == len(self.callers(queue))
        assert view.callbacks == len(placed) - view.waiting
        assert view.connected == len(talking)
        assert view.oldest_at == min((each.enqueued_at for each in placed), default=None)
        assert view.staffed == sum(desk.presence is not Presence.LOGGED_OUT for desk in serving)
        assert view.on_duty == sum(desk.presence is Presence.AVAILABLE for desk in serving)

    def _check_agents(self) -> None:
        for name, desk in self.desks.items():
            view = self.view(name)
            assert view.presence is desk.presence
            assert view.profile == desk.profile
            if desk.accepted or desk.on_call:
                assert view.state is AgentState.ON_CALL
            elif desk.asked is not None:
                assert view.state is (AgentState.RINGING if desk.ringing else AgentState.RESERVED)
                assert desk.presence is Presence.AVAILABLE
            else:
                assert view.state in (AgentState.IDLE, AgentState.WRAP_UP, AgentState.ON_CALL)
            if desk.asked is not None:
                assert view.entry == self.offers[desk.asked][0]

    def _check_callbacks(self) -> None:
        live: set[tuple[str, str]] = set()
        for somebody in self.entries.values():
            if not somebody.callback or somebody.talking:
                continue
            if somebody.identity:
                who = (somebody.queue, somebody.identity)
                assert who not in live, "two live callbacks of one identity"
                live.add(who)
                assert self.engine.callback_of(*who) == somebody.id
        dialling = [each for each in self.entries.values() if each.callback and each.asked]
        assert len(dialling) <= sum(desk.asked is not None for desk in self.desks.values())

    def _check_nobody_is_forgotten(self) -> None:
        wanting = [each for each in self.entries.values() if self.wants_somebody(each)]
        offered = {offer.agent: self.entries.get(offer.entry) for offer in self.freshly_offered}
        for name, desk in self.desks.items():
            chosen = offered.get(name)
            for somebody in wanting:
                if not self.serves(desk, somebody) or not self.may_be_asked(somebody, name):
                    continue
                if self._is_held(somebody, name):
                    continue
                assert not self.is_free(name), "an agent is idle while a caller waits"
                if chosen is not None and chosen is not somebody:
                    assert self.rank(chosen) < self.rank(somebody), "somebody was overtaken"

    def _check_strategies(self) -> None:
        """Nobody who is free still would have been the better choice."""
        for offer in self.freshly_offered:
            somebody = self.entries.get(offer.entry)
            if somebody is None or somebody.sticky == offer.agent:
                continue
            for name, desk in self.desks.items():
                if self.is_free(name) and self.serves(desk, somebody) and self.may_be_asked(somebody, name):
                    chosen = self.merit(somebody, offer.agent)
                    assert chosen <= self.merit(somebody, name), "there was a better choice"

    def merit(self, somebody: Somebody, agent: str) -> tuple[float, float]:
        """The least is asked first."""
        desk = self.desks[agent]
        match self.settings[somebody.queue].strategy:
            case Strategy.LONGEST_IDLE:
                return (0, desk.idle_since)
            case Strategy.FEWEST_CALLS:
                return (desk.calls, desk.idle_since)
            case Strategy.ORDERED:
                return (desk.profile.queues[somebody.queue].order, desk.idle_since)
            case Strategy.BEST_SKILL:
                levels = (desk.profile.skills.get(skill, 0) for skill in self.skills(somebody))
                return (-sum(levels), desk.idle_since)
            case _:
                return (0, 0)  # round robin and talk times are counted in unit tests; the rest is chance

    def _is_held(self, somebody: Somebody, agent: str) -> bool:
        """Whether it may wait for another agent alone, who is on duty."""
        until = max(somebody.joined_at, somebody.not_before or 0.0) + self.settings[somebody.queue].sticky_s
        holder = self.desks.get(somebody.sticky or "")
        if holder is None or somebody.sticky == agent or self.now >= until:
            return False
        on_duty = holder.presence is Presence.AVAILABLE and self._is_reachable(holder.profile.id)
        return on_duty and somebody.sticky not in somebody.declined and self.serves(holder, somebody)
