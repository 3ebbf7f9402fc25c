"""The recording of a conversation: begun on demand or with the queue, or the call's own, which goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from gateway.errors import WrongState
from gateway.queues.journal import JournalKind
from gateway.switch.call_recording import CallRecording, Recordings
from gateway.switch.conversation_state import ConversationState
from gateway.switch.hearing import Channel, Party
from gateway.switch.recording_store import Keeping
from media.clip import Clip

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from gateway.switch.conversation import Conversation


@dataclass(frozen=True, slots=True)
class RecordingRules:
    """How the recording of a conversation begins, and what becomes of it.

    `consent`: what caller and agent are told then. `keeping`: None for what the node does with recordings.
    """

    allowed: bool = True
    at_once: bool = False
    consent: Clip | None = None
    keeping: Keeping | None = None


ON_DEMAND: Final = RecordingRules()


class ConversationRecording:
    """What is recorded is what the caller took part in, the caller on the left, the others on the right."""

    def __init__(
        self, conversation: Conversation, recordings: Recordings | None, rules: RecordingRules
    ) -> None:
        self._conversation = conversation
        self._recordings = recordings
        self._rules = rules
        self._current: CallRecording | None = None
        self._ours = False  # begun here, so it ends with the conversation

    @property
    def current(self) -> CallRecording | None:
        """The one that goes on."""
        return self._current if self._current is not None and not self._current.finished else None

    def attach(self) -> None:
        """Takes part in the call's own recording, if there is one; else begins one where that is the rule."""
        if self._recordings is None:
            return
        self._take(self._recordings.current(self._conversation.call.call_id), ours=False)
        if self.current is None and self._rules.allowed and self._rules.at_once:
            try:
                self.start()
            except Exception as fault:  # the two can talk all the same
                log.exception("recording_not_begun", error=str(fault))

    def detach(self) -> None:
        """The conversation is over. A recording of the whole call goes on."""
        if self._ours and self.current is not None:
            self._finish(by="")
        self._take(None, ours=False)

    def start(self, *, by: str = "") -> None:
        """Record from now on, and say so to the caller where there is a consent prompt.

        WrongState when one goes on already, or nothing may be recorded here.
        """
        if self._conversation.state in (ConversationState.NEW, ConversationState.ENDED):
            raise WrongState("record", self._conversation.state.name)
        if self.current is not None:
            raise WrongState("start a recording", "RECORDING")
        if self._recordings is None or not self._rules.allowed:
            raise WrongState("record", "NEVER_RECORDED")
        call = self._conversation.call
        recording = self._recordings.begin(call.call_id, keeping=self._rules.keeping, queue=call.queue)
        self._take(recording, ours=True)
        self._note("started", by)
        self._conversation.refresh()
        if self._rules.consent is not None:
            # It is in the recording too, as the proof that it was said.
            self._conversation.cue(self._rules.consent, Party.CALLER, Party.AGENT, Channel.OTHERS)

    def stop(self, *, by: str = "") -> None:
        """The file is complete as it is. WrongState when nothing is recorded."""
        self._going_on("stop a recording")
        self._finish(by)
        self._take(None, ours=False)
        self._conversation.refresh()

    def pause(self, *, by: str = "") -> None:
        """Silence from now on. WrongState when nothing is recorded, or it is paused."""
        recording = self._going_on("pause a recording")
        if recording.paused:
            raise WrongState("pause a recording", "PAUSED")
        recording.pause()
        self._note("paused", by)

    def resume(self, *, by: str = "") -> None:
        """Record again. WrongState when nothing is recorded, or it isn't paused."""
        recording = self._going_on("resume a recording")
        if not recording.paused:
            raise WrongState("resume a recording", "RECORDING")
        recording.resume()
        self._note("resumed", by)

    def toggle(self, *, by: str = "") -> None:
        """On or off; one of the whole call is paused and resumed instead."""
        if self.current is None:
            self.start(by=by)
        elif self._ours:
            self.stop(by=by)
        elif self.current.paused:
            self.resume(by=by)
        else:
            self.pause(by=by)

    def heard(self, agents: Iterable[str]) -> None:
        """These agents talk with the caller now."""
        if self.current is not None:
            for agent in agents:
                self.current.heard(agent)

    def _going_on(self, action: str) -> CallRecording:
        if self.current is None:
            raise WrongState(action, "NOT_RECORDING")
        return self.current

    def _take(self, recording: CallRecording | None, *, ours: bool) -> None:
        self._current, self._ours = recording, ours
        self._conversation.floor.taps = dict(recording.ports) if recording is not None else {}

    def _finish(self, by: str) -> None:
        recording = self._going_on("finish a recording")
        self._note("stopped", by)
        recording.finish()

    def _note(self, what: str, by: str) -> None:
        file = self._current.id if self._current is not None else ""
        self._conversation.note(JournalKind.RECORDING, what=what, file=file, by=by)
