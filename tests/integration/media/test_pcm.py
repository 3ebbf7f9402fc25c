"""The rings between Python and the bridge: nothing is lost without being counted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pjsua2 as pj
import pytest

from media import tone
from media.bridge import Bridge
from media.engine import Engine
from media.pcm import PcmPort, PcmSettings
from media.player import Player
from tests.integration.media.ear import Ear
from tests.integration.peers.tones import heard, level_dbfs, spans

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 8000
TICK = 160
A4, A5 = 440.0, 880.0


@dataclass(slots=True)
class Notices:
    """What a port told Python."""

    marks: list[tuple[int, bool]] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def on_mark(self, id_: int, heard_it: bool) -> None:
        self.marks.append((id_, heard_it))

    def on_low(self, left: int) -> None:
        self.low.append(left)

    def on_ended(self) -> None:
        self.ended.set()


def port(engine: Engine, bridge: Bridge, notices: Notices, **settings: float) -> PcmPort:
    return PcmPort(
        engine,
        bridge,
        PcmSettings(**settings),
        on_mark=notices.on_mark,
        on_low=notices.on_low,
        on_ended=notices.on_ended,
    )


def pcm(frequency_hz: float, seconds: float) -> bytes:
    return tone.tone([frequency_hz], seconds, RATE).samples.tobytes()


async def test_what_python_writes_is_heard_whole(engine: Engine, bridge: Bridge) -> None:
    notices = Notices()
    speaker = port(engine, bridge, notices)
    async with Ear(engine, bridge, speaker.port) as ear:
        assert speaker.write(pcm(A4, 0.5)) == 4000
        speaker.end()
        audio = await ear.hear(0.8)
    speaker.close()

    (span,) = spans(audio, A4)
    assert span.duration_s == pytest.approx(0.5, abs=0.05)
    assert notices.ended.is_set()
    assert speaker.counters.written == speaker.counters.played == 4000
    assert speaker.counters.underrun == 0


async def test_a_full_ring_takes_what_fits_and_says_how_much(engine: Engine, bridge: Bridge) -> None:
    speaker = port(engine, bridge, Notices(), send_s=0.5)
    written = speaker.write(pcm(A4, 1.0))

    assert written == 4000
    assert speaker.room == 0
    assert speaker.queued == 4000
    speaker.close()


async def test_marks_tell_what_was_heard_and_flush_what_was_not(engine: Engine, bridge: Bridge) -> None:
    notices = Notices()
    speaker = port(engine, bridge, notices)
    async with Ear(engine, bridge, speaker.port) as ear:
        speaker.write(pcm(A4, 0.1))
        speaker.mark(1)
        speaker.write(pcm(A5, 5.0))
        speaker.mark(2)
        await ear.hear(0.3)
        assert notices.marks == [(1, True)]
        speaker.flush()
        await ear.hear(0.04)
        rest = await ear.hear(0.2)
    speaker.close()

    assert notices.marks == [(1, True), (2, False)]
    assert level_dbfs(rest) < -90
    counters = speaker.counters
    assert counters.flushed > 0
    assert counters.played + counters.flushed == counters.written
    assert counters.underrun == 0


async def test_a_gap_inside_speech_is_counted_and_filled_with_silence(engine: Engine, bridge: Bridge) -> None:
    notices = Notices()
    speaker = port(engine, bridge, notices, low_water_s=0.05)
    async with Ear(engine, bridge, speaker.port) as ear:
        speaker.write(pcm(A4, 0.11))
        await ear.hear(0.3)
        speaker.write(pcm(A4, 0.1))
        await ear.hear(0.3)
    speaker.close()

    assert len(notices.low) == 2
    # Half a tick is missing at the end of the first part, and a whole one at the end of each.
    assert TICK // 2 <= speaker.counters.underrun <= 3 * TICK


async def test_a_prebuffer_waits_until_there_is_enough(engine: Engine, bridge: Bridge) -> None:
    speaker = port(engine, bridge, Notices(), prebuffer_s=0.2)
    async with Ear(engine, bridge, speaker.port) as ear:
        speaker.write(pcm(A4, 0.1))
        before = await ear.hear(0.2)
        speaker.write(pcm(A4, 0.15))
        await ear.hear(0.04)
        after = await ear.hear(0.1)
    speaker.close()

    assert level_dbfs(before) < -90
    assert heard(after, [A4]) == {A4}


async def test_what_python_does_not_read_is_dropped_and_counted(engine: Engine, bridge: Bridge) -> None:
    player = Player(engine, bridge)
    listener = port(engine, bridge, Notices(), receive_s=0.2, notify_s=1.0)
    bridge.connect(player.port, listener.port)
    async with Ear(engine, bridge, player.port) as ear:
        player.play([tone.tone([A4], 5.0, RATE)])
        await ear.hear(0.6)
    audio = listener.read()
    player.close()
    listener.close()

    counters = listener.counters
    assert len(audio) == 2 * 1600
    assert counters.overrun >= 2400
    assert counters.received == 1600 + counters.overrun


async def test_reading_late_can_skip_what_is_too_old(engine: Engine, bridge: Bridge) -> None:
    listener = port(engine, bridge, Notices(), max_latency_s=0.1, notify_s=5.0)
    player = Player(engine, bridge)
    bridge.connect(player.port, listener.port)
    async with Ear(engine, bridge, player.port) as ear:
        await ear.hear(0.5)
    samples = len(listener.read()) // 2
    player.close()
    listener.close()

    assert samples == 800
    assert listener.counters.skipped > 2000


async def test_the_time_line_goes_on_while_nobody_transmits(engine: Engine, bridge: Bridge) -> None:
    listener = port(engine, bridge, Notices(), notify_s=5.0)
    other = Player(engine, bridge)
    async with Ear(engine, bridge, other.port) as ear:
        await ear.hear(0.5)
    samples = listener.readable
    other.close()
    listener.close()

    assert samples >= 0.45 * RATE


async def test_fifty_ports_wake_python_once_a_tick(engine: Engine, bridge: Bridge) -> None:
    wakes = 0
    collect = engine._collect

    def counting() -> None:
        nonlocal wakes
        wakes += 1
        collect()

    ports = [port(engine, bridge, Notices()) for _ in range(50)]
    await engine.run(lambda: None)
    loop = asyncio.get_running_loop()
    loop.remove_reader(pj.ringback_fd())
    loop.add_reader(pj.ringback_fd(), counting)
    before = engine.stats().clock.ticks
    async with Ear(engine, bridge, ports[0].port) as ear:
        await ear.hear(0.5)
    ticks = engine.stats().clock.ticks - before
    loop.remove_reader(pj.ringback_fd())
    loop.add_reader(pj.ringback_fd(), collect)
    for made in ports:
        made.close()

    assert wakes <= ticks + 2
