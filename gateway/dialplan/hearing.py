"""What a run makes of speech: when it ends a prompt, what is taken, asked back or refused. Pure.

What was understood with enough confidence is taken. Below `confirm_below` it is asked back: "Did you say
billing?", to which the caller says yes or no, presses 1 or 2, says another phrase, or presses another key.
Below `reject_below` it is no match. What the caller has said no to isn't understood again at the same node.
Keys work all the time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.dialplan.answers import yes_or_no
from gateway.dialplan.asking import Failure, Reading, answer_of, read_words, speech_of
from gateway.dialplan.calendars import utc_at
from gateway.dialplan.model import CONFIRM_ANNOUNCEMENT, UNAVAILABLE_ANNOUNCEMENT, confirmation
from gateway.dialplan.nodes import Asking, GatherNode, MenuNode
from gateway.dialplan.places import Position
from gateway.dialplan.run import Phase, PhraseHeard
from gateway.dialplan.walk import Walk
from gateway.dialplan.wording import Wording

SPEECH_LIMIT_S: Final = 30.0
"""From the beginning of speech to what it meant; later the recogniser counts as broken."""

_YES_KEY, _NO_KEY = "1", "2"
_NOWHERE: Final = Position("", 1, 1)
_CONFIRM: Final = Wording(_NOWHERE, key=CONFIRM_ANNOUNCEMENT)
_UNAVAILABLE: Final = Wording(_NOWHERE, key=UNAVAILABLE_ANNOUNCEMENT)


class Hearing(Walk):
    """A step that can listen."""

    def _speech_began(self) -> None:
        if not self.state.hearing:
            return
        self.state = replace(self.state, erring=False, talking=True)
        self.stop_audio()
        self.cancel_timer()  # nobody is told that they have said nothing while they speak
        self.state = replace(self.state, phase=Phase.LISTENING)
        self.start_timer(SPEECH_LIMIT_S)

    def _speech_lost(self) -> None:
        if not (self.state.hearing and self.state.talking):
            return
        self.state = replace(self.state, talking=False)
        self.cancel_timer()
        self._wait_again(self._asking())

    def _phrase_heard(self, event: PhraseHeard) -> None:
        if not self.state.hearing:
            return
        node = self._asking()
        self.state = replace(self.state, erring=False, talking=False)
        self.stop_audio()
        self.cancel_timer()
        if self.state.pending and self._answered(node, event):
            return
        self._weigh(node, event)

    def _hearing_failed(self) -> None:
        """Go on with keys, and say so; where there are none, the node can't do its work."""
        if not self.state.hearing:
            return
        node = self._asking()
        self.report("unheard")
        self.stop_audio()
        self.cancel_timer()
        self.stop_listening()
        self.state = replace(self.state, deaf=True, pending="")
        if isinstance(node, MenuNode) and not node.options:
            self._leave("error")
        else:
            self._ask((_UNAVAILABLE, node.prompt), node)

    # What was understood

    def _weigh(self, node: Asking, event: PhraseHeard) -> None:
        """Take it, ask it back, or refuse it."""
        speech = speech_of(node, self.state.language)
        found = self._likeliest(node, event)
        if speech is None or found is None or found[1] < speech.reject_below:
            self._fail(node, Failure.NO_MATCH)
            return
        text, confidence, reading = found
        if confidence >= speech.confirm_below:
            self._matched(node, reading)
        elif isinstance(node, GatherNode) and node.mask:
            self._fail(node, Failure.NO_MATCH)  # a secret isn't read aloud
        else:
            self._ask_back(node, text, reading)

    def _likeliest(self, node: Asking, event: PhraseHeard) -> tuple[str, float, Reading] | None:
        """The first reading that the node can take and the caller hasn't denied."""
        today = utc_at(self.state.facts.epoch_s + self.now_s).date()
        for text, confidence in ((event.text, event.confidence), *event.others):
            reading = read_words(node, text, self.state.language, today)
            if text not in self.state.denied and reading.complete:
                return text, confidence, reading
        return None

    # Asking back

    def _ask_back(self, node: Asking, text: str, reading: Reading) -> None:
        self.stop_listening()
        self.state = replace(self.state, pending=text)
        (question,) = self.prompts((_CONFIRM,))
        self.play(confirmation(question, self._shown(node, text, reading), self.state.language))
        self._hear(node)

    def _shown(self, node: Asking, text: str, reading: Reading) -> str:
        """What was understood, as it is said back: digits one by one."""
        if isinstance(node, GatherNode) and answer_of(node) in ("digits", "phone"):
            return " ".join(reading.digits)
        return text

    def _answered(self, node: Asking, event: PhraseHeard) -> bool:
        """Whether that was the yes or no to what was asked back."""
        speech = speech_of(node, self.state.language)
        answer = yes_or_no(event.text, self.state.language)
        if answer is None or speech is None or event.confidence < speech.reject_below:
            return False
        self._settle(node, agreed=answer == "yes")
        return True

    def _settled_by_key(self, digit: str) -> bool:
        """Whether a key was the yes or no to what was asked back."""
        if not self.state.pending or digit not in (_YES_KEY, _NO_KEY):
            return False
        self.stop_audio()
        self.cancel_timer()
        self._settle(self._asking(), agreed=digit == _YES_KEY)
        return True

    def _settle(self, node: Asking, *, agreed: bool) -> None:
        pending = self.state.pending
        self.report("confirmed" if agreed else "denied")
        self.state = replace(self.state, pending="")
        if agreed:
            today = utc_at(self.state.facts.epoch_s + self.now_s).date()
            self._matched(node, read_words(node, pending, self.state.language, today))
        else:
            self.state = replace(self.state, denied=(*self.state.denied, pending))
            self._fail(node, Failure.NO_MATCH)

    def _wait_again(self, node: Asking) -> None:
        """After a noise: say a prompt that it had cut off again, once, and wait as before."""
        if self.state.replayed or self.state.pending:
            self._listen(node)
            return
        self.state = replace(self.state, replayed=True)
        self.stop_listening()
        self._ask((node.prompt,), node)
