"""Who is in a conversation, with the tasks and connections that belong to each; all of it undone at the end.

The floor knows nothing of states. It takes people in and parts with them, plays cues, and brings the bridge
to the scene that it is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import structlog

from gateway.call.leg import CallLeg, LegEvent
from gateway.switch.conversation_parts import ConversationParts
from gateway.switch.hearing import Channel, Ear, Party, Scene, Voice, hearing
from gateway.switch.participant import Participant
from gateway.switch.wiring import Wiring
from media.clip import Clip

if TYPE_CHECKING:
    from media.bridge import Port


class Floor:
    """`async with Floor(…) as floor`: leaving it parts with everybody but the caller, whatever happened.

    `on_event` gets each event of everybody who is in; `on_fault` what broke in a task.
    """

    def __init__(
        self,
        call_id: str,
        caller: CallLeg,
        parts: ConversationParts,
        hold_music: Sequence[Clip],
        *,
        on_event: Callable[[Party, LegEvent], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self.parties: dict[Party, Participant] = {Party.CALLER: Participant(caller, None)}
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
        self._log = structlog.get_logger(__name__).bind(call_id=call_id)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self.parties[Party.CALLER].tasks.append(self.start(self.parties[Party.CALLER].send_keys))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()
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
        if who.line is not None:
            who.line.release()
        if who.agent:
            self._parts.agent_left(who.agent)

    def _clear(self) -> None:
        """Nobody is connected, every line is given back, every task ends; whatever breaks on the way."""
        parties = (Party.AGENT, Party.CONSULTED)
        steps: list[Callable[[], object]] = [self._wiring.clear]
        steps += [partial(self.part_with, party) for party in parties]
        steps += [partial(self.dismiss, supervisor) for supervisor in self.supervisors]
        steps += [task.cancel for task in self._work]
        for step in steps:
            try:
                step()
            except Exception as fault:  # noqa: BLE001  # the others still have to be done
                self._log.exception("conversation_fault", error=str(fault))
