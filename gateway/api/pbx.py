"""GET /v1/pbx: whether the PBX is connected, and what the devices of agents do there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, Field

from gateway.api.auth import Keyring, Role, requires
from gateway.asterisk.agents import AgentDevice
from gateway.asterisk.link import LinkHealth


@dataclass(frozen=True, slots=True)
class PbxParts:
    """What the endpoint asks. `address`: host and port of the manager."""

    address: str
    health: Callable[[], LinkHealth]
    devices: Callable[[], Sequence[AgentDevice]]


class PbxDesk:
    """The HTTP server answers before the link is there: until then, and where no PBX is set, `parts` is None.

    `started`: the node knows whether there is one.
    """

    def __init__(self) -> None:
        self.parts: PbxParts | None = None
        self.started = False


class DeviceFound(BaseModel):
    """What an agent's `pbx_device` does."""

    agent: str = Field(examples=["ann"])
    device: str = Field(examples=["PJSIP/ann"])
    state: str = Field(examples=["INUSE"], description="Asterisk's word; UNKNOWN until it has said one.")
    busy: bool = Field(description="On a call that isn't one of this node's queues: no offers meanwhile.")
    channels: list[str] = Field(examples=[["PJSIP/ann-0000002a"]])


class PbxState(BaseModel):
    """The link to the PBX. Times in seconds; null for what hasn't been yet."""

    configured: bool = Field(description="False: this node has no PBX, and nothing else here means anything.")
    address: str = Field("", examples=["127.0.0.1:5038"])
    connected: bool = False
    trouble: str = Field("", examples=["Connection refused"], description="Why it isn't connected.")
    connected_s: float | None = None
    last_event_s: float | None = Field(None, description="Ago.")
    ping_s: float | None = Field(None, description="How long the last ping took.")
    hears_itself: bool = Field(
        True, description="Events of our own come back; false: the account may not read or write them."
    )
    connections: int = Field(0, description="Since the node started; the first one counts.")
    events: int = 0
    dropped: int = Field(0, description="Events that found too many before them.")
    devices: list[DeviceFound] = Field(default_factory=list)


def routes(desk: PbxDesk, keyring: Keyring) -> APIRouter:
    """For supervisors and admins."""
    router = APIRouter(tags=["pbx"])
    supervisor = Depends(requires(keyring, Role.SUPERVISOR))

    @router.get("/v1/pbx", summary="The link to the PBX, and agents' devices.", dependencies=[supervisor])
    async def show_pbx() -> PbxState:
        if not desk.started:
            raise HTTPException(503, "the node is starting", {"retry-after": "1"})
        if (parts := desk.parts) is None:
            return PbxState(configured=False)
        health = parts.health()
        return PbxState(
            configured=True,
            address=parts.address,
            connected=health.connected,
            trouble=health.trouble,
            connected_s=health.connected_s,
            last_event_s=health.last_event_s,
            ping_s=health.ping_s,
            hears_itself=health.hears_itself,
            connections=health.connections,
            events=health.events,
            dropped=health.dropped,
            devices=[
                DeviceFound(
                    agent=device.agent,
                    device=device.device,
                    state=device.state,
                    busy=device.busy,
                    channels=list(device.channels),
                )
                for device in parts.devices()
            ],
        )

    return router
