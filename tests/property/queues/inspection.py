"""Whether the engine shows what the plain centre has, and forgot nobody."""

from __future__ import annotations

from gateway.agents.presence import AgentState, Presence
from tests.property.queues.centre import Centre


class Inspected(Centre):
    """Compares itself with the engine."""

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
                if self.is_held(somebody, name):
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
