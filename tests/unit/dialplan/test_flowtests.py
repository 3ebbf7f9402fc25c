"""Flow tests: how they are read, what they find, and what their reports say."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from gateway.dialplan.coverage import coverage_of, total_ratio
from gateway.dialplan.flowtest_files import find_test_files, read_test_file
from gateway.dialplan.flowtest_reports import (
    FileResults,
    coverage_lines,
    failure_lines,
    junit_xml,
    progress_line,
    summary_line,
)
from gateway.dialplan.flowtests import Result, run_test
from gateway.dialplan.model import Plan
from tests.fakes.plans import ROUTES, plan_of

FLOW = f"""{ROUTES}
flow: main
start: welcome
variables: {{found: "''"}}
nodes:
  welcome: {{say: Welcome to Ringback., next: top}}
  top:
    menu: Choose.
    keys: {{1: account, 2: agent, 3: message}}
    phrases: {{agent: agent}}
    retries: 1
    failed: bye
  account:
    gather: Your number?
    into: number
    minimum: 4
    maximum: 4
    next: find
  find:
    lookup: "https://crm.example/{{{{ vars.number }}}}"
    into: customer
    next: known
    not_found: top
    error: bye
  known: {{say: We know you., next: top}}
  agent: {{queue: billing, priority: 5, timeout: 5m, next: bye, timed_out: bye, error: bye}}
  message: {{record: After the tone., next: bye}}
  bye: {{say: Goodbye., next: end}}
  end: {{hangup: normal_clearing}}
---
queues: [billing]
---
hosts: [crm.example]
"""

HEAD = "given: {dnis: '100', ani: '+15551234'}\ntests:\n"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("plan"), FLOW)


def run(plan: Plan, directory: Path, text: str) -> list[Result]:
    path = directory / "main.test.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    file = read_test_file(path)
    assert file.faults == ()
    return [run_test(plan, test) for test in file.tests]


def failures(plan: Plan, directory: Path, text: str) -> list[str]:
    return [
        str(failure).removeprefix(f"{directory}/")
        for result in run(plan, directory, text)
        for failure in result.failures
    ]


def test_a_call_that_goes_as_expected_passes(plan: Plan, tmp_path: Path) -> None:
    text = """
  - test: a known customer asks for an agent
    given: {lookups: {find: {status: 200, body: {name: Ann}}}}
    steps:
      - press: 1
      - press: "1234#"
      - expect: {said: [your number, We know you], asked: top}
      - say: agent
      - expect: {queued: {queue: billing, priority: 5}}
      - wait: 2m
    expect:
      path: welcome > top > account > find > ... > bye > end
      said: [welcome, goodbye]
      not_said: sorry
      ended: normal_clearing
      vars: {number: "1234", customer: {name: Ann}}
"""
    assert failures(plan, tmp_path, text) == []


def test_everything_that_is_not_as_expected_is_said_with_its_place(plan: Plan, tmp_path: Path) -> None:
    text = """
  - test: wrong about all of it
    steps:
      - press: 9
    expect:
      said: Good morning
      not_said: Choose
      asked: account
      path: [welcome, bye]
      ended: user_busy
      language: de
      vars: {found: yes}
      queued: {queue: billing}
"""
    assert failures(plan, tmp_path, text) == [
        "main.test.yaml:8:13: expected to hear “Good morning”; "
        "heard “Welcome to Ringback.” / “Choose.” / “Choose.”",
        "main.test.yaml:9:17: expected not to hear “Choose”; "
        "heard “Welcome to Ringback.” / “Choose.” / “Choose.”",
        "main.test.yaml:10:14: expected to be asked at 'account'; it is at 'top'",
        "main.test.yaml:11:14: expected the path welcome > bye; it was welcome > top",
        "main.test.yaml:12:14: expected the call to end (user_busy); it goes on",
        "main.test.yaml:13:17: expected the language de; it is en",
        "main.test.yaml:14:14: expected vars.found to be 'yes'; it is ''",
        "main.test.yaml:15:7: expected a queue with queue billing; there was none",
    ]


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ("{status: 404}", "welcome > top > account > find > top"),
        ("{status: 500}", "welcome > top > account > find > bye > end"),
        ("{status: 200}", "welcome > top > account > find > bye > end"),
        ("{outcome: not_found, after: 2s}", "welcome > top > account > find > top"),
        ("not_found", "welcome > top > account > find > top"),
    ],
)
def test_a_lookup_comes_out_as_its_answer_says(plan: Plan, tmp_path: Path, answer: str, path: str) -> None:
    text = f"""
  - test: lookup
    given: {{lookups: {{find: {answer}}}}}
    steps: [press: 1, press: "1234"]
    expect: {{path: {path}}}
"""
    assert failures(plan, tmp_path, text) == []


def test_a_list_of_answers_is_used_in_order_and_the_last_stays(plan: Plan, tmp_path: Path) -> None:
    text = """
  - test: twice unknown, then known
    given: {lookups: {find: [{status: 404}, {status: 404}, {status: 200, body: {}}]}}
    steps: [press: 1, press: "1234#", press: 1, press: "1234#", press: 1, press: "1234#"]
    expect: {said: We know you, asked: top}
"""
    assert failures(plan, tmp_path, text) == []


def test_a_lookup_without_an_answer_fails_the_test_that_makes_it(plan: Plan, tmp_path: Path) -> None:
    text = """
  - test: forgotten
    steps:
      - press: 1
      - press: "1234"
"""
    (failure,) = failures(plan, tmp_path, text)

    assert failure.startswith("main.test.yaml:7:9: nothing answers the lookup at 'find'")


def test_outcomes_of_other_nodes_can_be_given(plan: Plan, tmp_path: Path) -> None:
    text = """
  - test: the queue times out
    given: {outcomes: {agent: {outcome: timed_out, after: 5m}}}
    steps: [press: 2, wait: 4m, expect: {queued: true}, wait: 2m]
    expect: {said: Goodbye, ended: normal_clearing}
  - test: the caller gives up
    steps: [press: 2, wait: 10s, hang_up]
    expect: {ended: by_caller}
"""
    assert failures(plan, tmp_path, text) == []


def test_silence_is_a_step_and_interrupting_is_one(plan: Plan, tmp_path: Path) -> None:
    text = """
  - test: silence
    steps: [wait, wait]
    expect: {path: [welcome, top, bye, end]}
  - test: in a hurry
    steps: [interrupt: 3]
    expect: {not_said: Choose, recorded: true}
"""
    assert failures(plan, tmp_path, text) == []


def test_a_number_that_nothing_takes_fails_the_test(tmp_path: Path) -> None:
    narrow = plan_of(tmp_path, FLOW.replace("dnis: any", "dnis: '100'"))

    (failure,) = failures(narrow, tmp_path, "  - {test: lost, given: {dnis: '200'}}")

    assert "'200' is neither a flow nor a number that a route takes" in failure


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tests: [{test: a, stesp: []}]", "1:19: error: a test has no 'stesp'; did you mean 'steps'?"),
        ("tests: [{steps: []}]", "1:9: error: a test needs 'test'"),
        ("tests: [{test: a, steps: [{pres: 1}]}]", "1:28: error: 'pres' isn't press, "),
        ("tests: [{test: a, steps: [press: x]}]", "1:34: error: 'x' can't be pressed"),
        ("tests: [{test: a, steps: [jump]}]", "1:27: error: a step is one of press, "),
        ("tests: [{test: a, given: {time: noon}}]", "1:33: error: a time has a zone"),
        ("tests: [{test: a, given: {dnis: 1, flow: x}}]", "1:42: error: give the number dialled"),
        (
            "tests: [{test: a, given: {lookups: {n: {stat: 1}}}}]",
            "1:41: error: the answer of a lookup has no",
        ),
        (
            "tests: [{test: a, expect: {saids: x}}]",
            "1:28: error: 'expect' has no 'saids'; did you mean 'said'?",
        ),
        ("tests: [{test: a, expect: {queued: maybe}}]", "1:36: error: 'queued' is what it was asked with"),
        ("- a", "1:1: error: a test file has 'tests', not a list"),
        ("tests: [", "1:9: error: "),
    ],
)
def test_a_test_file_with_mistakes_has_faults_with_their_places(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "a.test.yaml"
    path.write_text(text)

    found = [str(fault).removeprefix(f"{path}:") for fault in read_test_file(path).faults]

    assert any(line.startswith(fault) for line in found), found


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (fault,) = read_test_file(tmp_path / "missing.test.yaml").faults

    assert "can't be read" in fault.message


def test_test_files_are_found_below_the_directory_but_for_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/x.test.yaml", "a.test.yml", ".hidden/y.test.yaml", "plan.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    found = [file.relative_to(tmp_path).as_posix() for file in find_test_files(tmp_path)]

    assert found == ["a.test.yml", "b/x.test.yaml"]


def test_coverage_names_the_nodes_and_branches_that_no_test_has_been_to(plan: Plan, tmp_path: Path) -> None:
    results = run(plan, tmp_path, "  - {test: one, steps: [press: 2, wait: 10m]}\n")

    (flow,) = coverage_of(plan, [result.moments for result in results])

    assert flow.missing_nodes == ("account", "find", "known", "message")
    assert ("top", "key 2") not in flow.missing_branches
    assert ("top", "key 1") in flow.missing_branches
    assert "top: failed" in flow.missing
    assert not any(missing.startswith("find:") for missing in flow.missing)
    assert total_ratio([flow]) == flow.ratio < 0.6


def report(plan: Plan, tmp_path: Path) -> FileResults:
    text = "  - {test: good, steps: [wait]}\n  - {test: 'bad <&>', expect: {said: Nonsense}}\n"
    return FileResults(Path("main.test.yaml"), tuple(run(plan, tmp_path, text)), 0.25)


def test_the_report_reads_like_that_of_pytest(plan: Plan, tmp_path: Path) -> None:
    file = report(plan, tmp_path)

    assert progress_line(file) == "main.test.yaml .F"
    assert summary_line([file]).strip("= ") == "1 failed, 1 passed in 0.25s"
    lines = list(failure_lines([file]))
    assert any("bad <&>" in line for line in lines)
    assert any("[welcome] Welcome to Ringback." in line for line in lines)
    assert lines[-1].startswith("E ")


def test_the_table_of_coverage_has_a_line_a_flow_and_a_total(plan: Plan, tmp_path: Path) -> None:
    flows = coverage_of(plan, [result.moments for result in report(plan, tmp_path).results])

    lines = list(coverage_lines(flows))

    assert lines[1].split() == ["flow", "nodes", "miss", "branches", "miss", "cover", "missing"]
    assert lines[2].startswith("main ")
    assert lines[-1].startswith("total")


def test_junit_xml_has_a_case_a_test_with_its_failure(plan: Plan, tmp_path: Path) -> None:
    root = ElementTree.fromstring(junit_xml([report(plan, tmp_path)]))  # noqa: S314 -- our own

    (suite,) = root
    good, bad = suite.findall("testcase")
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert (good.get("name"), good.find("failure")) == ("good", None)
    failure = bad.find("failure")
    assert failure is not None
    assert "expected to hear “Nonsense”" in str(failure.get("message"))
