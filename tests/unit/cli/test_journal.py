"""`ringback journal`: the story of a call, for people, programs and Asterisk's tools."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from gateway.cli.root import app
from gateway.queues.journal import JournalKind, StoredEvent
from gateway.storage.database import Database
from gateway.storage.journal_store import JournalStore
from tests.unit.queues.journalling import NINE, line

K = JournalKind


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A node's configuration whose database has a call of nine o'clock, and 60 events of ten."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "ringback.toml"
    file.write_text('data_dir = "var"\n[node]\nname = "n1"\ntimezone = "Europe/Berlin"\n')
    events = [
        line(0, K.JOINED, call_id="c1", ani="+4420"),
        line(12.5, K.CONNECTED, call_id="c1", agent="ann", wait_s=12.5),
        *(line(3600 + second, K.JOINED, f"later-{second}") for second in range(60)),
    ]
    asyncio.run(_store(events))
    return str(file)


async def _store(events: list) -> None:  # type: ignore[type-arg]
    database = Database.open(SecretStr("sqlite:///var/ringback.db"))
    await database.upgrade()
    stored = [StoredEvent("n1", number, event) for number, event in enumerate(events, 1)]
    await JournalStore(database, "n1").write(stored)
    await database.close()


def ran(*arguments: str) -> list[str]:
    result = CliRunner().invoke(app, ["journal", *arguments])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_the_last_events_come_oldest_first(config: str) -> None:
    lines = ran("--config", config)

    assert len(lines) == 50
    assert lines[0] == "2026-01-05 10:00:10.000  entry.joined        support later-10"


def test_the_story_of_a_call(config: str) -> None:
    assert ran("--config", config, "--call", "c1") == [
        "2026-01-05 09:00:00.000  entry.joined        support e1  ani=+4420",
        "2026-01-05 09:00:12.500  entry.connected     support e1 ann  wait_s=12.5",
    ]


def test_times_are_the_nodes(config: str) -> None:
    assert len(ran("--config", config, "--since", "2026-01-05T10:00", "--until", "2026-01-05T10:01")) == 2
    assert len(ran("--config", config, "--since", "2026-01-05T10:00:00+00:00")) == 60
    assert len(ran("--config", config, "--until", "2026-01-05")) == 0


def test_for_programs_there_is_an_object_a_line(config: str) -> None:
    first, second = (json.loads(text) for text in ran("--config", config, "--entry", "e1", "--json"))

    assert (first["id"], first["node"], first["event"]["kind"]) == (1, "n1", "entry.joined")
    assert second["event"]["details"] == {"wait_s": 12.5}


def test_for_asterisks_tools_there_is_the_queue_log(config: str) -> None:
    epoch = int(NINE.timestamp())

    assert ran("--config", config, "--agent", "ann", "--queue-log") == [
        f"{epoch + 12}|c1|support|ann|CONNECT|12||"
    ]


def test_what_is_no_time_is_said(config: str) -> None:
    result = CliRunner().invoke(app, ["journal", "--config", config, "--since", "yesterday"])

    assert result.exit_code == 1
    assert "'yesterday' is neither a date nor a time" in result.output
