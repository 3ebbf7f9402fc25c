"""Calls between the node and a real Asterisk 22, over the trunk that dialplans/asterisk makes of it."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from gateway.call.uui import IA5, UserToUser, format_uui, parse_uui
from tests.integration.asterisk.conftest import Rig
from tests.integration.peers.asterisk import MUSIC_HZ as PBX_MUSIC_HZ
from tests.integration.peers.ua import UaCall
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import hears, talking
from tests.integration.queues.plan import MUSIC_HZ, NUMBERS

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
UUI = "0403424c4f42;encoding=hex"


async def outside_call(rig: Rig, number: str, **headers: str) -> UaCall:
    """Somebody outside calls this number of the PBX."""
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    call = await rig.phones["carrier"].call(rig.pbx.uri(number), headers=named)
    rig.centre.calls.append(call)
    await call.status(200)
    return call


@pytest.mark.parametrize(
    "trunk",
    [pytest.param(n, id=name) for n, name in enumerate(("info", "inband", "rfc4733", "opus"), start=5001)],
)
async def test_callers_hear_the_node_and_their_keys_arrive_whichever_way_they_travel(
    beside_pbx: Rig, trunk: int
) -> None:
    centre = beside_pbx.centre
    await centre.on_duty("ben")
    await centre.set_presence("ben", "on_break")  # the queue is staffed, and callers wait
    infos = await centre.gateway.metric("ringback_sip_responses_total", method="INFO")
    call = await outside_call(beside_pbx, f"{trunk}{NUMBERS['quiet']}")
    await until(lambda: hears(call, MUSIC_HZ, (CALLER_HZ,)), "the caller hears the queue's music")

    await call.rtp.press("9")  # leaves the queue
    await call.request("BYE")
    by_info = await centre.gateway.metric("ringback_sip_responses_total", method="INFO") - infos
    assert by_info == (1 if trunk == 5001 else 0)


def attributes(rig: Rig) -> list[tuple[str]]:
    """Of every call record."""
    with contextlib.closing(sqlite3.connect(rig.centre.gateway.data_dir / "ringback.db")) as database:
        return list(database.execute("SELECT attributes FROM calls"))


@pytest.mark.parametrize("trunk", ["5002", "5003"], ids=["inband", "rfc4733"])
async def test_an_agents_keys_arrive_at_the_pbx(beside_pbx: Rig, trunk: str) -> None:
    centre, pbx = beside_pbx.centre, beside_pbx.pbx
    await centre.on_duty("ben")
    body = {
        "to": {"kind": "number", "name": pbx.uri("1007")},
        "connect": {"kind": "queue", "name": "quiet"},
        "caller_id": trunk,  # by which Asterisk knows its endpoint, here
    }
    placed = await centre.request("POST", "/v1/calls", body)
    assert placed.status_code == 201, placed.text
    ben = await centre.agents["ben"].answer()
    before = len(pbx.reports("Keys"))
    path = f"/v1/calls/{placed.json()['id']}/press"
    await centre.until_state("ben", "on_call")
    pressed = await centre.request("POST", path, {"keys": "1590"})
    assert pressed.status_code < 300, pressed.text

    await until(lambda: len(pbx.reports("Keys")) > before, "the PBX has read four keys", deadline_s=10.0)
    assert pbx.reports("Keys")[-1] == {"keys": "1590"}
    ben.bye()


async def test_headers_and_context_go_both_ways(beside_pbx: Rig) -> None:
    centre = beside_pbx.centre
    handed = await centre.request("POST", "/v1/handoffs", {"number": "+4930777"})
    await centre.set_presence("ann", "available")
    caller = await centre.call_in("quiet", "+4930777")
    ring = await beside_pbx.phones["ann"].next_call()
    (invite,) = ring.requests("INVITE")
    assert invite["x-ringback-handoff"] == handed.json()["id"]
    assert invite["user-to-user"].endswith(";encoding=hex")
    assert invite["x-ringback-call"]
    ring.respond(486)
    await centre.set_presence("ann", "logged_out")
    caller.bye()

    await centre.on_duty("ben")
    call = await outside_call(beside_pbx, "2" + NUMBERS["quiet"], X_Handoff_Id="h-4711", User_to_User=UUI)
    ben = await centre.agents["ben"].answer()
    call.bye()
    await ben.request("BYE")

    await until(
        lambda: any("h-4711" in str(row) for row in attributes(beside_pbx)),
        "the header is recorded",
    )


async def test_a_handoff_in_user_to_user_comes_through_the_pbx(beside_pbx: Rig) -> None:
    centre = beside_pbx.centre
    handed = (await centre.request("POST", "/v1/handoffs", {"intent": "card_blocked"})).json()["id"]
    inwards = format_uui(UserToUser(json.dumps({"id": handed, "c": "c-1"}).encode(), IA5))
    await centre.on_duty("ben")
    call = await outside_call(beside_pbx, "2" + NUMBERS["quiet"], User_to_User=inwards)
    ben = await centre.agents["ben"].answer()
    outwards = parse_uui(ben.requests("INVITE")[0]["user-to-user"])
    call.bye()
    await ben.request("BYE")

    async def matched() -> bool:
        found = await centre.get(f"/v1/handoffs/{handed}")
        return {"by": "trusted_header"} in [done["details"] for done in found["changes"]]

    await until_async(matched, "the call was found to be this customer's")
    assert outwards is not None
    assert json.loads(outwards.content)["id"] == handed


async def test_a_caller_on_hold_at_the_pbx_and_an_agent_who_holds(beside_pbx: Rig) -> None:
    centre = beside_pbx.centre
    await centre.on_duty("ben")
    call = await outside_call(beside_pbx, "2" + NUMBERS["quiet"])
    ben = await centre.agents["ben"].answer()
    (live,) = (await centre.get("/v1/calls?live=true"))["calls"]
    among = (CALLER_HZ, AGENT_HZ, MUSIC_HZ, PBX_MUSIC_HZ)
    async with talking((call, CALLER_HZ), (ben, AGENT_HZ)):
        await until(lambda: hears(ben, CALLER_HZ, among), "ben hears the caller")
        await until(lambda: hears(call, AGENT_HZ, among), "the caller hears ben")
        await call.reinvite("sendonly")
        await until(lambda: hears(ben, PBX_MUSIC_HZ, among), "ben hears the PBX's music on hold")
        await call.reinvite("sendrecv")
        await until(lambda: hears(ben, CALLER_HZ, among), "ben hears the caller again")

        await centre.request("POST", f"/v1/calls/{live['id']}/hold", {})
        await until(lambda: hears(call, MUSIC_HZ, among), "the caller hears our music")
        await centre.request("POST", f"/v1/calls/{live['id']}/resume", {})
        await until(lambda: hears(call, AGENT_HZ, among), "the caller hears ben again")
    call.bye()
