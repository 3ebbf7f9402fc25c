"""What a PBX that we trust says of a caller, in the headers of its INVITE. Pure.

From anybody else the same headers are a claim that costs nothing to make: they aren't read at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final

from gateway.call.uui import HEADER as UUI_HEADER
from gateway.call.uui import parse_uui
from gateway.handoff.compact import HEADER as HANDOFF_HEADER
from gateway.handoff.compact import handoff_id

_HANDOFF: Final = HANDOFF_HEADER.lower()
_UUI: Final = UUI_HEADER.lower()
_SHORT: Final[Mapping[str, str]] = {"i": "intent"}
_OURS: Final = frozenset({"id", "v", "c"})
MAX_VALUE: Final = 1000


@dataclass(frozen=True, slots=True)
class Carried:
    """What came with a call: the id of an envelope ("" for none), and what else is said, in plain JSON."""

    handoff: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.handoff or self.said)


class TrustedPeers:
    """`networks`: where they call from. `attributes`: names of headers to what they are in an envelope."""

    def __init__(self, networks: Sequence[str] = (), attributes: Mapping[str, str] | None = None) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, networks))
        self._attributes = {name.lower(): attribute for name, attribute in (attributes or {}).items()}

    def trusts(self, source: str) -> bool:
        """`source`: the address that the INVITE came from; "" for calls of other sorts."""
        try:
            address = ip_address(source)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)

    def claimed(self, headers: Mapping[str, str]) -> bool:
        """Whether there is anything that would be read, if its sender were trusted."""
        return any(name in headers for name in (_HANDOFF, _UUI, *self._attributes))

    def carried(self, headers: Mapping[str, str]) -> Carried:
        """`headers`: names in lower case. What is wrong is left out: no call is lost for its headers.

        User-to-User is JSON with the `id` of an envelope, an `i`ntent, a `c`ustomer's id and attributes; or
        an id alone; or text, which becomes the attribute `uui`.
        """
        uui = headers.get(_UUI, "")
        # Several values, as of two PBXs on the way: the last that can be read is the nearest (RFC 7433 §4).
        values = [value for value in _values(uui) if parse_uui(value) is not None]
        last = values[-1] if values else ""
        found = handoff_id(headers.get(_HANDOFF, ""), last)
        said = _said(last)
        for header, attribute in self._attributes.items():
            if value := headers.get(header, ""):
                said[attribute] = value[:MAX_VALUE]
        return Carried(found, said)


def _values(header: str) -> list[str]:
    """The values of a header that may be repeated, joined by commas; none inside quotes parts them."""
    values, quoted = [""], False
    for character in header:
        quoted ^= character == '"'
        if character == "," and not quoted:
            values.append("")
        else:
            values[-1] += character
    return values


def _said(uui: str) -> dict[str, Any]:
    parsed = parse_uui(uui) if uui else None
    if parsed is None:
        return {}
    try:
        value = json.loads(parsed.content)
    except (ValueError, RecursionError):
        text = parsed.content.decode("utf-8", "replace").strip()
        return {} if not text or handoff_id("", uui) else {"uui": text}
    if not isinstance(value, dict):
        return {}
    said = {_SHORT.get(name, name): item for name, item in value.items() if name not in _OURS}
    if isinstance(customer := value.get("c"), str):
        said["customer"] = {"id": customer}
    return said
