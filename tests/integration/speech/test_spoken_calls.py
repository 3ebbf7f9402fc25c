"""Callers who speak, on real RTP: what they say is synthesised, and where they are led is heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from tests.fakes.speech import Samples, companded, cough, pink, spoken
from tests.integration.gateway import Gateway
from tests.integration.peers import tones
from tests.integration.peers.rtp import PCMU, decode
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until, until_async
from tests.integration.speech.speech_dialplan import (
    ALL_HZ,
    BILLING_HZ,
    MENU_HZ,
    SILENT_HZ,
    SORRY_HZ,
    SUPPORT_HZ,
    write_dialplan,
)

pytestmark = pytest.mark.timeout(180)

TAIL_PACKETS = 15  # 0.3 s
LOOK_EVERY_S = 0.1
RESULT_S = 20.0  # the recogniser shares the machine with the other tests
PACKET = 160
HISS_PACKETS = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listening_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A node whose recognisers are warm."""
    directory = tmp_path_factory.mktemp("listening")
    environment = {"RINGBACK_SPEECH__WORKERS": "1", "RINGBACK_RECORDING__CALLS": "true"}
    dialplan = write_dialplan(directory / "dialplan")
    async with Gateway(directory, dialplan=dialplan, environment=environment) as running:
        await until_async(lambda: _warm(running), "a warm recogniser", deadline_s=60.0)
        yield running


async def _warm(gateway: Gateway) -> bool:
    return await gateway.metric("ringback_recognisers") > 0


class Caller:
    """Sends a noisy line all the time, as a telephone does, and speech when told."""

    def __init__(self, call: UaCall) -> None:
        self.call = call
        self._noise = np.random.default_rng(4)
        self._waiting: asyncio.Queue[Samples | str] = asyncio.Queue()  # speech, or a key
        self._task = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        due = time.monotonic()
        while True:
            match self._waiting.get_nowait() if not self._waiting.empty() else self._hiss():
                case str(key):
                    await self.call.rtp.press(key, 0.1)
                    due = time.monotonic()
                case audio:
                    await self.call.rtp.send_audio(audio)
                    # It returns when the last packet is sent, whose 20 ms are still to pass.
                    due = max(due + len(audio) // PACKET * 0.02, time.monotonic())
                    await asyncio.sleep(due - time.monotonic())

    def _hiss(self) -> Samples:
        return companded(pink(HISS_PACKETS * PACKET / tones.RATE, self._noise) * 0.001)

    def press(self, keys: str) -> None:
        for key in keys:
            self._waiting.put_nowait(key)
            self._waiting.put_nowait(np.zeros(4 * PACKET, np.int16))

    def say(self, audio: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
        noise = pink(len(audio) / tones.RATE, self._noise)[: len(audio)]
        self._waiting.put_nowait(companded(audio[: len(noise)] + noise * 0.001))

    async def hears(self, hertz: float, deadline_s: float = RESULT_S) -> None:
        await self.until(lambda: self._hears(hertz), f"{hertz} Hz alone", deadline_s)

    async def hears_no(self, hertz: float, deadline_s: float = RESULT_S) -> None:
        await self.until(lambda: not self._hears(hertz), f"the end of {hertz} Hz", deadline_s)

    async def until(self, condition: Callable[[], bool], what: str, deadline_s: float = RESULT_S) -> None:
        give_up_at = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > give_up_at:
                heard = tones.heard(self.call.rtp.audio()[-tones.RATE :], ALL_HZ)
                raise AssertionError(f"not within {deadline_s} s: {what}; heard of late: {heard}")
            await asyncio.sleep(LOOK_EVERY_S)

    def _hears(self, hertz: float) -> bool:
        # The latest packets alone: decoding the whole call at every look would make the sender late.
        latest = [packet for packet in self.call.rtp.received[-TAIL_PACKETS:] if packet.payload_type == PCMU]
        if len(latest) < TAIL_PACKETS:
            return False
        audio = np.concatenate([decode(packet.payload, PCMU) for packet in latest])
        return tones.heard(audio, ALL_HZ, least_share=0.5) == {hertz}

    def heard_so_far(self) -> set[float]:
        return tones.heard(self.call.rtp.audio(), ALL_HZ, least_share=0.01)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.call.bye()


@asynccontextmanager
async def calling(gateway: Gateway, phone: UserAgent, number: str = "100") -> AsyncIterator[Caller]:
    call = await phone.call(gateway.uri(number))
    await call.status(200)
    caller = Caller(call)
    try:
        await caller.hears(MENU_HZ)
        yield caller
    finally:
        await caller.close()


async def test_who_speaks_a_phrase_is_led_by_it(listening_gateway: Gateway, phone: UserAgent) -> None:
    async with calling(listening_gateway, phone) as caller:
        await caller.hears_no(MENU_HZ)

        caller.say(spoken("technical support"))

        await caller.hears(SUPPORT_HZ)
    assert SORRY_HZ not in caller.heard_so_far()


async def test_who_talks_over_the_prompt_cuts_it_and_is_understood(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    async with calling(listening_gateway, phone) as caller:
        before = len(caller.call.rtp.audio())

        caller.say(spoken("pay my bill", "en-gb"))

        await caller.hears(BILLING_HZ)
        (menu,) = tones.spans(caller.call.rtp.audio(), MENU_HZ)[-1:]
    assert menu.end_s < before / tones.RATE + 5.0, "the prompt was heard to its end"


async def test_who_says_nothing_is_asked_again_and_may_still_speak(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    async with calling(listening_gateway, phone) as caller:
        await caller.hears(SILENT_HZ)
        await caller.hears(MENU_HZ)

        caller.say(spoken("billing"))

        await caller.hears(BILLING_HZ)
    assert SORRY_HZ not in caller.heard_so_far()


async def test_who_coughs_interrupts_nothing_and_is_asked_nothing(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    before = await listening_gateway.metric("ringback_recognitions_total")
    async with calling(listening_gateway, phone) as caller:
        caller.say(cough(np.random.default_rng(2)))
        await caller.hears_no(MENU_HZ)
        (menu,) = tones.spans(caller.call.rtp.audio(), MENU_HZ)

        caller.say(cough(np.random.default_rng(3)))
        await caller.hears(SILENT_HZ)

    assert menu.duration_s == pytest.approx(6.0, abs=0.3), "the cough cut the question"
    assert SORRY_HZ not in caller.heard_so_far()
    assert await listening_gateway.metric("ringback_recognitions_total") == before


async def test_a_key_during_speech_wins(listening_gateway: Gateway, phone: UserAgent) -> None:
    async with calling(listening_gateway, phone) as caller:
        caller.say(spoken("I wonder what I should say to this machine")[: tones.RATE])

        caller.press("2")

        await caller.hears(SUPPORT_HZ)
    assert SORRY_HZ not in caller.heard_so_far()


async def test_what_nobody_listed_is_refused(listening_gateway: Gateway, phone: UserAgent) -> None:
    async with calling(listening_gateway, phone) as caller:
        caller.say(spoken("the train to the seaside leaves at noon on Saturday"))

        await caller.hears(SORRY_HZ)


async def test_the_transcript_is_kept_where_the_plan_says_so_and_never_logged(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    async with calling(listening_gateway, phone) as caller:
        caller.say(spoken("technical help"))
        await caller.hears(SUPPORT_HZ)

    kept = listening_gateway.data_dir / "utterances"
    await until(lambda: bool(list(kept.rglob("*-menu-*.wav"))), "the utterance")
    assert "technical" not in listening_gateway.process.output()


async def test_a_masked_answer_reaches_no_log_and_no_recording(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    recordings = listening_gateway.data_dir / "recordings"
    async with calling(listening_gateway, phone, "200") as caller:
        before = set(recordings.rglob("*.wav"))
        caller.say(spoken("my number is a secret"))
        caller.press("4711")
        await caller.hears(BILLING_HZ)
        await caller.call.request("BYE")

    await until(lambda: len(set(recordings.rglob("*.wav")) - before) == 1, "the recording")
    (file,) = set(recordings.rglob("*.wav")) - before
    audio, rate = soundfile.read(file, dtype="int16")
    thanks = tones.spans(audio, BILLING_HZ)
    assert thanks, "the recording went on afterwards"
    assert not audio[: round((thanks[0].start_s - 0.3) * rate)].any(), "what was said in private was recorded"
    pressed = [line for line in listening_gateway.process.output().splitlines() if "digit_pressed" in line]
    assert len(pressed) >= 4
    assert not any(f'"digit": "{digit}"' in line for line in pressed[-4:] for digit in "471")
