"""A caller and an agent on the line: everything that can be done between the join and the end.

`run` owns the agents' and consulted parties' legs from the join on: it reads their events, and however it
ends (a hang-up, a transfer, a fault, a cancellation because the caller is gone) those legs are ended, every
connection on the bridge is undone and no task is left. The caller's leg isn't touched: whoever called `run`
carries the caller on, or is told by its own events that there is none.

Operations are plain methods that act at once and raise WrongState where `conversation_state` has no way.
Their `by` says for the journal who wanted it. Who hears whom follows from the state (`hearing`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, assert_never

import structlog

from gateway.call.cause import Cause
from gateway.call.digits import DIGITS
from gateway.call.leg import (
    Answered,
    CallLeg,
    DigitPressed,
    DigitReleased,
    EarlyMedia,
    Ended,
    LegEvent,
    MediaDirectionChanged,
    Ringing,
)
from gateway.dialplan.ports import Keys
from gateway.errors import WrongState
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.switch.agent_keys import AgentKeys
from gateway.switch.consult_call import ConsultCall
from gateway.switch.conversation_ends import (
    AgentHungUp,
    BlindTransfer,
    ConversationEnd,
    Faulted,
    Requeued,
    Target,
    TransferFailed,
    name_of,
)
from gateway.switch.conversation_parts import CallIdentity, Consultation, ConversationParts, Reached
from gateway.switch.conversation_recording import ON_DEMAND, ConversationRecording, RecordingRules
from gateway.switch.conversation_state import ConversationSignal, ConversationState, next_state
from gateway.switch.conversation_view import publish
from gateway.switch.floor import Floor
from gateway.switch.hearing import Ear, Party, Scene, talkers
from gateway.switch.participant import Participant
from gateway.switch.ports import Line
from gateway.switch.supervision import Supervision
from media.clip import Clip

_State, _Signal = ConversationState, ConversationSignal


class Conversation:
    """One caller with one agent after another. Runs once.

    `hold_music`: of the queue, clips that follow each other; silence without.
    """

    def __init__(
        self,
        call: CallIdentity,
        caller: CallLeg,
        parts: ConversationParts,
        *,
        hold_music: Sequence[Clip] = (),
        recording: RecordingRules = ON_DEMAND,
    ) -> None:
        self.call = call
        self.since = parts.clock.utc()
        """When the present state began."""
        self._parts = parts
        self._state = _State.NEW
        self._joined_at = parts.clock.now()
        self._consulting: ConsultCall | None = None
        self._over: asyncio.Future[ConversationEnd] | None = None
        self._agent_keys = AgentKeys(self, parts)
        self._log = structlog.get_logger(__name__).bind(call_id=call.call_id)
        self.floor = Floor(
            call.call_id,
            caller,
            parts,
            hold_music,
            on_event=self._on_event,
            on_fault=lambda fault: self._end(Faulted(fault)),
        )
        self.recording = ConversationRecording(self, parts.recordings, recording)
        self.supervision = Supervision(self, parts)

    # ---- what it is

    @property
    def state(self) -> ConversationState:
        return self._state

    @property
    def agent(self) -> str:
        """Who serves the caller; "" when it is somebody outside, or nobody."""
        serving = self.floor.parties.get(Party.AGENT)
        return serving.agent if serving is not None else ""

    def party_of(self, agent: str) -> Party | None:
        """The place of an agent who takes part."""
        parties = self.floor.parties.items()
        return next((party for party, who in parties if agent and who.agent == agent), None)

    @property
    def consults(self) -> str:
        """The target while one is consulted, else ""."""
        return name_of(self._consulting.what.target) if self._consulting is not None else ""

    @property
    def scene(self) -> Scene:
        """Everything that decides who hears whom."""
        parties = self.floor.parties
        consulted = parties.get(Party.CONSULTED)
        return Scene(
            self._state,
            away=frozenset(party for party, who in parties.items() if party is not Party.CALLER and who.away),
            muted=frozenset(party for party, who in parties.items() if who.muted),
            early_media=consulted is not None and consulted.early_media,
            dialling=self._agent_keys.dialling,
            supervisors=self.supervision.effective,
            whispered_to=bool(self.agent),
        )

    # ---- from the join to the end

    async def run(self, agent: str, line: Line, keys: Keys) -> ConversationEnd:
        """Join the caller with this agent, whose line is CONFIRMED, and stay until it is over.

        Every line that it is given, this one too, is given back with `release`. `keys`: what the caller
        presses. Raises nothing but CancelledError, after everything is undone.
        """
        self._over = asyncio.get_running_loop().create_future()
        try:
            async with self.floor:
                try:
                    self._join(agent, line, keys)
                    end = await self._over
                except Exception as fault:  # noqa: BLE001  # it ends this conversation and nothing else
                    self._log.exception("conversation_fault", error=str(fault))
                    end = Faulted(fault)
                finally:
                    self._finish()
        finally:
            publish(self, self._parts.live_calls)
        self._log.info("conversation_ended", end=type(end).__name__)
        return end

    def _join(self, agent: str, line: Line, keys: Keys) -> None:
        self._signal(_Signal.JOIN)
        self._joined_at = self._parts.clock.now()
        self.floor.take_in(Party.AGENT, Participant.on(line, agent))
        self.floor.start(lambda: self._relay(keys))
        self.recording.attach()
        self.refresh()

    def _finish(self) -> None:
        """Before the floor is left: nothing of ours acts any more."""
        self._state = _State.ENDED
        self._agent_keys.reset()
        if self._consulting is not None:
            self._consulting.end()
        self.recording.detach()

    def _signal(self, signal: ConversationSignal) -> None:
        self._state = next_state(self._state, signal)
        self.since = self._parts.clock.utc()

    def _end(self, end: ConversationEnd) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(end)

    # ---- operations

    def hold(self, *, by: str = "") -> None:
        """The caller hears music, the agent nobody."""
        self._signal(_Signal.HOLD)
        self.note(JournalKind.HELD, by=by)
        self.refresh()

    def resume(self, *, by: str = "") -> None:
        self._signal(_Signal.RESUME)
        self.note(JournalKind.RESUMED, by=by)
        self.refresh()

    def mute(self, party: Party) -> None:
        """Nobody hears `party`, which hears as before. WrongState when it isn't there."""
        self._present(party, "mute").muted = True
        self.refresh()

    def unmute(self, party: Party) -> None:
        self._present(party, "unmute").muted = False
        self.refresh()

    def transfer(self, target: Target, *, note: str = "", by: str = "") -> None:
        """The agent leaves, and the caller goes on to `target`: the end is a BlindTransfer."""
        self._signal(_Signal.BLIND_TRANSFER)
        self._note_transfer("blind", target, by)
        self._end(BlindTransfer(target, note, by))

    def consult(self, target: Target, *, note: str = "", by: str = "") -> None:
        """Call somebody while the caller hears music. Back to the caller when they can't be reached."""
        self._signal(_Signal.CONSULT)
        self._consulting = ConsultCall(
            Consultation(self.call, target, note, by),
            self._parts,
            self.floor.start,
            on_reached=self._on_reached,
            on_failed=partial(self._consulted_leaves, _Signal.CONSULTED_GONE),
        )
        self.note(JournalKind.CONSULTED, by=by, **{"with": name_of(target)})
        self.refresh()

    def alternate(self, *, by: str = "") -> None:
        """Talk with the other of the two, who heard music until now; this one hears it instead."""
        self._signal(_Signal.ALTERNATE)
        resumed = self._state is _State.ALTERNATED
        self.note(JournalKind.RESUMED if resumed else JournalKind.HELD, by=by)
        self.refresh()

    def conference(self, *, by: str = "") -> None:
        """All three talk with one another."""
        self._signal(_Signal.CONFERENCE)
        self.note(JournalKind.CONFERENCED, by=by, **{"with": self.consults})
        self.refresh()

    def complete(self, *, by: str = "") -> None:
        """The agent leaves the caller with the consulted party, who may still be ringing."""
        self._agent_leaves(_Signal.COMPLETE, by)

    def cancel(self, *, by: str = "") -> None:
        """Send the consulted party away: back to the caller."""
        self._consulted_leaves(_Signal.CANCEL, Cause.NORMAL_CLEARING, by)

    def hang_up(self, *, by: str = "") -> None:
        """The agent hangs up, as if on their phone."""
        self._agent_leaves(_Signal.AGENT_GONE, by)

    def drop(self, party: Party, *, by: str = "") -> None:
        """Take the agent or the consulted party out; the others go on. WrongState for the caller."""
        match party:
            case Party.AGENT:
                self.hang_up(by=by)
            case Party.CONSULTED:
                self.cancel(by=by)
            case Party.CALLER:
                raise WrongState("drop the caller", self._state.name)
            case _:
                assert_never(party)

    def requeue(
        self,
        *,
        queue: str | None = None,
        priority: int | None = None,
        skills: Mapping[str, int] | None = None,
        note: str = "",
        by: str = "",
    ) -> None:
        """The caller waits again, at the place that the enqueue time gives: the end is a Requeued."""
        self._signal(_Signal.REQUEUE)
        self._end(Requeued(queue, priority, skills, note, by))

    def press(self, keys: str) -> None:
        """Keys of the agent for whomever they talk with. ValueError on what isn't a key."""
        if not set(keys) <= DIGITS:
            raise ValueError(f"not keys: {keys!r}")
        self._pass_on(Party.AGENT, keys)

    def cue(self, clip: Clip, *ears: Ear) -> None:
        """Those of `ears` who are here hear `clip` once, beside everything else."""
        if self._state is not _State.ENDED:
            self.floor.cue(clip, ears)

    # ---- what the parties do

    def _on_event(self, party: Party, event: LegEvent) -> None:
        if self._state is _State.ENDED:
            return  # the end was decided in this very turn of the event loop
        who = self.floor.parties[party]
        match event:
            case Answered():
                if party is Party.CONSULTED and not who.answered:
                    self._on_answer(who)
            case EarlyMedia():
                who.early_media = True
                self.refresh()
            case MediaDirectionChanged():
                if who.answered:
                    self.note(JournalKind.HELD if who.away else JournalKind.RESUMED, by=who.name)
                    self.refresh()
            case DigitPressed(digit=digit):
                self._on_key(party, digit)
            case Ended(cause=cause):
                self._on_gone(party, cause)
            case DigitReleased() | Ringing():
                pass
            case _:
                assert_never(event)

    def _on_answer(self, consulted: Participant) -> None:
        consulted.answered, consulted.early_media = True, False
        self._signal(_Signal.ANSWER)
        if self._consulting is not None:
            self._consulting.answered()
        if self._state is _State.TALKING:  # the agent has left already
            self._promote()
        self.refresh()

    def _on_gone(self, party: Party, cause: Cause) -> None:
        if party is Party.AGENT:
            self._agent_leaves(_Signal.AGENT_GONE, self.floor.parties[party].name, cause)
        elif party is Party.CONSULTED:
            self._consulted_leaves(_Signal.CONSULTED_GONE, cause)

    def _on_key(self, party: Party, key: str) -> None:
        if party is Party.AGENT and self.agent:
            self._agent_keys.press(key)
        else:
            self._pass_on(party, key)

    async def _relay(self, keys: Keys) -> None:
        while True:
            self._pass_on(Party.CALLER, await keys.get())

    def _pass_on(self, presser: Party, keys: str) -> None:
        """For whom they talk with: a menu behind a transfer wants to be operated."""
        talking = talkers(self.scene)
        if presser in talking:
            for party in talking - {presser}:
                self.floor.parties[party].pass_on(keys)

    # ---- who leaves and who stays

    def _agent_leaves(
        self, signal: ConversationSignal, by: str, cause: Cause = Cause.NORMAL_CLEARING
    ) -> None:
        self._signal(signal)
        leaving = self.floor.part_with(Party.AGENT)
        self._agent_keys.reset()
        if self._state is _State.ENDED:
            self._end(AgentHungUp(leaving.agent if leaving is not None else "", cause, by))
        elif self._state is _State.TALKING:
            self._promote()
        self.refresh()

    def _promote(self) -> None:
        """The consulted party serves the caller from now on."""
        self.floor.promote()
        consulting, self._consulting = self._consulting, None
        if consulting is not None:
            self._note_transfer("attended", consulting.what.target, consulting.what.by)

    def _consulted_leaves(self, signal: ConversationSignal, cause: Cause, by: str = "") -> None:
        rang = self._state is _State.RINGING
        self._signal(signal)
        consulting, self._consulting = self._consulting, None
        self.floor.part_with(Party.CONSULTED)
        if consulting is not None:
            consulting.end()
            if self._state is _State.ENDED:
                what = consulting.what
                self._end(TransferFailed(what.target, cause, what.note, what.by))
        self.note(JournalKind.RESUMED, by=by)
        if rang and signal is _Signal.CONSULTED_GONE:
            self.cue(self._parts.tones.failed, Party.AGENT)
        self.refresh()

    def _on_reached(self, reached: Reached) -> None:
        consulted = Participant.on(reached.line, reached.agent)
        self.floor.take_in(Party.CONSULTED, consulted)
        if consulted.answered:
            self._on_answer(consulted)

    # ---- telling

    def refresh(self) -> None:
        """Everybody hears what the state says, and screens show it."""
        if self._state is not _State.ENDED:
            scene = self.scene
            self.floor.show(scene)
            if Party.CALLER in (talking := talkers(scene)):
                present = (self.floor.parties[party].agent for party in talking)
                self.recording.heard(agent for agent in present if agent)
            publish(self, self._parts.live_calls)

    def note(self, kind: JournalKind, **details: Any) -> None:
        """For the journal."""
        call, now = self.call, self._parts.clock.utc()
        event = JournalEvent(now, kind, call.queue, call.entry, call.call_id, self.agent, details)
        self._parts.journal(event)

    def _note_transfer(self, how: str, target: Target, by: str) -> None:
        times = {"wait_s": self.call.wait_s, "talk_s": round(self._parts.clock.now() - self._joined_at, 3)}
        self.note(JournalKind.TRANSFERRED, to=name_of(target), how=how, by=by, **times)

    def _present(self, party: Party, action: str) -> Participant:
        who = self.floor.parties.get(party)
        if who is None or self._state in (_State.NEW, _State.ENDED):
            raise WrongState(f"{action} the {party.value}", self._state.name)
        return who
