"""`ringback dialplan simulate FLOW|NUMBER`: be a caller in a terminal, in virtual time."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.dialplan_plan import PlanDirectory, duration_of, plan_in
from gateway.cli.dialplan_world import LiveWorld
from gateway.cli.invocation import ConfigFile, faults_reported
from gateway.dialplan.faults import Fault, PlanRefused
from gateway.dialplan.fixtures import Given
from gateway.dialplan.flowtest_files import read_fixtures
from gateway.dialplan.interpreter import RunFault
from gateway.dialplan.model import Plan
from gateway.dialplan.moments import describe, path_of
from gateway.dialplan.simulator import DurationOf, Simulation
from gateway.dialplan.world import NoReply

HELP: Final = """\
keys          press them: 1, or 12 in one go, or 1,2 with a second between
!keys         the same at once, without hearing the present audio to its end
wait          do nothing until the call asks again or acts
wait 30s      do nothing for so long (also 500ms, 2m)
words         say them, where the call listens for phrases
words (40%)   the same, and the recogniser isn't sure
hangup        hang up
vars          what the run knows
path          the nodes so far
quit          leave"""

_KEYS: Final = re.compile(r"(!?)([0-9*#A-D,]+)")
_UNSURE: Final = re.compile(r"(.+?)\s*\((\d{1,2})%\)")
_WAIT: Final = re.compile(r"wait(?:\s+(\d+(?:\.\d+)?)\s*(ms|s|m)?)?")
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}


def simulate(
    target: Annotated[str, typer.Argument(metavar="FLOW|NUMBER", help="A flow's name, or a dialled number.")],
    path: PlanDirectory = None,
    fixtures: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Answers of lookups and more: the `given` of a test."),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Make the lookups that no fixture answers.")] = False,
    file: ConfigFile = None,
) -> None:
    """Call a flow from the terminal: type keys, `wait 30s`, `hangup`; `help` says the rest.

    Reads the same words from a pipe: one act a line, `#` before a space begins a comment.
    """
    with faults_reported():
        directory, plan = plan_in(path, file)
        try:
            call = _call(plan, target, _given(fixtures), live=live, lengths=duration_of(directory))
            Terminal(call, typer.echo).run(_typed() if sys.stdin.isatty() else _piped())
        except (RunFault, NoReply) as fault:
            typer.echo(f"the run failed: {fault}", err=True)
            raise typer.Exit(1) from fault


def _given(fixtures: Path | None) -> Given:
    """The fixtures; without them a call of this moment. Raises PlanRefused for faults in the file."""
    if fixtures is None:
        return Given(utc=datetime.now(UTC))
    faults: list[Fault] = []
    given = read_fixtures(fixtures, faults)
    if faults:
        raise PlanRefused(faults)
    return given


def _call(plan: Plan, target: str, given: Given, *, live: bool, lengths: DurationOf) -> Simulation:
    world = LiveWorld(given.world()) if live else given.world()
    facts = given.facts(plan, target)
    return Simulation(plan, given.route(plan, target), facts=facts, world=world, duration_of=lengths)


def _typed() -> Iterator[str]:
    while True:
        try:
            yield input("> ")
        except (EOFError, KeyboardInterrupt):
            return


def _piped() -> Iterator[str]:
    for line in sys.stdin:
        words, _, _ = line.strip().partition("# ")
        if words.strip():
            yield words.strip()


class Terminal:
    """Takes lines, acts on the call, and prints what came of it."""

    def __init__(self, call: Simulation, echo: Callable[[str], object]) -> None:
        self._call = call
        self._echo = echo
        self._printed = 0

    def run(self, lines: Iterator[str]) -> None:
        """Until the lines or the call are over. An unknown word is explained and changes nothing."""
        self._listen_first()
        for line in lines:
            if line == "quit":
                return
            self._act(line)
            self._print()
            if self._call.over:
                break
        if not self._call.over:
            self._call.listen()
            self._call.hang_up()
        self._print()
        self._echo(f"path: {' > '.join(path_of(self._call.moments))}")

    def _listen_first(self) -> None:
        if sys.stdin.isatty():
            self._call.listen()
        self._print()

    def _act(self, line: str) -> None:
        if keys := _KEYS.fullmatch(line):
            self._call.press(keys[2], at_once=bool(keys[1]))
        elif pause := _WAIT.fullmatch(line):
            self._call.wait(None if pause[1] is None else float(pause[1]) * _UNITS_S[pause[2]])
        elif line == "hangup":
            self._call.listen()
            self._call.hang_up()
        elif line == "vars":
            for name, value in self._call.state.shown(self._call.masked).items():
                self._echo(f"    {name}: {value}")
        elif line == "path":
            self._echo(f"    {' > '.join(path_of(self._call.moments))}")
        elif line == "help":
            self._echo(HELP)
        elif unsure := _UNSURE.fullmatch(line):
            self._call.say(unsure[1], float(unsure[2]) / 100.0)
        else:
            self._call.say(line)
        if sys.stdin.isatty():
            self._call.listen()

    def _print(self) -> None:
        for moment in self._call.moments[self._printed :]:
            words = describe(moment)
            if words is not None:
                self._echo(f"{moment.at_s:7.1f} s  {words}")
        self._printed = len(self._call.moments)
