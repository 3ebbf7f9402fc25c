"""The listener of a call: what it makes of an ear and a pool, both of which do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import structlog

from gateway.dialplan.nodes import Speech
from gateway.dialplan.run import HearingFailed, Listen, PhraseHeard, SpeechBegan, SpeechLost
from gateway.switch.listening import CallListener, HearingServices, Kept
from media.ear import Began, Heard, Nothing, Said, WentOn
from media.speech.pool import PoolFull
from media.speech.recogniser import Grammar, Hypothesis, Recognition, RecognitionError
from media.vad import Utterance
from tests.fakes.audio import settle

UTTERANCE = Utterance(np.zeros(800, np.int16), 1.0, 1.5, 0.4)
MENU = Listen(("billing", "support"), "en", (0, 1), node="menu", speech=Speech(keep=("transcript", "audio")))


@dataclass(slots=True)
class FakeEar:
    wanted: Listen
    tell: Callable[[Heard], object]
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass(slots=True)
class Bench:
    """A listener, its ears, and a pool that answers when the test says so."""

    understood: bool = True
    ears: list[FakeEar] = field(default_factory=list)
    asked: list[Grammar] = field(default_factory=list)
    events: list[object] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    answers: list[asyncio.Future[Recognition]] = field(default_factory=list)

    def recognised(self, outcome: str, _recognition: Recognition | None, *, late_s: float) -> None:
        self.counted.append(outcome)

    async def recognise(self, _utterance: Utterance, grammar: Grammar) -> Recognition:
        self.asked.append(grammar)
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]

    def open_ear(self, wanted: Listen, on_heard: Callable[[Heard], object]) -> FakeEar:
        self.ears.append(FakeEar(wanted, on_heard))
        return self.ears[-1]

    def listener(self) -> CallListener:
        services = HearingServices(self.recognise, lambda _grammar: self.understood, self)
        log = structlog.get_logger(__name__)
        return CallListener(services, self.open_ear, self.kept.append, log)

    async def hear(self, *heard: Heard) -> None:
        for one in heard:
            self.ears[-1].tell(one)
        await settle()

    async def answer(self, text: str, confidence: float) -> None:
        self.answers[-1].set_result(
            Recognition((Hypothesis(text, confidence), Hypothesis("sales", 0.1)), ("x",))
        )
        await settle()


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def listener(bench: Bench) -> CallListener:
    return bench.listener()


async def test_what_is_said_is_recognised_and_told(bench: Bench, listener: CallListener) -> None:
    listener.listen(MENU, bench.events.append)
    await bench.hear(Began(), Said(UTTERANCE, 0.2, final=False), Said(UTTERANCE, 0.7, final=True))
    await bench.answer("billing", 0.8)

    assert bench.asked == [Grammar("en", ("billing", "support"), meanings=(0, 1))]
    assert bench.events == [SpeechBegan(), PhraseHeard("billing", 0.8, (("sales", 0.1),))]
    assert bench.counted == ["accepted"]


async def test_a_phrase_beyond_doubt_does_not_wait_for_the_silence(
    bench: Bench, listener: CallListener
) -> None:
    listener.listen(MENU, bench.events.append)
    await bench.hear(Said(UTTERANCE, 0.2, final=False))
    await bench.answer("billing", 0.95)

    assert bench.events == [PhraseHeard("billing", 0.95, (("sales", 0.1),))]


async def test_what_might_go_on_waits_until_the_caller_has_finished(
    bench: Bench, listener: CallListener
) -> None:
    listener.listen(MENU, bench.events.append)
    await bench.hear(Said(UTTERANCE, -1000.0, final=False))  # its silence ends in a quarter of an hour
    await bench.answer("billing", 0.5)
    assert bench.events == []

    await bench.hear(Said(UTTERANCE, 0.7, final=True))

    assert bench.events == [PhraseHeard("billing", 0.5, (("sales", 0.1),))]
    assert bench.counted == ["confirm"]


async def test_what_was_not_all_is_forgotten(bench: Bench, listener: CallListener) -> None:
    listener.listen(MENU, bench.events.append)
    await bench.hear(Said(UTTERANCE, 0.2, final=False))
    await bench.hear(WentOn(), Said(UTTERANCE, 0.7, final=True))

    assert bench.answers[0].cancelled()
    await bench.answer("support", 0.95)
    assert [type(event) for event in bench.events] == [PhraseHeard]


@pytest.mark.parametrize(
    ("error", "outcome"), [(PoolFull(40), "full"), (RecognitionError("pool", "broken"), "failed")]
)
async def test_a_pool_that_is_full_or_broken_is_told(
    bench: Bench, listener: CallListener, error: RecognitionError, outcome: str
) -> None:
    listener.listen(MENU, bench.events.append)
    await bench.hear(Said(UTTERANCE, 0.7, final=True))
    bench.answers[-1].set_exception(error)
    await settle()

    assert bench.events == [HearingFailed()]
    assert bench.counted == [outcome]


async def test_noise_is_told_as_such(bench: Bench, listener: CallListener) -> None:
    listener.listen(MENU, bench.events.append)
    await bench.hear(Began(), Nothing())

    assert bench.events == [SpeechBegan(), SpeechLost()]


async def test_nothing_comes_after_the_end(bench: Bench, listener: CallListener) -> None:
    listener.listen(MENU, bench.events.append)
    await bench.hear(Said(UTTERANCE, 0.7, final=True))
    listener.close()
    await settle()

    assert bench.ears[-1].closed
    assert bench.answers[-1].cancelled()
    await bench.hear(Began())
    assert bench.events == []


async def test_whoever_listens_again_in_the_answer_is_not_cut_off(
    bench: Bench, listener: CallListener
) -> None:
    def again(event: object) -> None:
        bench.events.append(event)
        listener.stop_listening()
        listener.listen(MENU, bench.events.append)

    listener.listen(MENU, again)
    await bench.hear(Said(UTTERANCE, 0.7, final=True))
    await bench.answer("billing", 0.5)
    await bench.hear(Said(UTTERANCE, 0.7, final=True))
    await bench.answer("support", 0.8)

    assert [event.text for event in bench.events if isinstance(event, PhraseHeard)] == ["billing", "support"]


async def test_a_language_that_nobody_understands_opens_no_ear(bench: Bench) -> None:
    bench.understood = False
    bench.listener().listen(MENU, bench.events.append)

    assert bench.ears == []


async def test_only_what_the_node_keeps_is_kept_and_no_secret(bench: Bench, listener: CallListener) -> None:
    secret = Listen((), "en", answer="digits", speech=Speech(keep=("transcript",)), node="pin", secret=True)
    for wanted in (MENU, secret, Listen(("a",), "en", node="free")):
        listener.listen(wanted, bench.events.append)
        await bench.hear(Said(UTTERANCE, 0.7, final=True))
        await bench.answer("billing", 0.95)

    assert bench.kept == [Kept("menu", "billing", 0.95, UTTERANCE)]
