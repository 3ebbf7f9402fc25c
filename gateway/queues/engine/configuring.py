"""Queues that appear, change and go, while callers wait in them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from gateway.queues.engine.floor import Floor
from gateway.queues.engine.line import Line
from gateway.queues.journal import JournalKind
from gateway.queues.settings import QueueSettings

OF_STANDING: Final = attrgetter(
    *("strategy", "maximum_wait_s", "skills", "relaxations", "priority_rise", "retry_s", "sticky_s")
)
"""Settings that say where entries stand. The others are read when they are needed."""


def configure(floor: Floor, queues: Sequence[QueueSettings]) -> None:
    """These queues, and no others, can be joined from now on."""
    wanted = {settings.name: settings for settings in queues}
    for line in tuple(floor.lines.values()):
        if line.name not in wanted and not line.retired:
            line.retired = True
            _note(floor, line, "removed")
            floor.forget_line(line)
    for settings in wanted.values():
        line_or_none = floor.lines.get(settings.name)
        if line_or_none is None:
            _add(floor, settings)
        elif line_or_none.retired or line_or_none.settings != settings:
            _change(floor, line_or_none, settings)


def _add(floor: Floor, settings: QueueSettings) -> None:
    line = floor.lines[settings.name] = Line(settings)
    for agent in floor.agents.values():
        if settings.name in agent.profile.queues:
            line.admit(agent)
    _note(floor, line, "added")


def _change(floor: Floor, line: Line, settings: QueueSettings) -> None:
    before, line.settings, line.retired = line.settings, settings, False
    if before.strategy is not settings.strategy:
        line.rerank()
    if OF_STANDING(before) != OF_STANDING(settings):
        floor.stale.update(dict.fromkeys(line.order))
    if before.stay is not settings.stay:
        floor.thinned[line] = None
    _note(floor, line, "changed")


def _note(floor: Floor, line: Line, change: str) -> None:
    floor.note_of(JournalKind.CONFIGURED, queue=line.name, details={"change": change})
