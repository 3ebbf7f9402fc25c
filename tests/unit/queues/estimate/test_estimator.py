from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.agents.presence import AgentState, Presence
from gateway.queues.entry import EntryState
from gateway.queues.estimate import Estimate, Estimator, Expectation, Situation, Unsure
from gateway.queues.estimate.learned import Arrivals, Trend
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.views import AgentView, EntryView
from tests.fakes.floor import NOW, agent_view, entry_view

TALKS_S = (60.0, 120.0, 200.0, 260.0, 400.0)


def estimator(*queues: str, calls: int = 100) -> Estimator:
    """One that has seen calls of 208 s on average, 10 s of wrap-up and 4 s of ringing."""
    found = Estimator()
    for queue in queues or ("q",):
        for number in range(calls):
            found.observe(queue, ring_s=4.0, talk_s=TALKS_S[number % 5], wrap_up_s=10.0)
    return found


def waiting(count: int, queue: str = "q", **others: Any) -> tuple[EntryView, ...]:
    return tuple(
        entry_view(f"{queue}{number}", queue, **{"enqueued_at": NOW - 100.0 + number, **others})
        for number in range(count)
    )


def talking(count: int, *queues: str, since: float = NOW - 50.0, **others: Any) -> tuple[AgentView, ...]:
    defaults: dict[str, Any] = {"state": AgentState.ON_CALL, "since": since}
    return tuple(
        agent_view(f"a{number}", *(queues or ("q",)), **{**defaults, **others}) for number in range(count)
    )


def known(expectation: Expectation) -> Estimate:
    assert isinstance(expectation, Estimate)
    return expectation


def event(
    kind: JournalKind, at: float, queue: str = "q", entry: str = "", agent: str = "", **details: Any
) -> JournalEvent:
    return JournalEvent(datetime.fromtimestamp(at, UTC), kind, queue, entry, "", agent, details)


def last(found: Mapping[str, Expectation], count: int, queue: str = "q") -> Estimate:
    return known(found[f"{queue}{count - 1}"])


def test_the_wait_grows_along_the_queue_and_lies_in_its_band() -> None:
    found = estimator().estimates(Situation(NOW, waiting(8), talking(4)))

    medians = [known(found[f"q{number}"]).median_s for number in range(8)]
    assert medians == sorted(medians)
    assert all(known(one).low_s <= known(one).median_s <= known(one).high_s for one in found.values())
    # the eighth is served when four agents have been free for the second time: about two calls
    assert medians[7] == pytest.approx(2.0 * 222.0, rel=0.3)


def test_a_free_agent_is_only_a_ring_away() -> None:
    found = estimator().estimates(Situation(NOW, waiting(1), talking(1, state=AgentState.IDLE)))

    assert last(found, 1).median_s == pytest.approx(4.0)


def test_more_agents_mean_a_shorter_wait() -> None:
    few, many = (
        last(estimator().estimates(Situation(NOW, waiting(6), talking(agents))), 6).median_s
        for agents in (3, 12)
    )

    assert many < 0.5 * few


def test_who_wraps_up_is_free_when_that_is_over() -> None:
    agents = talking(1, state=AgentState.WRAP_UP, wrap_up_until=NOW + 7.0)
    unlimited = talking(1, state=AgentState.WRAP_UP)

    assert last(estimator().estimates(Situation(NOW, waiting(1), agents)), 1).median_s == pytest.approx(
        11.0, abs=3.0
    )
    assert last(estimator().estimates(Situation(NOW, waiting(1), unlimited)), 1).median_s < 15.0


def test_an_agent_who_is_being_rung_will_have_a_whole_call_first() -> None:
    found = estimator().estimates(Situation(NOW, waiting(1), talking(1, state=AgentState.RINGING)))

    assert last(found, 1).median_s > 150.0


def test_who_is_offered_waits_for_the_answer_only() -> None:
    entries = waiting(1, state=EntryState.OFFERED)

    found = last(estimator().estimates(Situation(NOW, entries, talking(1, state=AgentState.RINGING))), 1)

    assert (found.median_s, found.low_s) == (4.0, 0.0)


@pytest.mark.parametrize(
    "agents", [(), talking(2, presence=Presence.ON_BREAK), talking(2, reachable=False), talking(2, "other")]
)
def test_with_nobody_on_duty_nothing_is_said(agents: tuple[AgentView, ...]) -> None:
    assert estimator().estimates(Situation(NOW, waiting(1), agents)) == {"q0": Unsure.NOBODY}


def test_agents_who_dont_have_the_skills_or_are_on_break_make_no_difference() -> None:
    entries = waiting(3, skills={"billing": 3})
    able, on_break = talking(2), talking(3, presence=Presence.ON_BREAK)
    others = tuple(replace(one, profile=replace(one.profile, skills={})) for one in talking(3))

    few = last(estimator().estimates(Situation(NOW, entries, able)), 3)
    many = last(estimator().estimates(Situation(NOW, entries, (*others, *able, *on_break))), 3)

    assert many.median_s == pytest.approx(few.median_s, rel=0.01)
    assert many.agents == few.agents == 2


def test_callers_ahead_whom_few_can_serve_dont_hold_up_those_whom_all_can() -> None:
    agents = talking(8)
    dane = replace(agents[0], profile=replace(agents[0].profile, skills={"danish": 5}))
    danes = waiting(10, enqueued_at=NOW - 500.0, skills={"danish": 5})
    caller = entry_view("me", "q", enqueued_at=NOW)
    found = estimator().estimates(Situation(NOW, (*danes, caller), (dane, *agents[1:])))

    assert last(found, 10).median_s > 1_000.0
    assert known(found["me"]).median_s < 100.0


def test_after_too_few_calls_nothing_is_said() -> None:
    assert estimator(calls=9).estimates(Situation(NOW, waiting(1), talking(2))) == {"q0": Unsure.NO_HISTORY}
    assert isinstance(estimator(calls=10).estimates(Situation(NOW, waiting(1), talking(2)))["q0"], Estimate)


def test_a_wait_of_hours_is_no_estimate() -> None:
    found = estimator().estimates(Situation(NOW, waiting(80), talking(1)))

    assert found["q79"] is Unsure.TOO_FAR


def test_those_ahead_who_will_have_hung_up_shorten_the_wait() -> None:
    patient, impatient = estimator(), estimator()
    for number in range(200):
        impatient.learn(event(JournalKind.ABANDONED, NOW, entry=f"x{number}", wait_s=200.0))
    situation = Situation(NOW, waiting(20), talking(4))

    assert (
        last(impatient.estimates(situation), 20).median_s
        < 0.8 * last(patient.estimates(situation), 20).median_s
    )


def test_a_callback_ahead_doesnt_hang_up_and_one_for_later_isnt_ahead() -> None:
    tired = estimator()
    for number in range(200):
        tired.learn(event(JournalKind.ABANDONED, NOW, entry=f"x{number}", wait_s=200.0))
    callback: dict[str, Any] = {"callback": True, "state": EntryState.CALLBACK_WAITING}
    caller = entry_view("me", "q", enqueued_at=NOW)
    agents = talking(2)

    def wait(**others: Any) -> float:
        entries = (*waiting(6, **others), caller)
        return known(tired.estimates(Situation(NOW, entries, agents))["me"]).median_s

    assert wait(**callback) > wait()
    assert wait(**callback, not_before=NOW + 5_000.0) < 0.5 * wait(**callback)


def test_a_callback_for_later_comes_then() -> None:
    entries = waiting(1, callback=True, state=EntryState.CALLBACK_WAITING, not_before=NOW + 3_000.0)

    assert last(estimator().estimates(Situation(NOW, entries, talking(2))), 1).median_s == 3_000.0


def test_heavier_queues_go_first_now_and_later() -> None:
    gold, plain = waiting(3, "gold"), waiting(1)
    agents = talking(3, "q", "gold")

    def wait(busy: bool, **weights: int) -> float:
        found = estimator("q", "gold")
        for number in range(5 if busy else 0):
            found.learn(event(JournalKind.JOINED, NOW - 600.0 + 100.0 * number, "gold", f"g{number}"))
        return last(found.estimates(Situation(NOW, gold + plain, agents, weights)), 1).median_s

    alike = known(estimator("q", "gold").estimates(Situation(NOW, plain, agents))["q0"]).median_s
    assert wait(busy=False, gold=1) > 2.0 * alike
    assert wait(busy=True, gold=1) > wait(busy=False, gold=1)
    assert wait(busy=True) == wait(busy=False)


def test_who_would_join_now_is_told_as_if_they_had() -> None:
    entries, agents = waiting(5), talking(3)
    newcomer = entry_view("me", "q", enqueued_at=NOW, joined_at=NOW)

    told = estimator().joining(Situation(NOW, entries, agents), "q")

    there = estimator().estimates(Situation(NOW, (*entries, newcomer), agents))["me"]
    assert known(told).median_s == pytest.approx(known(there).median_s)
    assert estimator().joining(Situation(NOW, (), ()), "q") is Unsure.NOBODY


def test_talking_and_wrapping_up_are_learned_from_the_journal() -> None:
    found = Estimator()
    for number in range(20):
        at = NOW + 1_000.0 * number
        found.learn(event(JournalKind.CONNECTED, at, entry=f"e{number}", agent="ann", wait_s=5.0, rang_s=6.0))
        found.learn(event(JournalKind.AGENT_STATE, at + 100.0, agent="ann", state="wrap_up"))
        found.learn(event(JournalKind.AGENT_STATE, at + 110.0, agent="ann", state="wrap_up"))
        found.learn(event(JournalKind.AGENT_STATE, at + 120.0, agent="ann", state="idle"))
        found.learn(event(JournalKind.AGENT_STATE, at + 130.0, agent="ann", state="reserved"))
        found.learn(event(JournalKind.FINISHED, at + 131.0, agent="ann"))

    assert last(found.estimates(Situation(NOW, waiting(1), talking(1))), 1).service_s == pytest.approx(126.0)


def test_without_wrap_up_the_call_itself_is_learned() -> None:
    found = Estimator()
    for number in range(20):
        at = NOW + 1_000.0 * number
        found.learn(event(JournalKind.CONNECTED, at, entry=f"e{number}", agent="ann", wait_s="?"))
        found.learn(event(JournalKind.AGENT_STATE, at + 100.0, agent="ann", state="idle"))

    assert last(found.estimates(Situation(NOW, waiting(1), talking(1))), 1).service_s == pytest.approx(100.0)


def test_the_call_of_another_queue_ends_as_calls_of_that_queue_do() -> None:
    found = estimator("q")
    for _ in range(100):
        found.observe("brief", ring_s=4.0, talk_s=20.0, wrap_up_s=0.0)
    for name in ("a0", "a1"):
        found.learn(event(JournalKind.CONNECTED, NOW, "brief", agent=name))
    found.learn(event(JournalKind.CONNECTED, NOW, "unknown", agent="a2"))
    agents = talking(3, "q", "brief", since=NOW)

    assert last(found.estimates(Situation(NOW, waiting(2), agents)), 2).median_s < 60.0


def served(found: Estimator, entry: str, wait_s: float, **details: Any) -> None:
    situation = Situation(NOW, (entry_view(entry, "q", enqueued_at=NOW),), talking(2))
    found.estimates(situation)
    found.learn(event(JournalKind.CONNECTED, NOW + wait_s, entry=entry, agent="x", wait_s=wait_s, **details))


def test_the_band_follows_what_waits_turn_out_to_be() -> None:
    found = estimator()
    _, _, before = found.calibration("q").band()

    for number in range(40):
        served(found, f"e{number}", 2_000.0)

    assert found.calibration("q").band()[2] > before


@pytest.mark.parametrize(
    "kind", [JournalKind.LEFT, JournalKind.OVERFLOWED, JournalKind.MOVED, JournalKind.ABANDONED]
)
def test_who_leaves_after_the_end_of_the_band_proves_it_wrong_and_before_it_nothing(
    kind: JournalKind,
) -> None:
    def moved(after_s: float) -> float:
        found = estimator()
        found.estimates(Situation(NOW, waiting(1), talking(2)))
        before = found.calibration("q").high
        found.learn(event(kind, NOW + after_s, entry="q0", wait_s=after_s))
        return found.calibration("q").high - before

    assert moved(3_000.0) > 0.0
    assert moved(1.0) == 0.0


def test_who_still_waits_after_the_end_of_the_band_has_proved_it_wrong_already() -> None:
    found = estimator()
    for at in (NOW, NOW + 10.0, NOW + 3_000.0):
        found.estimates(Situation(at, waiting(1), talking(2)))

    assert found.calibration("q").high > Estimator().calibration("q").high


def test_forecasts_for_another_queue_count_no_more() -> None:
    found = estimator("q", "p")
    found.estimates(Situation(NOW, (entry_view("e", "q"),), talking(2, "q", "p")))
    found.estimates(Situation(NOW + 1.0, (entry_view("e", "p"),), talking(2, "q", "p")))

    found.learn(event(JournalKind.CONNECTED, NOW + 5_000.0, "p", "e", agent="a0"))

    assert found.calibration("q").high == Estimator().calibration("q").high
    assert found.calibration("p").high > Estimator().calibration("p").high


def test_callbacks_teach_nothing_of_patience_unless_the_customer_waits_again() -> None:
    def wait_after(*kinds: JournalEvent) -> Any:
        found = estimator()
        for one in kinds:
            found.learn(one)
        found.learn(event(JournalKind.CONNECTED, NOW + 9_000.0, entry="c", agent="x", wait_s=9_000.0))
        return found.to_json()["q"]["patience"]["waited_s"]

    joined = event(JournalKind.JOINED, NOW, entry="c", callback=True)
    asked = event(JournalKind.CALLBACK_REQUESTED, NOW, entry="c")
    back = event(JournalKind.RETURNED, NOW, entry="c", reason="caller_returned")
    declined = event(JournalKind.RETURNED, NOW, entry="c", reason="declined")
    gone = event(JournalKind.LEFT, NOW, entry="c")

    assert sum(wait_after(joined)) == sum(wait_after(asked)) == sum(wait_after(asked, declined)) == 0.0
    assert sum(wait_after(asked, back)) == sum(wait_after(joined, gone)) == pytest.approx(9_000.0)


def test_what_was_learned_survives_a_restart() -> None:
    found = estimator()
    situation = Situation(NOW, waiting(5), talking(3))

    again = Estimator.from_json(json.loads(json.dumps(found.to_json())))

    assert last(again.estimates(situation), 5).median_s == pytest.approx(
        last(found.estimates(situation), 5).median_s
    )


def test_one_who_goes_is_no_trend_and_five_are() -> None:
    def drift(gone: int) -> float:
        everybody = [f"a{number}" for number in range(10)]
        trend = Trend(NOW, frozenset(everybody))
        trend.see(NOW + 60.0, frozenset(everybody[gone:]))
        return 600.0 * trend.staffing(10 - gone).drift

    assert -0.5 < drift(1) < 0.0
    assert drift(5) < -3.0
    assert drift(0) == 0.0


def test_a_trend_of_the_queue_is_shared_out_to_those_with_a_skill() -> None:
    trend = Trend(NOW, frozenset({"a", "b"}))
    trend.see(NOW, frozenset({"a", "b", "c", "d"}))

    assert trend.staffing(1).drift == pytest.approx(trend.staffing(4).drift / 4.0)


def test_the_rate_of_arrivals_is_that_of_the_last_half_hour() -> None:
    arrivals = Arrivals(NOW)
    for number in range(600):
        arrivals.observe(NOW + 10.0 * number)

    assert arrivals.rate(NOW + 6_000.0) == pytest.approx(0.1, rel=0.05)
    assert arrivals.rate(NOW + 6_000.0 + 1_800.0) == pytest.approx(0.1 / math.e, rel=0.05)
