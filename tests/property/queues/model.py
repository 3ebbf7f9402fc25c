"""What the queues must do, said as plainly as possible: no indexes, no marks, everything recomputed.

The model is told every event and every effect. It keeps what callers, agents and customers know (who was
asked, who answered, who hung up) and judges each effect by it. `check` then compares it with what the engine
shows, and looks through everybody for somebody who was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.agents.presence import Presence
from gateway.queues.engine import QueueEngine
from gateway.queues.engine.entering import SENT_TO_AGENT_S
from gateway.queues.settings import QueueSettings, Strategy
from gateway.queues.signals import (
    Accept,
    AgentChanged,
    AgentReleased,
    BecomeCallback,
    CancelOffer,
    Claim,
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
from tests.property.queues.centre import Desk, Somebody
from tests.property.queues.inspection import Inspected

AGENTS_FAULT = {Miss.DECLINED, Miss.NO_ANSWER, Miss.BUSY, Miss.UNREACHABLE, Miss.DISCONNECTED, Miss.EXPIRED}


class Model(Inspected):
    """Is told what happens, and judges what the engine makes of it."""

    def __init__(self, engine: QueueEngine, queues: Iterable[QueueSettings]) -> None:
        super().__init__(engine, queues)
        self._heard: set[str] = set()  # offers whose end was foreseen

    # ---- what happens

    def take(self, event: Event, effects: Iterable[Effect], now: float) -> None:
        """One step: the event, then what the engine made of it, in order."""
        self.now = now
        effects = tuple(effects)
        self.freshly_offered = []
        self._heard = set()
        before = self._staffed()
        self._hear(event, effects)
        for effect in effects:
            self._judge(event, effect)
        for queue in before - self._staffed():
            assert all(each.asked for each in self.callers(queue)), "nobody is there, and they weren't told"
        if isinstance(event, Enqueue) and Refuse not in map(type, effects):
            self.kept.pop((event.queue, event.identity), None)

    def _hear(self, event: Event, effects: tuple[Effect, ...]) -> None:
        match event:
            case Enqueue() if event.entry not in self.entries:
                self._enqueue(event)
            case SetPriority() if self.is_placed(event.entry):
                self.entries[event.entry].priority = event.priority
            case Postpone() if self.is_placed(event.entry) and self.entries[event.entry].callback:
                self.entries[event.entry].not_before = event.not_before
            case Ring() if event.offer in self.offers:
                desk = self.desk_of(event.offer)
                desk.ringing = desk.ringing or not desk.accepted
            case Accept() if event.offer in self.offers:
                self._accept(event.offer)
            case OfferMissed() | JoinFailed() if event.offer in self.offers:
                self._over(event.offer, event.reason)
            case Joined() if event.offer in self.offers and self.desk_of(event.offer).accepted:
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
                self._choose(desk, event.presence, event.reason)
            case SetEngaged() if event.agent in self.desks:
                told = self.desks[event.agent].engaged_by
                (told.add if event.engaged else told.discard)(event.by)
                self.desks[event.agent].engaged_until = self.now
            case SetReachable() if event.agent in self.desks:
                self.desks[event.agent].reachable = event.reachable
                self.desks[event.agent].reachable_at = self.now
            case Configure():
                self.settings |= {queue.name: queue for queue in event.queues}
                self.open = {queue.name for queue in event.queues}
            case BecomeCallback() | ReturnToWait() if self.is_placed(event.entry):
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

    def _staffed(self) -> set[str]:
        """Queues whose callers may stay."""
        queues = self.settings.items()
        return {name for name, settings in queues if self.is_staffed(name, settings.stay)}

    def _choose(self, desk: Desk, presence: Presence, reason: str) -> None:
        reason = reason if presence is Presence.ON_BREAK else ""
        if (presence, reason) != (desk.presence, desk.reason):
            desk.presence, desk.reason, desk.presence_since = presence, reason, self.now

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
        if event.sticky is not None:
            somebody.sticky, somebody.sent_until = event.sticky, self.now + SENT_TO_AGENT_S

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
        elif (twin := self.twin(somebody)) is not None:
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
                self._offered(effect, event)
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
        twin = self.twin(somebody)
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

    def _offered(self, offer: Offer, event: Event) -> None:
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
        claimed = isinstance(event, Claim) and (event.entry, event.claimant) == (offer.entry, offer.agent)
        assert claimed or self.has_skills(desk, somebody)
        if self.settings[somebody.queue].strategy is not Strategy.RING_ALL:
            assert not somebody.asked
        if somebody.callback and somebody.not_before is not None:
            assert claimed or somebody.not_before <= self.now
        assert claimed or self.may_be_asked(somebody, offer.agent), (
            "asked again although others could take it"
        )
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
            twin = next(each for each in self.entries.values() if self.is_twin(each, event.queue, somebody))
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
            self._choose(desk, Presence.ON_BREAK, effect.reason)
