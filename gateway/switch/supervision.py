"""Supervisors of a conversation: they listen, whisper to the agent, or join, each on a leg of their own.

A supervisor hears what the agent and those who talk with the agent say. Whoever is on hold isn't heard, and a
whisper reaches an agent of ours only: after a transfer to somebody outside it reaches nobody. The end of the
conversation ends their legs, and their hang-up ends nothing but their own part.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from gateway.call.leg import Answered, DigitPressed, Ended, LegEvent, MediaDirectionChanged
from gateway.errors import WrongState
from gateway.queues.journal import JournalKind
from gateway.switch.conversation_ends import Target
from gateway.switch.conversation_parts import Consultation, ConversationParts, Reached
from gateway.switch.conversation_state import ConversationState
from gateway.switch.hearing import Ear, Party, SupervisionMode, talkers
from gateway.switch.participant import Participant

if TYPE_CHECKING:
    from gateway.switch.conversation import Conversation

MODE_KEYS: Final[Mapping[str, SupervisionMode]] = MappingProxyType(
    {"4": SupervisionMode.LISTEN, "5": SupervisionMode.WHISPER, "6": SupervisionMode.JOIN}
)
"""What a supervisor presses to change the mode, as with Asterisk's ChanSpy."""


class Supervision:
    """The supervisors of one conversation, by name."""

    def __init__(self, conversation: Conversation, parts: ConversationParts) -> None:
        self._conversation = conversation
        self._parts = parts
        self._modes: dict[str, SupervisionMode] = {}

    @property
    def modes(self) -> Mapping[str, SupervisionMode]:
        """Those who are there; one whose phone still rings isn't."""
        there = self._conversation.floor.supervisors
        return {name: mode for name, mode in self._modes.items() if name in there and there[name].answered}

    @property
    def effective(self) -> Mapping[str, SupervisionMode]:
        """The modes as they are heard: who holds us on their phone only listens, or its music would join."""
        there = self._conversation.floor.supervisors
        modes = self.modes.items()
        return {name: SupervisionMode.LISTEN if there[name].away else mode for name, mode in modes}

    async def call_in(self, supervisor: str, device: Target, mode: SupervisionMode) -> None:
        """Ring the supervisor's device, and let them in when they answer.

        Returns when it rings. Raises Unreachable, and WrongState as `begin` does.
        """
        self._check(supervisor)
        reached = await self._parts.reach(Consultation(self._conversation.call, device, by=supervisor))
        try:
            self.begin(supervisor, reached, mode)
        except BaseException:
            reached.line.release()
            raise

    def begin(self, supervisor: str, reached: Reached, mode: SupervisionMode) -> None:
        """Take over a supervisor's leg. They are in as soon as it is answered.

        WrongState when the conversation is over, or they supervise it already.
        """
        self._check(supervisor)
        who = Participant.on(reached.line, reached.agent)
        self._modes[supervisor] = mode
        self._conversation.floor.admit(supervisor, who, lambda event: self._on_event(supervisor, who, event))
        if who.answered:
            self._let_in(supervisor)

    def set_mode(self, supervisor: str, mode: SupervisionMode) -> None:
        """WrongState when they don't supervise this conversation."""
        if supervisor not in self._modes:
            raise WrongState("change the mode of nobody", self._conversation.state.name)
        if self._modes[supervisor] is not mode:
            self._modes[supervisor] = mode
            self._note(mode.value, supervisor)
            self._conversation.refresh()

    def end(self, supervisor: str) -> None:
        """They are out. WrongState when they don't supervise this conversation."""
        if self._modes.pop(supervisor, None) is None:
            raise WrongState("end the supervision of nobody", self._conversation.state.name)
        self._conversation.floor.dismiss(supervisor)
        self._note("ended", supervisor)
        self._conversation.refresh()

    def _check(self, supervisor: str) -> None:
        state = self._conversation.state
        if state in (ConversationState.NEW, ConversationState.ENDED):
            raise WrongState("supervise", state.name)
        if supervisor in self._modes:
            raise WrongState(f"supervise twice as {supervisor}", state.name)

    def _let_in(self, supervisor: str) -> None:
        self._note(self._modes[supervisor].value, supervisor)
        self._conversation.refresh()
        ears: Mapping[str, tuple[Ear, ...]] = {
            "nobody": (),
            "agent": (Party.AGENT,),
            "everyone": tuple(talkers(self._conversation.scene)),
        }
        self._conversation.cue(self._parts.tones.supervised, *ears[self._parts.supervision_tone])

    def _on_event(self, supervisor: str, who: Participant, event: LegEvent) -> None:
        if self._conversation.floor.supervisors.get(supervisor) is not who:
            return
        match event:
            case Answered() if not who.answered:
                who.answered = True
                self._let_in(supervisor)
            case DigitPressed(digit=digit) if digit in MODE_KEYS:
                self.set_mode(supervisor, MODE_KEYS[digit])
            case MediaDirectionChanged():
                self._conversation.refresh()
            case Ended():
                self.end(supervisor)
            case _:
                pass

    def _note(self, mode: str, supervisor: str) -> None:
        self._conversation.note(JournalKind.SUPERVISED, mode=mode, by=supervisor)
