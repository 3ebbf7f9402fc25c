"""How faults reach the person at the terminal."""

from __future__ import annotations

import pytest
import typer

from gateway.cli.invocation import faults_reported
from gateway.errors import StartupError


def test_an_error_of_ours_is_a_message_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, faults_reported():
        raise StartupError("the port is in use")

    assert left.value.exit_code == 1
    assert capsys.readouterr().err == "the port is in use\n"


def test_an_error_of_ours_that_passed_through_task_groups_is_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit), faults_reported():
        raise ExceptionGroup("", [ExceptionGroup("", [StartupError("the port is in use")])])

    assert capsys.readouterr().err == "the port is in use\n"


def test_a_bug_shows_itself() -> None:
    with pytest.raises(KeyError), faults_reported():
        raise KeyError("leg")


def test_a_bug_beside_an_error_of_ours_shows_itself() -> None:
    with pytest.raises(ExceptionGroup), faults_reported():
        raise ExceptionGroup("", [StartupError("the port is in use"), KeyError("leg")])
