"""How a queue behaves towards the engine: order, choice of agents, limits. Pure.

What callers hear while they wait (music, announcements) is `gateway.queues.waiting`'s and the dialplan's.
All durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType


class Strategy(Enum):
    """Who of the idle agents is offered a call. The values are how plans spell them."""

    LONGEST_IDLE = "longest_idle"  # who hasn't been on a call for the longest time
    ROUND_ROBIN = "round_robin"  # in turn, whatever came of the last offer
    FEWEST_CALLS = "fewest_calls"  # since they logged in
    LEAST_TALK_TIME = "least_talk_time"  # since they logged in
    RING_ALL = "ring_all"  # everybody; the first to accept gets it
    ORDERED = "ordered"  # by `Membership.order`, then longest idle
    RANDOM = "random"
    WEIGHTED = "weighted"  # at random, in proportion to `Membership.weight`
    BEST_SKILL = "best_skill"  # the highest sum of the required skills' levels, then longest idle


class Staffing(Enum):
    """When a queue counts as staffed, for joining and for staying. The values are how plans spell them."""

    ALWAYS = "always"  # callers may wait for nobody
    LOGGED_IN = "logged_in"  # somebody who serves this queue is logged in, on break too
    ON_DUTY = "on_duty"  # somebody is logged in and not on break: idle, on a call or in wrap-up


class AtRestart(Enum):
    """What becomes of waiting callers whose call a restart of the node ended. The values are how plans spell
    them. Who isn't called back has the old place for `rejoin_s`, if they call again.
    """

    CALLBACK = "callback"  # they are called back at the number that they called from
    VERIFIED = "verified"  # if that number is known to be theirs
    DROP = "drop"  # they aren't


@dataclass(frozen=True, slots=True)
class Relaxation:
    """After `after_s` of waiting, `skills` are the minimum levels; one that is left out stays as it was, and
    level 0 no longer asks for the skill at all.
    """

    after_s: float
    skills: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PriorityRise:
    """Every `every_s` of waiting raise the priority by `by`, up to `limit`."""

    every_s: float
    by: int = 1
    limit: int = 1_000


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """One queue. `weight`: among the queues of an agent the heaviest goes first, whatever the waits."""

    name: str
    strategy: Strategy = Strategy.LONGEST_IDLE
    weight: int = 0
    capacity: int | None = None  # callers who wait at a time; callbacks hold no line. None: no limit
    maximum_wait_s: float | None = None  # of callers, from joining; not while an agent is being asked
    overflow: str | None = None  # where entries go after `maximum_wait_s`, keeping their enqueue time
    join: Staffing = Staffing.ON_DUTY  # a queue that isn't staffed so refuses new callers ("closed")
    stay: Staffing = Staffing.LOGGED_IN  # and one that isn't staffed so lets its callers go ("left_empty")
    skills: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # of every entry
    relaxations: tuple[Relaxation, ...] = ()
    priority_rise: PriorityRise | None = None
    ring_s: float = 20.0  # how long one agent's phone rings
    lease_s: float = 45.0  # how long an offer may take in all, until it is taken back by force
    retry_s: float = 5.0  # pause before who missed or declined a call is offered it again
    misses_to_break: int = 1  # RONA: so many missed calls in a row put the agent on break; 0 never
    wrap_up_s: float = 10.0
    dispositions: tuple[str, ...] = ()  # what a call may have come to; empty: in the agent's own words
    sticky_s: float = 0.0  # so long an entry waits for the agent named in it, if that one is on duty
    service_level_s: float = 20.0
    short_abandon_s: float = 5.0  # who hangs up sooner isn't held against the queue, but in Asterisk's SL2
    rejoin_s: float = 60.0  # a caller who hung up and calls again within this gets the old place back
    at_restart: AtRestart = AtRestart.CALLBACK
    callback_lease_s: float = (
        0.0  # what an offer of a callback may take beyond: its customer is dialled first
    )
