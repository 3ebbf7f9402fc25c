"""The few bytes of an envelope that travel in a SIP header: its id, and what a PBX can show. Pure."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

from gateway.call.uui import IA5, MAX_OCTETS, UserToUser, parse_uui
from gateway.handoff.envelope import Privacy
from gateway.handoff.matching import Matched

HEADER: Final = "X-Ringback-Handoff"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")


def compact(matched: Matched, now: datetime) -> UserToUser:
    """JSON in ASCII: `id`, `v` (1 when verified), then, where there is room, `i` intent and `c` customer id.

    The whole envelope is found by the id, over the API. Only public facts go into a header, and the
    customer's id, which is what a CRM needs.
    """
    envelope = matched.envelope
    found: dict[str, Any] = {"id": envelope.id, "v": int(matched.authenticated(now))}
    if envelope.intent is not None and envelope.intent.privacy is Privacy.PUBLIC:
        found = _with(found, "i", envelope.intent.value)
    customer = envelope.customer.get("id")
    if customer is not None and customer.privacy is not Privacy.SECRET:
        found = _with(found, "c", customer.value)
    return UserToUser(_ascii(found), IA5)


def handoff_id(header: str, uui: str) -> str:
    """The id that a trusted peer sends, in our header or in User-to-User; "" when there is none."""
    if _ID.fullmatch(header.strip()):
        return header.strip()
    parsed = parse_uui(uui) if uui else None
    if parsed is None:
        return ""
    try:
        value = json.loads(parsed.content)
    except (ValueError, RecursionError):
        text = parsed.content.decode("ascii", "replace").strip()
        return text if _ID.fullmatch(text) else ""
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def _with(found: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    larger = {**found, name: value}
    return larger if len(_ascii(larger)) <= MAX_OCTETS else found


def _ascii(found: dict[str, Any]) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode("ascii")
