"""User-to-User information (RFC 7433): a few bytes that travel with a call through whatever is between. Pure.

ISDN carries 128 octets after a protocol discriminator (Q.931 §4.5.30), and so do SIP networks that end in it.
What doesn't fit is left out by whoever writes, never cut in the middle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

HEADER: Final = "User-to-User"
MAX_OCTETS: Final = 128
USER_SPECIFIC: Final = 0x00
"""Protocol discriminators (Q.931 table 4-26): the ends agree on what it means; and IA5 characters."""
IA5: Final = 0x04

_HEX: Final = re.compile(r"[0-9A-Fa-f]*")
_VALUE: Final = re.compile(
    r'\s*(?:"(?P<quoted>[^"\\\r\n]*)"|(?P<token>[^\s;,"]+))\s*(?P<parameters>(?:;.*)?)'
)
MAX_HEADER: Final = 2048


@dataclass(frozen=True, slots=True)
class UserToUser:
    """One value of the header. `discriminator`: None where the content isn't ISDN's and has none."""

    content: bytes
    discriminator: int | None = USER_SPECIFIC


def format_uui(uui: UserToUser) -> str:
    """The header's value. Raises ValueError for more than 128 octets of content."""
    if len(uui.content) > MAX_OCTETS:
        raise ValueError(f"{len(uui.content)} octets: User-to-User carries {MAX_OCTETS}")
    first = b"" if uui.discriminator is None else bytes([uui.discriminator])
    return f"{(first + uui.content).hex()};encoding=hex"


def parse_uui(value: str) -> UserToUser | None:
    """What a header says; None for what isn't one, or is of an encoding that nobody knows (§4.2: ignored)."""
    if len(value) > MAX_HEADER or (found := _VALUE.fullmatch(value)) is None:
        return None
    parameters = _parameters(found["parameters"])
    quoted = found["quoted"]
    encoding = parameters.get("encoding", "hex" if quoted is None else "")
    if encoding not in ("hex", "") or parameters.get("purpose", "isdn-uui") != "isdn-uui":
        return None
    if quoted is not None and encoding != "hex":
        return UserToUser(quoted.encode("utf-8", "replace"), None)
    text = quoted if quoted is not None else found["token"]
    if len(text) % 2 or not _HEX.fullmatch(text) or not text:
        return None
    octets = bytes.fromhex(text)
    if parameters.get("content", "isdn-uui") != "isdn-uui":
        return UserToUser(octets, None)
    return UserToUser(octets[1:], octets[0])


def _parameters(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip().lower(): value.strip().strip('"').lower() for name, _, value in pairs}
