"""Opening and upgrading the database, and what the operator hears when that fails."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, text

from gateway.errors import StartupError
from gateway.storage.calls import CallStore
from gateway.storage.database import Database, StorageError, StorageRefused
from gateway.storage.tables import metadata
from tests.unit.storage.builders import record


async def test_the_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        found: list[object] = compare_metadata(MigrationContext.configure(connection), metadata)
        return found

    async with database.transaction("compare") as connection:
        assert await connection.run_sync(differences) == []


async def test_an_upgrade_of_an_up_to_date_database_changes_nothing(
    database: Database, store: CallStore
) -> None:
    await store.write(record())
    await database.upgrade()

    assert len(await store.list()) == 1


async def test_sqlite_lets_readers_and_the_writer_work_at_the_same_time(
    database: Database, tmp_path: Path
) -> None:
    await database.upgrade()

    with sqlite3.connect(tmp_path / "var" / "ringback.db") as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    assert mode == "wal"


async def test_a_write_that_is_cancelled_leaves_no_lock_on_the_database(
    database: Database, store: CallStore, tmp_path: Path
) -> None:
    many = [{"at": at} for at in range(200_000)]  # the driver is busy with them when the task is cancelled
    async with database.transaction("prepare") as connection:
        await connection.execute(text("CREATE TABLE abandoned (at INTEGER)"))

    async def write() -> None:
        async with database.transaction("write") as connection:
            await connection.execute(text("INSERT INTO abandoned VALUES (:at)"), many)

    writing = asyncio.create_task(write())
    while not is_locked(tmp_path / "var" / "ringback.db"):  # noqa: ASYNC110  # SQLite has no event for it
        await asyncio.sleep(0)
    assert writing.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await writing

    await store.write(record())

    assert len(await store.list()) == 1
    assert cancelled.tb is not None  # it keeps everything that the cancelled task had in its hands


def is_locked(file: Path) -> bool:
    with closing(sqlite3.connect(file, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


async def test_a_database_of_a_newer_version_stops_the_start(database: Database, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "var" / "ringback.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(StartupError, match="made by another version of Ringback"):
        await database.upgrade()


async def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "ringback.db"
    file.write_text("these are not the bytes you are looking for" * 100)
    database = Database.open(SecretStr(f"sqlite:///{file}"))

    with pytest.raises(StartupError, match="can't be used: file is not a database"):
        await database.upgrade()

    await database.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://user:secret@db/ringback", "mysql isn't supported"),
        ("not a url", "is no database URL"),
        ("sqlite:////dev/null/ringback.db", "the directory /dev/null can't be made"),
    ],
)
def test_a_url_that_cannot_work_is_refused_without_its_password(url: str, reason: str) -> None:
    with pytest.raises(StartupError, match=reason) as raised:
        Database.open(SecretStr(url))

    assert "secret" not in str(raised.value)


def test_a_missing_driver_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    with pytest.raises(StartupError, match=r"needs the package asyncpg; install ringback\[postgresql\]"):
        Database.open(SecretStr("postgresql://user:secret@db/ringback"))


async def test_a_failure_names_the_operation_and_not_the_parameters(url: SecretStr) -> None:
    database = Database.open(url)  # without its tables

    with pytest.raises(StorageError, match="no such table: calls") as raised:
        await CallStore(database).write(record(ani="+442071234567"))

    assert raised.value.operation == "write"
    assert "442071234567" not in str(raised.value)
    await database.close()


async def test_content_that_the_database_refuses_is_told_apart_from_a_database_that_fails(
    store: CallStore,
) -> None:
    with pytest.raises(StorageRefused):
        await store.write(record(started_at=None))
