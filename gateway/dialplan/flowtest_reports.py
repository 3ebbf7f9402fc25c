"""What a run of flow tests prints, and its JUnit XML. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from gateway.dialplan.coverage import FlowCoverage, total_ratio
from gateway.dialplan.flowtests import Result
from gateway.dialplan.moments import describe

WIDTH: Final = 100
_MISSING_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class FileResults:
    """The results of one file, in its order. `duration_s`: what they took together."""

    path: Path
    results: tuple[Result, ...]
    duration_s: float


def progress_line(file: FileResults) -> str:
    """`plan/main.test.yaml ..F..`"""
    return f"{file.path} {''.join('.' if result.passed else 'F' for result in file.results)}"


def verbose_lines(file: FileResults) -> Iterator[str]:
    for result in file.results:
        yield f"{file.path}::{result.test.name} {'PASSED' if result.passed else 'FAILED'}"


def failure_lines(files: Sequence[FileResults]) -> Iterator[str]:
    """Every failed test with its call, as it went, and what was expected of it, with file:line:column."""
    failed = [result for file in files for result in file.results if not result.passed]
    if failed:
        yield _rule(" FAILURES ", "=")
    for result in failed:
        yield _rule(f" {result.test.name} ", "_")
        yield from _call_lines(result)
        yield from (f"E {failure}" for failure in result.failures)


def _call_lines(result: Result) -> Iterator[str]:
    for moment in result.moments:
        words = describe(moment)
        if words is not None:
            yield f"{moment.at_s:9.1f} s  {words}"


def coverage_lines(flows: Sequence[FlowCoverage]) -> Iterator[str]:
    """A table of nodes and branches, like that of coverage.py."""
    name = max([len("flow"), *(len(flow.flow) for flow in flows)])
    yield _rule(" coverage of nodes and branches ", "-")
    yield f"{'flow':{name}}  {'nodes':>5}  {'miss':>4}  {'branches':>8}  {'miss':>4}  {'cover':>5}  missing"
    for flow in flows:
        nodes, lost = len(flow.missing_nodes), len(flow.missing_branches)
        line = (
            f"{flow.flow:{name}}  {flow.nodes:5}  {nodes:4}  {flow.branches:8}  {lost:4}  {flow.ratio:5.0%}"
        )
        yield f"{line}  {_missing(flow)}".rstrip()
    nodes, branches = sum(flow.nodes for flow in flows), sum(flow.branches for flow in flows)
    lost_nodes = sum(len(flow.missing_nodes) for flow in flows)
    lost = sum(len(flow.missing_branches) for flow in flows)
    total = total_ratio(flows)
    yield f"{'total':{name}}  {nodes:5}  {lost_nodes:4}  {branches:8}  {lost:4}  {total:5.0%}"


def _missing(flow: FlowCoverage) -> str:
    missing = flow.missing
    more = f", and {len(missing) - _MISSING_SHOWN} more" if len(missing) > _MISSING_SHOWN else ""
    return ", ".join(missing[:_MISSING_SHOWN]) + more


def summary_line(files: Sequence[FileResults]) -> str:
    passed = sum(result.passed for file in files for result in file.results)
    failed = sum(not result.passed for file in files for result in file.results)
    counts = [f"{failed} failed"] * bool(failed) + [f"{passed} passed"] * bool(passed or not failed)
    return _rule(f" {', '.join(counts)} in {sum(file.duration_s for file in files):.2f}s ", "=")


def _rule(title: str, character: str) -> str:
    return title.center(WIDTH, character)


def junit_xml(files: Sequence[FileResults]) -> str:
    """JUnit's XML, as CI servers read it: a suite a file, a case a test."""
    root = ElementTree.Element("testsuites", name="ringback dialplan test")
    for file in files:
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=str(file.path),
            tests=str(len(file.results)),
            failures=str(sum(not result.passed for result in file.results)),
            errors="0",
            skipped="0",
            time=f"{file.duration_s:.3f}",
        )
        for result in file.results:
            _case(suite, file, result)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, file: FileResults, result: Result) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=file.path.name.removesuffix(".yaml").removesuffix(".yml"),
        name=_printable(result.test.name),
        file=str(file.path),
        line=str(result.test.at.line),
    )
    if not result.passed:
        message = _printable(str(result.failures[0]))
        failure = ElementTree.SubElement(case, "failure", message=message, type="expectation")
        failure.text = _printable("\n".join(str(found) for found in result.failures))
        ElementTree.SubElement(case, "system-out").text = _printable("\n".join(_call_lines(result)))


def _printable(text: str) -> str:
    """XML 1.0 §2.2 has no place for control characters, not even escaped."""
    return "".join(c for c in text if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff"))
