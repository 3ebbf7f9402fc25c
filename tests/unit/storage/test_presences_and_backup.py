"""What agents chose last, as a restart finds it; and the copy of a database in use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.agents.presence import Presence
from gateway.queues.journal import JournalEvent, JournalKind, StoredEvent
from gateway.storage.database import Database, StorageError
from gateway.storage.journal_store import JournalStore
from gateway.storage.presences import KnownPresence

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def chose(number: int, agent: str, presence: str, reason: str = "") -> StoredEvent:
    details = {"presence": presence, "reason": reason}
    at = START + timedelta(seconds=number)
    return StoredEvent(
        "node", number, JournalEvent(at, JournalKind.AGENT_PRESENCE, agent=agent, details=details)
    )


async def test_the_last_choice_counts_and_who_logged_out_is_gone(database: Database) -> None:
    store = JournalStore(database, "node")
    await store.write([chose(1, "ann", "available"), chose(2, "ben", "available")])
    await store.write([chose(3, "ann", "on_break", "lunch"), chose(4, "ben", "logged_out")])

    assert await store.presences() == (KnownPresence("ann", Presence.ON_BREAK, "lunch"),)


async def test_a_backup_is_whole_and_never_written_over(database: Database, tmp_path: Path) -> None:
    await JournalStore(database, "node").write([chose(1, "ann", "available")])
    copy = tmp_path / "copy.db"

    assert await database.backup(copy) > 0
    with pytest.raises(StorageError, match="exists"):
        await database.backup(copy)

    restored = Database.open(SecretStr(f"sqlite:///{copy}"))
    try:
        assert len(await JournalStore(restored, "node").presences()) == 1
    finally:
        await restored.close()


async def test_theres_no_backup_of_a_database_that_isnt_there(tmp_path: Path) -> None:
    database = Database.open(SecretStr(f"sqlite:///{tmp_path / 'none.db'}"))
    try:
        with pytest.raises(StorageError, match="there is no database"):
            await database.backup(tmp_path / "copy.db")
    finally:
        await database.close()
