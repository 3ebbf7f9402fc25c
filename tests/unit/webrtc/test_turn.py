"""Credentials of the TURN server, as coturn's use-auth-secret checks them."""

from __future__ import annotations

import base64
import hashlib
import hmac

from gateway.webrtc.settings import TurnServer, WebRtcSettings
from gateway.webrtc.turn import credentials, ice_servers

SERVER = TurnServer(("turn:turn.example.com:3478",), "shared", lifetime_s=600.0)


def test_credentials_expire_and_are_signed() -> None:
    made = credentials(SERVER, "ada", 1_000_000.5)

    signature = hmac.new(b"shared", b"1000600:ada", hashlib.sha1).digest()
    assert made.username == "1000600:ada"
    assert made.password == base64.b64encode(signature).decode()
    assert made.expires_s == 1_000_600


def test_a_callers_name_cannot_change_what_is_signed() -> None:
    assert credentials(SERVER, "a:b\n9999999999:c", 0.0).username == "600:a_b_9999999999_c"


def test_a_browser_is_told_of_both_servers() -> None:
    settings = WebRtcSettings(stun_urls=("stun:stun.example.com",), turn=SERVER)

    stun, turn = ice_servers(settings, "ada", 0.0)

    assert stun == {"urls": ["stun:stun.example.com"]}
    assert turn["urls"] == ["turn:turn.example.com:3478"]
    assert turn["username"] == "600:ada"


def test_the_secret_is_not_printed() -> None:
    assert "shared" not in repr(SERVER)
