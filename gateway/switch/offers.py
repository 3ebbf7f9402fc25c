"""Offers: an agent's phone rings, they hear who it is for, they accept, and the two are joined.

For each offer of the engine one task rings the agent and reports what came of it. The engine decides who is
offered what and who won; here is only how an agent is reached:

    ringing ──answered──▶ whisper, accept key ──accepted──▶ (the engine says Connect) ──▶ handed to the caller
        └── busy, declined, no answer, unreachable, hung up ──▶ OfferMissed
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Final, Protocol, Self

import structlog

from gateway.agents.profile import AgentProfile
from gateway.call.cause import Cause
from gateway.call.leg import (
    Answered,
    CallLeg,
    DigitPressed,
    EarlyMedia,
    Ended,
    Headers,
    Party,
    Ringing,
)
from gateway.errors import DialError, LegEnded
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import Accept, CancelOffer, Connect, Miss, Offer, OfferMissed, Ring
from gateway.switch.ports import Line, OpenPlayer
from media.clip import Clip

log = structlog.get_logger(__name__)

ACCEPT_KEY_S: Final = 15.0
"""How long an agent who has answered may take to press the accept key, whisper included."""

_MISSES: Final[Mapping[Cause, Miss]] = {
    Cause.USER_BUSY: Miss.BUSY,
    Cause.CALL_REJECTED: Miss.DECLINED,
    Cause.NO_ANSWER: Miss.NO_ANSWER,
}
"""How the end of an agent's leg before the answer counts. 480 is a phone that isn't there: unreachable."""


@dataclass(frozen=True, slots=True)
class Briefing:
    """What an agent is told before the caller: clips, the key that accepts ("" for none), and a tone."""

    clips: Sequence[Clip] = ()
    accept_key: str = ""
    tone: Clip | None = None


class AgentLines(Protocol):
    """How agents are reached."""

    async def reach(self, profile: AgentProfile, *, call_id: str, caller: Party, headers: Headers) -> Line:
        """A line to the agent: already CONFIRMED where one is standing, else TRYING. Raises DialError.

        Cancelled half-way, it leaves no call behind.
        """
        ...


class QueuedCall(Protocol):
    """Whoever waits at an entry, as the offers see it."""

    @property
    def caller(self) -> Party: ...

    @property
    def context(self) -> Mapping[str, Any]:
        """What the agent is shown before they answer. Plain JSON."""
        ...

    def headers(self) -> Headers:
        """For the INVITE to the agent's phone."""
        ...

    def asked(self, offer: Offer) -> bool:
        """An agent is reserved: whether to ring them now. False: the call has something to do first, and
        posts what came of it; until then only `withdrawn` is said of this offer.
        """
        ...

    def withdrawn(self, offer: str) -> None:
        """The engine took back an offer for which `asked` was False."""
        ...

    async def brief(self, agent: AgentProfile) -> Briefing:
        """What the agent is to be told."""
        ...

    def agent_answered(self, agent: AgentProfile) -> None:
        """The agent's phone was answered; they are being briefed."""
        ...

    def connect(self, connect: Connect, agent: AgentProfile, line: Line) -> None:
        """The agent is yours, and the line with them: post Joined or JoinFailed. Returns at once."""
        ...


class OfferStage(Enum):
    """How far an offer has come, as screens show it."""

    RINGING = "ringing"
    ANSWERED = "answered"  # the agent is briefed
    ACCEPTED = "accepted"
    OVER = "over"  # cancelled, missed, or handed over


@dataclass(frozen=True, slots=True)
class OfferShown:
    """An offer as the agent's screen shows it. `context`: who is calling and what is known."""

    offer: str
    entry: str
    agent: str
    queue: str
    stage: OfferStage
    call_id: str
    caller: Party
    waited_s: float
    since: float  # on the engine's clock
    until: float  # when it rings out
    context: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = ""  # of one that is over: a value of Miss, or "connected"


OfferWatcher = Callable[[OfferShown], None]
BeforeRinging = Callable[[str, str], Awaitable[None]]
"""Takes an offer's id and its agent."""


class OfferDesk:
    """Makes the engine's offers. Used as `async with`; leaving it takes back what is still under way."""

    def __init__(
        self,
        runner: QueueRunner,
        lines: AgentLines,
        open_player: OpenPlayer,
        *,
        accept_key_s: float = ACCEPT_KEY_S,
    ) -> None:
        self._runner = runner
        self._lines = lines
        self._open_player = open_player
        self._accept_key_s = accept_key_s
        self._tasks = asyncio.TaskGroup()
        self._calls: dict[str, QueuedCall] = {}
        self._offers: dict[str, _Ringing] = {}
        self._held: dict[str, QueuedCall] = {}  # offers whose agent isn't asked yet
        self._watchers: list[OfferWatcher] = []
        self._ready: BeforeRinging | None = None
        runner.attach(self)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for offer in list(self._offers.values()):
            offer.cancel(Miss.WITHDRAWN)
        await self._tasks.__aexit__(kind, error, trace)

    def register(self, entry: str, call: QueuedCall) -> None:
        """`call` waits at `entry`: before the entry joins."""
        self._calls[entry] = call

    def settle(self, offer: str) -> None:
        """Something has come of an offer for which `asked` was False."""
        self._held.pop(offer, None)

    def call_at(self, entry: str) -> QueuedCall | None:
        """Who waits there, or talks."""
        return self._calls.get(entry)

    def unregister(self, entry: str) -> None:
        self._calls.pop(entry, None)

    def watch(self, watcher: OfferWatcher) -> None:
        """`watcher` is given every offer as it changes, for agents' screens."""
        self._watchers.append(watcher)

    def before_ringing(self, ready: BeforeRinging) -> None:
        """`ready`: waited for, shortly, after an offer is shown and before the agent's phone rings."""
        self._ready = ready

    def shown(self, agent: str) -> OfferShown | None:
        """The offer that `agent` is being made; None when there is none."""
        return next((o.shown() for o in self._offers.values() if o.offer.agent == agent), None)

    def accept(self, agent: str) -> bool:
        """The agent accepted on the screen: it counts as the accept key, and their phone is what they answer.

        False when there is no offer.
        """
        return self._each_of(agent, _Ringing.accept)

    def decline(self, agent: str) -> bool:
        """The agent declined on the screen. False when there is no offer."""
        return self._each_of(agent, lambda ringing: ringing.give_up(Miss.DECLINED))

    def lose(self, agent: str) -> bool:
        """The agent's only device is gone: RONA at once. False when there is no offer."""
        return self._each_of(agent, lambda ringing: ringing.give_up(Miss.DISCONNECTED))

    # ---- the engine's OfferHandler

    def offer(self, offer: Offer) -> None:
        call, agent = self._calls.get(offer.entry), self._runner.agent(offer.agent)
        if call is None or agent is None:
            self._runner.post(
                OfferMissed(offer.offer, Miss.CALLER_GONE if call is None else Miss.UNREACHABLE)
            )
            return
        if not call.asked(offer):
            self._held[offer.offer] = call
            return
        ringing = _Ringing(self, offer, call, agent.profile)
        self._offers[offer.offer] = ringing
        ringing.task = self._tasks.create_task(ringing.run(), name=f"offer-{offer.offer}")

    def cancel(self, cancelled: CancelOffer) -> None:
        if (held := self._held.pop(cancelled.offer, None)) is not None:
            held.withdrawn(cancelled.offer)
        if (ringing := self._offers.get(cancelled.offer)) is not None:
            ringing.cancel(cancelled.reason)

    def connect(self, connect: Connect) -> None:
        ringing = self._offers.get(connect.offer)
        if ringing is None:
            log.error("connect_without_offer", offer=connect.offer)
            return
        ringing.hand_over(connect)

    # ---- of the offers

    def _each_of(self, agent: str, act: Callable[[_Ringing], None]) -> bool:
        ringing = [offer for offer in self._offers.values() if offer.offer.agent == agent]
        for offer in ringing:
            act(offer)
        return bool(ringing)

    def _tell(self, shown: OfferShown) -> None:
        for watcher in self._watchers:
            try:
                watcher(shown)
            except Exception:
                log.exception("offer_watcher_failed", offer=shown.offer)


class _Ringing:
    """One offer on its way."""

    def __init__(self, desk: OfferDesk, offer: Offer, call: QueuedCall, agent: AgentProfile) -> None:
        self.offer = offer
        self.task: asyncio.Task[None] | None = None
        self._desk = desk
        self._runner = desk._runner
        self._call = call
        self._agent = agent
        self._line: Line | None = None
        self._stage = OfferStage.RINGING
        self._outcome = ""
        self._accepted = asyncio.Event()
        self._over = False
        self._since = self._runner.now
        entry = self._runner.entry(offer.entry)
        self._waited_s = self._runner.now - entry.enqueued_at if entry is not None else 0.0

    def shown(self) -> OfferShown:
        offer, call = self.offer, self._call
        return OfferShown(
            offer=offer.offer,
            entry=offer.entry,
            agent=offer.agent,
            queue=offer.queue,
            stage=self._stage,
            call_id=self._runner.call_of(offer.entry),
            caller=call.caller,
            waited_s=self._waited_s,
            since=self._since,
            until=self._since + offer.ring_s,
            context=call.context,
            outcome=self._outcome,
        )

    # ---- from outside

    def accept(self) -> None:
        self._accepted.set()

    def give_up(self, reason: Miss) -> None:
        """The agent won't, or can't."""
        self._miss(reason)
        self._stop()

    def cancel(self, reason: Miss) -> None:
        """The engine took it back, and has released the agent already."""
        if not self._over:
            self._end(reason.value)
            self._stop()

    def hand_over(self, connect: Connect) -> None:
        """The engine says that this agent has the call."""
        line, self._line = self._line, None
        if line is None:
            raise RuntimeError("connected without a line")
        self._end("connected")
        self._call.connect(connect, self._agent, line)

    # ---- the task

    async def run(self) -> None:
        self._show(OfferStage.RINGING)
        try:
            await self._offer()
        except DialError as error:
            log.warning("agent_unreachable", agent=self.offer.agent, reason=error.reason)
            self._miss(Miss.UNREACHABLE)
        except LegEnded:
            self._miss(Miss.DISCONNECTED)
        except asyncio.CancelledError:
            if not self._over:  # not by us: the node stops
                self._miss(Miss.WITHDRAWN)
                raise
        except Exception:
            log.exception("offer_fault", offer=self.offer.offer, agent=self.offer.agent)
            self._miss(Miss.UNREACHABLE)
        finally:
            self._desk._offers.pop(self.offer.offer, None)
            if self._line is not None:
                self._line.release()

    async def _offer(self) -> None:
        if self._desk._ready is not None:
            await self._desk._ready(self.offer.offer, self.offer.agent)
        self._line = line = await self._reach()
        if line.standing:
            self._runner.post(Ring(self.offer.offer))
        elif (miss := await self._ring(line.leg)) is not None:
            self._miss(miss)
            return
        miss = await self._brief(line.leg)
        if miss is not None:
            self._miss(miss)
            return
        self._show(OfferStage.ACCEPTED)
        self._runner.post(Accept(self.offer.offer))

    async def _reach(self) -> Line:
        return await self._desk._lines.reach(
            self._agent,
            call_id=self._runner.call_of(self.offer.entry),
            caller=self._call.caller,
            headers=self._call.headers(),
        )

    async def _ring(self, leg: CallLeg) -> Miss | None:
        """Wait for the answer; why there was none."""
        try:
            async with asyncio.timeout(self.offer.ring_s):
                while True:
                    match await leg.next_event():
                        case Ringing() | EarlyMedia():
                            self._runner.post(Ring(self.offer.offer))
                        case Answered():
                            return None
                        case Ended(cause=cause):
                            return _MISSES.get(cause, Miss.UNREACHABLE)
                        case _:
                            pass
        except TimeoutError:
            return Miss.NO_ANSWER

    async def _brief(self, leg: CallLeg) -> Miss | None:
        """Whisper, and wait for the accept key where one is asked for; why it came to nothing."""
        self._show(OfferStage.ANSWERED)
        self._call.agent_answered(self._agent)
        briefing = await self._call.brief(self._agent)
        needs_key = bool(briefing.accept_key) and not self._accepted.is_set()
        if not briefing.clips and not needs_key and briefing.tone is None:
            return None
        player = self._desk._open_player(leg)
        try:
            async with asyncio.TaskGroup() as tasks:
                hung_up = tasks.create_task(self._watch(leg, briefing.accept_key))
                told = tasks.create_task(self._tell(player.play, briefing, needs_key))
                await asyncio.wait({hung_up, told}, return_when=asyncio.FIRST_COMPLETED)
                hung_up.cancel()
                told.cancel()
            if not hung_up.cancelled():
                return hung_up.result()
            return told.result()
        finally:
            player.close()

    async def _watch(self, leg: CallLeg, accept_key: str) -> Miss:
        """Take the agent's keys; returns when they have hung up."""
        while True:
            event = await leg.next_event()
            if isinstance(event, Ended):
                return Miss.DISCONNECTED
            if isinstance(event, DigitPressed) and event.digit == accept_key:
                self._accepted.set()

    async def _tell(self, play: Callable[..., Any], briefing: Briefing, needs_key: bool) -> Miss | None:
        """Play the briefing. An accept key cuts it, as whoever knows the queue by heart expects."""
        said = play(briefing.clips).finished() if briefing.clips else None
        if needs_key:
            try:
                async with asyncio.timeout(self._desk._accept_key_s):
                    await self._accepted.wait()
            except TimeoutError:
                return Miss.NO_ANSWER
        elif said is not None:
            await said
        if briefing.tone is not None:
            await play([briefing.tone]).finished()
        return None

    # ---- inside

    def _miss(self, reason: Miss) -> None:
        if not self._over:
            self._end(reason.value)
            self._runner.post(OfferMissed(self.offer.offer, reason))

    def _end(self, outcome: str) -> None:
        self._over = True
        self._outcome = outcome
        self._show(OfferStage.OVER)

    def _stop(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def _show(self, stage: OfferStage) -> None:
        self._stage = stage
        try:
            shown = self.shown()
        except Exception:  # what is known of a caller mustn't end an offer, let alone the node
            log.exception("offer_not_shown", offer=self.offer.offer)
            return
        self._desk._tell(shown)
