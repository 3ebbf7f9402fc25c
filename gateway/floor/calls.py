"""Calls in progress and their recordings, for the API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, assert_never

from gateway.api.ports import (
    CallView,
    Change,
    Handler,
    Origination,
    PartyView,
    RecordingAction,
    RecordingFile,
    RecordingState,
    SupervisionMode,
    Target,
    UnknownCall,
    Unsubscribe,
    UnusableTarget,
)
from gateway.call.cause import Cause
from gateway.centre import ContactCentre
from gateway.errors import DialError, WrongState
from gateway.floor.records import RecordLink
from gateway.handoff.envelope import StepKind
from gateway.queues.journal import JournalKind
from gateway.switch import conversation_ends as ends
from gateway.switch import live_calls as live
from gateway.switch.conversation import Conversation
from gateway.switch.conversation_parts import Unreachable
from gateway.switch.hearing import Party
from gateway.switch.hearing import SupervisionMode as Hearing


class LiveConversations:
    """`gateway.api.ports.Conversations`."""

    def __init__(self, centre: ContactCentre, record: RecordLink) -> None:
        self._centre = centre
        self._record = record
        self._live = centre.live_calls

    def calls(self) -> Sequence[CallView]:
        return [self._shown(view) for view in self._live.views()]

    def call(self, call_id: str) -> CallView | None:
        found = self._live.find(call_id)
        return None if found is None else self._shown(found.view)

    def subscribe(self, handler: Handler) -> Unsubscribe:
        return self._live.subscribe(lambda changed: handler(Change("call", changed.call_id)))

    # ---- operations

    async def hold(self, call_id: str, *, by: str) -> None:
        self._talking(call_id).hold(by=by)

    async def resume(self, call_id: str, *, by: str) -> None:
        self._talking(call_id).resume(by=by)

    async def mute(self, call_id: str, muted: bool, *, by: str) -> None:
        conversation = self._talking(call_id)
        party = conversation.party_of(by) or Party.AGENT
        (conversation.mute if muted else conversation.unmute)(party)

    def _pass_on(self, call_id: str, note: str, by: str) -> None:
        """What the agent says of the caller, for whoever takes them next: before anybody's phone rings."""
        call = self._centre.live_calls.find(call_id)
        if note and call is not None and call.envelope is not None:
            call.envelope.walk(StepKind.NOTE, note, source=f"agent:{by}", what="passed_on")

    async def transfer(self, call_id: str, target: Target, *, by: str, note: str = "") -> None:
        conversation, to = self._talking(call_id), self._target(target)
        self._pass_on(call_id, note, by)
        conversation.transfer(to, note=note, by=by)

    async def consult(self, call_id: str, target: Target, *, by: str, note: str = "") -> None:
        conversation, to = self._talking(call_id), self._target(target)
        self._pass_on(call_id, note, by)
        conversation.consult(to, note=note, by=by)

    async def alternate(self, call_id: str, *, by: str) -> None:
        self._talking(call_id).alternate(by=by)

    async def complete(self, call_id: str, *, by: str) -> None:
        self._talking(call_id).complete(by=by)

    async def conference(self, call_id: str, *, by: str) -> None:
        self._talking(call_id).conference(by=by)

    async def cancel(self, call_id: str, *, by: str) -> None:
        self._talking(call_id).cancel(by=by)

    async def requeue(
        self, call_id: str, queue: str | None, priority: int | None, *, by: str, note: str = ""
    ) -> None:
        conversation = self._talking(call_id)
        if queue is not None and self._centre.runner.queue(queue) is None:
            raise UnusableTarget(f"there is no queue {queue}")
        self._pass_on(call_id, note, by)
        conversation.requeue(queue=queue, priority=priority, note=note, by=by)

    async def record(self, call_id: str, action: RecordingAction, *, by: str) -> None:
        recording = self._talking(call_id).recording
        match action:
            case "start":
                recording.start(by=by)
            case "pause":
                recording.pause(by=by)
            case "resume":
                recording.resume(by=by)
            case "stop":
                recording.stop(by=by)
            case _:
                assert_never(action)

    async def supervise(
        self, call_id: str, mode: SupervisionMode, *, by: str, device: str | None = None
    ) -> None:
        supervision = self._talking(call_id).supervision
        if mode == "stop":
            supervision.end(by)
        elif by in supervision.modes:
            supervision.set_mode(by, Hearing(mode))
        else:
            target = ends.ToAgent(by) if device is None else ends.ToNumber(device)
            try:
                await supervision.call_in(by, target, Hearing(mode))
            except Unreachable as error:
                raise UnusableTarget(str(error)) from error

    async def chat_link(self, call_id: str, *, by: str) -> None:
        self._talking(call_id).note(JournalKind.CHAT_REQUESTED, by=by)

    async def press(self, call_id: str, keys: str, *, by: str) -> None:  # noqa: ARG002  # the port's
        self._talking(call_id).press(keys)

    async def hang_up(self, call_id: str, *, by: str) -> None:
        found = self._found(call_id)
        if found.conversation is not None and by == found.conversation.agent:
            found.conversation.hang_up(by=by)
        else:
            await found.hang_up(Cause.NORMAL_CLEARING)

    async def originate(self, origination: Origination, *, by: str) -> CallView:
        to = self._target(origination.to)
        if not isinstance(to, ends.ToNumber | ends.ToAgent):
            raise UnusableTarget("only a number or an agent can be rung")
        try:
            live_call = await self._centre.originations.place(
                to,
                self._target(origination.connect),
                caller_id=origination.caller_id,
                ring_s=origination.ring_s,
                by=by,
            )
        except DialError as error:
            raise UnusableTarget(str(error)) from error
        return self._shown(live_call.view)

    # ---- inside

    def _found(self, call_id: str) -> live.LiveCall:
        found = self._live.find(call_id)
        if found is None:
            raise UnknownCall(call_id)
        return found

    def _talking(self, call_id: str) -> Conversation:
        found = self._found(call_id)
        if found.conversation is None:
            raise WrongState("do this", found.view.stage.name)
        return found.conversation

    def _target(self, target: Target) -> ends.Target:
        match target.kind:
            case "number":
                return ends.ToNumber(target.name)
            case "queue":
                if self._centre.runner.queue(target.name) is None:
                    raise UnusableTarget(f"there is no queue {target.name}")
                return ends.ToQueue(target.name)
            case "flow":
                if target.name not in self._centre.plan.active.plan.flows:
                    raise UnusableTarget(f"there is no flow {target.name}")
                return ends.ToFlow(target.name)
            case "agent":
                if self._centre.runner.agent(target.name) is None:
                    raise UnusableTarget(f"there is no agent {target.name}")
                return ends.ToAgent(target.name)
            case _:
                assert_never(target.kind)

    def _shown(self, view: live.CallView) -> CallView:
        conversation = view.conversation
        return CallView(
            id=view.call_id,
            technology=view.technology,
            direction=view.direction,
            ani=view.ani,
            dnis=view.dnis,
            state=view.stage.value if conversation is None else conversation.state.value,
            started_at=view.started_at,
            name=view.name,
            flow=view.dialplan,
            queue=view.queue,
            entry=view.entry,
            agents=() if conversation is None else _agents(conversation),
            parties=() if conversation is None else tuple(map(_party, conversation.parties)),
            supervisors=() if conversation is None else tuple(who for who, _ in conversation.supervisors),
            recording=RecordingState(view.recording.value),
            recordings=view.recordings,
            context=self._context(view.entry),
        )

    def _context(self, entry: str) -> dict[str, Any]:
        call = self._centre.offers.call_at(entry) if entry else None
        return {} if call is None else self._record.beside(call.context, entry, self._centre)


def _agents(conversation: live.ConversationView) -> tuple[str, ...]:
    return tuple(party.agent for party in conversation.parties if party.agent)


def _party(party: live.PartyView) -> PartyView:
    return PartyView(party.party.value, party.state.value, party.number, party.name, party.agent, party.muted)


class RecordingShelf:
    """`gateway.api.ports.Recordings`: a recording's id is its call's, with `-2` and so on for later ones."""

    def __init__(self, centre: ContactCentre) -> None:
        self._store = centre.recordings.store

    async def find(self, recording_id: str) -> RecordingFile | None:
        stored = await asyncio.to_thread(self._store.find, recording_id)
        if stored is None:
            return None
        return RecordingFile(stored.id, stored.path, stored.media_type, stored.call_id, stored.agents)
