"""`ringback dialplan simulate`, driven through a pipe."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from gateway.cli.root import app
from tests.fakes.plans import ROUTES, write_plan

FLOW = f"""{ROUTES}
flow: main
variables: {{count: "3"}}
start: top
nodes:
  top: {{menu: Choose., keys: {{1: bye, 2: top}}, retries: 0}}
  bye: {{say: Bye., next: end}}
  end: {{hangup: }}
"""


def simulate(directory: Path, lines: str, target: str = "main") -> Result:
    write_plan(directory, FLOW)
    return CliRunner().invoke(app, ["dialplan", "simulate", target, "--path", str(directory)], input=lines)


def test_a_script_on_standard_input_is_a_whole_call(tmp_path: Path) -> None:
    result = simulate(tmp_path, "# the caller knows the way\n2 # again\n1\n")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "    0.0 s  [top] Choose.",
        "    0.5 s  [top] (waits for keys)",
        "    0.5 s  caller presses 2",
        "    0.5 s  [top] Choose.",
        "    1.0 s  [top] (waits for keys)",
        "    1.0 s  caller presses 1",
        "    1.0 s  [bye] Bye.",
        "    1.5 s  the call is ended: normal_clearing",
        "path: top > top > bye > end",
    ]


def test_waiting_is_virtual(tmp_path: Path) -> None:
    result = simulate(tmp_path, "wait 1m\n")

    assert "[top] nothing was said or pressed" in result.stdout


def test_words_that_nobody_listens_for_come_to_nothing_and_the_call_goes_on(tmp_path: Path) -> None:
    result = simulate(tmp_path, "jump\nhangup\n")

    assert "caller says “jump”" in result.stdout
    assert "nothing listens for words here" in result.stdout
    assert "the caller has hung up" in result.stdout


def test_variables_and_path_are_shown_on_request(tmp_path: Path) -> None:
    result = simulate(tmp_path, "2\nvars\npath\nquit\n")

    assert "    count: 3" in result.stdout
    assert "    top > top" in result.stdout


def test_an_unknown_flow_is_a_message(tmp_path: Path) -> None:
    write_plan(tmp_path, FLOW.replace("dnis: any", "dnis: '1'"))
    result = CliRunner().invoke(app, ["dialplan", "simulate", "mine", "--path", str(tmp_path)])

    assert result.exit_code == 1
    assert "did you mean 'main'" in result.stderr
