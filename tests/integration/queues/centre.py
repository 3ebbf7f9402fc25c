"""A contact centre under test: a node, agents on phones that do what they are told, and callers.

Music is 300 Hz and everything that is spoken is silent, so a tone tells who is heard. Every person has a
tone of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import soundfile

from gateway.api.auth import hash_of, new_key
from tests.integration.gateway import Gateway
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until_async

MUSIC_HZ: Final = 300.0
BYE_HZ: Final = 2600.0

FLOW: Final = """\
routes:
  - {dnis: "100", flow: main}
---
flow: main
start: wait
nodes:
  wait:
    queue: support
    leave_key: "9"
    next: after
    left: after
    timed_out: after
    full: after
    closed: after
    error: after
  after: {play: bye.wav, next: end}
  end: {hangup: normal_clearing}
"""


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

    async def request(self, method: str, path: str, body: Any = None) -> httpx.Response:
        url = f"http://{LOOPBACK}:{self.gateway.http_port}{path}"
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {self.key}"}) as client:
            return await client.request(method, url, json=body)

    async def get(self, path: str) -> Any:
        response = await self.request("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

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

    async def waiting(self, queue: str = "support") -> int:
        return int((await self.get(f"/v1/queues/{queue}"))["waiting"])

    async def until_waiting(self, count: int, queue: str = "support") -> None:
        async def reached() -> bool:
            return await self.waiting(queue) == count

        await until_async(reached, f"{count} wait in {queue}")

    async def caller(self, name: str = "caller") -> UserAgent:
        """One more phone, closed with the centre."""
        return await self.stack.enter_async_context(await UserAgent.open(name))

    async def call_in(self, name: str = "caller", number: str = "100") -> UaCall:
        """A call that was answered: its caller waits in the queue."""
        phone = await self.caller(name)
        call = await phone.call(self.gateway.uri(number))
        await call.status(200)
        return call


@asynccontextmanager
async def contact_centre(
    directory: Path,
    agents: Iterable[str] = ("ann",),
    *,
    queue: str = "{}",
    flow: str = FLOW,
    extra: str = "",
    agent_keys: Mapping[str, str] | None = None,
) -> AsyncIterator[Centre]:
    """A node whose queue `support` has these settings (YAML), and these agents, all available.

    `extra`: more documents of the plan; `agent_keys`: more keys of single agents, in YAML.
    """
    key = new_key()
    async with AsyncExitStack() as stack:
        phones = {
            agent: Agent(agent, await stack.enter_async_context(await UserAgent.open(agent)))
            for agent in agents
        }
        plan = directory / "dialplan"
        plan.mkdir(parents=True)
        write_audio(plan)
        more = agent_keys or {}
        defined = "".join(
            f'  {agent.id}: {{name: {agent.id.title()}, device: "{agent.phone.uri}", '
            f"queues: [support]{more.get(agent.id, '')}}}\n"
            for agent in phones.values()
        )
        (plan / "plan.yaml").write_text(
            f"queues:\n  support: {queue}\n---\nagents:\n{defined}---\n{extra}{flow}", "utf-8"
        )
        gateway = Gateway(
            directory / "gateway",
            dialplan=plan,
            environment={"RINGBACK_HTTP__API_KEYS": f"boss:admin:{hash_of(key)}"},
        )
        await stack.enter_async_context(gateway)
        centre = Centre(gateway, key, phones, stack)
        for agent in phones:
            await centre.set_presence(agent, "available")
        yield centre


def write_audio(directory: Path) -> None:
    """A second of music that can be repeated without a seam, and a goodbye."""
    for name, frequency_hz, seconds in (("music", MUSIC_HZ, 1.0), ("bye", BYE_HZ, 0.3)):
        soundfile.write(directory / f"{name}.wav", tones.sine(frequency_hz, seconds), tones.RATE)


def latest(call: UaCall, seconds: float = 0.3) -> tones.Samples:
    """The last audio that a phone received."""
    audio = call.rtp.audio()
    return audio[-round(seconds * tones.RATE) :] if len(audio) else np.zeros(0, dtype=np.int16)


def hears(call: UaCall, frequency_hz: float, among: Iterable[float] = (MUSIC_HZ,)) -> bool:
    """Whether this tone, and no other of `among`, is what a phone hears just now."""
    return tones.heard(latest(call), {frequency_hz, *among}) == {frequency_hz}


async def talk(call: UaCall, frequency_hz: float) -> None:
    """Send a tone until the task is cancelled."""
    second = tones.sine(frequency_hz, 1.0)
    while True:
        await call.rtp.send_audio(second)


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
