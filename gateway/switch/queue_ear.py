"""What a waiting caller says: the phrases of the queue with which a callback is asked for, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.dialplan.model import DEFAULT_LANGUAGE
from gateway.dialplan.nodes import USUAL_SPEECH
from gateway.dialplan.ports import Listener
from gateway.dialplan.queues import QueueDefinition
from gateway.dialplan.run import HearingFailed, Listen, PhraseHeard, SpeechBegan, SpeechLost


class QueueEar:
    """Of one caller. Without a listener, or where no phrase is understood, only keys are heard."""

    def __init__(self, listener: Listener | None, on_asked: Callable[[], None]) -> None:
        self._listener = listener
        self._on_asked = on_asked

    def listen(self, queue: QueueDefinition, language: str) -> None:
        """From now on, for the phrases of this queue in this language, until `stop`."""
        self.stop()
        phrases = _in(queue.callback.phrases, language or DEFAULT_LANGUAGE)
        if self._listener is not None and phrases:
            meanings = (0,) * len(phrases)
            wanted = Listen(phrases, language or DEFAULT_LANGUAGE, meanings, node=f"queue {queue.name}")
            self._listener.listen(wanted, self._heard)

    def stop(self) -> None:
        if self._listener is not None:
            self._listener.stop_listening()

    def _heard(self, event: SpeechBegan | SpeechLost | PhraseHeard | HearingFailed) -> None:
        # People talk while they wait, and not to us: what is in doubt wasn't said.
        if isinstance(event, PhraseHeard) and event.text and event.confidence >= USUAL_SPEECH.confirm_below:
            self._on_asked()


def _in(phrases: Mapping[str, tuple[str, ...]], language: str) -> tuple[str, ...]:
    """Those in this language, or in another form of it."""
    primary = language.partition("-")[0]
    similar = (known for tag, known in phrases.items() if tag.partition("-")[0] == primary)
    return phrases[language] if language in phrases else next(similar, ())
