"""`ringback report`: how a report looks on a terminal, in a spreadsheet and to a program."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.report import AGENT_COLUMNS, QUEUE_COLUMNS, show_report
from gateway.cli.root import app
from gateway.queues.figures import AgentFigures, QueueFigures, row_of


def report(subject: str, figures: QueueFigures | AgentFigures, interval: str = "total") -> dict[str, Any]:
    row = {
        "start": "2026-01-05T00:00:00+01:00",
        "end": "2026-01-05T12:00:00+01:00",
        subject: "billing",
        **row_of(figures),
    }
    return {
        "since": "2026-01-05T00:00:00+01:00",
        "until": "2026-01-05T12:00:00+01:00",
        "interval": interval,
        "columns": list(row),
        "rows": [row],
    }


BILLING = report(
    "queue",
    QueueFigures(
        offered=12,
        answered=8,
        answered_in_time=6,
        abandoned=2,
        handled=1,
        talk_s=3723.4,
        wait_answered_sum_s=100.0,
        longest_wait_s=61.0,
    ),
)


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines() if line.strip(" ─━")]


def test_a_queue_is_a_line_in_units_that_people_read(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(BILLING, QUEUE_COLUMNS, as_json=False, as_csv=False)

    _, row, caption = lines(capsys)
    assert row == ["billing", "12", "8", "2", "20%", "75%", "60%", "60%", "0:12", "1:01", "1:02:03", "0", "0"]
    assert caption == ["2026-01-05T00:00:00+01:00", "to", "2026-01-05T12:00:00+01:00"]


def test_an_agent_who_did_nothing_has_no_averages(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(report("agent", AgentFigures(idle_s=59.6)), AGENT_COLUMNS, as_json=False, as_csv=False)

    assert lines(capsys)[1] == ["billing", *["0"] * 5, "0:00", "0:00", "0:00", "1:00", "0:00", "0:00", "0%"]


def test_intervals_have_their_beginnings(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(report("queue", QueueFigures(), "1h"), QUEUE_COLUMNS, as_json=False, as_csv=False)

    heading, row, _ = lines(capsys)
    assert heading[0] == "from"
    assert row[:3] == ["2026-01-05", "00:00", "billing"]


def test_a_spreadsheet_has_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(BILLING, QUEUE_COLUMNS, as_json=False, as_csv=True)

    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split(",") == BILLING["columns"]
    assert row.startswith("2026-01-05T00:00:00+01:00,2026-01-05T12:00:00+01:00,billing,12,0,8,6,2,")


def test_a_program_gets_what_the_node_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(BILLING, QUEUE_COLUMNS, as_json=True, as_csv=False)

    assert json.loads(capsys.readouterr().out) == BILLING


def test_a_node_that_does_not_answer_is_said() -> None:
    done = CliRunner().invoke(app, ["report", "queues", "--url", "http://127.0.0.1:1", "--queue", "billing"])

    assert done.exit_code == 1
    assert "no node answers at http://127.0.0.1:1" in done.output
