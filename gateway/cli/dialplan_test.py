"""`ringback dialplan test`: the flow tests beside the flows, with their coverage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.dialplan_plan import duration_of, plan_in
from gateway.cli.invocation import ConfigFile, faults_reported
from gateway.dialplan import flowtest_reports as reports
from gateway.dialplan.coverage import coverage_of, total_ratio
from gateway.dialplan.flowtest_files import FlowTest, find_test_files, read_test_file
from gateway.dialplan.flowtests import run_test
from gateway.dialplan.model import Plan
from gateway.dialplan.simulator import DurationOf


def run_flow_tests(
    path: Annotated[
        Path | None, typer.Argument(help="The dialplan; the configured one if none is given.")
    ] = None,
    only: Annotated[str, typer.Option("-k", metavar="WORDS", help="Only tests so named.")] = "",
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="A line for every test.")] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write JUnit XML here too.")
    ] = None,
    fail_under: Annotated[
        float, typer.Option(min=0, max=100, metavar="PERCENT", help="Fail when less is covered.")
    ] = 0.0,
    file: ConfigFile = None,
) -> None:
    """Run the *.test.yaml of a dialplan in virtual time; exit 1 when one fails."""
    with faults_reported():
        directory, plan = plan_in(path, file)
        tests = _tests_in(directory, only)
        files = [_run(plan, file, found, duration_of(directory), verbose) for file, found in tests]
    for line in reports.failure_lines(files):
        typer.echo(line)
    flows = coverage_of(plan, (result.moments for done in files for result in done.results))
    for line in reports.coverage_lines(flows):
        typer.echo(line)
    if junit is not None:
        junit.write_text(reports.junit_xml(files), encoding="utf-8")
    typer.echo(reports.summary_line(files))
    covered = total_ratio(flows) * 100
    if covered < fail_under:
        typer.echo(f"{covered:.0f} % is covered, and {fail_under:g} % has to be")
    failed = any(not result.passed for done in files for result in done.results)
    if failed or covered < fail_under:
        raise typer.Exit(1)


def _tests_in(directory: Path, only: str) -> list[tuple[Path, list[FlowTest]]]:
    """Every file's tests whose names have `only` in them; leaves with 1 on a fault in any file."""
    files = [read_test_file(path) for path in find_test_files(directory)]
    faults = [fault for file in files for fault in file.faults]
    for fault in faults:
        typer.echo(str(fault))
    if faults:
        raise typer.Exit(1)
    if not files:
        typer.echo(f"{directory} has no *.test.yaml", err=True)
        raise typer.Exit(1)
    wanted = only.casefold()
    return [(file.path, [test for test in file.tests if wanted in test.name.casefold()]) for file in files]


def _run(
    plan: Plan, path: Path, tests: Sequence[FlowTest], lengths: DurationOf, verbose: bool
) -> reports.FileResults:
    began = time.perf_counter()
    results = tuple(run_test(plan, found, duration_of=lengths) for found in tests)
    done = reports.FileResults(path, results, time.perf_counter() - began)
    for line in reports.verbose_lines(done) if verbose else [reports.progress_line(done)]:
        typer.echo(line)
    return done
