"""A node that is killed while callers wait, and starts again: real phones, real SIGKILL."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway import Gateway
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import Centre, contact_centre, hears, talking
from tests.integration.queues.plan import CONFIRM_HZ, MUSIC_HZ, NUMBERS

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
CUSTOMERS = ("+4930123451", "+4930123452", "+4930123453")


DRAIN = {"RINGBACK_NODE__DRAIN_TIMEOUT_S": "12", "RINGBACK_NODE__DRAIN_OFFER_S": "2"}


@asynccontextmanager
async def site(directory: Path, **environment: str) -> AsyncIterator[tuple[Centre, UserAgent]]:
    trunk = await UserAgent.open("trunk")
    async with trunk, contact_centre(directory, ("ann",), trunk=trunk, environment=environment) as centre:
        yield centre, trunk


async def killed(centre: Centre) -> None:
    os.kill(centre.gateway.process.pid, signal.SIGKILL)
    await centre.gateway.process.exited(10.0)


async def start_again(centre: Centre, stack: AsyncExitStack) -> None:
    before = centre.gateway
    before.environment.pop("RINGBACK_FAULT_POINT", None)
    centre.gateway = Gateway(
        before.directory, dialplan=before.dialplan, environment=before.environment, rtp_ports=400
    )
    await stack.enter_async_context(centre.gateway)


async def places(centre: Centre) -> list[tuple[str, str]]:
    found = (await centre.get("/v1/queues/calling/entries"))["entries"]
    return [(entry["id"], entry["state"]) for entry in found]


async def call_of(centre: Centre, number: str) -> UaCall:
    """A customer who calls in and hears the music."""
    call = await centre.wait_in("calling", number)
    await until(lambda: hears(call, MUSIC_HZ), "the caller waits")
    return call


async def presence(centre: Centre, agent: str) -> tuple[str, str]:
    found: Any = await centre.get(f"/v1/agents/{agent}")
    return found["presence"], found["reason"]


async def answered_by(phone: UserAgent) -> tuple[str, UaCall]:
    """The next call that is placed through the trunk: to whom, and answered."""
    call = await phone.next_call(20.0)
    [invite] = call.requests("INVITE")
    number = invite.uri.partition(":")[2].partition("@")[0]
    call.respond(180, "Ringing")
    call.respond(200, "OK", sdp=True)
    await call.request("ACK")
    return number, call


async def test_who_waited_when_the_node_was_killed_is_called_back_in_the_same_order(tmp_path: Path) -> None:
    async with site(tmp_path) as (centre, trunk), AsyncExitStack() as stack:
        await centre.set_presence("ann", "on_break", "lunch")
        for number in CUSTOMERS:
            await call_of(centre, number)
        before = [entry for entry, _ in await places(centre)]
        await killed(centre)
        await start_again(centre, stack)

        assert await places(centre) == [(entry, "callback_waiting") for entry in before]
        assert await presence(centre, "ann") == ("on_break", "lunch")

        # The second of them doesn't wait to be called.
        again = await call_of(centre, CUSTOMERS[1])
        assert await places(centre) == [
            (before[0], "callback_waiting"),
            (before[1], "waiting"),
            (before[2], "callback_waiting"),
        ]
        await centre.set_presence("ann", "available")
        called = []
        for turn in range(3):
            agent = await centre.agents["ann"].answer(15.0)
            if turn == 1:
                customer = again
            else:
                number, customer = await answered_by(trunk)
                called.append(number)
            async with talking((customer, CALLER_HZ), (agent, AGENT_HZ)):
                await until(partial(hears, customer, AGENT_HZ), "the two talk")
            agent.bye()
            await customer.request("BYE")
        assert called == [CUSTOMERS[0], CUSTOMERS[2]]

        async def empty() -> bool:
            return await places(centre) == []

        await until_async(empty, "nobody waits any more")


async def test_a_conversation_that_the_kill_cut_off_is_closed_and_nobody_is_called_for_it(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as (centre, _), AsyncExitStack() as stack:
        await centre.set_presence("ann", "available")
        caller = await centre.call_in("calling", CUSTOMERS[0])
        agent = await centre.agents["ann"].answer()
        async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
            await until(lambda: hears(caller, AGENT_HZ), "the two talk")
        await killed(centre)
        await start_again(centre, stack)

        assert await places(centre) == []
        assert await presence(centre, "ann") == ("available", "")
        assert "node_died" in centre.gateway.process.output()


async def test_a_second_node_of_the_same_name_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with site(tmp_path) as (centre, _):
        first = centre.gateway
        second = Gateway(first.directory / "second", dialplan=first.dialplan, environment=first.environment)
        text = second.configuration.read_text().replace(str(second.data_dir), str(first.data_dir))
        second.configuration.write_text(text)

        with pytest.raises(AssertionError, match="taken: process"):
            async with second:
                await second.process.exited(30.0)
        await centre.set_presence("ann", "on_break", "lunch")
        call = await centre.call_in("calling", CUSTOMERS[0])
        await until(lambda: hears(call, MUSIC_HZ), "the first node takes calls")


async def test_who_waits_when_the_node_stops_is_offered_a_callback_and_who_stays_gets_one(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, **DRAIN) as (centre, _), AsyncExitStack() as stack:
        await centre.set_presence("ann", "on_break", "lunch")
        staying, agreeing = await call_of(centre, CUSTOMERS[0]), await call_of(centre, CUSTOMERS[1])
        before = [entry for entry, _ in await places(centre)]
        os.kill(centre.gateway.process.pid, signal.SIGTERM)

        async def draining() -> bool:
            return (await centre.gateway.get("/readyz"))[0] == 503

        await until_async(draining, "the node isn't ready any more")
        refused = await (await centre.caller("late")).call(centre.gateway.uri(NUMBERS["calling"]))
        assert (await refused.status(503))["Retry-After"]
        await until(lambda: hears(agreeing, CONFIRM_HZ, (CONFIRM_HZ,)), "a callback is offered", deadline_s=9)
        await agreeing.rtp.press("1")
        for call in (agreeing, staying):
            await call.request("BYE", deadline_s=20.0)
        await centre.gateway.process.exited(20.0)
        await start_again(centre, stack)

        assert await places(centre) == [(entry, "callback_waiting") for entry in before]


async def test_a_stopping_node_lets_a_customer_who_was_called_back_finish_and_calls_nobody_else(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        centre, trunk = await stack.enter_async_context(site(tmp_path, **DRAIN))
        for number in CUSTOMERS[:2]:
            await centre.request("POST", "/v1/callbacks", {"queue": "calling", "number": number})
        await centre.on_duty("ann")
        agent = await centre.agents["ann"].answer(10.0)
        customer = await trunk.next_call(10.0)
        os.kill(centre.gateway.pid, signal.SIGTERM)
        customer.respond(180, "Ringing")
        customer.respond(200, "OK", sdp=True)
        await customer.request("ACK")
        async with talking((customer, CALLER_HZ), (agent, AGENT_HZ)):
            await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
            await until(lambda: hears(agent, CALLER_HZ), "the agent hears the customer")
        assert centre.gateway.process.returncode is None, "it waits for them"
        customer.bye()
        await agent.request("BYE")
        assert await centre.gateway.process.exited(10.0) == 0
        assert centre.agents["ann"].phone.incoming.empty()
        assert trunk.incoming.empty()

        await start_again(centre, stack)
        [(_, state)] = await places(centre)
        assert state.startswith("callback")


@pytest.mark.parametrize("point", ["carried_out.Connect:1", "decided.Joined:1"])
async def test_who_was_being_connected_when_the_node_was_killed_is_called_back_once(
    tmp_path: Path, point: str
) -> None:
    async with site(tmp_path, RINGBACK_FAULT_POINT=point) as (centre, trunk), AsyncExitStack() as stack:
        await centre.set_presence("ann", "on_break", "lunch")
        await call_of(centre, CUSTOMERS[0])
        [(entry, _)] = await places(centre)
        await centre.set_presence("ann", "available")
        await centre.agents["ann"].answer()
        await centre.gateway.process.exited(10.0)
        await start_again(centre, stack)
        assert await places(centre) == [(entry, "callback_waiting")]

        agent = await centre.agents["ann"].answer(15.0)
        number, customer = await answered_by(trunk)
        async with talking((customer, CALLER_HZ), (agent, AGENT_HZ)):
            await until(lambda: hears(customer, AGENT_HZ), "the two talk")
        agent.bye()
        await customer.request("BYE")
        assert number == CUSTOMERS[0]
        assert trunk.incoming.empty()


@pytest.mark.parametrize(("point", "attempts"), [("callback.dialling:1", 1), ("callback.dialled:1", 2)])
async def test_a_try_that_the_kill_cut_off_counts_and_isnt_repeated(
    tmp_path: Path, point: str, attempts: int
) -> None:
    async with site(tmp_path, RINGBACK_FAULT_POINT=point) as (centre, trunk), AsyncExitStack() as stack:
        wish = {"queue": "calling", "number": CUSTOMERS[0]}
        assert (await centre.request("POST", "/v1/callbacks", wish)).status_code == 201
        await centre.set_presence("ann", "available")
        await centre.agents["ann"].answer()
        if attempts == 2:
            await answered_by(trunk)
        await centre.gateway.process.exited(10.0)
        await start_again(centre, stack)

        [callback] = (await centre.get("/v1/callbacks"))["callbacks"]
        assert callback["attempts"] == 1
