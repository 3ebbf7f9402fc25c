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
from collections.abc import Callable, Mapping, Sequence
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
from gateway.handoff.tokens import TokenKey, sign_handoff

log = structlog.get_logger(__name__)

MAX_WAITING: Final = 10_000
PIN_ATTEMPTS: Final = 20
"""How many PINs are tried for one that is free."""
HOUSEKEEPING_S: Final = 600.0
TOKEN_KEY_ID: Final = "ringback-handoff"  # noqa: S105  # a key's name


class PinTaken(RingbackError):
    """Another envelope has this PIN at this moment."""


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


class Shelf(Protocol):
    """Where envelopes are kept: `gateway.storage.handoffs.HandoffStore` is one."""

    async def add(
        self, kept: Kept, *, pin: str | None, pin_until: datetime | None, change: Change
    ) -> None: ...
    async def get(self, handoff: str) -> Kept | None: ...
    async def take_pin(self, pin: str, change: Change) -> Kept | None: ...
    async def newest_of_number(self, number: str, since: datetime, now: datetime) -> Kept | None: ...
    async def latest_of(self, customer: str, but: str) -> Sequence[Kept]: ...
    async def change(
        self, handoff: str, apply: Callable[[Envelope], Envelope], change: Change
    ) -> Envelope | None: ...
    async def changes(self, handoff: str) -> Sequence[Change]: ...
    async def forget(self, before: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class HandoffRules:
    """How long things live, and how long PINs are."""

    pin_digits: int = 6
    pin_ttl: timedelta = timedelta(minutes=15)
    ani_window: timedelta = timedelta(minutes=10)
    retention: timedelta = timedelta(days=30)


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

    def __init__(self, shelf: Shelf, clock: Clock, secret: str, rules: HandoffRules | None = None) -> None:
        self._shelf = shelf
        self._clock = clock
        self._secret = secret
        self.rules = rules or HandoffRules()
        self._guard = PinGuard()
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._forgotten_at = clock.now() - HOUSEKEEPING_S

    @property
    def token_key(self) -> TokenKey:
        """What verifies the tokens that this desk gives out."""
        return TokenKey(TOKEN_KEY_ID, "HS256", self._secret)

    def utc(self) -> datetime:
        return self._clock.utc()

    # ---- in

    async def hand_over(
        self, content: Content, *, app: str, ttl: timedelta, number: str = "", pin: bool = False
    ) -> Opened:
        """On disk when it returns. Raises envelope.TooLarge, and what the shelf raises."""
        now = self.utc()
        expires_at = now + ttl
        envelope = sealed(content, id=uuid4().hex, source=f"app:{app}", now=now, expires_at=expires_at)
        kept = Kept(envelope, app, number, expires_at)
        change = Change(now, f"app:{app}", "handed_over", {"pin": pin, "number": bool(number)})
        token = sign_handoff(
            self._secret, TOKEN_KEY_ID, handoff=envelope.id, subject=envelope.customer_id or envelope.id,
            name=_fact(envelope, "name"), issued_at=now, expires_at=expires_at,
        )  # fmt: skip
        if not pin:
            await self._shelf.add(kept, pin=None, pin_until=None, change=change)
            return Opened(envelope.id, token, expires_at)
        until = min(expires_at, now + self.rules.pin_ttl)
        for _ in range(PIN_ATTEMPTS):
            digits = "".join(secrets.choice("0123456789") for _ in range(self.rules.pin_digits))
            try:
                await self._shelf.add(kept, pin=self._hash(digits), pin_until=until, change=change)
            except PinTaken:
                continue
            return Opened(envelope.id, token, expires_at, digits, until)
        raise PinTaken("every PIN is taken: make handoff.pin_digits longer")

    def begin(self, envelope: Envelope, *, by: str) -> None:
        """Keep an envelope that began with a call: soon, and before its changes. Returns at once."""
        change = Change(self.utc(), by, "begun")
        self._ask(_Waiting(envelope.id, _unchanged, change, envelope))

    # ---- found again

    async def get(self, handoff: str) -> Kept | None:
        return await self._shelf.get(handoff)

    async def changes(self, handoff: str) -> Sequence[Change]:
        return await self._shelf.changes(handoff)

    async def by_id(self, handoff: str) -> Envelope | None:
        """None for one that has expired, too."""
        kept = await self._shelf.get(handoff)
        return None if kept is None or kept.expires_at <= self.utc() else kept.envelope

    async def by_pin(self, digits: str, *, caller: str, call_id: str) -> Envelope | None:
        """The envelope whose PIN was typed, once. None for a wrong, used or old one, and for who guesses."""
        now = self._clock.now()
        if not self._guard.allows(caller or call_id, now):
            log.warning("pin_guessing", call_id=call_id)
            return None
        change = Change(self.utc(), f"call:{call_id}", "matched", {"by": "pin"})
        kept = await self._shelf.take_pin(self._hash(digits), change)
        if kept is None:
            self._guard.missed(caller or call_id, now)
            return None
        return kept.envelope

    async def by_number(self, number: str, *, call_id: str) -> Envelope | None:
        """What was handed over for this number of late."""
        if not number:
            return None
        now = self.utc()
        kept = await self._shelf.newest_of_number(number, now - self.rules.ani_window, now)
        if kept is None:
            return None
        self.note(kept.envelope.id, Change(now, f"call:{call_id}", "matched", {"by": "ani"}))
        return kept.envelope

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
