"""A contact centre under test: a node, agents on phones that do what they are told, and callers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from gateway.api.auth import hash_of, new_key
from tests.integration.gateway import Gateway
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until_async
from tests.integration.queues.plan import ALL_HZ, NUMBERS, write_plan


@dataclass(slots=True)
class Agent:
    """An agent, and the phone they have."""

    id: str
    phone: UserAgent

    async def ring(self, deadline_s: float = 5.0) -> UaCall:
        """The next call that reaches the phone, ringing."""
        call = await self.phone.next_call(deadline_s)
        call.respond(180, "Ringing")
        return call

    async def answer(self, deadline_s: float = 5.0) -> UaCall:
        """The next call, answered."""
        call = await self.ring(deadline_s)
        call.respond(200, "OK", sdp=True)
        await call.request("ACK")
        return call


@dataclass(slots=True)
class Centre:
    """A node with queues and agents. `key`: an admin's."""

    gateway: Gateway
    key: str
    agents: Mapping[str, Agent]
    stack: AsyncExitStack = field(repr=False)
    calls: list[UaCall] = field(default_factory=list, repr=False)  # of callers

    async def request(self, method: str, path: str, body: Any = None) -> httpx.Response:
        url = f"http://{LOOPBACK}:{self.gateway.http_port}{path}"
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {self.key}"}) as client:
            return await client.request(method, url, json=body)

    async def get(self, path: str) -> Any:
        response = await self.request("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    async def on_duty(self, *agents: str) -> None:
        """These are available, and everybody else is logged out."""
        for agent in self.agents:
            await self.set_presence(agent, "available" if agent in agents else "logged_out")

    async def set_presence(self, agent: str, presence: str, reason: str = "") -> None:
        body = {"presence": presence, **({"reason": reason} if reason else {})}
        response = await self.request("PUT", f"/v1/agents/{agent}/presence", body)
        assert response.status_code == 200, response.text

    async def state_of(self, agent: str) -> str:
        found = await self.get(f"/v1/agents/{agent}")
        return str(found["state"])

    async def until_state(self, agent: str, state: str, deadline_s: float = 5.0) -> None:
        async def reached() -> bool:
            return await self.state_of(agent) == state

        await until_async(reached, f"{agent} is {state}", deadline_s=deadline_s)

    async def waiting(self, queue: str) -> int:
        return int((await self.get(f"/v1/queues/{queue}"))["waiting"])

    async def until_waiting(self, queue: str, count: int) -> None:
        async def reached() -> bool:
            return await self.waiting(queue) == count

        await until_async(reached, f"{count} wait in {queue}")

    async def caller(self, name: str = "caller") -> UserAgent:
        """One more phone, closed with the centre."""
        return await self.stack.enter_async_context(await UserAgent.open(name))

    async def call_in(self, queue: str, name: str = "caller") -> UaCall:
        """A call to this queue, answered."""
        phone = await self.caller(name)
        call = await phone.call(self.gateway.uri(NUMBERS[queue]))
        await call.status(200)
        self.calls.append(call)
        return call

    async def clear(self) -> None:
        """Every caller hangs up, and nobody is on duty or writes notes."""
        for call in self.calls:
            if not call.requests("BYE"):
                call.bye()
        self.calls.clear()
        for agent in self.agents:
            await self.request("PUT", f"/v1/agents/{agent}/wrap-up", {"end": True})
        await self.on_duty()

        async def empty() -> bool:
            return await self.gateway.metric("ringback_calls_active") == 0

        await until_async(empty, "every call is over", deadline_s=15.0)
        for phone in (agent.phone for agent in self.agents.values()):
            while not phone.incoming.empty():  # offers that were called off before anybody looked
                phone.incoming.get_nowait()

    async def wait_in(self, queue: str, name: str = "caller") -> UaCall:
        """The same, and its caller has a place."""
        before = await self.waiting(queue)
        call = await self.call_in(queue, name)
        await self.until_waiting(queue, before + 1)
        return call


@asynccontextmanager
async def contact_centre(
    directory: Path,
    agents: Iterable[str],
    *,
    browsers: Iterable[str] = (),
    devices: Mapping[str, str] | None = None,
    keys: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    rtp_ports: int = 400,
    max_calls: int = 100,
    trunk: UserAgent | None = None,
    pbx_devices: Mapping[str, str] | None = None,
    more: str = "",
) -> AsyncIterator[Centre]:
    """A node with the queues of `plan.py` and these agents, all logged out.

    `browsers`: agents without a phone; `devices`: agents on other phones, with their addresses. `keys`: more
    API keys, "NAME:ROLE" to the key. `trunk`: who gets the calls to numbers. `more`: of the configuration.
    `pbx_devices`: agent to what a PBX calls their phone.
    """
    key = new_key()
    admitted = ",".join(
        f"{holder}:{hash_of(made)}" for holder, made in {"boss:admin": key, **(keys or {})}.items()
    )
    async with AsyncExitStack() as stack:
        phones = {
            agent: Agent(agent, await stack.enter_async_context(await UserAgent.open(agent)))
            for agent in agents
        }
        ours = {agent.id: agent.phone.uri for agent in phones.values()}
        everybody = ours | dict.fromkeys(browsers, "") | dict(devices or {})
        plan = write_plan(directory / "dialplan", everybody, pbx_devices)
        variables = {"RINGBACK_HTTP__API_KEYS": admitted, **(environment or {})}
        if trunk is not None:
            variables["RINGBACK_SIP__OUTBOUND"] = f"sip:{{number}}@{LOOPBACK}:{trunk.port}"
        gateway = Gateway(
            directory / "gateway",
            dialplan=plan,
            environment=variables,
            rtp_ports=rtp_ports,
            max_calls=max_calls,
            more=more,
        )
        await stack.enter_async_context(gateway)
        yield Centre(gateway, key, phones, stack)


def latest(call: UaCall, seconds: float = 0.3) -> tones.Samples:
    """The last audio that a phone received."""
    return call.rtp.audio(last_s=seconds)


def hears(call: UaCall, frequency_hz: float, among: Iterable[float] = ALL_HZ) -> bool:
    """Whether this tone, and no other of `among`, is what a phone hears just now."""
    return tones.heard(latest(call), {frequency_hz, *among}) == {frequency_hz}


async def talk(call: UaCall, frequency_hz: float) -> None:
    """Send a tone until the task is cancelled."""
    lasting = tones.sine(frequency_hz, 5.0)
    while True:
        await call.rtp.send_audio(lasting)


@asynccontextmanager
async def talking(*talkers: tuple[UaCall, float]) -> AsyncIterator[None]:
    """Each of these sends their tone meanwhile."""
    tasks = [asyncio.get_running_loop().create_task(talk(call, hz)) for call, hz in talkers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
