"""The courier: takes what is due out of the outbox and sends it, each endpoint by itself.

An endpoint that is down or slow is a matter between it and its own task. While its last try failed it gets
one message at a time, to see whether it is back; then as many at once as it may have.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from gateway.clock import Clock
from gateway.errors import RingbackError
from gateway.webhooks.backoff import Backoff
from gateway.webhooks.events import Delivery
from gateway.webhooks.sending import Answer, Endpoint, Sender, Verdict
from monitoring.metrics import Metrics, WebhookStats

log = structlog.get_logger(__name__)

LOOK_S: Final = 5.0
"""How often the outbox is looked at without a reason: for what another node left."""
CLAIM_MARGIN_S: Final = 10.0
TIDY_S: Final = 3600.0
DELIVERED_FOR: Final = timedelta(days=1)
"""How long what was delivered is kept: a busy node tells gigabytes a week."""
STRAY_FOR: Final = timedelta(days=1)
"""Other nodes of the database may have endpoints that this one hasn't."""
UNKNOWN: Final = "no node has this endpoint any more"
DISABLED: Final = "the endpoint is disabled"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to try. `tries`: before this one."""

    id: str
    delivery: Delivery
    tries: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an endpoint still has to get. `next_at`: the earliest try that is nobody's yet."""

    pending: int = 0
    oldest_at: datetime | None = None
    next_at: datetime | None = None


class Outbox(Protocol):
    """Where deliveries are kept: `gateway.storage.outbox.OutboxStore` is one. Raises RingbackErrors."""

    async def claim(self, endpoint: str, now: datetime, until: datetime, limit: int) -> Sequence[Claimed]: ...
    async def delivered(self, id: str, now: datetime, status: int | None) -> None: ...
    async def put_off(self, id: str, next_at: datetime, status: int | None, error: str) -> None: ...
    async def bury(self, id: str, now: datetime, status: int | None, error: str) -> None: ...
    async def bury_all(self, endpoint: str, now: datetime, error: str) -> int: ...
    async def bury_strays(
        self, known: Collection[str], now: datetime, before: datetime, error: str
    ) -> int: ...
    async def backlog(self, endpoint: str) -> Backlog: ...
    async def release(self) -> None: ...
    async def disabled(self, endpoint: str, url: str) -> bool: ...
    async def disable(self, endpoint: str, url: str, now: datetime) -> None: ...
    async def forget(self, delivered_before: datetime, dead_before: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class CourierRules:
    """How deliveries are made. `keep`: how long those that were given up can still be seen, and replayed."""

    backoff: Backoff = field(default_factory=Backoff)
    timeout_s: float = 10.0
    keep: timedelta = timedelta(days=14)


class Courier:
    """Delivers for the endpoints of a node. `run` is its task; `wake` says that there is something new."""

    def __init__(
        self,
        outbox: Outbox,
        senders: Sequence[tuple[Endpoint, Sender]],
        rules: CourierRules,
        clock: Clock,
        metrics: Metrics,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._rules = rules
        self._clock = clock
        self._rounds = [_Round(outbox, *one, rules, clock, metrics, chance) for one in senders]
        metrics.watch_webhooks(lambda: [one.stats() for one in self._rounds])

    def wake(self) -> None:
        """On the event loop."""
        for one in self._rounds:
            one.wake()

    async def run(self) -> None:
        """Until cancelled. What was under way when this node died is tried again at once."""
        try:
            await self._outbox.release()
        except RingbackError as error:
            log.error("webhooks_not_released", error=str(error))  # noqa: TRY400
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            for one in self._rounds:
                tasks.create_task(one.run())
            while True:
                await self._tidy()
                await asyncio.sleep(TIDY_S)

    async def _tidy(self) -> None:
        try:
            now = self._clock.utc()
            names = [one.endpoint for one in self._rounds]
            await self._outbox.bury_strays(names, now, now - STRAY_FOR, UNKNOWN)
            await self._outbox.forget(now - min(DELIVERED_FOR, self._rules.keep), now - self._rules.keep)
        except RingbackError as error:
            log.error("webhooks_not_forgotten", error=str(error))  # noqa: TRY400


class _Round:
    """One endpoint's deliveries."""

    def __init__(
        self,
        outbox: Outbox,
        endpoint: Endpoint,
        sender: Sender,
        rules: CourierRules,
        clock: Clock,
        metrics: Metrics,
        chance: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._endpoint = endpoint
        self._sender = sender
        self._rules = rules
        self._clock = clock
        self._metrics = metrics
        self._chance = chance
        self._news = asyncio.Event()
        self._failing = False
        self._flying: set[asyncio.Task[None]] = set()
        self._backlog = Backlog()

    @property
    def endpoint(self) -> str:
        return self._endpoint.name

    def wake(self) -> None:
        self._news.set()

    def stats(self) -> WebhookStats:
        oldest_at = self._backlog.oldest_at
        age_s = 0.0 if oldest_at is None else (self._clock.utc() - oldest_at).total_seconds()
        return WebhookStats(self._endpoint.name, self._backlog.pending, max(0.0, age_s))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._news.clear()
                pause_s = LOOK_S
                try:
                    pause_s = await self._look(tasks)
                except RingbackError as error:
                    log.warning("webhooks_not_looked_at", endpoint=self._endpoint.name, error=str(error))
                try:
                    async with asyncio.timeout(pause_s):
                        await self._news.wait()
                except TimeoutError:
                    pass

    async def _look(self, tasks: asyncio.TaskGroup) -> float:
        """Start what is due. Seconds until it is worth looking again."""
        now, name = self._clock.utc(), self._endpoint.name
        if await self._outbox.disabled(name, self._endpoint.url):
            await self._outbox.bury_all(name, now, DISABLED)
            self._backlog = await self._outbox.backlog(name)
            return LOOK_S
        room = (1 if self._failing else self._endpoint.concurrency) - len(self._flying)
        if room > 0:
            until = now + timedelta(seconds=self._rules.timeout_s + CLAIM_MARGIN_S)
            for claimed in await self._outbox.claim(name, now, until, room):
                task = tasks.create_task(self._deliver(claimed))
                self._flying.add(task)
                task.add_done_callback(self._landed)
        self._backlog = await self._outbox.backlog(name)
        next_at = self._backlog.next_at
        if next_at is None or room <= 0:
            return LOOK_S
        return min(LOOK_S, max(0.01, (next_at - self._clock.utc()).total_seconds()))

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        self._news.set()

    async def _deliver(self, claimed: Claimed) -> None:
        began_at = self._clock.now()
        answer = await self._sender.send(claimed.delivery, self._clock.utc().timestamp())
        self._metrics.webhook_delivery.observe(self._clock.now() - began_at)
        self._failing = answer.verdict is Verdict.FAILED
        try:
            await self._settle(claimed, answer)
        except RingbackError as error:  # the claim runs out, and it is sent once more
            log.error(  # noqa: TRY400
                "webhook_outcome_not_stored", endpoint=self._endpoint.name, error=str(error)
            )

    async def _settle(self, claimed: Claimed, answer: Answer) -> None:
        outbox, name, now = self._outbox, self._endpoint.name, self._clock.utc()
        about = {"endpoint": name, "message": claimed.delivery.message, "event_type": claimed.delivery.type}
        tries = claimed.tries + 1
        match answer.verdict:
            case Verdict.DELIVERED:
                self._count("delivered")
                await outbox.delivered(claimed.id, now, answer.status)
                log.info("webhook_delivered", **about, tries=tries)
            case Verdict.GONE:
                self._count("dead")
                await outbox.disable(name, self._endpoint.url, now)
                await outbox.bury(claimed.id, now, answer.status, answer.error)
                log.error("webhook_endpoint_gone", **about)
            case Verdict.FAILED:
                pause_s = self._rules.backoff.pause_s(tries, self._chance(), answer.retry_after_s)
                if pause_s is None:
                    self._count("dead")
                    await outbox.bury(claimed.id, now, answer.status, answer.error)
                    log.error("webhook_dead", **about, tries=tries, reason=answer.error)
                    return
                self._count("failed")
                await outbox.put_off(
                    claimed.id, now + timedelta(seconds=pause_s), answer.status, answer.error
                )
                log.warning(
                    "webhook_failed", **about, tries=tries, reason=answer.error, again_s=round(pause_s, 1)
                )

    def _count(self, outcome: str) -> None:
        self._metrics.webhook_deliveries.labels(self._endpoint.name, outcome).inc()
