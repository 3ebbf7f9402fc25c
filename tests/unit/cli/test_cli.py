"""The command line: what it prints and what it exits with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.call.cdr import CallRecord
from gateway.cli.root import app
from gateway.config import load
from gateway.storage.calls import CallStore
from gateway.storage.database import Database
from gateway.version import VERSION
from tests.unit.storage.builders import record


@pytest.fixture(autouse=True)
def _working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def ringback(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def stored(records: Sequence[CallRecord]) -> None:
    async def write() -> None:
        database = Database.open(load().database_url)
        await database.upgrade()
        await CallStore(database).write(*records)
        await database.close()

    asyncio.run(write())


def test_it_says_which_version_it_is() -> None:
    result = ringback("--version")

    assert (result.exit_code, result.stdout) == (0, f"ringback {VERSION}\n")


def test_the_shipped_configuration_and_dialplan_have_no_faults() -> None:
    result = ringback("check")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("configuration: no faults\n")


def test_check_prints_every_fault_of_the_configuration_and_exits_with_1() -> None:
    Path("ringback.toml").write_text("[sip]\nudpport = 1\nmax_calls = 0\n", encoding="utf-8")

    result = ringback("check")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        'ringback.toml:2: unknown key "sip.udpport"; did you mean udp_port?',
        "ringback.toml:3: sip.max_calls: input should be greater than or equal to 1",
    ]


def test_a_fault_in_a_dialplan_is_printed_with_file_line_and_column() -> None:
    Path("plan").mkdir()
    Path("plan/main.yaml").write_text("routs: []\n", encoding="utf-8")

    result = ringback("dialplan", "check", "plan")

    assert result.exit_code == 1
    assert result.stdout.startswith("plan/main.yaml:1:1: error: ")


def test_a_node_that_has_never_run_has_no_calls() -> None:
    result = ringback("calls", "list", "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_calls_are_listed_as_json_from_the_newest() -> None:
    stored([record(1), record(2), record(3)])

    result = ringback("calls", "list", "--json", "--limit", "2")

    assert [call["call_id"] for call in json.loads(result.stdout)] == ["call-3", "call-2"]


def test_calls_are_listed_as_a_table_for_people() -> None:
    stored([record()])

    result = ringback("calls", "list")

    assert result.exit_code == 0
    assert "answered" in result.stdout


def test_the_database_is_upgraded() -> None:
    result = ringback("db", "upgrade")

    assert (result.exit_code, result.stdout) == (0, "the database is up to date\n")
    assert Path("var/ringback.db").exists()


def test_a_database_that_cannot_be_used_is_a_message_and_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RINGBACK_STORAGE__URL", "sqlite:////dev/null/ringback.db")

    result = ringback("db", "upgrade")

    assert result.exit_code == 1
    assert result.stderr.startswith("the directory /dev/null can't be made: ")


def test_keys_that_no_phone_has_are_refused_before_anything_is_dialled() -> None:
    result = ringback("call", "sip:100@127.0.0.1", "--digits", "12x")

    assert result.exit_code == 2
    assert "--digits" in result.output


def test_a_file_to_play_must_exist() -> None:
    result = ringback("call", "sip:100@127.0.0.1", "--play", "missing.wav")

    assert result.exit_code == 2
