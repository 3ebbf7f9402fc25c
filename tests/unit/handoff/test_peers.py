"""What a trusted PBX says, and what a stranger can't."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.uui import UserToUser, format_uui
from gateway.handoff.peers import Carried, TrustedPeers

PEERS = TrustedPeers(["192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32"], {"X-Account": "account"})
ID = "8c2f3a7d9e1b4c5f8a6d7e9f0b1c2d3e"


def uui(content: bytes) -> str:
    return format_uui(UserToUser(content, 4))


@pytest.mark.parametrize("source", ["192.0.2.7", "10.9.8.7", "::ffff:10.1.1.1", "2001:db8::5"])
def test_its_address_is_what_makes_a_peer_trusted(source: str) -> None:
    assert PEERS.trusts(source)


@pytest.mark.parametrize("source", ["192.0.2.8", "11.0.0.1", "", "pbx.example", "10.0.0.1:5060", "::1"])
def test_everybody_else_is_a_stranger(source: str) -> None:
    assert not PEERS.trusts(source)


@pytest.mark.parametrize(
    ("headers", "carried"),
    [
        ({}, Carried()),
        ({"x-ringback-handoff": ID}, Carried(ID)),
        ({"x-ringback-handoff": "two words"}, Carried()),
        ({"user-to-user": uui(ID.encode())}, Carried(ID)),
        ({"user-to-user": f'"{ID}"'}, Carried(ID)),
        (
            {"user-to-user": uui(json.dumps({"id": ID, "i": "card"}).encode())},
            Carried(ID, {"intent": "card"}),
        ),
        ({"user-to-user": uui(b'{"c": "c-1", "v": 1}')}, Carried("", {"customer": {"id": "c-1"}})),
        ({"user-to-user": uui(b"account=4711")}, Carried("", {"uui": "account=4711"})),
        ({"user-to-user": f"{uui(b'old')}, {uui(b'[1]')}"}, Carried()),
        ({"user-to-user": f"04{ID};encoding=martian"}, Carried()),
        ({"user-to-user": f"{uui(b'x' * 9)};purpose=other"}, Carried()),
        ({"x-account": "4711", "x-other": "no"}, Carried("", {"account": "4711"})),
    ],
)
def test_headers_carry_an_id_or_attributes(headers: dict[str, str], carried: Carried) -> None:
    assert PEERS.carried(headers) == carried


@given(st.dictionaries(st.sampled_from(["user-to-user", "x-ringback-handoff", "x-account"]), st.text()))
def test_no_header_breaks_anything(headers: dict[str, str]) -> None:
    carried = PEERS.carried(headers)

    assert all(character.isalnum() or character in "-_" for character in carried.handoff)
    json.dumps(dict(carried.said))


@given(st.binary(max_size=128))
def test_no_user_to_user_breaks_anything(content: bytes) -> None:
    json.dumps(dict(PEERS.carried({"user-to-user": uui(content)}).said))
