"""A contact centre beside a real Asterisk: agents with phones there, and the trunk between the two.

One pair for all tests here: each leaves it as it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.peers.asterisk import Asterisk
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until_async
from tests.integration.queues.centre import Centre, contact_centre


@dataclass(slots=True)
class Rig:
    """`phones`: of agents, at the PBX. Ann is rung there, eve by the PBX itself; ben has one of ours too.
    The carrier is where callers from outside come from.
    """

    centre: Centre
    pbx: Asterisk
    phones: Mapping[str, UserAgent]

    async def answer(self, agent: str) -> UaCall:
        """The next call to the agent's phone at the PBX, answered."""
        call = await self.phones[agent].next_call()
        call.respond(180, "Ringing")
        call.respond(200, "OK", sdp=True)
        await call.request("ACK")
        return call

    async def status(self) -> Any:
        return await self.centre.get("/v1/pbx")

    async def busy(self, agent: str) -> bool:
        """Whether the node believes the agent on another call at the PBX."""
        devices = (await self.status())["devices"]
        return bool(next(device["busy"] for device in devices if device["agent"] == agent))

    async def until_connected(self, connections: int = 1) -> None:
        async def connected() -> bool:
            status = await self.status()
            return bool(status["connected"]) and status["connections"] >= connections

        await until_async(connected, "the node hears the PBX", deadline_s=15.0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    directory = tmp_path_factory.mktemp("pbx")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        phones = {name: await enter(await UserAgent.open(name)) for name in ("ann", "ben", "eve", "carrier")}
        pbx = Asterisk(
            directory / "asterisk", gateway="", phones={name: phone.uri for name, phone in phones.items()}
        )
        stack.callback(pbx.release)
        environment = {
            "RINGBACK_SIP__OUTBOUND": pbx.outbound,
            "RINGBACK_HANDOFF__TRUSTED_PEERS": "127.0.0.1",
            "RINGBACK_PBX__ORIGINATES": "callbacks",
            "RINGBACK_PBX__QUEUES": "support, sales",
            "RINGBACK_PBX__HOST": "127.0.0.1",
            "RINGBACK_PBX__PORT": str(pbx.ami_port),
            "RINGBACK_PBX__SECRET": pbx.secret,
            "RINGBACK_PBX__HEARTBEAT_S": "0.3",
            "RINGBACK_PBX__DEAF_AFTER_S": "2",
            "RINGBACK_PBX__RETRY_S": "0.1, 0.5",
        }
        centre = await enter(
            contact_centre(
                directory / "centre",
                ["ben"],
                devices={"ann": pbx.uri("ann"), "eve": "pbx:eve"},
                pbx_devices={name: f"PJSIP/{name}" for name in ("ann", "ben", "eve")},
                environment=environment,
            )
        )
        pbx.gateway = centre.gateway.address
        await enter(pbx)
        made = Rig(centre, pbx, phones)
        await made.until_connected()
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def beside_pbx(rig: Rig) -> AsyncIterator[Rig]:
    """The same, with nobody on duty and no calls before and after the test."""
    yield rig
    for agent in ("ann", "eve"):
        await rig.centre.set_presence(agent, "logged_out")
    await rig.centre.clear()

    assert await rig.centre.gateway.metric("ringback_callers_lost_total") == 0
    assert await rig.centre.gateway.metric("ringback_internal_errors_total") == 0
