"""`ringback dialplan check|test|graph|diff`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.root import app
from gateway.config import SHIPPED_DIALPLANS
from tests.fakes.plans import ROUTES, write_plan

FLOW = f"""{ROUTES}
flow: main
start: top
nodes:
  top: {{menu: Choose., keys: {{1: bye}}, failed: bye, retries: 0}}
  bye: {{say: Bye., next: end}}
  end: {{hangup: normal_clearing}}
"""
TESTS = "tests:\n  - {test: bye, given: {dnis: '1'}, steps: [press: 1], expect: {said: Bye}}\n"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "main.test.yaml").write_text(TESTS)
    return write_plan(tmp_path / "plan", FLOW)


def dialplan(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["dialplan", *map(str, arguments)])


def test_the_demo_passes_its_own_tests() -> None:
    result = dialplan("test", SHIPPED_DIALPLANS / "demo", "--fail-under", "99")

    assert result.exit_code == 0, result.stdout


def test_a_run_of_tests_that_pass_prints_dots_coverage_and_a_summary(plan: Path) -> None:
    result = dialplan("test", plan)

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0] == f"{plan / 'main.test.yaml'} ."
    assert lines[-1].strip("= ").startswith("1 passed in ")
    assert any(line.endswith("top: failed") for line in lines)


def test_a_failed_test_is_exit_1_with_its_place_and_in_the_junit_file(plan: Path, tmp_path: Path) -> None:
    (plan / "main.test.yaml").write_text(TESTS.replace("said: Bye", "said: Hello"))

    result = dialplan("test", plan, "-v", "--junit", tmp_path / "junit.xml")

    assert result.exit_code == 1
    assert f"{plan / 'main.test.yaml'}::bye FAILED" in result.stdout
    assert f"E {plan / 'main.test.yaml'}:2:" in result.stdout
    assert ElementTree.parse(tmp_path / "junit.xml").find(".//failure") is not None  # noqa: S314 -- our own


def test_tests_are_chosen_by_a_part_of_their_name(plan: Path) -> None:
    assert "0 passed" in dialplan("test", plan, "-k", "nothing of the kind").stdout


def test_too_little_coverage_is_exit_1_when_it_was_asked_for(plan: Path) -> None:
    result = dialplan("test", plan, "--fail-under", "100")

    assert result.exit_code == 1
    assert "100 % has to be" in result.stdout


def test_a_faulty_test_file_is_printed_and_nothing_runs(plan: Path) -> None:
    (plan / "main.test.yaml").write_text("tests: [{tset: x}]")

    result = dialplan("test", plan)

    assert result.exit_code == 1
    assert f"{plan / 'main.test.yaml'}:1:10: error: " in result.stdout


def test_a_directory_without_tests_says_so(plan: Path) -> None:
    (plan / "main.test.yaml").unlink()

    result = dialplan("test", plan)

    assert (result.exit_code, result.stderr) == (1, f"{plan} has no *.test.yaml\n")


@pytest.mark.parametrize(
    ("form", "begin"), [("mermaid", "flowchart TD"), ("dot", 'digraph "main"'), ("svg", "<svg ")]
)
def test_a_flow_is_drawn_in_three_formats(plan: Path, tmp_path: Path, form: str, begin: str) -> None:
    printed = dialplan("graph", "main", "--path", plan, "--format", form)
    written = dialplan("graph", "main", "--path", plan, "--format", form, "-o", tmp_path / "out")

    assert printed.stdout.startswith(begin)
    assert written.stdout == ""
    assert (tmp_path / "out").read_text(encoding="utf-8") == printed.stdout


def test_an_unknown_flow_is_a_message_with_the_nearest_name(plan: Path) -> None:
    result = dialplan("graph", "mein", "--path", plan)

    assert (result.exit_code, result.stderr) == (1, "there is no flow 'mein'; did you mean 'main'?\n")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("text", "~ main.bye: says “Goodbye.”, not “Bye.”"),
        ("json", '"place": "main.bye"'),
        ("mermaid", "class n1 changed"),
        ("svg", "bye (say, changed)"),
    ],
)
def test_a_difference_is_said_and_drawn(plan: Path, tmp_path: Path, form: str, expected: str) -> None:
    (tmp_path / "new").mkdir()
    new = write_plan(tmp_path / "new", FLOW.replace("say: Bye.", "say: Goodbye."))

    result = dialplan("diff", plan, new, "--format", form)

    assert result.exit_code == 0
    assert expected in result.stdout


def test_equal_plans_are_no_difference(plan: Path) -> None:
    assert dialplan("diff", plan, plan).stdout == "nothing changes for callers\n"


def test_a_version_that_is_not_kept_is_a_message(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = dialplan("diff", "abc", plan)

    assert (result.exit_code, result.stderr) == (1, "there is no version 'abc' here; kept are none\n")


def test_faults_are_given_as_json_and_as_annotations_of_github(plan: Path) -> None:
    write_plan(plan, FLOW.replace("next: end", "next: endd"))

    listed = dialplan("check", plan, "--format", "json")
    annotated = dialplan("check", plan, "--format", "github")

    (fault,) = json.loads(listed.stdout)
    assert (listed.exit_code, annotated.exit_code) == (1, 1)
    assert (fault["severity"], fault["line"]) == ("error", 8)
    assert annotated.stdout.startswith(f"::error file={plan / 'plan.yaml'},line=8,col=")


def test_no_faults_are_an_empty_list(plan: Path) -> None:
    result = dialplan("check", plan, "--format", "json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_lookups_of_a_simulation_are_answered_from_a_fixture(tmp_path: Path) -> None:
    text = FLOW.replace(
        "  bye: {say: Bye., next: end}",
        "  bye: {lookup: 'https://crm.example/', into: it, next: say, error: end}\n"
        '  say: {say: "Hello {{ vars.it.name }}.", next: end}',
    )
    directory = write_plan(tmp_path, f"{text}---\nhosts: [crm.example]\n")
    fixture = tmp_path / "given.fixture"
    fixture.write_text("lookups: {bye: {body: {name: Ann}}}\n")

    def simulate(*options: str) -> Result:
        command = ["dialplan", "simulate", "main", "--path", str(directory), *options]
        return CliRunner().invoke(app, command, input="1\n")

    assert "[say] Hello Ann." in simulate("--fixtures", str(fixture)).stdout
    without = simulate()
    assert without.exit_code == 1
    assert "nothing answers the lookup at 'bye'" in without.stderr
