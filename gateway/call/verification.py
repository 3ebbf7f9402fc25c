"""Whether the number that a call comes from is known to be its caller's. Pure."""

from __future__ import annotations

from typing import Final

from gateway.call.leg import CallLeg, Technology

PASSED: Final = "verstat=tn-validation-passed"
"""What a network that verified a STIR/SHAKEN signature writes behind the number (3GPP TS 24.229 §7.2A.20)."""


def is_verified(leg: CallLeg) -> bool:
    """Of a phone: the network says so. Of an app: its own server signed who the user is."""
    if not leg.remote.number:
        return False
    if leg.technology is Technology.IN_APP:
        return True
    headers = (leg.headers.get(name, "") for name in ("p-asserted-identity", "from"))
    return any(PASSED in header.lower() for header in headers)
