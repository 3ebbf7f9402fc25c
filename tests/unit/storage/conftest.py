"""A database in a directory of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.storage.calls import CallStore
from gateway.storage.database import Database


@pytest.fixture
def url(tmp_path: Path) -> SecretStr:
    return SecretStr(f"sqlite:///{tmp_path / 'var' / 'ringback.db'}")


@pytest.fixture
async def database(url: SecretStr) -> AsyncIterator[Database]:
    database = Database.open(url)
    await database.upgrade()
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> CallStore:
    return CallStore(database)
