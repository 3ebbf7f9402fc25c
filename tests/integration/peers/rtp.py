"""An RTP end (RFC 3550) with G.711 and telephone-events (RFC 4733), which can misbehave on purpose.

For functional tests: it sends in real time from the event loop, and keeps every packet that it receives.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
from dataclasses import dataclass, field
from typing import Final, Self, cast

import numpy as np
import numpy.typing as npt

from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.tones import RATE, Samples
from tests.integration.peers.wait import until

PCMU, PCMA, TELEPHONE_EVENT = 0, 8, 101
PTIME_S: Final = 0.02
PACKET_SAMPLES: Final = round(RATE * PTIME_S)
EVENT_CODES: Final = {digit: code for code, digit in enumerate("0123456789*#ABCD")}
EVENT_DIGITS: Final = {code: digit for digit, code in EVENT_CODES.items()}
MAX_EVENT_TICKS: Final = 0xFFFF  # RFC 4733 §2.3: the duration has 16 bits
_HEADER: Final = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet. `arrived_s`: monotonic seconds; 0.0 for one of our own."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    arrived_s: float = 0.0

    def to_bytes(self) -> bytes:
        second = self.payload_type | (0x80 if self.marker else 0)
        return _HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc) + self.payload

    @classmethod
    def parse(cls, datagram: bytes, arrived_s: float = 0.0) -> Self:
        """ValueError on what isn't RTP version 2. Contributing sources and extensions are skipped."""
        if len(datagram) < _HEADER.size or datagram[0] >> 6 != 2:
            raise ValueError("not RTP")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
        start = _HEADER.size + 4 * (first & 0x0F)
        if first & 0x10:
            start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
        end = len(datagram) - (datagram[-1] if first & 0x20 else 0)
        return cls(
            second & 0x7F, sequence, timestamp, ssrc, datagram[start:end], bool(second & 0x80), arrived_s
        )


@dataclass(frozen=True, slots=True)
class EventFaults:
    """How the network and the phone treat the packets of one event, counted from 0.

    `lost` never arrive, `doubled` arrive twice. `segment_ticks`: the longest duration one event may have
    before another is begun (RFC 4733 §2.5.1.3); the real limit is 65535, about 8 s.
    """

    lost: frozenset[int] = frozenset()
    doubled: frozenset[int] = frozenset()
    end_copies: int = 3
    segment_ticks: int = MAX_EVENT_TICKS


PERFECT: Final = EventFaults()


@dataclass(slots=True)
class _Stream:
    """What one sender counts (RFC 3550 §5.1)."""

    ssrc: int = field(default_factory=lambda: random.getrandbits(32))
    sequence: int = field(default_factory=lambda: random.getrandbits(16))
    timestamp: int = field(default_factory=lambda: random.getrandbits(32))

    def advance(self, ticks: int) -> None:
        self.timestamp = (self.timestamp + ticks) & 0xFFFFFFFF

    def next_sequence(self) -> int:
        self.sequence = (self.sequence + 1) & 0xFFFF
        return self.sequence


class RtpEnd(asyncio.DatagramProtocol):
    """One UDP socket that sends and receives. Make it with `RtpEnd.open()`."""

    def __init__(self, payload_type: int = PCMU) -> None:
        self.payload_type = payload_type
        self.event_type = TELEPHONE_EVENT
        self.received: list[RtpPacket] = []
        self.strays = 0  # datagrams that aren't RTP
        self.remote: tuple[str, int] | None = None
        self._stream = _Stream()
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, payload_type: int = PCMU) -> RtpEnd:
        loop = asyncio.get_running_loop()
        _, end = await loop.create_datagram_endpoint(lambda: cls(payload_type), local_addr=(LOOPBACK, 0))
        return end

    @property
    def transport(self) -> asyncio.DatagramTransport:
        assert self._transport is not None
        return self._transport

    @property
    def port(self) -> int:
        port = self.transport.get_extra_info("sockname")[1]
        assert isinstance(port, int)
        return port

    def close(self) -> None:
        self.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await asyncio.sleep(0)  # the loop closes the socket in its next turn

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an assertion: Python 3.11's datagram transport isn't a DatagramTransport by type.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        try:
            self.received.append(RtpPacket.parse(data, time.monotonic()))
        except ValueError:
            self.strays += 1

    async def send_audio(self, samples: Samples) -> None:
        """G.711, a packet every 20 ms; returns when the last is sent."""
        encoded = encode(samples, self.payload_type)
        started = time.monotonic()
        for index, at in enumerate(range(0, len(encoded) - PACKET_SAMPLES + 1, PACKET_SAMPLES)):
            await _sleep_until(started + index * PTIME_S)
            self._send(self.payload_type, encoded[at : at + PACKET_SAMPLES], marker=index == 0)
            self._stream.advance(PACKET_SAMPLES)

    async def press(
        self, digit: str, duration_s: float = 0.1, *, faults: EventFaults = PERFECT, volume_dbm0: int = 10
    ) -> None:
        """One key press as RFC 4733 packets: an update every 20 ms, then the end, `end_copies` times.

        Takes `duration_s`; leave a pause before the next press as a finger would.
        """
        remaining = max(round(duration_s * RATE), PACKET_SAMPLES)
        index, first = 0, True
        while remaining > 0:
            ticks = min(remaining, faults.segment_ticks)
            remaining -= ticks
            index = await self._segment(
                digit, ticks, index, faults, volume_dbm0, first=first, last=not remaining
            )
            first = False

    async def _segment(
        self,
        digit: str,
        ticks: int,
        index: int,
        faults: EventFaults,
        volume_dbm0: int,
        *,
        first: bool,
        last: bool,
    ) -> int:
        """One event of at most 65535 ticks. Returns the number of packets so far."""
        started = time.monotonic()
        reported = 0
        while reported < ticks:
            reported = min(reported + PACKET_SAMPLES, ticks)
            payload = _event(digit, reported, volume_dbm0, end=False)
            self._send_event(payload, index, faults, marker=first and reported <= PACKET_SAMPLES)
            index += 1
            await _sleep_until(started + reported / RATE)
        # RFC 4733 §2.5.1.4: the end comes three times, with the timestamp and duration of the last. Only the
        # final segment of a long event has an end (§2.5.1.3).
        for _ in range(faults.end_copies if last else 0):
            self._send_event(_event(digit, ticks, volume_dbm0, end=True), index, faults, marker=False)
            index += 1
        self._stream.advance(ticks)
        return index

    def audio(self, payload_type: int | None = None, *, last_s: float | None = None) -> Samples:
        """All audio received so far in the order of its timestamps, silence where packets are missing.

        `last_s`: about so many seconds of it, without decoding the rest. What another source sent before,
        with time stamps of its own, is left out.
        """
        wanted = self.payload_type if payload_type is None else payload_type
        received = self.received if last_s is None else self.received[-round(last_s / PTIME_S) :]
        packets = [packet for packet in received if packet.payload_type == wanted]
        if not packets:
            return np.zeros(0, dtype=np.int16)
        base = packets[-1].timestamp if last_s is not None else packets[0].timestamp
        offsets = [((packet.timestamp - base + 2**31) % 2**32) - 2**31 for packet in packets]
        if last_s is not None:
            near = 2 * round(last_s * RATE)
            kept = [pair for pair in zip(packets, offsets, strict=True) if abs(pair[1]) <= near]
            packets, offsets = [packet for packet, _ in kept], [offset for _, offset in kept]
        origin = min(offsets)
        audio = np.zeros(max(offsets) - origin + len(packets[-1].payload), dtype=np.int16)
        for packet, offset in zip(packets, offsets, strict=True):
            decoded = decode(packet.payload, wanted)
            at = offset - origin
            audio[at : at + len(decoded)] = decoded[: len(audio) - at]
        return audio

    def digits(self, payload_type: int | None = None) -> str:
        """The keys received as events: one for each RTP timestamp (RFC 4733 §2.1), in order."""
        wanted = self.event_type if payload_type is None else payload_type
        keys: dict[int, str] = {}
        for packet in self.received:
            if packet.payload_type == wanted and len(packet.payload) >= 4:
                keys.setdefault(packet.timestamp, EVENT_DIGITS.get(packet.payload[0], "?"))
        return "".join(keys.values())

    async def audio_packets(self, count: int, *, deadline_s: float = 5.0) -> None:
        """Wait until that many audio packets are here."""
        await until(
            lambda: sum(packet.payload_type == self.payload_type for packet in self.received) >= count,
            f"{count} audio packets",
            deadline_s=deadline_s,
        )

    def _send(self, payload_type: int, payload: bytes, *, marker: bool) -> None:
        assert self.remote is not None, "set `remote` first"
        stream = self._stream
        packet = RtpPacket(
            payload_type, stream.next_sequence(), stream.timestamp, stream.ssrc, payload, marker
        )
        self.transport.sendto(packet.to_bytes(), self.remote)

    def _send_event(self, payload: bytes, index: int, faults: EventFaults, *, marker: bool) -> None:
        assert self.remote is not None, "set `remote` first"
        stream = self._stream
        packet = RtpPacket(
            self.event_type, stream.next_sequence(), stream.timestamp, stream.ssrc, payload, marker
        )
        for _ in range(0 if index in faults.lost else 2 if index in faults.doubled else 1):
            self.transport.sendto(packet.to_bytes(), self.remote)


async def _sleep_until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))


def _event(digit: str, ticks: int, volume_dbm0: int, *, end: bool) -> bytes:
    """RFC 4733 §2.3: the event, end bit and volume, and its duration so far."""
    return struct.pack("!BBH", EVENT_CODES[digit], (0x80 if end else 0) | volume_dbm0, ticks)


def encode(samples: Samples, payload_type: int) -> bytes:
    """Linear 16 bit to G.711."""
    table = _ALAW_ENCODE if payload_type == PCMA else _ULAW_ENCODE
    codes: npt.NDArray[np.uint8] = table[(samples.astype(np.int32) + 32768) >> 2]
    return codes.tobytes()


def decode(payload: bytes, payload_type: int) -> Samples:
    """G.711 to linear 16 bit."""
    table = _ALAW_DECODE if payload_type == PCMA else _ULAW_DECODE
    return table[np.frombuffer(payload, dtype=np.uint8)]


def _ulaw_to_linear(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _alaw_to_linear(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = mantissa + 8 if exponent == 0 else (mantissa + 0x108) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


def _nearest(levels: Samples) -> npt.NDArray[np.uint8]:
    """For every fourth 16-bit value the code whose level is nearest: G.711 by its decoder's table."""
    order = np.argsort(levels, kind="stable")
    ordered = levels[order].astype(np.int32)
    values = np.arange(-32768, 32768, 4, dtype=np.int32)
    above = np.clip(np.searchsorted(ordered, values), 1, len(ordered) - 1)
    below_is_nearer = values - ordered[above - 1] <= ordered[above] - values
    return order[np.where(below_is_nearer, above - 1, above)].astype(np.uint8)


_ULAW_DECODE: Final[Samples] = np.array([_ulaw_to_linear(code) for code in range(256)], dtype=np.int16)
_ALAW_DECODE: Final[Samples] = np.array([_alaw_to_linear(code) for code in range(256)], dtype=np.int16)
_ULAW_ENCODE: Final = _nearest(_ULAW_DECODE)
_ALAW_ENCODE: Final = _nearest(_ALAW_DECODE)
