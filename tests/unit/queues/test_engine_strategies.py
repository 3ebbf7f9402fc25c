"""Who of those who are free is asked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from gateway.agents.presence import AgentState, Presence
from gateway.agents.profile import Membership
from gateway.queues.settings import QueueSettings, Strategy
from gateway.queues.signals import Accept, CancelOffer, Joined, LogIn, Miss
from tests.fakes.queue_floor import FloorDriver, profile


def serve(floor: FloorDriver, entry: str, talk_s: float = 1.0, **details: Any) -> str:
    """One call from its beginning to its end; who took it."""
    floor.enqueue(entry, **details)
    ((_, agent),) = floor.offers
    floor.accept(f"{entry}-1")
    floor.now += talk_s
    floor.end(entry, agent)
    return agent


def three(strategy: Strategy, seed: int = 0) -> FloorDriver:
    floor = FloorDriver(QueueSettings("q", strategy=strategy), seed=seed)
    for name in ("ann", "bob", "cat"):
        floor.agent(name)
    return floor


def test_longest_idle_asks_who_has_not_been_on_a_call_for_the_longest_time() -> None:
    floor = three(Strategy.LONGEST_IDLE)
    assert [serve(floor, f"e{number}") for number in range(4)] == ["ann", "bob", "cat", "ann"]


def test_round_robin_goes_on_whatever_came_of_the_last_offer() -> None:
    floor = three(Strategy.ROUND_ROBIN)
    floor.enqueue("e0")
    floor.miss("e0-1")
    assert floor.offers == [("e0", "bob")]
    floor.accept("e0-2")
    floor.end("e0", "bob")
    assert [serve(floor, f"e{number}") for number in range(1, 4)] == ["cat", "ann", "bob"]


def test_fewest_calls_counts_since_they_logged_in() -> None:
    floor = three(Strategy.FEWEST_CALLS)
    for number in range(3):
        serve(floor, f"e{number}")
    floor.presence("cat", Presence.LOGGED_OUT)
    floor.presence("cat", Presence.AVAILABLE)
    assert [serve(floor, f"f{number}") for number in range(3)] == ["cat", "ann", "bob"]


def test_least_talk_time_counts_the_talking() -> None:
    floor = three(Strategy.LEAST_TALK_TIME)
    for entry, talk_s in (("e1", 60.0), ("e2", 10.0), ("e3", 30.0)):
        serve(floor, entry, talk_s)
    assert [serve(floor, f"f{number}", 15.0) for number in range(3)] == ["bob", "bob", "cat"]


def test_ordered_asks_the_least_order_that_is_free() -> None:
    floor = FloorDriver(QueueSettings("q", strategy=Strategy.ORDERED))
    floor.agent("deputy", {"q": Membership(order=2)})
    floor.agent("first", {"q": Membership(order=1)})
    floor.enqueue("e1")
    assert floor.offers == [("e1", "first")]
    floor.enqueue("e2")
    assert floor.offers == [("e2", "deputy")]


def test_best_skill_asks_who_is_best_at_what_is_asked_for() -> None:
    floor = FloorDriver(QueueSettings("q", strategy=Strategy.BEST_SKILL))
    floor.agent("all", skills={"en": 4, "law": 4})
    floor.agent("law", skills={"en": 1, "law": 9})
    floor.agent("english", skills={"en": 6})
    assert serve(floor, "e1", skills={"en": 1}) == "english"
    assert serve(floor, "e2", skills={"en": 1, "law": 1}) == "law"
    assert serve(floor, "e3", skills={"law": 2, "en": 2}) == "all"


@pytest.mark.parametrize(
    ("strategy", "shares"), [(Strategy.RANDOM, (1, 1, 1)), (Strategy.WEIGHTED, (1, 3, 0))]
)
def test_at_random_calls_fall_in_proportion(strategy: Strategy, shares: tuple[int, ...]) -> None:
    floor = FloorDriver(QueueSettings("q", strategy=strategy), seed=11)
    for name, weight in zip(("ann", "bob", "cat"), (1, 3, 0), strict=True):
        floor.agent(name, {"q": Membership(weight=weight)})
    calls = 1_200

    taken = Counter(serve(floor, f"e{number}") for number in range(calls))

    for name, share in zip(("ann", "bob", "cat"), shares, strict=True):
        assert abs(taken[name] / calls - share / sum(shares)) < 0.05


def test_at_random_weight_0_is_asked_when_nobody_else_is_there() -> None:
    floor = FloorDriver(QueueSettings("q", strategy=Strategy.WEIGHTED))
    floor.agent("ann", {"q": Membership(weight=0)})
    floor.enqueue("e1")
    assert floor.offers == [("e1", "ann")]
    floor.enqueue("e2")
    assert floor.offers == []


def test_at_random_who_declined_is_passed_over() -> None:
    for seed in range(20):
        floor = three(Strategy.RANDOM, seed)
        floor.enqueue("e1")
        ((_, first),) = floor.offers
        floor.miss("e1-1")
        ((_, second),) = floor.offers
        assert first != second


def test_the_same_seed_makes_the_same_choices() -> None:
    def choices(seed: int) -> list[str]:
        floor = three(Strategy.RANDOM, seed)
        return [serve(floor, f"e{number}") for number in range(12)]

    assert choices(1) == choices(1)
    assert choices(1) != choices(2)


def test_ring_all_asks_everybody_and_the_first_to_accept_gets_it() -> None:
    floor = three(Strategy.RING_ALL)
    floor.enqueue("e1")
    assert floor.offers == [("e1", "ann"), ("e1", "bob"), ("e1", "cat")]
    floor.enqueue("e2")
    assert floor.offers == []

    floor.tell(Accept("e1-2"))
    cancelled = [(cancel.agent, cancel.reason) for cancel in floor.all(CancelOffer)]
    assert cancelled == [("ann", Miss.ACCEPTED_ELSEWHERE), ("cat", Miss.ACCEPTED_ELSEWHERE)]
    assert floor.offers == [("e2", "ann"), ("e2", "cat")]

    floor.tell(Accept("e1-1"))
    assert floor.out == (CancelOffer("e1-1", "ann", Miss.ACCEPTED_ELSEWHERE),)
    floor.tell(Joined("e1-2"))
    assert floor.see("e1").agents == ("bob",)


def test_ring_all_asks_who_becomes_free_meanwhile_and_goes_on_when_one_declines() -> None:
    floor = three(Strategy.RING_ALL)
    floor.enqueue("e1")
    floor.agent("dan")
    assert floor.offers == [("e1", "dan")]

    floor.miss("e1-1")
    assert floor.offers == []
    assert floor.see("e1").agents == ("bob", "cat", "dan")
    for number in (2, 3, 4):
        floor.miss(f"e1-{number}")
    assert floor.see("e1").state.value == "waiting"
    floor.wait(5)
    assert floor.offers == [("e1", name) for name in ("ann", "bob", "cat", "dan")]


def test_ring_all_asks_nobody_any_more_when_one_has_accepted() -> None:
    floor = FloorDriver(QueueSettings("q", strategy=Strategy.RING_ALL))
    floor.agent("ann")
    floor.enqueue("e1")
    floor.tell(Accept("e1-1"))
    floor.agent("bob")
    assert floor.offers == []


def test_another_strategy_counts_for_the_next_call() -> None:
    floor = FloorDriver()
    floor.agent("ann", {"q": Membership(order=2)})
    floor.agent("bob", {"q": Membership(order=1)})
    floor.configure(strategy=Strategy.ORDERED)
    assert serve(floor, "e1") == "bob"
    assert serve(floor, "e2") == "bob"
    floor.configure(strategy=Strategy.FEWEST_CALLS)
    assert serve(floor, "e3") == "ann"


def test_the_agent_of_before_is_waited_for_if_they_are_on_duty() -> None:
    floor = FloorDriver(QueueSettings("q", sticky_s=30))
    floor.agent("ann")
    floor.agent("bob")
    assert serve(floor, "e1", sticky="bob") == "bob"
    floor.enqueue("busy")
    floor.enqueue("busy too")
    floor.accept("busy-1")
    floor.enqueue("mine", sticky="ann")
    floor.agent("cat")
    assert floor.offers == []

    floor.wait(30)
    assert floor.offers == [("mine", "cat")]

    floor.enqueue("also mine", sticky="ann")
    floor.agent("dan")
    assert floor.offers == []
    floor.end("busy", "ann")
    assert floor.offers == [("also mine", "ann")]
    floor.miss("also mine-1")
    assert floor.offers == [("also mine", "dan")]


def test_nobody_waits_for_an_agent_who_leaves_or_cannot_take_the_call() -> None:
    floor = FloorDriver(QueueSettings("q", sticky_s=30))
    floor.agent("ann")
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.agent("bob", skills={"law": 1})
    floor.enqueue("e1", sticky="ann")
    assert floor.offers == []
    floor.presence("ann", Presence.ON_BREAK)
    assert floor.offers == [("e1", "bob")]

    floor.agent("cat", skills={"law": 1})
    floor.enqueue("e2", sticky="ann", skills={"law": 1})
    assert floor.offers == [("e2", "cat")]
    floor.agent("dan")
    floor.enqueue("e3", sticky="nobody")
    assert floor.offers == [("e3", "dan")]


def test_without_a_wait_the_agent_of_before_is_preferred_when_free() -> None:
    floor = three(Strategy.LONGEST_IDLE)
    assert serve(floor, "e1", sticky="cat") == "cat"
    floor.enqueue("e2", sticky="cat")
    floor.miss("e2-1")
    assert floor.offers == [("e2", "ann")]
    floor.enqueue("e3", sticky="cat")
    floor.enqueue("e4", sticky="ann")
    assert floor.offers == [("e4", "bob")]


def test_an_agent_whose_queues_change_is_not_waited_for() -> None:
    floor = FloorDriver(QueueSettings("q", sticky_s=30), QueueSettings("r"))
    floor.agent("ann")
    floor.enqueue("busy")
    floor.accept("busy-1")
    floor.agent("bob")
    floor.enqueue("e1", sticky="ann")

    floor.tell(LogIn(profile("ann", ("r",))))

    assert floor.offers == [("e1", "bob")]
    assert floor.see_agent("ann").state is AgentState.ON_CALL
