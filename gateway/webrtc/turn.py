"""STUN and TURN servers, as browsers and we ourselves are told of them. Pure.

TURN credentials are made by us and checked by the server, which shares a secret with us (the "TURN REST API"
of coturn, draft-uberti-behave-turn-rest): the name says when they expire, the password signs the name. So
nothing that a page ever sees is worth keeping.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from gateway.webrtc.settings import TurnServer, WebRtcSettings


@dataclass(frozen=True, slots=True)
class Credentials:
    """For one caller. `expires_s`: seconds since 1970."""

    username: str
    password: str
    expires_s: int


def credentials(server: TurnServer, caller: str, epoch_s: float) -> Credentials:
    """Credentials that expire `server.lifetime_s` from now. `caller`: goes to the TURN server's log."""
    expires_s = int(epoch_s + server.lifetime_s)
    username = f"{expires_s}:{re.sub(r'[^A-Za-z0-9_.@-]', '_', caller)[:64]}"
    digest = hmac.new(server.secret.encode(), username.encode(), hashlib.sha1).digest()
    return Credentials(username, base64.b64encode(digest).decode(), expires_s)


def ice_servers(settings: WebRtcSettings, caller: str, epoch_s: float) -> list[dict[str, Any]]:
    """What goes into a browser's RTCPeerConnection (W3C webrtc §4.2.2)."""
    servers: list[dict[str, Any]] = []
    if settings.stun_urls:
        servers.append({"urls": list(settings.stun_urls)})
    if settings.turn is not None:
        made = credentials(settings.turn, caller, epoch_s)
        servers.append(
            {"urls": list(settings.turn.urls), "username": made.username, "credential": made.password}
        )
    return servers
