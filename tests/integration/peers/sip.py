"""SIP messages as text (RFC 3261 §7): enough to build any, to read those of a well-behaved peer, and to lie.

No transactions and no dialogs: `ua.py` has what a phone needs of those.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

_COMPACT: Final = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
    "c": "content-type", "k": "supported", "e": "content-encoding", "s": "subject",
}  # fmt: skip  # RFC 3261 §7.3.3
_STATUS: Final = re.compile(r"SIP/2\.0 (\d{3}) ?(.*)")


@dataclass(slots=True)
class SipMessage:
    """A request or a response: its first line, its header lines in order, and its body."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    @classmethod
    def parse(cls, datagram: bytes) -> Self:
        """ValueError on what isn't SIP."""
        head, _, body = datagram.decode("utf-8", "replace").partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        if "SIP/2.0" not in start:
            raise ValueError(f"not SIP: {start[:60]!r}")
        headers = [
            (name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
        ]
        return cls(start, headers, body)

    def to_bytes(self) -> bytes:
        """With the Content-Length of the body, unless one is among the headers."""
        headers = self.headers
        if not self.all("content-length"):
            headers = [*headers, ("Content-Length", str(len(self.body.encode())))]
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return f"{self.start}\r\n{lines}\r\n{self.body}".encode()

    @property
    def status(self) -> int | None:
        """None for a request."""
        match = _STATUS.match(self.start)
        return int(match[1]) if match else None

    @property
    def reason_phrase(self) -> str:
        match = _STATUS.match(self.start)
        return match[2] if match else ""

    @property
    def method(self) -> str:
        """A request's own, or the one a response answers."""
        return self["cseq"].partition(" ")[2].strip() if self.status else self.start.partition(" ")[0]

    @property
    def cseq(self) -> int:
        return int(self["cseq"].partition(" ")[0])

    @property
    def uri(self) -> str:
        """A request's target."""
        return self.start.split(" ")[1]

    @property
    def branch(self) -> str:
        return parameter(self["via"], "branch")

    def __getitem__(self, name: str) -> str:
        """The first header of this name; KeyError when there is none."""
        values = self.all(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def get(self, name: str, default: str = "") -> str:
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.headers if _COMPACT.get(key.lower(), key.lower()) == wanted]

    def lower_headers(self) -> dict[str, str]:
        """The first of each name, names in lower case."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), value)
        return found


def parameter(header: str, name: str) -> str:
    """A header parameter's value; "" when it isn't there."""
    match = re.search(rf";\s*{re.escape(name)}\s*=\s*\"?([^;,\s\">]+)", header, re.IGNORECASE)
    return match[1] if match else ""


def address_uri(header: str) -> str:
    """The URI of a From, To or Contact header, without its display name and header parameters."""
    match = re.search(r"<([^>]+)>", header)
    return match[1] if match else header.partition(";")[0].strip()


def uri_user(uri: str) -> str:
    match = re.match(r"sips?:([^@;:]+)(?::[^@]*)?@", uri)
    return match[1] if match else ""


def uri_host_port(uri: str) -> tuple[str, int]:
    match = re.match(r"sips?:(?:[^@]*@)?([^:;>]+)(?::(\d+))?", uri)
    if not match:
        raise ValueError(f"not a SIP URI: {uri!r}")
    return match[1], int(match[2] or 5060)


def new_branch() -> str:
    return "z9hG4bK" + secrets.token_hex(8)  # RFC 3261 §8.1.1.7: the magic cookie


def new_tag() -> str:
    return secrets.token_hex(6)


@dataclass(frozen=True, slots=True)
class AudioMedia:
    """What an SDP body says of its audio. `events`: the payload type of telephone-event/8000, if any."""

    host: str
    port: int
    payload_types: tuple[int, ...]
    direction: str
    events: int | None = None


Codecs = Sequence[tuple[int, str]]
"""Payload type and encoding of each."""

PCMU_AND_EVENTS: Final[Codecs] = ((0, "PCMU/8000"), (101, "telephone-event/8000"))


def pcmu_and_events(payload_type: int) -> Codecs:
    """For an answer: telephone-event has the number that the offer gave it (RFC 3264 §6.1)."""
    return ((0, "PCMU/8000"), (payload_type, "telephone-event/8000"))


def audio_sdp(
    host: str,
    port: int,
    *,
    codecs: Codecs = PCMU_AND_EVENTS,
    direction: str = "sendrecv",
    version: int = 1,
) -> str:
    """An offer or answer with one audio stream."""
    payload_types = " ".join(str(payload_type) for payload_type, _ in codecs)
    lines = [
        "v=0",
        f"o=peer 1 {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {payload_types}",
        *(f"a=rtpmap:{payload_type} {name}" for payload_type, name in codecs),
        *(f"a=fmtp:{payload_type} 0-16" for payload_type, name in codecs if name.startswith("telephone")),
        "a=ptime:20",
        f"a={direction}",
    ]
    return _lines(lines)


def parse_audio(body: str) -> AudioMedia | None:
    """The first audio stream of an SDP body; None without one."""
    match = re.search(r"^m=audio (\d+) \S+ ([\d ]+)", body, re.MULTILINE)
    if not match:
        return None
    section = body[match.start() :].partition("\nm=")[0]
    host = re.search(r"^c=IN IP4 (\S+)", section, re.MULTILINE) or re.search(
        r"^c=IN IP4 (\S+)", body, re.MULTILINE
    )
    direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\b", section, re.MULTILINE)
    events = re.search(r"^a=rtpmap:(\d+) telephone-event/8000\b", section, re.MULTILINE)
    return AudioMedia(
        host[1] if host else "",
        int(match[1]),
        tuple(int(number) for number in match[2].split()),
        direction[1] if direction else "sendrecv",
        int(events[1]) if events else None,
    )


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
