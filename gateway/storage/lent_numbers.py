"""Which number of a pool is lent to which envelope; within the transaction of whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.storage.tables import handoffs, lent_numbers


async def lend(
    connection: AsyncConnection, numbers: Sequence[str], handoff: str, *, now: datetime, until: datetime
) -> str | None:
    """The number of `numbers` that has rested the longest, lent from now on; None when none is free.

    Whoever calls a number a little late then reaches nobody else's context for as long as can be. Raises
    IntegrityError when another node lends the same one at the same moment.
    """
    mine = lent_numbers.c.number.in_(numbers)
    rows = (await connection.execute(select(lent_numbers).where(mine))).mappings().all()
    known: dict[str, datetime] = {row["number"]: row["until"] for row in rows}
    for number in numbers:
        if number not in known:
            await connection.execute(insert(lent_numbers).values(number=number, handoff=handoff, until=until))
            return number
    for number, over in sorted(known.items(), key=lambda item: item[1]):
        if over > now:
            break
        was = (lent_numbers.c.number == number) & (lent_numbers.c.until == over)
        taken = await connection.execute(update(lent_numbers).where(was).values(handoff=handoff, until=until))
        if taken.rowcount == 1:
            return number
    return None


def borrower(number: str, now: datetime) -> Select[tuple[object, ...]]:
    """The envelope that it is lent to at this moment."""
    lent = (lent_numbers.c.number == number) & (lent_numbers.c.until > now)
    return select(handoffs).join(lent_numbers, lent_numbers.c.handoff == handoffs.c.id).where(lent)
