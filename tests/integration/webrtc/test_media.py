"""What is heard over real ICE, DTLS and SRTP, against aiortc's own SRTP at the far end."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from media import tone
from media.bridge import Bridge
from media.engine import Engine
from media.player import Player
from tests.integration.media.ear import Ear
from tests.integration.peers import tones
from tests.integration.peers.rtp import PCMA, PCMU
from tests.integration.peers.wait import until
from tests.integration.webrtc.conftest import VoiceNode

pytestmark = pytest.mark.asyncio(loop_scope="module")

THEIRS_HZ, OURS_HZ = 1000.0, 620.0


@pytest.fixture(params=["node", "fed_node"])
def either(request: pytest.FixtureRequest) -> VoiceNode:
    """Both ways of a packet: native code has the socket, or Python carries everything."""
    node: VoiceNode = request.getfixturevalue(request.param)
    return node


@pytest.mark.parametrize("payload_type", [PCMU, PCMA])
async def test_each_end_hears_the_other(
    either: VoiceNode, engine: Engine, bridge: Bridge, payload_type: int
) -> None:
    leg, call = await either.answered(either.connect(), payload_type=payload_type)
    peer = await call.connected()
    player = Player(engine, bridge)
    bridge.connect(player.port, leg.audio)
    player.play([tone.tone([OURS_HZ], 5.0, engine.rate, dbfs=-12.0)])

    async with Ear(engine, bridge, leg.audio) as ear:
        sending = asyncio.create_task(peer.rtp.send_audio(tones.sine(THEIRS_HZ, 5.0)))
        # A sender in Python stutters while the machine is busy; what the jitter buffer bridges isn't pure.
        while tones.purity(await ear.hear(0.4), THEIRS_HZ) < 0.9:
            assert not sending.done(), "the tone was never heard whole"
        sending.cancel()
    await peer.rtp.audio_packets(30)

    assert tones.purity(peer.rtp.audio()[-tones.RATE // 2 :], OURS_HZ) > 0.9
    player.close()
    await leg.hang_up()


async def test_both_ways_of_a_packet_are_counted(node: VoiceNode, fed_node: VoiceNode) -> None:
    for each in (node, fed_node):
        leg, _ = await each.answered(each.connect())
        await leg.hang_up()

    assert [path.value for path in node.observer.paths] == ["native"]
    assert [path.value for path in fed_node.observer.paths] == ["fed"]


async def test_a_leg_knows_what_its_media_was_like(either: VoiceNode) -> None:
    leg, call = await either.answered(either.connect())
    peer = await call.connected()
    await peer.rtp.send_audio(tones.sine(THEIRS_HZ, 1.0))
    await until(lambda: peer.rtcp, "a report of the gateway's")

    await leg.hang_up()

    assert leg.quality is not None
    assert leg.quality.codec == "PCMU"
    assert leg.quality.packets_received >= 45
    assert leg.quality.packets_sent >= 45
    assert leg.quality.packets_lost <= 1


async def test_loss_and_jitter_are_ridden_over(node: VoiceNode, engine: Engine, bridge: Bridge) -> None:
    leg, call = await node.answered(node.connect())
    peer = await call.connected()
    weather = random.Random(7)
    deliver = peer.rtp.transport.sendto
    loop = asyncio.get_running_loop()

    def through_weather(data: bytes, address: tuple[str, int]) -> None:
        if weather.random() >= 0.05:
            loop.call_later(weather.random() * 0.06, deliver, data, address)

    peer.rtp.transport.sendto = through_weather  # type: ignore[method-assign, assignment]
    async with Ear(engine, bridge, leg.audio) as ear:
        sending = asyncio.create_task(peer.rtp.send_audio(tones.sine(THEIRS_HZ, 5.0)))
        await ear.hear(1.0)  # the jitter buffer learns
        heard = await ear.hear(3.0)
        await sending

    frames = heard[: len(heard) // 160 * 160].reshape(-1, 160)
    audible = np.mean([tones.level_dbfs(frame) > -30.0 for frame in frames])
    assert audible > 0.9
    assert tones.purity(heard, THEIRS_HZ) > 0.5
    await leg.hang_up()


async def test_what_is_not_authentic_is_never_heard(node: VoiceNode, engine: Engine, bridge: Bridge) -> None:
    leg, call = await node.answered(node.connect())
    peer = await call.connected()
    pair = peer.connection._nominated[1]
    forger = pair.protocol.transport

    async with Ear(engine, bridge, leg.audio) as ear:
        for sequence in range(60):
            packet = (
                bytes([0x80, PCMU, 0, sequence, 0, 0, 0, 0, 1, 2, 3, 4]) + bytes(range(160)) + b"no-tag-here"
            )
            forger.sendto(packet, pair.remote_addr)
            forger.sendto(b"\x80\xc8" + bytes(3), pair.remote_addr)
            await asyncio.sleep(0.005)
        heard = await ear.hear(0.3)

    assert tones.level_dbfs(heard) <= tones.SILENCE_DBFS
    assert leg._media.port.figures.refused >= 50
    await leg.hang_up()


async def test_a_muted_far_end_is_not_heard_whatever_it_sends(
    node: VoiceNode, engine: Engine, bridge: Bridge
) -> None:
    leg, call = await node.answered(node.connect())
    peer = await call.connected()
    call.say("mute", on=True)

    async with Ear(engine, bridge, leg.audio) as ear:
        await ear.hear(0.2)
        sending = asyncio.create_task(peer.rtp.send_audio(tones.sine(THEIRS_HZ, 1.0)))
        heard = await ear.hear(0.6)
        await sending

    assert tones.level_dbfs(heard) <= tones.SILENCE_DBFS
    await leg.hang_up()


async def test_another_connection_takes_over_without_a_break_in_what_the_far_end_hears(
    node: VoiceNode, engine: Engine, bridge: Bridge
) -> None:
    leg, call = await node.answered(node.connect())
    player = Player(engine, bridge)
    bridge.connect(player.port, leg.audio)
    player.play([tone.tone([OURS_HZ], 20.0, engine.rate, dbfs=-12.0)])
    first = await call.connected()
    await first.rtp.audio_packets(20)

    await call.offer()
    second = await call.connected()
    await second.rtp.audio_packets(20)

    last_of_first = first.rtp.received[-1].arrived_s
    first_of_second = second.rtp.received[0].arrived_s
    assert first_of_second - last_of_first < 0.5
    assert tones.purity(second.rtp.audio()[-tones.RATE // 4 :], OURS_HZ) > 0.9
    assert leg.state.value == "confirmed"
    player.close()
    await leg.hang_up()
