"""What the PBX dials for us costs what it costs: toll rules see the number behind `pbx:`."""

from __future__ import annotations

import pytest

from gateway.switch.dialling import THROUGH_PBX, Addresses

destinations = pytest.importorskip("gateway.toll.destinations", reason="toll rules aren't there yet")


@pytest.mark.parametrize("number", ["+4930123456", "+882161234567", "+19005550123", "4711"])
def test_a_number_is_the_same_destination_whoever_dials_it(number: str) -> None:
    home = destinations.Home("DE")
    address = Addresses(THROUGH_PBX).of(number)

    assert destinations.destination(address, home) == destinations.destination(number, home)
