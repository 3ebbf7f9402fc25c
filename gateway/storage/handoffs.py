"""Envelopes in the database: `gateway.handoff.desk.Shelf`, and the tokens that were used.

Each raises StorageError when the database fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.handoff.desk import Change, ChangedMeanwhile, Kept, Lending, NoNumberFree, PinTaken
from gateway.handoff.envelope import Envelope
from gateway.handoff.looking_back import key_of
from gateway.storage.database import Database, StorageRefused
from gateway.storage.lent_numbers import borrower, lend
from gateway.storage.outbox import insert_deliveries
from gateway.storage.plain import plain, text
from gateway.storage.tables import handoff_changes, handoffs, used_tokens
from gateway.webhooks.events import Delivery

ATTEMPTS: Final = 10
"""How often a change is tried when others change the same envelope in the same moment."""


Tell = Callable[[Envelope, Change], Sequence[Delivery]]


LATEST: Final = 5
"""How many of a customer's envelopes are looked through for their last contact."""


class HandoffStore:
    """The envelopes of all nodes. `tell`: what webhooks are told of a change, stored with it."""

    def __init__(
        self,
        database: Database,
        tell: Tell = lambda _envelope, _change: (),
        delivering: Callable[[], None] = lambda: None,
    ) -> None:
        """`delivering`: called when there may be something new for webhooks."""
        self._database = database
        self._tell = tell
        self._delivering = delivering

    async def add(
        self,
        kept: Kept,
        *,
        pin: str | None,
        pin_until: datetime | None,
        change: Change,
        lending: Lending | None = None,
    ) -> str:
        """A new one, and the number that was lent to it ("" for none).

        Raises PinTaken when that PIN is somebody else's at this moment, NoNumberFree when every number is.
        """
        number = ""
        row = {
            "app": text(kept.app, 255),
            "number": text(kept.number, 64),
            "pin": pin,
            "pin_until": pin_until,
            "created_at": kept.envelope.created_at,
            "expires_at": kept.expires_at,
            "revision": 1,
            **_content(kept.envelope),
        }
        try:
            async with self._database.transaction("handoff add") as connection:
                if pin is not None:
                    over = handoffs.c.pin_until < kept.envelope.created_at
                    await connection.execute(update(handoffs).where(over).values(pin=None, pin_until=None))
                await connection.execute(insert(handoffs).values(id=kept.envelope.id, **row))
                if lending is not None:
                    number = await self._lend(connection, kept, lending)
                await self._journal(connection, kept.envelope, change)
        except StorageRefused as refused:
            if pin is None and lending is None:
                raise
            raise PinTaken from refused
        self._delivering()
        return number

    async def get(self, handoff: str) -> Kept | None:
        return await self._one(select(handoffs).where(handoffs.c.id == handoff))

    async def take_pin(self, pin: str, change: Change) -> Kept | None:
        """The envelope of a PIN that nobody has used; from now on it is used."""
        mine = handoffs.c.pin == pin
        async with self._database.transaction("handoff pin") as connection:
            row = (await connection.execute(select(handoffs).where(mine))).mappings().first()
            if row is None or row["pin_until"] is None or row["pin_until"] <= change.at:
                return None
            taken = await connection.execute(update(handoffs).where(mine).values(pin=None, pin_until=None))
            if taken.rowcount != 1:
                return None
            kept = _kept(row)
            await self._journal(connection, kept.envelope, change)
        self._delivering()
        return kept

    async def newest_of_number(self, number: str, since: datetime, now: datetime) -> Kept | None:
        """What was handed over last for this number, and hasn't expired."""
        query = (
            select(handoffs)
            .where(handoffs.c.number == number, handoffs.c.created_at >= since, handoffs.c.expires_at > now)
            .order_by(handoffs.c.created_at.desc())
        )
        return await self._one(query)

    async def borrower_of(self, number: str, now: datetime) -> Kept | None:
        """Whose the number is at this moment, that was lent out of a pool."""
        return await self._one(borrower(number, now).where(handoffs.c.expires_at > now))

    async def latest_of(self, customer: str, but: str) -> Sequence[Kept]:
        """A few of theirs, the newest first, but not this one. `customer`: see `looking_back.key_of`."""
        query = (
            select(handoffs)
            .where(handoffs.c.customer == text(customer, 255), handoffs.c.id != but)
            .order_by(handoffs.c.created_at.desc())
        )
        async with self._database.transaction("handoff read") as connection:
            rows = (await connection.execute(query.limit(LATEST))).mappings().all()
        return tuple(_kept(row) for row in rows)

    async def change(
        self, handoff: str, apply: Callable[[Envelope], Envelope], change: Change
    ) -> Envelope | None:
        """The envelope as it is now, with `apply` done to it; None when there is none of that id.

        Raises ChangedMeanwhile when others are always faster.
        """
        for _ in range(ATTEMPTS):
            async with self._database.transaction("handoff change") as connection:
                found = await connection.execute(select(handoffs).where(handoffs.c.id == handoff))
                row = found.mappings().first()
                if row is None:
                    return None
                envelope = apply(Envelope.from_json(row["envelope"]))
                values = {**_content(envelope), "revision": row["revision"] + 1}
                mine = (handoffs.c.id == handoff) & (handoffs.c.revision == row["revision"])
                done = await connection.execute(update(handoffs).where(mine).values(**values))
                if done.rowcount == 1:
                    await self._journal(connection, envelope, change)
            if done.rowcount == 1:
                self._delivering()
                return envelope
        raise ChangedMeanwhile(handoff)

    async def changes(self, handoff: str) -> Sequence[Change]:
        """Everything that was done to it, in order."""
        query = select(handoff_changes).where(handoff_changes.c.handoff == handoff)
        async with self._database.transaction("handoff changes") as connection:
            rows = (await connection.execute(query.order_by(handoff_changes.c.id))).mappings().all()
        return tuple(Change(row["at"], row["by"], row["what"], row["details"]) for row in rows)

    async def forget(self, before: datetime) -> int:
        """Delete what expired before then, with its changes. How many envelopes."""
        over = handoffs.c.expires_at < before
        async with self._database.transaction("handoff forget") as connection:
            old = select(handoffs.c.id).where(over)
            await connection.execute(delete(handoff_changes).where(handoff_changes.c.handoff.in_(old)))
            return (await connection.execute(delete(handoffs).where(over))).rowcount

    async def use_token(self, token_id: str, until: datetime, now: datetime) -> bool:
        """False when it was used before, by whichever node."""
        try:
            async with self._database.transaction("token use") as connection:
                await connection.execute(delete(used_tokens).where(used_tokens.c.until < now))
                await connection.execute(insert(used_tokens).values(id=text(token_id, 255), until=until))
        except StorageRefused:
            return False
        return True

    async def _lend(self, connection: AsyncConnection, kept: Kept, lending: Lending) -> str:
        now, until = kept.envelope.created_at, lending.until
        number = await lend(connection, lending.numbers, kept.envelope.id, now=now, until=until)
        if number is None:
            raise NoNumberFree(len(lending.numbers))
        return number

    async def _journal(self, connection: AsyncConnection, envelope: Envelope, change: Change) -> None:
        await connection.execute(
            insert(handoff_changes).values(
                handoff=envelope.id,
                at=change.at,
                by=text(change.by, 255),
                what=text(change.what, 64),
                details=plain(change.details),
            )
        )
        await insert_deliveries(connection, self._tell(envelope, change))

    async def _one(self, query: Select[Any]) -> Kept | None:
        async with self._database.transaction("handoff read") as connection:
            row = (await connection.execute(query.limit(1))).mappings().first()
        return None if row is None else _kept(row)


def _content(envelope: Envelope) -> Mapping[str, object]:
    return {"customer": text(key_of(envelope), 255), "envelope": plain(envelope.to_json())}


def _kept(row: RowMapping) -> Kept:
    return Kept(Envelope.from_json(row["envelope"]), row["app"], row["number"], row["expires_at"])
