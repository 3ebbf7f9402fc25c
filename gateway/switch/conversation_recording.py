"""The recording of a conversation: begun on demand or with the queue, or the call's own, which goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import WrongState
from gateway.queues.journal import JournalKind
from gateway.switch.call_recording import CallRecording, Recordings
from gateway.switch.conversation_state import ConversationState
from gateway.switch.hearing import Channel, Party
from media.clip import Clip

if TYPE_CHECKING:
    from gateway.switch.conversation import Conversation


class ConversationRecording:
    """What is recorded is what the caller took part in, the caller on the left, the others on the right."""

    def __init__(
        self, conversation: Conversation, recordings: Recordings | None, consent: Clip | None
    ) -> None:
        self._conversation = conversation
        self._recordings = recordings
        self._consent = consent
        self._current: CallRecording | None = None
        self._ours = False  # begun here, so it ends with the conversation

    @property
    def current(self) -> CallRecording | None:
        """The one that goes on."""
        return self._current if self._current is not None and not self._current.finished else None

    def attach(self) -> None:
        """Takes part in the call's own recording, if there is one."""
        if self._recordings is not None:
            self._take(self._recordings.current(self._conversation.call.call_id), ours=False)

    def detach(self) -> None:
        """The conversation is over. A recording of the whole call goes on."""
        if self._ours and self.current is not None:
            self._finish(by="")
        self._take(None, ours=False)

    def start(self, *, by: str = "") -> None:
        """Record from now on, and say so to the caller where there is a consent prompt.

        WrongState when one goes on already, or this node keeps no recordings.
        """
        if self._conversation.state in (ConversationState.NEW, ConversationState.ENDED):
            raise WrongState("record", self._conversation.state.name)
        if self.current is not None:
            raise WrongState("start a recording", "RECORDING")
        if self._recordings is None:
            raise WrongState("record", "WITHOUT_RECORDINGS")
        self._take(self._recordings.begin(self._conversation.call.call_id), ours=True)
        self._note("started", by)
        self._conversation.refresh()
        if self._consent is not None:
            # It is in the recording too, as the proof that it was said.
            self._conversation.cue(self._consent, Party.CALLER, Party.AGENT, Channel.OTHERS)

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
        file = self._current.name if self._current is not None else ""
        self._conversation.note(JournalKind.RECORDING, what=what, file=file, by=by)
