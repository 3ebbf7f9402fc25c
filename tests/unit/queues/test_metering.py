"""What Prometheus is told of queues and agents."""

from __future__ import annotations

import pytest

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import AgentProfile, Membership
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.metering import AGENT_STATES, JournalMeter, queue_stats, state_of
from gateway.queues.reports import thresholds_of
from gateway.queues.signals import Leaving, Miss
from gateway.queues.today import Today
from gateway.queues.views import AgentView, QueueView
from monitoring.metrics import Metrics
from tests.unit.queues.journalling import at, line

K = JournalKind


class Rig:
    def __init__(self) -> None:
        self.metrics = Metrics()
        self.meter = JournalMeter(self.metrics, callbacks=["restored"])

    def see(self, *events: JournalEvent) -> None:
        for event in events:
            self.meter.observe(event)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"ringback_{name}", labels) or 0.0

    def entries(self, outcome: str, queue: str = "support") -> float:
        return self.value("queue_entries_total", queue=queue, outcome=outcome)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_an_answered_caller_counts_with_the_wait(rig: Rig) -> None:
    rig.see(line(0, K.JOINED), line(12, K.CONNECTED, agent="ann", wait_s=12))

    assert rig.entries("answered") == 1
    assert rig.value("queue_wait_seconds_sum", queue="support", outcome="answered") == 12


def test_a_wait_that_nobody_measured_is_not_made_up(rig: Rig) -> None:
    rig.see(line(12, K.CONNECTED, agent="ann"))

    assert rig.value("queue_wait_seconds_count", queue="support", outcome="answered") == 0


@pytest.mark.parametrize("reason", list(Leaving))
def test_who_left_counts_by_the_reason(rig: Rig, reason: Leaving) -> None:
    rig.see(line(0, K.JOINED), line(9, K.LEFT, reason=reason.value, wait_s=9))

    outcome = "abandoned" if reason is Leaving.ABANDONED else "left"
    assert rig.entries(reason.value) == 1
    assert rig.value("queue_wait_seconds_sum", queue="support", outcome=outcome) == 9
    assert rig.value("callers_lost_total") == (reason is Leaving.LOST)


def test_who_hung_up_has_abandoned(rig: Rig) -> None:
    rig.see(line(9, K.ABANDONED, wait_s=9))

    assert rig.entries("abandoned") == 1


def test_waits_for_a_callback_are_not_waits_on_the_line(rig: Rig) -> None:
    rig.see(
        line(0, K.JOINED, "asked"),
        line(5, K.CALLBACK_REQUESTED, "asked"),
        line(900, K.CONNECTED, "asked", agent="ann", wait_s=900),
        line(0, K.JOINED, "made", callback=True),
        line(900, K.LEFT, "made", reason="cancelled", wait_s=900),
        line(900, K.CONNECTED, "restored", agent="ann", wait_s=9000),
        line(0, K.JOINED, "back", callback=True),
        line(5, K.RETURNED, "back", reason="caller_returned"),
        line(9, K.CONNECTED, "back", agent="ann", wait_s=9),
    )

    assert (rig.entries("called_back"), rig.entries("cancelled"), rig.entries("answered")) == (2, 1, 1)
    assert rig.value("queue_wait_seconds_sum", queue="support", outcome="answered") == 9
    assert rig.value("queue_wait_seconds_count", queue="support", outcome="left") == 0


def test_tries_count_by_outcome_and_a_customer_who_waits_after_one_is_called_back(rig: Rig) -> None:
    rig.see(
        line(0, K.JOINED, callback=True),
        line(5, K.CALLBACK_FAILED, outcome="busy"),
        line(5, K.CALLBACK_FAILED, outcome="made up"),
        line(9, K.CALLBACK_ANSWERED),
        line(9, K.RETURNED, reason="caller_returned"),
        line(12, K.CONNECTED, agent="ann", wait_s=12),
    )

    for result in ("busy", "other", "answered"):
        assert rig.value("callback_attempts_total", queue="support", result=result) == 1
    assert (rig.entries("called_back"), rig.entries("answered")) == (1, 0)


def test_second_requests_of_a_customer_are_counted(rig: Rig) -> None:
    rig.see(line(0, K.REFUSED, reason="duplicate"), line(0, K.LEFT, reason="merged"))

    assert rig.value("callbacks_duplicate_prevented_total") == 2


def test_queues_that_are_not_there_and_reasons_that_nobody_knows_make_no_series(rig: Rig) -> None:
    rig.see(
        line(0, K.REFUSED, queue="made up", reason="unavailable"),
        line(0, K.REFUSED, reason="full"),
        line(0, K.LEFT, reason="made up"),
        line(0, K.MISSED, reason=17),
        line(0, K.MOVED, queue="sales"),
    )

    assert rig.entries("unavailable", "none") == 1
    assert rig.entries("full") == 1
    assert rig.entries("other") == 1
    assert rig.value("offers_total", queue="support", result="other") == 1
    assert rig.entries("moved", "none") == 1


def test_leaving_for_another_queue_counts_where_it_left(rig: Rig) -> None:
    rig.see(line(0, K.OVERFLOWED, queue="sales", **{"from": "support"}))

    assert rig.entries("overflowed") == 1


@pytest.mark.parametrize("reason", list(Miss))
def test_offers_count_by_what_came_of_them(rig: Rig, reason: Miss) -> None:
    rig.see(line(0, K.OFFERED), line(1, K.MISSED, reason=reason.value), line(2, K.ACCEPTED))

    assert rig.value("offers_total", queue="support", result=reason.value) == 1
    assert rig.value("offers_total", queue="support", result="accepted") == 1


def test_announcements_are_held_against_the_wait_that_followed(rig: Rig) -> None:
    rig.see(
        line(0, K.ANNOUNCED, estimate_s=100),
        line(30, K.ANNOUNCED, position=2),
        line(60, K.ANNOUNCED, estimate_s=20),
        line(90, K.CONNECTED, agent="ann"),
        line(95, K.CONNECTED, agent="ann"),  # no announcement twice
    )

    assert rig.value("queue_estimate_error_seconds_count", queue="support") == 2
    assert rig.value("queue_estimate_error_seconds_bucket", queue="support", le="-10.0") == 1
    assert rig.value("queue_estimate_error_seconds_bucket", queue="support", le="10.0") == 2


@pytest.mark.parametrize("end", [K.CALLBACK_REQUESTED, K.OVERFLOWED, K.MOVED, K.ABANDONED, K.LEFT])
def test_an_announcement_that_nothing_can_be_said_of_is_forgotten(rig: Rig, end: JournalKind) -> None:
    rig.see(
        line(0, K.ANNOUNCED, estimate_s=100),
        line(30, end),
        line(40, K.RETURNED, reason="caller_returned"),
        line(90, K.CONNECTED, agent="ann"),
    )

    assert rig.value("queue_estimate_error_seconds_count", queue="support") == 0


# ---- gauges


def agent(name: str, presence: Presence, state: AgentState, *queues: str) -> AgentView:
    profile = AgentProfile(name, name, queues={queue: Membership() for queue in queues})
    return AgentView(profile, presence, "", state, 0.0, True, None, None, 0, 0.0, 0)


def view(name: str, waiting: int, oldest_at: float | None) -> QueueView:
    return QueueView(name, waiting, 0, 0, oldest_at, 0, 0, 0)


def test_how_queues_stand_is_read_at_the_scrape() -> None:
    today = Today(lambda: at(60), thresholds_of([]))
    today.recall([line(0, K.JOINED), line(10, K.CONNECTED, agent="ann", wait_s=10)])
    agents = [
        agent("ann", Presence.AVAILABLE, AgentState.IDLE, "support", "sales"),
        agent("bob", Presence.ON_BREAK, AgentState.IDLE, "support"),
        agent("cat", Presence.ON_BREAK, AgentState.ON_CALL, "support"),
    ]
    queues = [view("support", 2, 940.0), view("sales", 0, None), view("late", 1, 1001.0)]
    metrics = Metrics()
    metrics.watch_queues(lambda: queue_stats(queues, agents, today, 1000.0))

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"ringback_{name}", labels)

    assert value("queue_waiting", queue="support") == 2
    assert value("queue_oldest_wait_seconds", queue="support") == 60
    assert value("queue_oldest_wait_seconds", queue="sales") == 0
    assert value("queue_oldest_wait_seconds", queue="late") == 0
    assert [
        value("queue_service_level_ratio", queue="support", formula=one) for one in ("sl", "sl2", "net")
    ] == [
        1.0,
        1.0,
        1.0,
    ]
    assert value("queue_service_level_ratio", queue="sales", formula="sl") is None
    assert {state: value("agents", queue="support", state=state) for state in AGENT_STATES} == {
        "logged_out": 0,
        "on_break": 1,
        "idle": 1,
        "reserved": 0,
        "ringing": 0,
        "on_call": 1,
        "wrap_up": 0,
    }
    assert value("agents", queue="sales", state="idle") == 1


def test_an_agent_on_a_break_is_not_idle_and_one_on_a_call_is_on_a_call() -> None:
    assert state_of(agent("a", Presence.LOGGED_OUT, AgentState.IDLE)) == "logged_out"
    assert state_of(agent("a", Presence.LOGGED_OUT, AgentState.ON_CALL)) == "on_call"
    assert state_of(agent("a", Presence.AVAILABLE, AgentState.WRAP_UP)) == "wrap_up"
