"""Where envelopes are handed over and found again.

An app's server hands one over and gets an id, a signed token for an in-app call and, when it asks, a PIN
for a phone call. A call finds it by what its caller shows (`matching`). What happens to the customer
afterwards is written into it in the background, in order; the call never waits for the disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import uuid4

import structlog

from gateway.clock import Clock
from gateway.errors import RingbackError
from gateway.handoff.content import Content, sealed
from gateway.handoff.envelope import Envelope
from gateway.handoff.guard import PinGuard
from gateway.handoff.looking_back import key_of, last_contact
from gateway.handoff.numbers import canonical
from gateway.handoff.tokens import TokenKey, UsedTokens, sign_handoff

log = structlog.get_logger(__name__)

MAX_WAITING: Final = 10_000
PIN_ATTEMPTS: Final = 20
"""How many PINs are tried for one that is free."""
HOUSEKEEPING_S: Final = 600.0
TOKEN_KEY_ID: Final = "ringback-handoff"  # noqa: S105  # a key's name


class PinTaken(RingbackError):
    """Another envelope has this PIN at this moment."""


class NoNumberFree(RingbackError):
    """Every number of the pool is lent."""

    def __init__(self, numbers: int) -> None:
        super().__init__(f"all {numbers} numbers of the pool are lent: try again in a while")


class NoSuchPool(RingbackError):
    """A pool of numbers that the configuration hasn't; `pool` is what was asked for, `known` what it has."""

    def __init__(self, pool: str, known: Collection[str]) -> None:
        super().__init__(f"there is no pool of numbers '{pool}'")
        self.pool = pool
        self.known = known


class ChangedMeanwhile(RingbackError):
    """Others changed the envelope again and again."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to an envelope. `by`: as in a fact's source. `details`: plain JSON, nothing private."""

    at: datetime
    by: str
    what: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """An envelope as it is stored. `app`: whose it is. `number`: the phone number that it may be found by."""

    envelope: Envelope
    app: str
    number: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """What the app gets. `pin`: "" when none was asked for."""

    id: str
    token: str = field(repr=False)
    expires_at: datetime
    pin: str = field(default="", repr=False)
    pin_expires_at: datetime | None = None
    lent_number: str = ""
    lent_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lending:
    """One of `numbers` (canonical) is to be lent, until then."""

    numbers: Sequence[str]
    until: datetime


class Shelf(Protocol):
    """Where envelopes are kept: `gateway.storage.handoffs.HandoffStore` is one."""

    async def add(
        self,
        kept: Kept,
        *,
        pin: str | None,
        pin_until: datetime | None,
        change: Change,
        lending: Lending | None = None,
    ) -> str: ...
    async def get(self, handoff: str) -> Kept | None: ...
    async def take_pin(self, pin: str, change: Change) -> Kept | None: ...
    async def newest_of_number(self, number: str, since: datetime, now: datetime) -> Kept | None: ...
    async def borrower_of(self, number: str, now: datetime) -> Kept | None: ...
    async def latest_of(self, customer: str, but: str) -> Sequence[Kept]: ...
    async def change(
        self, handoff: str, apply: Callable[[Envelope], Envelope], change: Change
    ) -> Envelope | None: ...
    async def changes(self, handoff: str) -> Sequence[Change]: ...
    async def forget(self, before: datetime) -> int: ...
    async def use_token(self, token_id: str, until: datetime, now: datetime) -> bool: ...


@dataclass(frozen=True, slots=True)
class HandoffRules:
    """How long things live, and how long PINs are."""

    pin_digits: int = 6
    pin_ttl: timedelta = timedelta(minutes=15)
    ani_window: timedelta = timedelta(minutes=10)
    retention: timedelta = timedelta(days=30)
    number_pools: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lend: timedelta = timedelta(minutes=15)


Count = Callable[[str, str], None]
"""Told of each handoff: by which way (a value of Match, or "api"), and what came of it."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What is to be written: a change, or (`new`) an envelope that isn't there yet."""

    handoff: str
    apply: Callable[[Envelope], Envelope]
    change: Change
    new: Envelope | None = None


class HandoffDesk:
    """The envelopes of a node. `secret`: signs tokens and hashes PINs, the same on every node.

    `run` writes changes until it is cancelled; `close` writes what is left.
    """

    def __init__(
        self,
        shelf: Shelf,
        clock: Clock,
        secret: str,
        rules: HandoffRules | None = None,
        count: Count = lambda _channel, _result: None,
    ) -> None:
        self._shelf = shelf
        self.count = count
        self._clock = clock
        self._secret = secret
        self.rules = rules or HandoffRules()
        self._written = {  # numbers of the pools, as the operator writes them
            canonical(number): number for pool in self.rules.number_pools.values() for number in pool
        }
        self._guard = PinGuard()
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._forgotten_at = clock.now() - HOUSEKEEPING_S

    @property
    def token_key(self) -> TokenKey:
        """What verifies the tokens that this desk gives out."""
        return TokenKey(TOKEN_KEY_ID, "HS256", self._secret)

    @property
    def used_tokens(self) -> UsedTokens:
        """What remembers, for every node, which tokens were used."""
        return self._shelf

    def utc(self) -> datetime:
        return self._clock.utc()

    # ---- in

    async def hand_over(
        self,
        content: Content,
        *,
        app: str,
        ttl: timedelta,
        number: str = "",
        pin: bool = False,
        pool: str | None = None,
    ) -> Opened:
        """On disk when it returns. `pool`: lend a number of it.

        Raises envelope.TooLarge, NoSuchPool, NoNumberFree, and what the shelf raises.
        """
        now = self.utc()
        lending = None if pool is None else self._lending(pool, min(now + ttl, now + self.rules.lend))
        expires_at = now + ttl
        envelope = sealed(content, id=uuid4().hex, source=f"app:{app}", now=now, expires_at=expires_at)
        kept = Kept(envelope, app, number, expires_at)
        change = Change(
            now, f"app:{app}", "handed_over", {"pin": pin, "number": bool(number), "pool": pool or ""}
        )
        token = sign_handoff(
            self._secret, TOKEN_KEY_ID, handoff=envelope.id, subject=envelope.customer_id or envelope.id,
            name=_fact(envelope, "name"), issued_at=now, expires_at=expires_at,
        )  # fmt: skip
        pin_until = min(expires_at, now + self.rules.pin_ttl) if pin else None
        for _ in range(PIN_ATTEMPTS):
            digits = self._new_pin() if pin else ""
            hashed = self._hash(digits) if pin else None
            try:
                lent = await self._shelf.add(
                    kept, pin=hashed, pin_until=pin_until, change=change, lending=lending
                )
            except PinTaken:  # or the number, by another node in the same moment
                continue
            until = None if lending is None else lending.until
            self.count("api", "handed_over")
            return Opened(
                envelope.id, token, expires_at, digits, pin_until, self._written.get(lent, lent), until
            )
        raise PinTaken("every PIN is taken: make handoff.pin_digits longer")

    def _lending(self, pool: str, until: datetime) -> Lending:
        numbers = self.rules.number_pools.get(pool)
        if numbers is None:
            raise NoSuchPool(pool, self.rules.number_pools)
        return Lending([canonical(number) for number in numbers], until)

    def _new_pin(self) -> str:
        return "".join(secrets.choice("0123456789") for _ in range(self.rules.pin_digits))

    def begin(self, envelope: Envelope, *, by: str) -> None:
        """Keep an envelope that began with a call: soon, and before its changes. Returns at once."""
        change = Change(self.utc(), by, "begun")
        self._ask(_Waiting(envelope.id, _unchanged, change, envelope))

    # ---- found again

    async def get(self, handoff: str) -> Kept | None:
        return await self._shelf.get(handoff)

    async def changes(self, handoff: str) -> Sequence[Change]:
        return await self._shelf.changes(handoff)

    async def by_id(
        self, handoff: str, *, by: str = "", call_id: str = "", app: str | None = None
    ) -> Envelope | None:
        """None for one that has expired, too, or isn't `app`'s. `by`: the way it was named, to be noted."""
        kept = await self._shelf.get(handoff)
        if kept is None or kept.expires_at <= self.utc():
            found = "unknown" if kept is None else "expired"
        elif app is not None and kept.app != app:
            found = "of_another_app"
        else:
            return self._matched(kept.envelope, by, call_id) if by else kept.envelope
        if by:
            log.warning("handoff_not_found", handoff=handoff, by=by, reason=found, call_id=call_id)
            self.count(by, found)
        return None

    def _matched(self, envelope: Envelope, by: str, call_id: str) -> Envelope:
        self.note(envelope.id, Change(self.utc(), f"call:{call_id}", "matched", {"by": by}))
        self.count(by, "matched")
        return envelope

    async def by_pin(self, digits: str, *, caller: str, call_id: str) -> Envelope | None:
        """The envelope whose PIN was typed, once. None for a wrong, used or old one, and for who guesses."""
        now = self._clock.now()
        if not self._guard.allows(caller or call_id, now):
            log.warning("pin_guessing", call_id=call_id)
            self.count("pin", "refused")
            return None
        change = Change(self.utc(), f"call:{call_id}", "matched", {"by": "pin"})
        kept = await self._shelf.take_pin(self._hash(digits), change)
        if kept is None:
            self._guard.missed(caller or call_id, now)
            self.count("pin", "unknown")
            return None
        self.count("pin", "matched")
        return kept.envelope

    async def by_number(self, number: str, *, call_id: str) -> Envelope | None:
        """What was handed over for this number of late."""
        if not number:
            return None
        now = self.utc()
        kept = await self._shelf.newest_of_number(number, now - self.rules.ani_window, now)
        if kept is None:
            return None
        return self._matched(kept.envelope, "ani", call_id)

    async def by_dialled(self, number: str, *, call_id: str) -> Envelope | None:
        """What the number that was dialled is lent to."""
        if (dialled := canonical(number)) not in self._written:
            return None
        now = self.utc()
        kept = await self._shelf.borrower_of(dialled, now)
        if kept is None:
            self.count("dnis", "unknown")
            return None
        return self._matched(kept.envelope, "dnis", call_id)

    async def last_contact(self, envelope: Envelope) -> dict[str, Any] | None:
        """What came of the last time that somebody talked with this customer (`looking_back`)."""
        customer = key_of(envelope)
        if not customer:
            return None
        found = await self._shelf.latest_of(customer, envelope.id)
        return last_contact(kept.envelope for kept in found)

    # ---- changes, in the background

    def note(self, handoff: str, change: Change) -> None:
        """For the journal of changes alone."""
        self.change(handoff, _unchanged, change)

    def change(self, handoff: str, apply: Callable[[Envelope], Envelope], change: Change) -> None:
        """Do it soon, after what was asked before. Returns at once."""
        self._ask(_Waiting(handoff, apply, change))

    async def run(self) -> None:
        while True:
            waiting = await self._waiting.get()
            await self._write(waiting)
            if self._clock.now() - self._forgotten_at >= HOUSEKEEPING_S:
                self._forgotten_at = self._clock.now()
                await self._forget()

    async def close(self) -> None:
        """What was asked for is written, as far as the database lets us."""
        while not self._waiting.empty():
            await self._write(self._waiting.get_nowait())

    def _ask(self, waiting: _Waiting) -> None:
        if self._waiting.qsize() >= MAX_WAITING:
            log.error("handoff_change_lost", handoff=waiting.handoff, what=waiting.change.what)
            return
        self._waiting.put_nowait(waiting)

    async def _write(self, waiting: _Waiting) -> None:
        try:
            if waiting.new is not None:
                kept = Kept(waiting.new, "", "", waiting.new.expires_at)
                await self._shelf.add(kept, pin=None, pin_until=None, change=waiting.change)
                return
            if await self._shelf.change(waiting.handoff, waiting.apply, waiting.change) is None:
                log.warning("handoff_gone", handoff=waiting.handoff, what=waiting.change.what)
        except RingbackError as error:
            log.error("handoff_change_lost", handoff=waiting.handoff, error=str(error))  # noqa: TRY400
        except Exception:  # one change's fault mustn't keep the others from being written
            log.exception("handoff_change_failed", handoff=waiting.handoff)

    async def _forget(self) -> None:
        try:
            await self._shelf.forget(self.utc() - self.rules.retention)
        except RingbackError as error:
            log.error("handoffs_not_forgotten", error=str(error))  # noqa: TRY400

    def _hash(self, digits: str) -> str:
        return hmac.new(self._secret.encode(), f"pin:{digits}".encode(), hashlib.sha256).hexdigest()


def _unchanged(envelope: Envelope) -> Envelope:
    return envelope


def _fact(envelope: Envelope, name: str) -> str:
    fact = envelope.customer.get(name)
    return "" if fact is None else fact.value[:128]
