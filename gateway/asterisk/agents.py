"""Agents and their devices at the PBX: who is on a call there isn't offered one here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from gateway.agents.presence import AgentState
from gateway.asterisk.actions import Action
from gateway.asterisk.devices import DeviceBoard
from gateway.asterisk.events import AmiEvent
from gateway.asterisk.link import PbxLink
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.runner import QueueRunner, Timers
from gateway.queues.signals import AgentChanged, SetEngaged
from gateway.queues.views import AgentView

log = structlog.get_logger(__name__)

PBX: Final = "pbx"
"""Who says so, in SetEngaged."""

WhenDeaf = Literal["as_before", "free", "busy"]
"""What agents count as while the PBX can't be heard: what they were, or on no call there, or on one."""


@dataclass(frozen=True, slots=True)
class AgentDevice:
    """An agent's device as it is now. `state`: Asterisk's word. `busy`: on a call that isn't ours."""

    agent: str
    device: str
    state: str
    busy: bool
    channels: tuple[str, ...]


class PbxAgents:
    """Keeps the queues told. Everything on the event loop."""

    def __init__(
        self,
        link: PbxLink,
        runner: QueueRunner,
        timers: Timers,
        now: Callable[[], float],
        *,
        trunks: Iterable[str],
        when_deaf: WhenDeaf,
        resync_s: float,
    ) -> None:
        self._link = link
        self._runner = runner
        self._timers = timers
        self._now = now
        self._when_deaf = when_deaf
        self._resync_s = resync_s
        self._board = DeviceBoard(trunks, self._is_ours)
        self._told: dict[str, bool] = {}  # agent to what the queues believe
        link.on_event(self._heard)
        link.on_connect(self.resync)
        link.on_loss(self._deaf)
        runner.observe(self._journalled)
        runner.watch_agents(self._changed)

    def devices(self) -> list[AgentDevice]:
        """Of every agent who has one there."""
        now = self._now()
        return [
            AgentDevice(
                view.id,
                device,
                self._board.state(device),
                self._board.busy(device, now),
                tuple(channel.name for channel in self._board.channels(device)),
            )
            for view in self._runner.agents()
            if (device := view.profile.pbx_device)
        ]

    async def run(self) -> None:
        """Looks at everything again from time to time, should an event have been lost."""
        while True:
            await asyncio.sleep(self._resync_s)
            if self._link.connected:
                await self.resync()

    async def resync(self) -> None:
        """Every channel and state anew. Raises PbxFault."""
        self._board.begin_resync()
        listed = await self._link.listing(Action("CoreShowChannels"))
        states = await self._link.listing(Action("DeviceStateList"))
        states += await self._link.listing(Action("ExtensionStateList"))
        self._board.finish_resync(listed, states, self._now())
        self._tell_all()

    # ---- what happens

    def _heard(self, event: AmiEvent) -> None:
        for device in self._board.apply(event, self._now()):
            self._tell(device)
        if (due_at := self._board.due_at()) is not None:
            self._timers.call_later(max(0.0, due_at - self._now()) + 0.01, self._tell_all)

    def _deaf(self) -> None:
        """Nothing is known from now on."""
        if self._when_deaf == "as_before":
            return
        for view in self._runner.agents():
            if view.profile.pbx_device:
                self._set(view.id, self._when_deaf == "busy")

    def _journalled(self, event: JournalEvent) -> None:
        if event.kind is JournalKind.AGENT_PROFILE and self._link.connected:  # another device, perhaps
            self._tell_all()

    def _changed(self, changed: AgentChanged) -> None:
        """A call of ours is over: a channel that was ours may be somebody else's now."""
        view = self._runner.agent(changed.agent)
        if view is not None and view.profile.pbx_device and self._link.connected:
            self._tell(view.profile.pbx_device)

    # ---- telling

    def _tell_all(self) -> None:
        now = self._now()
        for view in self._runner.agents():
            device = view.profile.pbx_device
            self._set(view.id, bool(device) and self._board.busy(device, now))

    def _tell(self, device: str) -> None:
        busy = self._board.busy(device, self._now())
        for view in self._runner.agents():
            if view.profile.pbx_device == device:
                self._set(view.id, busy)

    def _set(self, agent: str, busy: bool) -> None:
        if self._told.get(agent, False) == busy:
            return
        self._told[agent] = busy
        log.info("pbx_agent", agent=agent, busy=busy)
        self._runner.post(SetEngaged(agent, busy, PBX))

    def _is_ours(self, device: str) -> bool:
        return any(view.profile.pbx_device == device and _wanted(view) for view in self._runner.agents())


def _wanted(view: AgentView) -> bool:
    """Whether something of ours is under way with this agent."""
    if view.state in (AgentState.RESERVED, AgentState.RINGING) or view.entry is not None:
        return True
    return any(source != PBX for source in view.engaged)
