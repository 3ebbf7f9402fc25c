"""A callback is asked for by saying so, in the caller's language, and not by anything else."""

from __future__ import annotations

from gateway.dialplan.places import Position
from gateway.dialplan.ports import HeardHandler
from gateway.dialplan.queues import CallbackRules, QueueDefinition
from gateway.dialplan.run import Listen, PhraseHeard, SpeechBegan
from gateway.queues.settings import QueueSettings
from gateway.switch.queue_ear import QueueEar

PHRASES = {"en": ("call me back", "ring me"), "ja": ("折り返し",)}
QUEUE = QueueDefinition(Position("", 1, 1), QueueSettings("q"), callback=CallbackRules(phrases=PHRASES))


class FakeListener:
    """Hears what the test says."""

    def __init__(self) -> None:
        self.wanted: Listen | None = None
        self.tell: HeardHandler = lambda _event: None

    def listen(self, wanted: Listen, on_heard: HeardHandler) -> None:
        self.wanted, self.tell = wanted, on_heard

    def stop_listening(self) -> None:
        self.wanted = None


def test_a_phrase_that_was_understood_asks_and_one_in_doubt_doesnt() -> None:
    asked: list[int] = []
    listener = FakeListener()
    ear = QueueEar(listener, lambda: asked.append(1))
    ear.listen(QUEUE, "en-GB")

    assert listener.wanted is not None
    assert (listener.wanted.phrases, listener.wanted.meanings) == (PHRASES["en"], (0, 0))
    listener.tell(SpeechBegan())
    listener.tell(PhraseHeard("call me back", 0.3))
    listener.tell(PhraseHeard("", 1.0))
    assert asked == []
    listener.tell(PhraseHeard("call me back", 0.95))
    assert asked == [1]
    ear.stop()
    assert listener.wanted is None


def test_nobody_is_listened_to_without_phrases_in_their_language_or_without_ears() -> None:
    listener = FakeListener()
    QueueEar(listener, lambda: None).listen(QUEUE, "zh")
    QueueEar(listener, lambda: None).listen(QueueDefinition(QUEUE.at, QUEUE.settings), "en")
    QueueEar(None, lambda: None).listen(QUEUE, "en")

    assert listener.wanted is None
