"""A far end whose packets are authentic and make no sense: nothing breaks, and all of it is counted."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct

import pylibsrtp
import pytest

from media.bridge import Bridge
from media.engine import Engine
from tests.integration.media.ear import Ear
from tests.integration.peers import tones
from tests.integration.peers.rtc import OPUS, RtcPeer
from tests.integration.peers.rtp import PCMU, TELEPHONE_EVENT
from tests.integration.webrtc.conftest import VoiceNode

pytestmark = pytest.mark.asyncio(loop_scope="module")

THEIRS_HZ = 1000.0


def rtp(payload: bytes, *, first: int = 0x80, kind: int = PCMU, sequence: int = 1, ssrc: int = 7) -> bytes:
    return struct.pack("!BBHII", first, kind, sequence, sequence * 160, ssrc) + payload


async def send(peer: RtcPeer, packets: list[bytes]) -> None:
    """Encrypted as they are, a few at a time; what libsrtp wouldn't encrypt can't be authentic."""
    for index, packet in enumerate(packets):
        with contextlib.suppress(pylibsrtp.Error):
            await peer.dtls._send_rtp(packet)
        if index % 8 == 0:
            await asyncio.sleep(0.02)


def nonsense(weather: random.Random, payload_type: int) -> list[bytes]:
    packets = [
        rtp(b"\xff" * 4, first=0x9F),  # fifteen contributing sources that aren't there
        rtp(struct.pack("!HH", 1, 0xFFFF), first=0x90),  # an extension longer than the packet
        rtp(b"\x00" * 20 + b"\xff", first=0xA0),  # more padding than payload
        rtp(b"\x00", first=0xA0),
        rtp(b""),
        rtp(bytes(1300)),  # a payload longer than anybody sends
        rtp(bytes(161)),  # not whole frames
        rtp(bytes(160), kind=77),
        rtp(bytes(4), kind=TELEPHONE_EVENT),
        rtp(b"\xff\xff\xff\xff", kind=TELEPHONE_EVENT),
        rtp(b"\x10", kind=TELEPHONE_EVENT),
    ]
    packets += [rtp(weather.randbytes(160), kind=payload_type, ssrc=1000 + each) for each in range(40)]
    packets += [
        rtp(
            weather.randbytes(weather.randrange(0, 400)),
            first=0x80 | weather.getrandbits(6),
            kind=weather.choice([payload_type, TELEPHONE_EVENT]),
            sequence=weather.randrange(65536),
        )
        for _ in range(300)
    ]
    reports = [
        struct.pack(
            "!BBHI", 0x80 | weather.getrandbits(5), weather.randrange(192, 224), weather.randrange(40), 7
        )
        + weather.randbytes(weather.randrange(0, 60))
        for _ in range(100)
    ]
    return [packet for packet in packets + reports if len(packet) >= 12]


@pytest.mark.parametrize("payload_type", [PCMU, OPUS])
async def test_authentic_nonsense_harms_nobody(
    node: VoiceNode, engine: Engine, bridge: Bridge, payload_type: int
) -> None:
    hostile, hostile_call = await node.answered(node.connect("mallory"), payload_type=payload_type)
    mallory = await hostile_call.connected()
    leg, call = await node.answered(node.connect("ada"))
    ada = await call.connected()

    async with Ear(engine, bridge, leg.audio) as ear, Ear(engine, bridge, hostile.audio):
        sending = asyncio.create_task(ada.rtp.send_audio(tones.sine(THEIRS_HZ, 3.0)))
        await send(mallory, nonsense(random.Random(11), payload_type))
        heard = await ear.hear(0.5)
        await sending

    figures = hostile._media.port.figures
    assert tones.heard(heard, [THEIRS_HZ], least_share=0.3) == {THEIRS_HZ}
    assert figures.refused >= 30
    assert hostile.state.value == "confirmed"
    await hostile.hang_up()
    await leg.hang_up()


async def test_a_flood_is_bounded_and_the_neighbour_hears_on(
    node: VoiceNode, engine: Engine, bridge: Bridge
) -> None:
    hostile, hostile_call = await node.answered(node.connect("mallory"))
    mallory = await hostile_call.connected()
    pair = mallory.connection._nominated[1]
    leg, call = await node.answered(node.connect("ada"))
    ada = await call.connected()

    async with Ear(engine, bridge, leg.audio) as ear:
        sending = asyncio.create_task(ada.rtp.send_audio(tones.sine(THEIRS_HZ, 2.0)))
        for _ in range(100):
            for first in (0x00, 0x16, 0x80, 0x90, 0xFF):
                pair.protocol.transport.sendto(bytes([first]) * 200, pair.remote_addr)
            await asyncio.sleep(0.005)
        heard = await ear.hear(0.5)
        await sending

    assert tones.heard(heard, [THEIRS_HZ], least_share=0.3) == {THEIRS_HZ}
    await hostile.hang_up()
    await leg.hang_up()
