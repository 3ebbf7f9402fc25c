"""Which addresses a webhook may reach: the world, what the operator allows, and nothing in disguise."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gateway.webhooks.addresses import AddressRefused, is_public, may_call, networks, resolve


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_the_world_is_reached(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::",
        "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)  # fmt: skip
def test_nothing_inside_is(address: str) -> None:
    assert not may_call(ip_address(address), ())


def test_what_the_operator_allows_is_reached_in_either_form() -> None:
    allowed = networks(["127.0.0.0/8", "fd00::/8"])

    assert may_call(ip_address("127.0.0.1"), allowed)
    assert may_call(ip_address("::ffff:127.0.0.1"), allowed)
    assert may_call(ip_address("fd00::7"), allowed)
    assert not may_call(ip_address("10.0.0.1"), allowed)


async def test_a_name_is_resolved_before_it_is_believed() -> None:
    with pytest.raises(AddressRefused, match=r"localhost is no public address"):
        await resolve("localhost", 80, ())
    with pytest.raises(AddressRefused):
        await resolve("0x7f000001", 80, ())  # as some resolvers read it

    assert str(await resolve("localhost", 80, networks(["127.0.0.0/8", "::1/128"]))) in ("127.0.0.1", "::1")
    assert str(await resolve("[::1]", 80, networks(["::1/128"]))) == "::1"
