"""kill -9 while callers are being promised things: what was said is there, and nothing is half there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.queues.journal import StoredEvent
from gateway.queues.open_entries import OpenEntry, follow
from gateway.storage.database import Database
from gateway.storage.entries import EntryStore
from gateway.storage.journal_store import JournalStore, Selection

ROOT = Path(__file__).parents[3]
PROMISING = Path(__file__).parent / "promising.py"


async def promises_until_killed(directory: Path, lines: int, callers: int) -> list[tuple[str, str]]:
    """What the process said before it was killed in the middle of something."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROMISING),
        f"sqlite:///{directory / 'ringback.db'}",
        str(directory / "unsaved.jsonl"),
        str(callers),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    said: list[bytes] = []
    try:
        async with asyncio.timeout(60):
            while len(said) < lines:
                line = await process.stdout.readline()
                assert line, "the process ended by itself"
                said.append(line)
    finally:
        process.kill()
    said.extend((await process.stdout.read()).splitlines(keepends=True))
    await process.wait()
    whole = (line.decode().split() for line in said if line.endswith(b"\n"))
    return [(entry, kind) for entry, kind in whole]


def folded(events: tuple[StoredEvent, ...]) -> dict[str, OpenEntry]:
    found: dict[str, OpenEntry | None] = {}
    for stored in events:
        found[stored.event.entry] = follow(found.get(stored.event.entry), stored.event)
    return {name: entry for name, entry in found.items() if entry is not None}


@pytest.mark.parametrize("callers", [1, 20])
async def test_what_was_promised_before_a_kill_is_there_afterwards(tmp_path: Path, callers: int) -> None:
    said: list[tuple[str, str]] = []
    for lines in (1, 25, 101):  # each start goes on where the killed one stopped
        said += await promises_until_killed(tmp_path, lines, callers)

    database = Database.open(SecretStr(f"sqlite:///{tmp_path / 'ringback.db'}"))
    try:
        events = tuple(await JournalStore(database, "node").read(Selection()))
        entries = await EntryStore(database, "node").load_open()
    finally:
        await database.close()

    stored = [(one.event.entry, one.event.kind.value) for one in events]
    assert set(said) <= set(stored)
    assert len(stored) == len(set(stored))
    assert sorted(one.id for one in events) == list(range(1, len(events) + 1))
    assert {entry.id: entry for entry in entries} == folded(events)
    assert not (tmp_path / "unsaved.jsonl").exists()
