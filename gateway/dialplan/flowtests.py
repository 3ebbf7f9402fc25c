"""Runs flow tests: a simulated caller does what a test says, and what came of it is compared. Pure.

Within a test, `expect` among the steps looks at what has happened since the last one; the `expect` of the
test itself looks at the whole call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.dialplan.entrances import NoEntrance
from gateway.dialplan.flowtest_files import Act, Expected, FlowTest
from gateway.dialplan.interpreter import RunFault
from gateway.dialplan.model import Plan, Position
from gateway.dialplan.moments import (
    Asked,
    Moment,
    Over,
    Requested,
    cause_name,
    heard_in,
    path_of,
    request_kind,
    request_values,
)
from gateway.dialplan.simulator import DurationOf, EndlessRun, Simulation, estimated_duration_s
from gateway.dialplan.world import NoReply

ANY_NODES: Final = ("...", "…")
"""In a path: any nodes, or none."""
BY_CALLER: Final = "by_caller"


@dataclass(frozen=True, slots=True)
class Failure:
    """Something expected that isn't so. `str` is a line with its place, as compilers print it."""

    at: Position
    message: str

    def __str__(self) -> str:
        return f"{self.at}: {self.message}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a test: no failures is a pass. `moments`: the whole call."""

    test: FlowTest
    failures: tuple[Failure, ...] = ()
    moments: Sequence[Moment] = field(default=())

    @property
    def passed(self) -> bool:
        return not self.failures


def run_test(plan: Plan, test: FlowTest, *, duration_of: DurationOf = estimated_duration_s) -> Result:
    """One test on `plan`. Doesn't raise for anything that a plan or a test can have wrong."""
    try:
        route = test.given.route(plan)
        call = Simulation(
            plan, route, facts=test.given.facts(plan), world=test.given.world(), duration_of=duration_of
        )
    except (NoEntrance, RunFault, NoReply) as error:
        return Result(test, (Failure(test.at, str(error)),))
    failures: list[Failure] = []
    here = test.at
    seen = 0
    try:
        for step in test.steps:
            here = step.at
            if step.expected is not None:
                call.listen()
                failures += _differences(call, step.expected, call.moments[seen:])
                seen = len(call.moments)
            else:
                _act(call, step)
        call.listen()
        if test.expected is not None:
            failures += _differences(call, test.expected, call.moments)
    except (RunFault, NoReply, EndlessRun) as error:
        failures.append(Failure(here, str(error)))
    moments = tuple(call.moments)
    return Result(test, tuple(failures), moments)


def _act(call: Simulation, step: Act) -> None:
    match step.kind:
        case "press":
            call.press(step.keys_or_words)
        case "interrupt":
            call.press(step.keys_or_words, at_once=True)
        case "say":
            call.say(step.keys_or_words, step.confidence)
        case "wait":
            call.wait(step.duration_s)
        case _:
            call.listen()
            call.hang_up()


def _differences(call: Simulation, expected: Expected, moments: Sequence[Moment]) -> Iterator[Failure]:
    yield from _said(expected, heard_in(moments))
    if expected.asked is not None:
        yield from _asked(call, expected.asked)
    if expected.path is not None:
        yield from _path(expected.path, path_of(moments))
    if expected.ended is not None:
        yield from _ended(expected.ended, moments)
    if expected.language is not None and call.state.language != expected.language[0]:
        wanted, at = expected.language
        yield Failure(at, f"expected the language {wanted}; it is {call.state.language}")
    yield from _variables(call, expected)
    for kind, values, at in expected.requests:
        yield from _requested(kind, values, at, moments)


def _said(expected: Expected, heard: Sequence[str]) -> Iterator[Failure]:
    texts = [_folded(text) for text in heard]
    begin = 0
    for wanted, at in expected.said:
        found = next((n for n in range(begin, len(texts)) if _folded(wanted) in texts[n]), None)
        if found is None:
            after = " after that" if begin else ""
            yield Failure(at, f"expected to hear “{wanted}”{after}; {_heard(heard[begin:])}")
        else:
            begin = found  # the next text may be in the same prompt
    for unwanted, at in expected.not_said:
        if any(_folded(unwanted) in text for text in texts):
            yield Failure(at, f"expected not to hear “{unwanted}”; {_heard(heard)}")


def _heard(texts: Sequence[str]) -> str:
    if not texts:
        return "nothing was said"
    return f"heard {' / '.join(f'“{text}”' for text in texts[-6:])}"


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _asked(call: Simulation, expected: tuple[str, Position]) -> Iterator[Failure]:
    wanted, at = expected
    waits = not call.over and any(isinstance(moment, Asked) for moment in call.moments[-1:])
    if not waits or call.state.node != wanted:
        state = f"it is at '{call.state.node}'" if not call.over else "the call is over"
        yield Failure(at, f"expected to be asked at '{wanted}'; {state}")


def _path(expected: tuple[tuple[str, ...], Position], path: Sequence[str]) -> Iterator[Failure]:
    wanted, at = expected
    if not _follows(wanted, path):
        yield Failure(at, f"expected the path {' > '.join(wanted)}; it was {' > '.join(path) or 'empty'}")


def _follows(wanted: Sequence[str], path: Sequence[str]) -> bool:
    """Whether `path` is `wanted`, where `...` stands for any nodes."""
    reached = {0}  # how much of `wanted` the path so far can have used
    for node in (*path, None):
        for position in sorted(reached):
            while position < len(wanted) and wanted[position] in ANY_NODES:
                position += 1
                reached.add(position)
        if node is None:
            break
        reached = {p for p in reached if p < len(wanted) and wanted[p] in ANY_NODES} | {
            p + 1 for p in reached if p < len(wanted) and wanted[p] == node
        }
    return len(wanted) in reached


def _ended(expected: tuple[str, Position], moments: Sequence[Moment]) -> Iterator[Failure]:
    wanted, at = expected
    over = next((moment for moment in moments if isinstance(moment, Over)), None)
    found = "it goes on" if over is None else cause_name(over.cause) or BY_CALLER
    if found != wanted:
        yield Failure(at, f"expected the call to end ({wanted}); {found}")


def _variables(call: Simulation, expected: Expected) -> Iterator[Failure]:
    for name, wanted, at in expected.variables:
        found = call.state.variables.get(name)
        if found != wanted:
            shown = call.state.shown(call.masked).get(name)
            yield Failure(at, f"expected vars.{name} to be {wanted!r}; it is {shown!r}")


def _requested(
    kind: str, values: Mapping[str, Any], at: Position, moments: Sequence[Moment]
) -> Iterator[Failure]:
    made = [m for m in moments if isinstance(m, Requested) and request_kind(m.request) == kind]
    if any(_holds(values, {"node": m.node, **request_values(m.request)}) for m in made):
        return
    wanted = f"a {kind} with {_shown(values)}" if values else f"a {kind}"
    there = "; ".join(_shown(request_values(m.request)) for m in made) or "none"
    yield Failure(at, f"expected {wanted}; there was {there}")


def _holds(wanted: Any, found: Any) -> bool:
    """Whether `found` has everything in `wanted`; lists are compared as a whole."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(name in found and _holds(value, found[name]) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, tuple):
        return wanted == list(found)
    return bool(wanted == found)


def _shown(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "nothing"
