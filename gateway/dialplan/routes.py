"""Routes: which flow takes a call. Pure.

A route has a pattern of dialled numbers and may have conditions beside it: the trunk, the technology, a list
of callers, the state of a calendar. Of the routes that take a call the one with the most specific pattern
wins, and of equal patterns the one with more conditions. Where that leaves a choice, the check says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.dialplan.calendars import Calendar
from gateway.dialplan.dnis import DnisPattern
from gateway.dialplan.places import Position, Target

TECHNOLOGIES: Final = ("sip", "in_app")


@dataclass(frozen=True, slots=True)
class NumberList:
    """Numbers and patterns of them, such as the callers that get another flow."""

    at: Position
    exact: frozenset[str]
    patterns: tuple[DnisPattern, ...] = ()

    def has(self, number: str) -> bool:
        return number in self.exact or any(pattern.matches(number) for pattern in self.patterns)

    def overlaps(self, other: NumberList) -> bool:
        """Whether some number is in both."""
        return (
            not self.exact.isdisjoint(other.exact)
            or any(other.has(number) for number in self.exact)
            or any(self.has(number) for number in other.exact)
            or any(mine.overlaps(theirs) for mine in self.patterns for theirs in other.patterns)
        )


@dataclass(frozen=True, slots=True)
class Unrouted:
    """What is known of a call that looks for its route. `utc` has a time zone."""

    trunk: str = ""
    technology: str = "sip"
    ani: str = ""
    utc: datetime | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """Calls to a matching number run `flow`. `answer` overrides the flow's own when given.

    `callers` names a list of numbers, `calendar` a calendar that has to be in the state `during`.
    """

    pattern: DnisPattern
    flow: Target
    at: Position
    answer: bool | None = None
    trunk: str | None = None
    technology: str | None = None
    callers: Target | None = None
    calendar: Target | None = None
    during: str = "open"

    @property
    def conditions(self) -> frozenset[tuple[str, str]]:
        """What has to hold beside the number."""
        found = {
            "trunk": self.trunk,
            "technology": self.technology,
            "callers": None if self.callers is None else self.callers.node,
            "calendar": None if self.calendar is None else f"{self.calendar.node} {self.during}",
        }
        return frozenset((name, value) for name, value in found.items() if value is not None)


def choose(
    routes: Iterable[Route],
    dnis: str,
    call: Unrouted,
    lists: Mapping[str, NumberList],
    calendars: Mapping[str, Calendar],
) -> Route | None:
    """The most specific route for a call to `dnis`."""
    matching = (r for r in routes if r.pattern.matches(dnis) and _holds(r, call, lists, calendars))
    return max(matching, key=lambda r: (r.pattern.specificity, len(r.conditions)), default=None)


def _holds(
    route: Route, call: Unrouted, lists: Mapping[str, NumberList], calendars: Mapping[str, Calendar]
) -> bool:
    if route.trunk is not None and route.trunk != call.trunk:
        return False
    if route.technology is not None and route.technology != call.technology:
        return False
    if route.callers is not None and not lists[route.callers.node].has(call.ani):
        return False
    if route.calendar is None:
        return True
    # Nobody knows the hour of a call without one; it takes the route that doesn't ask.
    return (
        call.utc is not None
        and calendars[route.calendar.node].state(call.utc, call.overrides) == route.during
    )


def may_share(first: Route, second: Route, lists: Mapping[str, NumberList]) -> bool:
    """Whether some call could satisfy the conditions of both."""
    if None not in (first.trunk, second.trunk) and first.trunk != second.trunk:
        return False
    if None not in (first.technology, second.technology) and first.technology != second.technology:
        return False
    if first.callers is not None and second.callers is not None:
        mine, theirs = lists.get(first.callers.node), lists.get(second.callers.node)
        if mine is not None and theirs is not None and not mine.overlaps(theirs):
            return False
    if first.calendar is not None and second.calendar is not None:
        return first.calendar.node != second.calendar.node or first.during == second.during
    return True
