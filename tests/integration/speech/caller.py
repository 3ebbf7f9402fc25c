"""A caller on real RTP, whose line is never still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np

from tests.fakes.speech import Samples, Signal, companded, pink
from tests.integration.peers import tones
from tests.integration.peers.rtp import PCMU, decode
from tests.integration.peers.ua import UaCall
from tests.integration.speech.speech_dialplan import ALL_HZ

RESULT_S = 20.0  # the recogniser shares the machine with the other tests
TAIL_PACKETS = 15  # 0.3 s
LOOK_EVERY_S = 0.1
PACKET = 160
HISS_PACKETS = 5


class Caller:
    """Sends a noisy line all the time, as a telephone does, and speech when told."""

    def __init__(self, call: UaCall) -> None:
        self.call = call
        self.spoke_until_s = 0.0  # when the last packet of speech was sent
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
                    if len(audio) != HISS_PACKETS * PACKET:
                        self.spoke_until_s = time.monotonic()
                    # It returns when the last packet is sent, whose 20 ms are still to pass.
                    due = max(due + len(audio) // PACKET * 0.02, time.monotonic())
                    await asyncio.sleep(due - time.monotonic())

    def _hiss(self) -> Samples:
        return companded(pink(HISS_PACKETS * PACKET / tones.RATE, self._noise) * 0.001)

    def press(self, keys: str) -> None:
        for key in keys:
            self._waiting.put_nowait(key)
            self._waiting.put_nowait(np.zeros(4 * PACKET, np.int16))

    def say(self, audio: Signal) -> None:
        noise = pink(len(audio) / tones.RATE, self._noise)[: len(audio)]
        self._waiting.put_nowait(companded(audio[: len(noise)] + noise * 0.001))

    async def hears(self, hertz: float, deadline_s: float = RESULT_S) -> None:
        await self.until(lambda: self.hears_now(hertz), f"{hertz} Hz alone", deadline_s)

    async def hears_no(self, hertz: float, deadline_s: float = RESULT_S) -> None:
        await self.until(lambda: not self.hears_now(hertz), f"the end of {hertz} Hz", deadline_s)

    async def until(self, condition: Callable[[], bool], what: str, deadline_s: float = RESULT_S) -> None:
        give_up_at = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > give_up_at:
                heard = tones.heard(self.call.rtp.audio()[-tones.RATE :], ALL_HZ)
                raise AssertionError(f"not within {deadline_s} s: {what}; heard of late: {heard}")
            await asyncio.sleep(LOOK_EVERY_S)

    def hears_now(self, hertz: float) -> bool:
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
