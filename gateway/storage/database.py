"""The database: SQLite by default, PostgreSQL for a cluster."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Final, Self

import aiosqlite
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from pydantic import SecretStr
from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.engine.interfaces import AdaptedConnection
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from gateway.errors import RingbackError, StartupError

MIGRATIONS = Path(__file__).parent / "migrations"
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
BUSY_TIMEOUT_MS = 5000
_ROLLBACKS: Final[set[asyncio.Task[None]]] = set()  # the loop itself keeps no task alive
UPGRADE_LOCK = 0x52494E47  # "RING": any number, as long as every node takes the same one


class StorageError(RingbackError):
    """The database couldn't do what was asked; `operation` says what."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"storage: {operation} failed: {reason}")
        self.operation = operation
        self.reason = reason


class StorageRefused(StorageError):
    """The database works, but not with this: the same again would fail the same."""


class Database:
    """One engine with its connections. Opened once, closed at the end."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.dialect = engine.dialect.name

    @classmethod
    def open(cls, url: SecretStr, *, durable: bool = False) -> Self:
        """Prepare the database at `url`; nothing is contacted yet.

        `durable`: what was committed survives a power cut. It costs an fsync a commit, so only the journal,
        on connections of its own, asks for it.

        Raises StartupError for a URL that no driver understands, or whose directory can't be made.
        """
        try:
            parsed = make_url(url.get_secret_value())
            backend = parsed.get_backend_name()
            if backend not in DRIVERS:
                raise StartupError(f"storage.url: {backend} isn't supported; use sqlite or postgresql")
            parsed = parsed.set(drivername=DRIVERS[backend])
            engine = create_async_engine(parsed, pool_pre_ping=backend == "postgresql")
        except (ArgumentError, NoSuchModuleError) as error:
            raise StartupError("storage.url is no database URL, such as sqlite:///var/ringback.db") from error
        except ModuleNotFoundError as error:
            raise StartupError(
                f"storage.url needs the package {error.name}; install ringback[postgresql]"
            ) from error
        if engine.dialect.name == "sqlite":
            _make_directory(parsed)
            event.listen(engine.sync_engine, "connect", _tune_sqlite)
            event.listen(engine.sync_engine, "invalidate", _roll_back_abandoned)
        if durable:
            make_durable = _sync_sqlite if engine.dialect.name == "sqlite" else _sync_postgresql
            event.listen(engine.sync_engine, "connect", make_durable)
        return cls(engine)

    async def upgrade(self) -> None:
        """Bring the tables to this version's shape. Nodes that start together wait for one another.

        Raises StartupError when the database can't be reached, or belongs to a newer version.
        """
        place = self._engine.url.render_as_string(hide_password=True)
        try:
            async with self._engine.begin() as connection:
                if self.dialect == "postgresql":
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"))
                await connection.run_sync(_migrate)
        except CommandError as error:
            raise StartupError(
                f"the database {place} was made by another version of Ringback ({error}); "
                "start that version, or restore the backup from before its upgrade"
            ) from error
        except (SQLAlchemyError, OSError) as error:
            raise StartupError(f"the database {place} can't be used: {_reason(error)}") from error

    @asynccontextmanager
    async def transaction(self, operation: str) -> AsyncIterator[AsyncConnection]:
        """A connection whose work is committed at the end. Raises StorageError, naming `operation`."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            kind = StorageRefused if _is_about_content(error) else StorageError
            raise kind(operation, _reason(error)) from error

    async def backup(self, to: Path) -> int:
        """Copy the whole database, as it is at one moment, into a new file; nodes go on meanwhile.

        Returns the number of pages. Raises StorageError; what was begun is removed then.
        """
        if self.dialect != "sqlite":
            raise StorageError("backup", "use pg_dump --format=custom for PostgreSQL, and pg_restore")
        path = self._engine.url.database
        if path is None or not await asyncio.to_thread(Path(path).exists):
            raise StorageError("backup", f"there is no database {path}")
        try:
            return await asyncio.to_thread(_backup_sqlite, path, to)
        except (OSError, sqlite3.Error) as error:
            raise StorageError("backup", str(error)) from error

    async def close(self) -> None:
        await self._engine.dispose()


def _make_directory(url: URL) -> None:
    if not url.database or url.database == ":memory:":
        return
    directory = Path(url.database).parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"the directory {directory} can't be made: {error.strerror}") from error


def _backup_sqlite(path: str, to: Path) -> int:
    with to.open("xb"):  # never over something else
        pass
    try:
        with (
            closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as source,
            closing(sqlite3.connect(to)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
            _check_sqlite(copy)
            return int(copy.execute("PRAGMA page_count").fetchone()[0])
    except BaseException:
        to.unlink(missing_ok=True)
        raise


def _check_sqlite(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"the copy is broken: {verdict}")


def _tune_sqlite(connection: PoolProxiedConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # Readers (reports, `ringback calls`) and the writer don't wait for each other, and a commit costs no
    # fsync: a power cut may then lose the last records but never breaks the file.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _roll_back_abandoned(
    connection: AdaptedConnection, _entry: ConnectionPoolEntry, _error: BaseException | None
) -> None:
    """End the transaction of a connection that is given up because whoever used it was cancelled.

    To close it isn't enough: while anything still refers to a statement of it (the cancelled task's traceback
    does), SQLite keeps the connection, its open transaction, and with that the lock on the whole database.
    """
    driver: aiosqlite.Connection = connection.driver_connection
    # Queued before the closing, behind the statement that may still run in the driver's thread.
    task = asyncio.get_running_loop().create_task(_roll_back(driver))
    _ROLLBACKS.add(task)
    task.add_done_callback(_ROLLBACKS.discard)


async def _roll_back(driver: aiosqlite.Connection) -> None:
    with suppress(ValueError, sqlite3.Error):  # it is closed, or broken: then nothing is locked
        await driver.rollback()


def _sync_sqlite(connection: PoolProxiedConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")  # in WAL mode: every commit syncs the log
    cursor.close()


def _sync_postgresql(connection: PoolProxiedConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # Its default, unless somebody traded it for speed; stronger settings for replicas stay as they are.
    cursor.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') = 'off'"
    )
    cursor.close()


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_about_content(error: Exception) -> bool:
    if isinstance(error, DataError | IntegrityError | UnicodeError):
        return True
    # asyncpg refuses some arguments itself, and SQLAlchemy has no name for that.
    return type(getattr(getattr(error, "orig", None), "__cause__", None)).__name__ == "DataError"


def _reason(error: Exception) -> str:
    """The driver's own words, without SQLAlchemy's statement and parameters: those hold callers' numbers."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]
