"""The figures of a queue and of an agent in one interval: what is counted, and what follows from it. Pure.

Counts go to the interval in which the thing happened: an entry that joined at 9:59 and was answered at 10:01
was offered in the one and answered in the other. Times of conversations go to the interval in which they
ended; the times that agents spent in their states are divided where intervals meet.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What service levels are measured against. Seconds."""

    service_level_s: float = 20.0
    short_abandon_s: float = 5.0


@dataclass(slots=True)
class QueueFigures:
    """One queue. The books balance: offered = answered + abandoned + timed_out + left_empty + left_by_key +
    removed + lost + overflowed_out + moved_out + callbacks_kept + callbacks_missed + callbacks_cancelled +
    those still there.
    """

    offered: int = 0  # joined, overflowed, moved or requeued into it
    refused: int = 0  # full, closed
    answered: int = 0  # by an agent, while the caller waited on the line
    answered_in_time: int = 0  # of them, within the service level
    abandoned: int = 0  # hung up while waiting
    short_abandoned: int = 0  # of them, sooner than anybody could have answered
    given_up_in_time: int = 0  # of what Asterisk counts as abandoned, within the service level
    timed_out: int = 0
    left_empty: int = 0  # nobody was staffed any more
    left_by_key: int = 0
    removed: int = 0  # by the API
    lost: int = 0  # by a fault of ours
    overflowed_in: int = 0
    overflowed_out: int = 0
    moved_in: int = 0
    moved_out: int = 0
    requeued: int = 0  # into it, by agents who had answered
    callbacks_requested: int = 0
    callbacks_kept: int = 0  # connected
    callbacks_missed: int = 0  # given up after the last attempt
    callbacks_cancelled: int = 0  # by the customer, or for them
    callbacks_returned: int = 0  # the customer called again and waited on the line
    callback_attempts: int = 0  # calls to customers
    callback_attempts_answered: int = 0
    promises: int = 0  # callbacks kept that had been announced for a time
    promises_in_time: int = 0  # of them, not later than announced
    promise_error_sum_s: float = 0.0  # actual minus the middle of the band
    offers: int = 0  # to agents
    declined: int = 0
    rona: int = 0  # the agent's phone rang and nobody answered
    missed: int = 0  # busy, unreachable, disconnected, expired
    transferred: int = 0  # by agents, out of the conversation
    handled: int = 0  # conversations that ended
    wait_answered_sum_s: float = 0.0
    wait_abandoned_sum_s: float = 0.0
    longest_wait_s: float = 0.0
    talk_s: float = 0.0  # without the time on hold
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    estimates: int = 0  # announced, to callers who were answered
    estimates_in_band: int = 0  # of those with a band
    estimates_with_band: int = 0
    estimate_error_sum_s: float = 0.0  # actual minus announced: positive when we promised too much
    estimate_error_abs_sum_s: float = 0.0

    DERIVED: ClassVar = (
        "sl", "sl2", "sl_net", "abandon_ratio", "asa_s", "mean_abandon_s", "aht_s",
        "promises_kept_ratio", "promise_error_s",
        "estimate_error_s", "estimate_error_abs_s", "estimate_in_band_ratio",
    )  # fmt: skip

    @property
    def given_up(self) -> int:
        """What Asterisk counts as abandoned: hung up, timed out, left because nobody was there, withdrawn."""
        return self.abandoned + self.timed_out + self.left_empty + self.removed + self.lost

    @property
    def sl(self) -> float | None:
        """Asterisk's service level: of the calls answered, those answered in time."""
        return _ratio(self.answered_in_time, self.answered)

    @property
    def sl2(self) -> float | None:
        """Asterisk's second service level: of the calls answered or given up, those within the time."""
        return _ratio(self.answered_in_time + self.given_up_in_time, self.answered + self.given_up)

    @property
    def sl_net(self) -> float | None:
        """The strictest: of the calls that could be answered, those answered in time. Who gives up counts
        against it, but for short abandons, which nobody could have answered.
        """
        return _ratio(self.answered_in_time, self.answered + self.given_up - self.short_abandoned)

    @property
    def abandon_ratio(self) -> float | None:
        """Short abandons left out, of both sides."""
        given_up = self.given_up - self.short_abandoned
        return _ratio(given_up, self.answered + given_up)

    @property
    def asa_s(self) -> float | None:
        """Average speed of answer."""
        return _ratio(self.wait_answered_sum_s, self.answered)

    @property
    def mean_abandon_s(self) -> float | None:
        return _ratio(self.wait_abandoned_sum_s, self.abandoned)

    @property
    def aht_s(self) -> float | None:
        """Average handle time: talk, hold and wrap-up."""
        return _ratio(self.talk_s + self.hold_s + self.wrap_up_s, self.handled)

    @property
    def promises_kept_ratio(self) -> float | None:
        return _ratio(self.promises_in_time, self.promises)

    @property
    def promise_error_s(self) -> float | None:
        return _ratio(self.promise_error_sum_s, self.promises)

    @property
    def estimate_error_s(self) -> float | None:
        return _ratio(self.estimate_error_sum_s, self.estimates)

    @property
    def estimate_error_abs_s(self) -> float | None:
        return _ratio(self.estimate_error_abs_sum_s, self.estimates)

    @property
    def estimate_in_band_ratio(self) -> float | None:
        return _ratio(self.estimates_in_band, self.estimates_with_band)


@dataclass(slots=True)
class AgentFigures:
    """One agent, over all their queues."""

    offers: int = 0
    answered: int = 0
    declined: int = 0
    rona: int = 0
    missed: int = 0
    transferred: int = 0
    handled: int = 0
    talk_s: float = 0.0  # without the time on hold
    hold_s: float = 0.0
    wrap_up_s: float = 0.0  # after the conversations that are counted as handled
    logged_in_s: float = 0.0
    idle_s: float = 0.0  # available, with nothing to do
    ringing_s: float = 0.0  # being offered a call
    on_call_s: float = 0.0  # any call, those that Ringback didn't bring too
    in_wrap_up_s: float = 0.0
    on_break_s: float = 0.0

    DERIVED: ClassVar = ("aht_s", "occupancy")

    @property
    def aht_s(self) -> float | None:
        """Average handle time: talk, hold and wrap-up."""
        return _ratio(self.talk_s + self.hold_s + self.wrap_up_s, self.handled)

    @property
    def occupancy(self) -> float | None:
        """Of the time at work, breaks left out, the share spent with customers and their notes."""
        busy_s = self.on_call_s + self.in_wrap_up_s
        return _ratio(busy_s, busy_s + self.idle_s + self.ringing_s)


@dataclass(slots=True)
class SurveyFigures:
    """Of one queue, agent or survey."""

    answered: int = 0
    invited: int = 0  # by a link
    by_link: int = 0
    comments: int = 0
    nps_answers: int = 0
    promoters: int = 0  # 9 and 10
    passives: int = 0  # 7 and 8
    detractors: int = 0  # 0 to 6
    csat_answers: int = 0
    csat_sum: int = 0
    content: int = 0  # 4 and 5

    DERIVED: ClassVar = ("nps", "csat", "csat_ratio")

    @property
    def nps(self) -> float | None:
        """Net Promoter Score: promoters less detractors in a hundred, -100 to 100."""
        return _ratio(100.0 * (self.promoters - self.detractors), self.nps_answers)

    @property
    def csat(self) -> float | None:
        """The mean, 1 to 5."""
        return _ratio(self.csat_sum, self.csat_answers)

    @property
    def csat_ratio(self) -> float | None:
        """The share of 4 and 5."""
        return _ratio(self.content, self.csat_answers)


def row_of(figures: QueueFigures | AgentFigures | SurveyFigures) -> dict[str, Any]:
    """Every figure by its name, counted ones first; None for a ratio of nothing."""
    names = (*(field.name for field in fields(figures)), *figures.DERIVED)
    return {name: getattr(figures, name) for name in names}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
