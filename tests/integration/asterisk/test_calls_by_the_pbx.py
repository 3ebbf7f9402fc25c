"""Calls that the PBX places for us, by its trunks and to its extensions, and callers whom it takes back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.asterisk.conftest import Rig
from tests.integration.peers.asterisk import TONE_HZ
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import hears, talking
from tests.integration.queues.plan import NUMBERS

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLER_HZ, AGENT_HZ = 700.0, 1100.0


async def test_a_callback_goes_out_by_the_pbx_and_both_are_heard(beside_pbx: Rig) -> None:
    centre, pbx = beside_pbx.centre, beside_pbx.pbx
    await centre.on_duty("ben")
    body = {"queue": "calling", "number": "+493012341002"}
    response = await centre.request("POST", "/v1/callbacks", body)
    assert response.status_code == 201, response.text

    ben = await centre.agents["ben"].answer()
    async with talking((ben, AGENT_HZ)):  # 1002 sends back what it hears
        await until(lambda: hears(ben, AGENT_HZ, (AGENT_HZ, TONE_HZ)), "the agent hears the far end")
    assert await pbx.channels() > 0
    assert pbx.reports("Headers")[-1]["call"]  # the call's name came along
    ben.bye()
    await until_async(lambda: _none_left(beside_pbx), "the PBX has hung up too")


@pytest.mark.parametrize(("number", "outcome"), [("+493012341003", "busy"), ("+493012341005", "unreachable")])
async def test_what_the_pbx_says_of_a_customer_counts(beside_pbx: Rig, number: str, outcome: str) -> None:
    centre = beside_pbx.centre
    await centre.on_duty("ben")
    asked = await centre.request("POST", "/v1/callbacks", {"queue": "calling", "number": number})
    ben = await centre.agents["ben"].answer()

    path = f"/v1/callbacks/{asked.json()['id']}"

    async def tried() -> Any:
        return (await centre.get(path))["last_outcome"]

    assert await until_async(tried, "the try is over") == outcome
    await centre.request("DELETE", path)
    ben.bye()


async def test_a_pbx_that_dies_while_a_customer_is_rung_costs_a_try_and_no_callback(beside_pbx: Rig) -> None:
    centre, pbx = beside_pbx.centre, beside_pbx.pbx
    await centre.on_duty("ben")
    before = (await beside_pbx.status())["connections"]
    asked = await centre.request("POST", "/v1/callbacks", {"queue": "calling", "number": "+493012341004"})
    path = f"/v1/callbacks/{asked.json()['id']}"
    ben = await centre.agents["ben"].answer()
    await until_async(lambda: _rings(beside_pbx), "the customer is rung")
    await pbx.stop(kill=True)

    async def tried() -> Any:
        return (await centre.get(path))["last_outcome"]

    assert await until_async(tried, "the try is over") == "unreachable"
    assert (await centre.get(path))["state"] in ("waiting", "scheduled", "dialling")
    ben.bye()
    await pbx.start()
    await beside_pbx.until_connected(before + 1)
    await centre.request("DELETE", path)


async def test_an_agent_with_an_extension_there_is_rung_by_the_pbx(beside_pbx: Rig) -> None:
    centre = beside_pbx.centre
    await centre.set_presence("eve", "available")
    caller = await centre.call_in("quiet")
    ring = await beside_pbx.phones["eve"].next_call()
    ring.respond(180, "Ringing")
    await centre.until_state("eve", "ringing")
    ring.respond(200, "OK", sdp=True)

    async with talking((caller, CALLER_HZ), (ring, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ, (CALLER_HZ,)), "the caller hears the agent")
        await until(lambda: hears(ring, CALLER_HZ, (AGENT_HZ,)), "the agent hears the caller")
    assert not await beside_pbx.busy("eve")
    caller.bye()
    await ring.request("BYE")
    await centre.until_state("eve", "idle")


async def test_an_agent_there_who_declines_says_so(beside_pbx: Rig) -> None:
    centre = beside_pbx.centre
    before = await centre.gateway.metric("ringback_offers_total", result="busy")
    await centre.set_presence("eve", "available")
    caller = await centre.call_in("quiet")
    (await beside_pbx.phones["eve"].next_call()).respond(486, "Busy Here")

    async def counted() -> bool:
        return await centre.gateway.metric("ringback_offers_total", result="busy") > before

    await until_async(counted, "the offer came back as busy")
    await centre.set_presence("eve", "logged_out")
    caller.bye()


async def test_a_caller_of_the_pbx_is_sent_back_into_it_and_leaves_this_node(beside_pbx: Rig) -> None:
    centre, pbx = beside_pbx.centre, beside_pbx.pbx
    await centre.on_duty("ben")
    call = await beside_pbx.phones["carrier"].call(pbx.uri("2" + NUMBERS["quiet"]))
    centre.calls.append(call)
    await call.status(200)
    ben = await centre.agents["ben"].answer()
    live = await _live(beside_pbx)
    to = {"to": {"kind": "number", "name": "pbx:1001"}}
    response = await centre.request("POST", f"/v1/calls/{live}/transfer", to)
    assert response.status_code < 300, response.text

    await until(lambda: hears(call, TONE_HZ, (CALLER_HZ,)), "the caller is at the extension")
    await ben.request("BYE")
    await until_async(lambda: _no_calls(beside_pbx), "this node has no call any more")
    await until(lambda: hears(call, TONE_HZ, (CALLER_HZ,)), "the caller is there still")


async def test_a_caller_from_elsewhere_reaches_the_pbx_through_this_node(beside_pbx: Rig) -> None:
    centre = beside_pbx.centre
    await centre.on_duty("ben")
    caller = await centre.call_in("quiet")
    await centre.agents["ben"].answer()
    live = await _live(beside_pbx)
    to = {"to": {"kind": "number", "name": "pbx:1001"}}
    await centre.request("POST", f"/v1/calls/{live}/transfer", to)

    await until(lambda: hears(caller, TONE_HZ, (CALLER_HZ,)), "the caller hears the extension")
    caller.bye()
    await until_async(lambda: _none_left(beside_pbx), "the PBX has hung up too")


async def _live(rig: Rig) -> str:
    """The call in progress."""
    (call,) = (await rig.centre.get("/v1/calls?live=true"))["calls"]
    return str(call["id"])


async def _rings(rig: Rig) -> bool:
    return await rig.pbx.channels() >= 3  # the trunk's, and both ends of the Local channel


async def _none_left(rig: Rig) -> bool:
    return await rig.pbx.channels() == 0


async def _no_calls(rig: Rig) -> bool:
    return await rig.centre.gateway.metric("ringback_calls_active") == 0
