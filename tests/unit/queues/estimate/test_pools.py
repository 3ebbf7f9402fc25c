from __future__ import annotations

import math
from typing import Any

import pytest

from gateway.agents.presence import Presence
from gateway.agents.profile import AgentProfile, Membership
from gateway.queues.estimate.pools import Pools, Situation, is_on_duty, places
from gateway.queues.views import AgentView, EntryView
from tests.fakes.floor import NOW, agent_view, entry_view


def agent(name: str, *queues: str, skills: dict[str, int] | None = None, **others: Any) -> AgentView:
    view = agent_view(name, *queues, **others)
    profile = AgentProfile(name, name, skills=skills or {}, queues={queue: Membership() for queue in queues})
    return AgentView(
        profile, view.presence, view.reason, view.state, view.since, view.reachable, view.entry,
        view.wrap_up_until, view.calls, view.talk_s, view.misses,
    )  # fmt: skip


def situation(entries: list[EntryView], agents: list[AgentView], **weights: int) -> Situation:
    return Situation(NOW, tuple(entries), tuple(agents), weights)


@pytest.mark.parametrize(
    ("others", "counted"),
    [
        ({}, True),
        ({"presence": Presence.ON_BREAK}, False),
        ({"presence": Presence.LOGGED_OUT}, False),
        ({"reachable": False}, False),
    ],
)
def test_who_takes_calls_is_on_duty(others: dict[str, Any], counted: bool) -> None:
    assert is_on_duty(agent_view("ann", "q", **others)) is counted


def test_a_pool_has_the_agents_of_its_queue_with_its_skills() -> None:
    dane = entry_view("1", "q", skills={"danish": 3})
    agents = [agent("a", "q", skills={"danish": 3}), agent("b", "q", skills={"danish": 2}), agent("c", "p")]
    pools = Pools(situation([dane, entry_view("2", "q")], agents))

    assert pools.of(dane).size == 1
    assert pools.of(entry_view("2", "q")).size == 2
    assert pools.on_duty("q") == {"a", "b"}
    assert pools.on_duty("nobody") == frozenset()
    assert pools.queues() == {"p", "q"}


def test_entries_compete_by_the_share_of_their_agents() -> None:
    plain, dane = entry_view("1", "q"), entry_view("2", "q", skills={"danish": 1})
    pools = Pools(situation([plain, dane], [agent("a", "q", skills={"danish": 1}), agent("b", "q")]))

    pools.of(plain).claim(1.0, 10.0)
    pools.of(dane).claim(0.5, 30.0)

    assert pools.of(dane).claimed()[0] == pytest.approx(0.5 + 0.5)
    assert pools.of(plain).claimed()[0] == pytest.approx(1.0 + 0.5)
    assert pools.of(dane).claimed()[1] == pytest.approx(0.25 + 0.25)


def test_who_competes_but_is_served_later_takes_nobody_away() -> None:
    plain, dane = entry_view("1", "q"), entry_view("2", "q", skills={"danish": 1})
    pools = Pools(situation([plain, dane], [agent("a", "q", skills={"danish": 1}), agent("b", "q")]))
    pools.of(dane).claim(1.0, 300.0)
    pools.of(plain).claim(1.0, 500.0)

    assert pools.of(plain).claimed(by_s=299.0)[0] == pytest.approx(1.0)
    assert pools.of(plain).claimed(by_s=300.0)[0] == pytest.approx(2.0)


def test_queues_without_common_agents_dont_compete() -> None:
    one, two = entry_view("1", "q"), entry_view("2", "p")
    pools = Pools(situation([one, two], [agent("a", "q"), agent("b", "p")]))
    pools.of(one).claim(1.0)

    assert pools.of(two).claimed() == (0.0, 0.0)
    assert pools.share("q", pools.of(one)) == 1.0
    assert pools.share("q", pools.of(two)) == 0.0
    assert pools.share("nobody", pools.of(two)) == 0.0


def test_the_order_is_the_engines() -> None:
    entries = [
        entry_view("late", "q", enqueued_at=2.0),
        entry_view("early", "q", enqueued_at=1.0),
        entry_view("urgent", "q", enqueued_at=3.0, priority=1),
        entry_view("heavy", "gold", enqueued_at=4.0),
    ]
    there = situation(entries, [], gold=1)

    assert [one.id for one in sorted(entries, key=there.rank)] == ["heavy", "urgent", "early", "late"]


def test_the_places_that_matter_have_a_margin() -> None:
    pools = Pools(situation([entry_view(str(number), "q") for number in range(9)], [agent("a", "q")]))

    assert places(pools.of(entry_view("0", "q"))) == pytest.approx(9.0 + 2.0 + 2.0 * math.sqrt(9.0))
