"""The peers against each other: what they say of the gateway is worth what they say here."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from tests.integration.peers import rawsip, sipsak, tones
from tests.integration.peers.baresip import Baresip
from tests.integration.peers.ports import LOOPBACK, Reservation
from tests.integration.peers.process import PeerProcess
from tests.integration.peers.rtp import PCMA, PCMU, EventFaults, RtpEnd, RtpPacket, decode, encode
from tests.integration.peers.sipp import call, serving
from tests.integration.peers.ua import UserAgent
from tests.integration.peers.wait import until


def bind_udp(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LOOPBACK, port))


def test_a_tone_is_heard_with_its_level_and_not_with_anothers() -> None:
    audio = tones.mix(tones.sine(440, 1.0, level_dbfs=-12), tones.sine(1004, 1.0, level_dbfs=-12))

    assert tones.heard(audio, (440, 600, 1004)) == {440, 1004}
    assert tones.purity(audio, 440) == pytest.approx(0.5, abs=0.05)
    assert tones.level_dbfs(tones.sine(440, 1.0, level_dbfs=-12)) == pytest.approx(-12, abs=0.1)
    assert tones.heard(tones.silence(1.0), (440,)) == set()


def test_the_onset_the_end_and_the_gap_of_a_tone_are_found() -> None:
    beep = tones.sine(600, 0.4)
    audio = np.concatenate([tones.silence(0.5), beep, tones.silence(0.2), beep])

    found = tones.spans(audio, 600)

    edges = [edge for span in found for edge in (span.start_s, span.end_s)]
    assert edges == pytest.approx([0.5, 0.9, 1.1, 1.5])
    assert tones.gaps(found) == [pytest.approx(0.2)]


@pytest.mark.parametrize("payload_type", [PCMU, PCMA])
def test_g711_keeps_a_tone_pure(payload_type: int) -> None:
    audio = tones.sine(1004, 0.5, level_dbfs=-6)

    through = decode(encode(audio, payload_type), payload_type)

    assert tones.purity(through, 1004) > 0.999
    assert tones.level_dbfs(through) == pytest.approx(-6, abs=0.1)


@pytest.mark.parametrize(("code", "level"), [(0xFF, 0), (0x80, 32124), (0x00, -32124)])
def test_the_ulaw_table_is_g711s(code: int, level: int) -> None:
    assert decode(bytes([code]), PCMU)[0] == level


@pytest.mark.parametrize(("code", "level"), [(0xD5, 8), (0xAA, 32256), (0x2A, -32256)])
def test_the_alaw_table_is_g711s(code: int, level: int) -> None:
    assert decode(bytes([code]), PCMA)[0] == level


def test_a_packet_survives_the_wire() -> None:
    packet = RtpPacket(101, 65535, 2**32 - 1, 0xDEADBEEF, b"\x05\x8a\x03\x20", marker=True)

    assert RtpPacket.parse(packet.to_bytes()) == packet
    with pytest.raises(ValueError, match="not RTP"):
        RtpPacket.parse(b"OPTIONS sip:x SIP/2.0")


@pytest.mark.parametrize(
    ("faults", "packets"),
    [
        (EventFaults(), 8),
        (EventFaults(lost=frozenset({0, 1})), 6),
        (EventFaults(doubled=frozenset({0, 3}), end_copies=1), 8),
        (EventFaults(segment_ticks=320), 8),
    ],
)
async def test_events_arrive_as_the_network_treats_them(faults: EventFaults, packets: int) -> None:
    async with await RtpEnd.open() as sender, await RtpEnd.open() as receiver:
        sender.remote = (LOOPBACK, receiver.port)

        await sender.press("5", 0.1, faults=faults)
        await until(lambda: len(receiver.received) == packets, f"{packets} packets")

        segments = 3 if faults.segment_ticks == 320 else 1
        assert receiver.digits() == "5" * segments


async def test_audio_arrives_in_time_and_whole() -> None:
    async with await RtpEnd.open(PCMA) as sender, await RtpEnd.open(PCMA) as receiver:
        sender.remote = (LOOPBACK, receiver.port)

        await sender.send_audio(tones.sine(700, 0.4))
        await receiver.audio_packets(20)

        assert tones.purity(receiver.audio(), 700) > 0.99
        (whole,) = tones.spans(receiver.audio(), 700)
        assert (whole.start_s, whole.duration_s) == pytest.approx((0.0, 0.4))


def test_a_reserved_port_is_taken_until_it_is_released() -> None:
    with Reservation(4) as held, pytest.raises(OSError, match="in use"):
        bind_udp(held.last)
    bind_udp(held.last)


async def test_a_program_is_ended_by_its_own_id_and_its_words_are_kept(tmp_path: Path) -> None:
    async with PeerProcess("talker", ["sh", "-c", "echo ready; exec sleep 60"], tmp_path) as process:
        await until(lambda: "ready" in process.output(), "the program speaks")

    assert process.returncode == -15
    assert process.log.read_text() == "ready\n"


async def test_a_phone_calls_a_phone_holds_presses_and_hangs_up() -> None:
    async with await UserAgent.open("a") as caller, await UserAgent.open("b") as callee:
        outgoing = await caller.call(callee.uri, headers=[("X-Note", "hello")])
        incoming = await callee.next_call()
        incoming.respond(180)
        await outgoing.status(180)
        incoming.respond(200, sdp=True)
        await incoming.request("ACK")
        await outgoing.reinvite("sendonly")
        await outgoing.press_info("7")
        await outgoing.rtp.press("4", 0.08)
        await until(lambda: incoming.rtp.digits() == "4", "the key as an event")
        outgoing.bye([("Reason", "Q.850;cause=16")])
        bye = await incoming.request("BYE")

    assert incoming.requests("INVITE")[0]["x-note"] == "hello"
    assert (outgoing.direction, incoming.direction) == ("sendonly", "recvonly")
    assert incoming.requests("INFO")[0].body.startswith("Signal=7")
    assert bye["reason"] == "Q.850;cause=16"


async def test_a_cancelled_call_is_answered_487_on_both_transactions() -> None:
    async with await UserAgent.open("a") as caller, await UserAgent.open("b") as callee:
        outgoing = await caller.call(callee.uri)
        incoming = await callee.next_call()
        await outgoing.status(100)
        outgoing.cancel()
        await outgoing.status(487)
        ack = await incoming.request("ACK")

    assert outgoing.responses("CANCEL") == [200]
    assert ack.branch == incoming.requests("INVITE")[0].branch


async def test_baresip_answers_sipp_and_is_called_by_a_phone(tmp_path: Path) -> None:
    tone = tones.write_wav(tmp_path / "tone.wav", tones.sine(600, 20.0))
    async with (
        Baresip(tmp_path / "baresip", auto_answer=True, source=tone) as softphone,
        await UserAgent.open() as phone,
    ):
        result = await call("uac_basic_call", softphone.address, tmp_path / "sipp", service="phone")
        outgoing = await phone.call(softphone.uri)
        await outgoing.status(200)
        await outgoing.rtp.send_audio(tones.sine(1004, 1.0))
        await outgoing.rtp.audio_packets(40)
        outgoing.bye()
        await softphone.event("CALL_CLOSED", count=2)
        there, back = softphone.heard(), outgoing.rtp.audio()

    result.raise_for_failure()
    assert tones.heard(back, (600, 1004)) == {600}
    assert tones.heard(there, (600, 1004)) == {1004}


async def test_baresip_dials_presses_keys_and_is_held(tmp_path: Path) -> None:
    async with Baresip(tmp_path / "baresip") as softphone, await UserAgent.open() as phone:
        await softphone.dial(phone.uri)
        incoming = await phone.next_call()
        incoming.respond(200, sdp=True)
        await softphone.event("CALL_ESTABLISHED")
        await incoming.rtp.audio_packets(5)
        await softphone.press("42")
        await until(lambda: incoming.rtp.digits() == "42", "both keys")
        await softphone.hold()
        await until(lambda: incoming.direction == "recvonly", "the hold")
        await softphone.resume()
        await until(lambda: incoming.direction == "sendrecv", "the end of the hold")
        await softphone.hang_up()
        await incoming.request("BYE")


async def test_sipp_serves_a_phone(tmp_path: Path) -> None:
    async with serving("uas_answers", tmp_path) as sipp, await UserAgent.open() as phone:
        outgoing = await phone.call(sipp.uri)
        await outgoing.status(200)
        outgoing.bye()
        result = await sipp.finished()

    result.raise_for_failure()


async def test_a_failed_scenario_says_what_was_unexpected(tmp_path: Path) -> None:
    async with serving("uas_busy", tmp_path / "busy") as busy:
        result = await call("uac_basic_call", busy.address, tmp_path / "caller", timeout_s=5)

    with pytest.raises(AssertionError, match="486"):
        result.raise_for_failure()


async def test_sipsak_and_raw_bytes_tell_the_living_from_the_dead(tmp_path: Path) -> None:
    with Reservation() as nobody:
        dead_port = nobody.first
    async with Baresip(tmp_path / "baresip") as softphone:
        host, _, port = softphone.address.partition(":")
        alive = await rawsip.is_alive((host, int(port)))
        by_sipsak = await sipsak.options(softphone.address, tmp_path / "sipsak", user="phone")
    dead = await rawsip.is_alive((LOOPBACK, dead_port), tries=1)

    assert alive
    assert by_sipsak == sipsak.ANSWERED
    assert not dead
