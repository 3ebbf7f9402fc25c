"""Members of the PBX's own queues who are agents here: a break in the one is a pause in the other.

Both sides may change it, so neither repeats what it is told: a side acts only when the other differs from it,
and the event that our own pause brings back is known as ours. When the link is made anew, what agents chose
here counts. Whoever is logged out here is paused there, and stays so whatever is pressed there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

import structlog

from gateway.agents.presence import Presence
from gateway.asterisk.actions import Action, UnsafeValue
from gateway.asterisk.agents import PBX
from gateway.asterisk.connection import PbxFault
from gateway.asterisk.events import AmiEvent
from gateway.asterisk.link import PbxLink
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import AgentChanged, SetPresence
from gateway.queues.views import AgentView

log = structlog.get_logger(__name__)

PAUSED: Final = "paused"
"""The reason of a break that began at the PBX without one."""


ECHO_S: Final = 1.0
"""How long the event that our own pause brings back may take."""


class Member(NamedTuple):
    queue: str
    interface: str


class PbxMembers:
    """Mirrors the members of `queues`. Everything on the event loop."""

    def __init__(self, link: PbxLink, runner: QueueRunner, queues: Iterable[str]) -> None:
        self._link = link
        self._runner = runner
        self._queues = frozenset(queues)
        self._paused: dict[Member, bool] = {}
        self._devices: dict[Member, str] = {}  # what the PBX goes by for their state
        self._sending: tuple[Member, bool] | None = None  # the one whose event is still to come
        self._echoed = asyncio.Event()
        self._unsent: asyncio.Queue[tuple[Member, bool, str]] = asyncio.Queue()
        if self._queues:
            link.on_event(self._heard)
            link.on_connect(self._resync)
            runner.watch_agents(self._changed)

    async def run(self) -> None:
        """Sends what has to be sent, until it is cancelled."""
        while True:
            member, paused, reason = await self._unsent.get()
            await self._send(member, paused, reason)

    # ---- from here to there

    def _changed(self, changed: AgentChanged) -> None:
        if (view := self._runner.agent(changed.agent)) is not None and self._link.connected:
            self._mirror(view)

    def _mirror(self, view: AgentView) -> None:
        """Wherever the agent's membership differs from what they chose."""
        wanted = view.presence is not Presence.AVAILABLE
        for member, device in self._devices.items():
            if device == view.profile.pbx_device and self._paused[member] is not wanted:
                self._paused[member] = wanted
                self._unsent.put_nowait((member, wanted, view.reason or view.presence.value))

    async def _send(self, member: Member, paused: bool, reason: str) -> None:
        fields = {"Queue": member.queue, "Interface": member.interface, "Paused": str(paused).lower()}
        try:
            if paused:
                fields["Reason"] = reason
            self._sending = member, paused
            self._echoed.clear()
            await self._link.request(Action("QueuePause", fields))
            await asyncio.wait_for(self._echoed.wait(), ECHO_S)
        except TimeoutError:
            pass  # it was so already, and nobody is told
        except (PbxFault, UnsafeValue) as fault:
            log.warning("pbx_member_not_paused", queue=member.queue, reason=str(fault))
        finally:
            self._sending = None

    async def _resync(self) -> None:
        listed = await self._link.listing(Action("QueueStatus"))
        self._paused.clear()
        self._devices.clear()
        for event in listed:
            if event.name == "QueueMember":
                self._learn(event)
        for view in self._runner.agents():
            if view.profile.pbx_device:
                self._mirror(view)

    # ---- from there to here

    def _heard(self, event: AmiEvent) -> None:
        match event.name:
            case "QueueMemberAdded":
                member = self._learn(event)
                if member is not None and (view := self._agent(member)) is not None:
                    self._mirror(view)
            case "QueueMemberRemoved":
                member = _member(event)
                self._paused.pop(member, None)
                self._devices.pop(member, None)
            case "QueueMemberPause":
                self._told(event)
            case _:
                pass

    def _told(self, event: AmiEvent) -> None:
        """Somebody was paused there, or is no longer: by us, or by themselves."""
        member, paused = _member(event), event.get("Paused") == "1"
        if self._sending == (member, paused):
            self._echoed.set()
            return
        if member not in self._paused or self._paused[member] is paused:
            return
        self._paused[member] = paused
        view = self._agent(member)
        if view is None:
            return
        if view.presence is Presence.LOGGED_OUT:
            self._mirror(view)
        elif paused and view.presence is Presence.AVAILABLE:
            reason = event.get("PausedReason") or PAUSED
            self._runner.post(SetPresence(view.id, Presence.ON_BREAK, reason[:64], by=PBX))
        elif not paused and view.presence is Presence.ON_BREAK:
            self._runner.post(SetPresence(view.id, Presence.AVAILABLE, by=PBX))

    def _learn(self, event: AmiEvent) -> Member | None:
        member = _member(event)
        if member.queue not in self._queues or not member.interface:
            return None
        self._paused[member] = event.get("Paused") == "1"
        self._devices[member] = event.get("StateInterface") or member.interface
        return member

    def _agent(self, member: Member) -> AgentView | None:
        device = self._devices.get(member, "")
        agents = self._runner.agents() if device else ()
        return next((view for view in agents if view.profile.pbx_device == device), None)


def _member(event: AmiEvent) -> Member:
    """Lists say Location where events say Interface."""
    return Member(event.get("Queue"), event.get("Interface") or event.get("Location"))
