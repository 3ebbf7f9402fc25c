"""Who is in a conversation, with the tasks and connections that belong to each; all of it undone at the end.

The floor knows nothing of states. It takes people in and parts with them, plays cues, and brings the bridge
to the scene that it is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import structlog

from gateway.call.leg import CallLeg, LegEvent
from gateway.switch.conversation_parts import ConversationParts
from gateway.switch.hearing import Channel, Ear, Party, Scene, Voice, hearing
from gateway.switch.participant import Participant
from gateway.switch.wiring import Wiring
from media.clip import Clip

if TYPE_CHECKING:
    from media.bridge import Port

FAREWELL_LIMIT_S: Final = 10.0
"""How long the legs may take to be told that it is over, all together."""


class Floor:
    """`async with Floor(…) as floor`: leaving it parts with everybody but the caller, whatever happened.

    `on_event` gets each event of everybody who is in; `on_fault` what broke in a task.
    """

    def __init__(
        self,
        call_id: str,
        caller: CallLeg,
        parts: ConversationParts,
        hold_music: Clip | None,
        *,
        on_event: Callable[[Party, LegEvent], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self.parties: dict[Party, Participant] = {Party.CALLER: Participant(caller)}
        self.taps: Mapping[Channel, Port] = {}
        """The ports of the recording that takes part."""
        self.supervisors: dict[str, Participant] = {}
        """By the names of those who supervise."""
        self._parts = parts
        self._on_event = on_event
        self._on_fault = on_fault
        self._wiring = Wiring(parts.connector, parts.music, parts.tones.loops(hold_music))
        self._tasks = asyncio.TaskGroup()
        self._work: set[asyncio.Task[None]] = set()
        self._farewells: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger(__name__).bind(call_id=call_id)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self.parties[Party.CALLER].tasks.append(self.start(self.parties[Party.CALLER].send_keys))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._clear()
        finally:
            await self._tasks.__aexit__(kind, error, trace)

    # ---- people

    def take_in(self, party: Party, who: Participant) -> None:
        """They are in: events come from now on. They hear nobody before the next `show`."""
        self.parties[party] = who
        self._attend(who, lambda event: self._hear_of(who, event))

    def promote(self) -> None:
        """The consulted party takes the agent's place."""
        self.parties[Party.AGENT] = self.parties.pop(Party.CONSULTED)

    def part_with(self, party: Party) -> Participant | None:
        """They are out: their leg is ended, their tasks are over. None when there was nobody."""
        who = self.parties.pop(party, None)
        if who is not None:
            self._send_away(who)
        return who

    def admit(self, supervisor: str, who: Participant, on_event: Callable[[LegEvent], None]) -> None:
        """A supervisor comes, and hears nobody before the next `show`."""
        self.supervisors[supervisor] = who
        self._attend(who, on_event)

    def dismiss(self, supervisor: str) -> None:
        """A supervisor goes. Nothing happens when there is none of that name."""
        who = self.supervisors.pop(supervisor, None)
        if who is not None:
            self._send_away(who)

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Runs it until it is over or the floor is left. What it raises is a fault of the conversation."""
        task = self._tasks.create_task(self._contained(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    # ---- audio

    def show(self, scene: Scene) -> None:
        """Everybody hears what the scene says, within a tick or two."""
        self._wiring.apply(hearing(scene, recorded=bool(self.taps)), self._ports())

    def cue(self, clip: Clip, ears: Iterable[Ear]) -> None:
        """Those of `ears` who are here hear `clip` once, beside everything else."""
        ports = self._ports()
        here = [ports[ear] for ear in ears if ear in ports]
        if here:
            self.start(lambda: self._play(clip, here))

    def _ports(self) -> dict[Voice | Ear, Port]:
        ports: dict[Voice | Ear, Port] = {party: who.leg.audio for party, who in self.parties.items()}
        ports.update({name: who.leg.audio for name, who in self.supervisors.items() if who.answered})
        for channel, tap in self.taps.items():
            ports[channel] = tap
        return ports

    async def _play(self, clip: Clip, ears: Sequence[Port]) -> None:
        player = self._parts.open_player(f"cue-{clip.name}")
        try:
            for ear in ears:
                self._parts.connector.connect(player.port, ear)
            await player.play([clip]).finished()
        finally:
            player.close()

    # ---- inside

    def _attend(self, who: Participant, on_event: Callable[[LegEvent], None]) -> None:
        who.tasks += [self.start(lambda: who.follow(on_event)), self.start(who.send_keys)]

    def _hear_of(self, who: Participant, event: LegEvent) -> None:
        for party, present in self.parties.items():
            if present is who:
                self._on_event(party, event)
                return

    async def _contained(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except Exception as fault:  # noqa: BLE001  # it ends this conversation and nothing else
            self._log.exception("conversation_fault", error=str(fault))
            self._on_fault(fault)

    def _send_away(self, who: Participant) -> None:
        for task in who.tasks:
            task.cancel()
        farewell = self._tasks.create_task(self._say_goodbye(who))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def _say_goodbye(self, who: Participant) -> None:
        try:
            if not who.ended:
                await (self._parts.dismiss(who.agent, who.leg) if who.agent else who.leg.hang_up())
        except Exception as fault:  # noqa: BLE001  # the others still have to be told
            self._log.exception("leg_fault", leg_id=who.leg.id, error=str(fault))
        finally:
            if who.agent:
                self._parts.agent_left(who.agent)

    async def _clear(self) -> None:
        try:
            self._wiring.clear()
        except Exception as fault:  # noqa: BLE001  # the legs still have to end
            self._log.exception("conversation_fault", error=str(fault))
        for party in (Party.AGENT, Party.CONSULTED):
            self.part_with(party)
        for supervisor in list(self.supervisors):
            self.dismiss(supervisor)
        for task in self._work:
            task.cancel()
        await self._farewell()

    async def _farewell(self) -> None:
        """Waits for every leg to be told, even if cancelled meanwhile: nobody stays on the line for that."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FAREWELL_LIMIT_S
        cancelled: asyncio.CancelledError | None = None
        while self._farewells and (left_s := deadline - loop.time()) > 0:
            try:
                await asyncio.wait(self._farewells, timeout=left_s)
            except asyncio.CancelledError as again:
                cancelled = again
        for farewell in self._farewells:
            farewell.cancel()
        if cancelled is not None:
            raise cancelled
