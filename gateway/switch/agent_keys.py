"""The keys of an agent on a phone, carried out: feature codes by the conversation, others by the far end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, assert_never

from gateway.dialplan.ports import Cancellable
from gateway.errors import WrongState
from gateway.switch.conversation_ends import ToNumber
from gateway.switch.conversation_parts import ConversationParts
from gateway.switch.conversation_state import ConversationState
from gateway.switch.feature_codes import (
    NUMBERED,
    Asked,
    CodeReader,
    Feature,
    NumberAbandoned,
    NumberBegun,
    PassedOn,
    Reading,
)
from gateway.switch.hearing import Party

if TYPE_CHECKING:
    from gateway.switch.conversation import Conversation


class AgentKeys:
    """Every code is answered by a tone that the agent alone hears: done, or not possible now."""

    def __init__(self, conversation: Conversation, parts: ConversationParts) -> None:
        self._conversation = conversation
        self._parts = parts
        self._reader = CodeReader(
            parts.feature_codes, code_gap_s=parts.code_gap_s, number_gap_s=parts.number_gap_s
        )
        self._timer: Cancellable | None = None
        self._held_for_number = False
        self.dialling = False
        """The agent presses the keys of a number; the caller hears music."""

    def press(self, key: str) -> None:
        talking = self._conversation.state in (ConversationState.TALKING, ConversationState.HELD)
        now = self._parts.timers.time()
        self._take(self._reader.press(key, now, NUMBERED if talking else frozenset()))

    def reset(self) -> None:
        """Somebody else's keys from now on, or nobody's."""
        self._reader.reset()
        self.dialling = self._held_for_number = False
        self._set_timer()

    def _expire(self) -> None:
        self._timer = None
        self._take(self._reader.expire(self._parts.timers.time()))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reader.due_at is not None:
            delay_s = max(0.0, self._reader.due_at - self._parts.timers.time())
            self._timer = self._parts.timers.call_later(delay_s, self._expire)

    def _take(self, readings: Iterable[Reading]) -> None:
        self._set_timer()
        for reading in readings:
            match reading:
                case PassedOn(keys):
                    self._conversation.press(keys)
                case NumberBegun():
                    self._begin_number()
                case NumberAbandoned():
                    self._end_number(resume=True)
                case Asked(feature, number):
                    self._end_number(resume=False)
                    self._carry_out(feature, number)
                case _:
                    assert_never(reading)

    def _begin_number(self) -> None:
        conversation = self._conversation
        self.dialling = True
        self._held_for_number = conversation.state is ConversationState.TALKING
        if self._held_for_number:
            conversation.hold(by=conversation.agent)
        else:
            conversation.refresh()

    def _end_number(self, *, resume: bool) -> None:
        if not self.dialling:
            return
        self.dialling = False
        held, self._held_for_number = self._held_for_number, False
        conversation = self._conversation
        if resume and held and conversation.state is ConversationState.HELD:
            conversation.resume(by=conversation.agent)
        else:
            conversation.refresh()

    def _carry_out(self, feature: Feature, number: str) -> None:
        conversation, tones = self._conversation, self._parts.tones
        try:
            self._do(feature, number)
        except WrongState:
            conversation.cue(tones.refused, Party.AGENT)
        else:
            conversation.cue(tones.confirmed, Party.AGENT)

    def _do(self, feature: Feature, number: str) -> None:
        conversation = self._conversation
        state, by = conversation.state, conversation.agent
        match feature:
            case Feature.RECORD:
                conversation.recording.toggle(by=by)
            case Feature.BLIND_TRANSFER:
                conversation.transfer(ToNumber(number), by=by)
            case Feature.ATTENDED_TRANSFER if number:
                conversation.consult(ToNumber(number), by=by)
            case Feature.ATTENDED_TRANSFER:
                conversation.complete(by=by)
            case Feature.CONFERENCE:
                conversation.conference(by=by)
            case Feature.CANCEL:
                conversation.cancel(by=by)
            case Feature.ALTERNATE:
                conversation.alternate(by=by)
            case Feature.REQUEUE:
                conversation.requeue(by=by)
            case Feature.MUTE if Party.AGENT in conversation.scene.muted:
                conversation.unmute(Party.AGENT)
            case Feature.MUTE:
                conversation.mute(Party.AGENT)
            case Feature.HOLD if state is ConversationState.HELD:
                conversation.resume(by=by)
            case Feature.HOLD:
                conversation.hold(by=by)
            case _:
                assert_never(feature)
