"""What an entry asks for, and who has it. Pure.

Waiting, for relaxations and for rising priorities, counts from the enqueue time: who overflowed from another
queue, or was called back in vain, has waited all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.queues.settings import PriorityRise, QueueSettings

Requirement = frozenset[tuple[str, int]]
"""Skills with their minimum levels. Entries with the same requirement are interchangeable to agents."""

NOTHING: Final[Requirement] = frozenset()


def requirement(
    settings: QueueSettings, skills: Mapping[str, int], enqueued_at: float, now: float
) -> Requirement:
    """What the queue and the entry ask for together, the higher level of each, relaxed as is due.

    Relaxations follow each other; none asks for more than was asked for before.
    """
    if not settings.skills and not skills:
        return NOTHING
    levels = dict(settings.skills)
    for skill, level in skills.items():
        levels[skill] = max(level, levels.get(skill, 0))
    for relaxation in sorted(settings.relaxations, key=lambda each: each.after_s):
        if enqueued_at + relaxation.after_s > now:
            break
        for skill, level in relaxation.skills.items():
            if skill in levels:
                levels[skill] = min(level, levels[skill])
    return frozenset((skill, level) for skill, level in levels.items() if level > 0)


def next_relaxation(settings: QueueSettings, enqueued_at: float, now: float) -> float | None:
    """When the requirement of an entry changes next."""
    times = (enqueued_at + relaxation.after_s for relaxation in settings.relaxations)
    return min((at for at in times if at > now), default=None)


def satisfied(required: Requirement, levels: Mapping[str, int]) -> bool:
    """Whether somebody with these levels can take it."""
    return all(levels.get(skill, 0) >= level for skill, level in required)


def total_level(required: Requirement, levels: Mapping[str, int]) -> int:
    """How good somebody is at what is asked for."""
    return sum(levels.get(skill, 0) for skill, _ in required)


def effective_priority(rise: PriorityRise | None, priority: int, enqueued_at: float, now: float) -> int:
    """The priority with what waiting has added. `limit` caps what is added to; it never lowers a priority."""
    if rise is None:
        return priority
    return max(priority, min(rise.limit, priority + rise.by * _rises(rise, enqueued_at, now)))


def next_rise(rise: PriorityRise | None, priority: int, enqueued_at: float, now: float) -> float | None:
    """When the effective priority changes next; None when it has reached its limit."""
    if rise is None:
        return None
    steps = _rises(rise, enqueued_at, now)
    if priority + rise.by * steps >= rise.limit:
        return None
    return enqueued_at + (steps + 1) * rise.every_s


def _rises(rise: PriorityRise, enqueued_at: float, now: float) -> int:
    """How many steps have been reached: step n is at enqueued_at + n * every_s, to the last bit."""
    steps = max(0, int((now - enqueued_at) / rise.every_s))
    while enqueued_at + (steps + 1) * rise.every_s <= now:
        steps += 1
    while steps > 0 and enqueued_at + steps * rise.every_s > now:
        steps -= 1
    return steps
