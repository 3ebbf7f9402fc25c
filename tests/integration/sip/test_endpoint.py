"""The SIP endpoint in the test's own process: bridged audio, keys as tones, RTP ports, unwanted requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.call.leg import Answered, CallLeg, DigitPressed, DigitReleased, DigitSource, LegEvent
from gateway.errors import DialError, StartupError
from gateway.sip.endpoint import SipEndpoint, SipEndpointSettings
from gateway.sip.leg import SipLeg
from media import tone
from media.bridge import Bridge
from media.engine import Engine, EngineSettings
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.sip import PCMU_AND_EVENTS, Codecs
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until

PCMU_ALONE: Codecs = ((0, "PCMU/8000"),)
ONE_HZ, OTHER_HZ = 500.0, 1100.0
TAIL = round(0.3 * tones.RATE)


class Node:
    """An engine, its bridge and an endpoint; legs come out in the order of their INVITEs."""

    def __init__(self, engine: Engine, rtp_ports: tuple[int, int] | None = None) -> None:
        self.engine = engine
        self.bridge = Bridge(engine)
        self.legs: asyncio.Queue[SipLeg] = asyncio.Queue()
        self.sip = SipEndpoint(engine, self.bridge, self.settings(rtp_ports=rtp_ports), self.legs.put_nowait)

    @staticmethod
    def settings(*, udp_port: int = 0, rtp_ports: tuple[int, int] | None = None) -> SipEndpointSettings:
        return SipEndpointSettings(
            bind_address=LOOPBACK,
            udp_port=udp_port,
            tcp_port=None,
            rtp_ports=rtp_ports,
            codecs=("PCMU/8000",),
        )

    def uri(self, number: str) -> str:
        return f"sip:{number}@{LOOPBACK}:{self.sip.listening.udp_port}"

    async def answered(self, phone: UserAgent, codecs: Codecs = PCMU_AND_EVENTS) -> tuple[SipLeg, UaCall]:
        call = await phone.call(self.uri("100"), codecs=codecs)
        leg = await self.legs.get()
        await leg.answer()
        assert await leg.next_event() == Answered()
        return leg, call


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(EngineSettings(max_calls=50))
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture
async def node(engine: Engine) -> AsyncIterator[Node]:
    node = Node(engine)
    await node.sip.start()
    yield node
    await node.sip.stop()


def hears(call: UaCall) -> set[float]:
    audio = call.rtp.audio()[-TAIL:]
    return tones.heard(audio, [ONE_HZ, OTHER_HZ], least_share=0.3) if len(audio) == TAIL else set()


async def events(leg: CallLeg, count: int) -> list[LegEvent]:
    async with asyncio.timeout(5):
        return [await leg.next_event() for _ in range(count)]


async def test_two_callers_hear_each_other_and_not_themselves(node: Node, phone: UserAgent) -> None:
    one_leg, one = await node.answered(phone)
    other_leg, other = await node.answered(phone)
    node.bridge.join(one_leg.audio, other_leg.audio)

    talking = [
        asyncio.create_task(one.rtp.send_audio(tones.sine(ONE_HZ, 3.0))),
        asyncio.create_task(other.rtp.send_audio(tones.sine(OTHER_HZ, 3.0))),
    ]

    await until(lambda: (hears(one), hears(other)) == ({OTHER_HZ}, {ONE_HZ}), "each hears the other alone")
    await asyncio.gather(*talking)
    one.bye()
    other.bye()


async def test_a_bridge_outlives_a_hold(node: Node, phone: UserAgent) -> None:
    one_leg, one = await node.answered(phone)
    other_leg, other = await node.answered(phone)
    node.bridge.join(one_leg.audio, other_leg.audio)
    talking = asyncio.create_task(one.rtp.send_audio(tones.sine(ONE_HZ, 6.0)))
    await until(lambda: hears(other) == {ONE_HZ}, "the other hears the one")

    await other.reinvite("inactive")
    await other.reinvite("sendrecv")

    packets = len(other.rtp.received)
    await until(lambda: len(other.rtp.received) > packets + 20 and hears(other) == {ONE_HZ}, "it hears again")
    talking.cancel()
    one.bye()
    other.bye()


async def test_keys_are_heard_in_the_audio_of_a_phone_without_events(node: Node, phone: UserAgent) -> None:
    leg, call = await node.answered(phone, PCMU_ALONE)

    await call.rtp.send_audio(tone.keys("4#", tones.RATE).samples)

    pressed = [event for event in await events(leg, 4) if isinstance(event, DigitPressed)]

    assert pressed == [DigitPressed("4", DigitSource.IN_BAND), DigitPressed("#", DigitSource.IN_BAND)]
    call.bye()


async def test_a_press_is_reported_once_with_its_length(node: Node, phone: UserAgent) -> None:
    leg, call = await node.answered(phone)

    await call.rtp.press("7", 0.24)

    down, up = await events(leg, 2)
    assert down == DigitPressed("7", DigitSource.RTP_EVENT)
    assert isinstance(up, DigitReleased)
    assert up.duration_s == pytest.approx(0.24, abs=0.03)
    call.bye()


async def test_keys_to_a_phone_without_events_are_sent_as_tones(node: Node, phone: UserAgent) -> None:
    leg, call = await node.answered(phone, PCMU_ALONE)

    await leg.send_digits("5")

    def has_the_tones() -> bool:
        return any(
            {770.0, 1336.0} <= tones.heard(call.rtp.audio()[at : at + 800], [770.0, 1336.0], least_share=0.3)
            for at in range(0, len(call.rtp.audio()), 400)
        )

    await until(has_the_tones, "770 and 1336 Hz")
    call.bye()


async def test_the_port_of_an_ended_call_rests(engine: Engine, phone: UserAgent) -> None:
    node = Node(engine, rtp_ports=(23000, 23005))  # three pairs
    await node.sip.start()
    used = []
    for _ in range(3):
        _, call = await node.answered(phone)
        used.append(call.rtp.remote)
        call.bye()
        await until(lambda call=call: 200 in call.responses("BYE"), "the goodbye")  # type: ignore[misc]

    refused = await phone.call(node.uri("100"))

    assert len(set(used)) == 3
    await refused.status(503)
    assert engine.stats().portless == 1
    await node.sip.stop()


async def test_a_port_in_use_is_named(engine: Engine, node: Node) -> None:
    taken = node.sip.listening.udp_port
    assert taken is not None
    second = SipEndpoint(engine, node.bridge, Node.settings(udp_port=taken), node.legs.put_nowait)

    with pytest.raises(StartupError, match=f"UDP port {taken} on {LOOPBACK} is in use"):
        await second.start()


@pytest.mark.parametrize("uri", ["nonsense", "sip:", "sip:a b@c", "tel:+1555"])
async def test_an_address_that_cannot_be_dialled_says_why(node: Node, uri: str) -> None:
    with pytest.raises(DialError, match="cannot dial"):
        await node.sip.dial(uri)


async def test_a_header_with_a_line_break_is_not_sent(node: Node, phone: UserAgent) -> None:
    with pytest.raises(ValueError, match="X-Evil"):
        await node.sip.dial(phone.uri, headers=[("X-Evil", "a\r\nVia: forged")])


async def test_quality_is_known_when_the_call_is_over(node: Node, phone: UserAgent) -> None:
    leg, call = await node.answered(phone)
    await call.rtp.send_audio(tones.sine(ONE_HZ, 0.5))
    await call.rtp.audio_packets(20)

    call.bye()
    await events(leg, 1)

    assert leg.quality is not None
    assert leg.quality.codec == "PCMU/8000"
    assert 23 <= leg.quality.packets_received <= 25  # the last ones may lie unread when the BYE comes
    assert leg.quality.packets_lost == 0
    assert leg.quality.packets_sent >= 20
