"""An agent who is on a call at the PBX isn't offered one here, whatever becomes of the PBX."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.integration.asterisk.conftest import Rig
from tests.integration.peers.process import PeerProcess
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import hears, talking

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLER_HZ, AGENT_HZ = 700.0, 1100.0


async def test_an_agent_on_a_call_at_the_pbx_is_rung_when_it_is_over(beside_pbx: Rig) -> None:
    centre, ann = beside_pbx.centre, beside_pbx.phones["ann"]
    refused = await centre.gateway.metric("ringback_offers_total", result="busy")
    await centre.set_presence("ann", "available")
    other = await ann.call(beside_pbx.pbx.uri("1002"))
    await other.status(200)
    await centre.until_state("ann", "on_call")

    caller = await centre.wait_in("quiet")
    assert ann.incoming.empty()
    assert await beside_pbx.busy("ann")

    other.bye()
    call = await ann.next_call()
    call.respond(180, "Ringing")
    await centre.until_state("ann", "ringing")  # our own ringing there is no other call
    call.respond(200, "OK", sdp=True)
    async with talking((caller, CALLER_HZ), (call, AGENT_HZ)):
        await until(lambda: hears(caller, AGENT_HZ, (CALLER_HZ,)), "the caller hears the agent")
        await until(lambda: hears(call, CALLER_HZ, (AGENT_HZ,)), "the agent hears the caller")
    assert not await beside_pbx.busy("ann")
    caller.bye()
    await centre.until_state("ann", "idle")
    assert await centre.gateway.metric("ringback_offers_total", result="busy") == refused


async def test_a_pbx_that_is_killed_amid_calls_takes_only_its_own_with_it(
    beside_pbx: Rig,
) -> None:
    centre, pbx, ann = beside_pbx.centre, beside_pbx.pbx, beside_pbx.phones["ann"]
    await centre.set_presence("ann", "available")
    await centre.set_presence("ben", "available")
    before = (await beside_pbx.status())["connections"]
    other = await ann.call(pbx.uri("1002"))
    await other.status(200)
    await centre.until_state("ann", "on_call")
    caller = await centre.call_in("quiet")
    ben = await centre.agents["ben"].answer()

    async with talking((caller, CALLER_HZ), (ben, AGENT_HZ)):
        await pbx.stop(kill=True)
        await until_async(lambda: _trouble(beside_pbx), "the node knows that the PBX is gone")
        assert await centre.gateway.metric("ringback_pbx_connected") == 0
        assert await centre.state_of("ann") == "on_call"  # as before: nobody has said otherwise
        await until(lambda: hears(caller, AGENT_HZ, (CALLER_HZ,)), "the caller hears ben still")
        await until(lambda: hears(ben, CALLER_HZ, (AGENT_HZ,)), "ben hears the caller still")

        await pbx.start()
        await beside_pbx.until_connected(before + 1)
        await centre.until_state("ann", "idle")  # that call died with the PBX
        second = await centre.wait_in("quiet", "second")
        call = await beside_pbx.answer("ann")
        await until(lambda: hears(caller, AGENT_HZ, (CALLER_HZ,)), "the caller hears ben to the end")
    assert await centre.state_of("ben") == "on_call"
    assert not await beside_pbx.busy("ann")
    for talker in (second, call, caller):
        talker.bye()


async def test_a_pbx_that_hangs_is_deaf_and_is_heard_again_when_it_goes_on(beside_pbx: Rig) -> None:
    centre, pbx = beside_pbx.centre, beside_pbx.pbx
    await centre.set_presence("ann", "available")
    before = (await beside_pbx.status())["connections"]
    other = await beside_pbx.phones["ann"].call(pbx.uri("1002"))
    await other.status(200)
    await centre.until_state("ann", "on_call")

    os.kill(pbx.process.pid, signal.SIGSTOP)  # its sockets stay open, and nobody is there
    try:
        await until_async(lambda: _trouble(beside_pbx), "the node has noticed", deadline_s=15.0)
        code, said = await pbx_status(beside_pbx)
        assert (code, "not connected" in said) == (1, True)
    finally:
        os.kill(pbx.process.pid, signal.SIGCONT)
    await beside_pbx.until_connected(before + 1)
    assert await centre.state_of("ann") == "on_call"
    other.bye()
    await centre.until_state("ann", "idle")
    code, said = await pbx_status(beside_pbx)
    assert (code, "connected for" in said, "PJSIP/ann" in said) == (0, True, True)


async def pbx_status(rig: Rig) -> tuple[int, str]:
    """What `ringback pbx status` says, and how it exits."""
    command = [sys.executable, "-m", "gateway", "pbx", "status"]
    gateway = rig.centre.gateway
    process = PeerProcess(
        "pbx-status", [*command, "--config", str(gateway.configuration)], gateway.directory / "cli"
    )
    await process.start({"PYTHONPATH": str(Path(__file__).parents[3]), "RINGBACK_API_KEY": rig.centre.key})
    return await process.exited(30.0), process.output()


async def _trouble(rig: Rig) -> str:
    return str((await rig.status())["trouble"])
