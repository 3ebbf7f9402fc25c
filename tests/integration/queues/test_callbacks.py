"""Callbacks with real phones: asked for by key, kept at their place, dialled in their turn, and heard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import Centre, contact_centre, hears, talking
from tests.integration.queues.plan import CONFIRM_HZ, KEPT_HZ, MUSIC_HZ

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
NUMBER = "+4930123456"


@dataclass
class Calling:
    """A centre, and the phones of its customers: one, behind the trunk, whatever number is dialled."""

    centre: Centre
    customer: UserAgent

    async def ask(self, queue: str) -> UaCall:
        """The customer calls in, waits, asks for a callback and is told that it is kept."""
        before = await self.centre.waiting(queue)
        call = await self.customer.call(self.centre.gateway.uri(_number_of(queue)))
        await call.status(200)
        await self.centre.until_waiting(queue, before + 1)
        await until(lambda: hears(call, MUSIC_HZ), "the customer waits")
        await call.rtp.press("1")
        await until(lambda: hears(call, CONFIRM_HZ, (CONFIRM_HZ,)), "the number is read back")
        await call.rtp.press("1")
        await until(lambda: hears(call, KEPT_HZ, (KEPT_HZ,)), "the callback is kept")
        return call

    async def answer(self, deadline_s: float = 15.0) -> UaCall:
        """The call to the customer, answered."""
        call = await self.customer.next_call(deadline_s)
        call.respond(180, "Ringing")
        call.respond(200, "OK", sdp=True)
        await call.request("ACK")
        return call

    async def entries(self, queue: str) -> list[dict[str, object]]:
        found = (await self.centre.get(f"/v1/queues/{queue}/entries"))["entries"]
        assert isinstance(found, list)
        return found


def _number_of(queue: str) -> str:
    from tests.integration.queues.plan import NUMBERS

    return NUMBERS[queue]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calling]:
    customer = await UserAgent.open(NUMBER)
    async with (
        customer,
        contact_centre(tmp_path_factory.mktemp("centre"), ("ann", "ben"), trunk=customer) as centre,
    ):
        yield Calling(centre, customer)


@pytest_asyncio.fixture(loop_scope="module")
async def calling(shared: Calling) -> AsyncIterator[Calling]:
    yield shared
    await shared.centre.clear()

    async def empty() -> bool:
        return await shared.centre.gateway.metric("ringback_calls_active") == 0

    await until_async(empty, "every call is over", deadline_s=15.0)
    assert await shared.centre.gateway.metric("ringback_callers_lost_total") == 0
    assert await shared.centre.gateway.metric("ringback_internal_errors_total") == 0


async def test_who_is_third_and_asks_to_be_called_back_is_called_third(calling: Calling) -> None:
    centre = calling.centre
    await centre.set_presence("ann", "on_break", "lunch")
    first, second = await centre.wait_in("calling", "first"), await centre.wait_in("calling", "second")
    asked = await calling.ask("calling")
    await asked.request("BYE")
    third = (await calling.entries("calling"))[2]
    assert (third["state"], third["position"], third["callback"]) == ("callback_waiting", 3, True)
    assert third["number"] == NUMBER

    await centre.set_presence("ann", "available")
    for caller in (first, second):
        agent = await centre.agents["ann"].answer(10.0)
        async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
            await until(lambda caller=caller: hears(caller, AGENT_HZ), "who was before is served before")
        caller.bye()
        await agent.request("BYE")
    agent = await centre.agents["ann"].answer(15.0)
    [invite] = agent.requests("INVITE")
    assert invite["X-Ringback-Callback"] == third["id"]
    customer = await calling.answer()

    async with talking((customer, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
        await until(lambda: hears(agent, CALLER_HZ), "the agent hears the customer")
    agent.bye()
    await customer.request("BYE")
    assert await calling.entries("calling") == []
