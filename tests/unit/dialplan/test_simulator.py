"""A simulated caller: what they hear, what it takes, and which branches the call went."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.call.cause import Cause
from gateway.dialplan.entrances import NoEntrance, route_to
from gateway.dialplan.model import Plan, Position, Recorded, Spoken
from gateway.dialplan.moments import Asked, Heard, Over, describe, heard_in, path_of
from gateway.dialplan.simulator import Simulation, estimated_duration_s
from tests.fakes.plans import ROUTES, plan_of

FLOW = f"""{ROUTES}
flow: main
start: welcome
nodes:
  welcome: {{say: Welcome., next: top}}
  top:
    menu: Choose.
    keys: {{1: news, 2: news, 12: top, "*": top}}
    retries: 1
    no_input: {{say: Nothing?, next: bye}}
    failed: bye
  news: {{say: The news., next: top}}
  bye: {{say: Bye., next: end}}
  end: {{hangup: }}
---
flow: unconnected
start: end
nodes:
  end: {{hangup: user_busy}}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path, FLOW)


@pytest.fixture
def call(plan: Plan) -> Simulation:
    return Simulation(plan, route_to(plan, "100"))


def branches_of(call: Simulation) -> list[tuple[str, str]]:
    return [(taken.node, taken.branch) for taken in call.transitions]


def test_listening_plays_everything_up_to_the_question(call: Simulation) -> None:
    call.listen()

    assert heard_in(call.moments) == ("Welcome.", "Choose.")
    assert isinstance(call.moments[-1], Asked)


def test_audio_takes_its_time_and_a_key_waits_for_it(call: Simulation) -> None:
    call.press("2")

    heard = [moment for moment in call.moments if isinstance(moment, Heard)]
    assert [moment.at_s for moment in heard] == [0.0, 0.52, pytest.approx(1.02)]


def test_a_key_at_once_cuts_the_audio_short(call: Simulation) -> None:
    call.press("2", at_once=True)

    assert call.now_s == 0.0
    assert heard_in(call.moments) == ("Welcome.", "The news.")


def test_two_keys_that_lead_to_the_same_node_are_two_branches(call: Simulation) -> None:
    call.press("2")
    call.press("1")
    call.wait(2.0)

    assert ("top", "key 2") in branches_of(call)
    assert branches_of(call)[-1] == ("top", "key 1")


def test_keys_typed_ahead_take_one_branch_each(call: Simulation) -> None:
    call.press("2", at_once=True)
    call.press("*2", at_once=True)

    assert [branch for node, branch in branches_of(call) if node == "top"] == ["key 2", "key *", "key 2"]


def test_a_comma_between_keys_waits_a_second(call: Simulation) -> None:
    call.press("*,*")

    assert call.now_s == pytest.approx(2.02)


def test_doing_nothing_is_asked_about_and_ends_at_the_branch_for_silence(call: Simulation) -> None:
    call.wait()
    call.wait()
    call.listen()

    assert heard_in(call.moments) == ("Welcome.", "Choose.", "Nothing?", "Choose.", "Bye.")
    assert ("top", "no_input") in branches_of(call)
    assert call.moments[-1] == Over(call.now_s, Cause.NORMAL_CLEARING)


def test_wrong_keys_end_at_the_branch_for_failures(call: Simulation) -> None:
    call.press("9")
    call.press("9")

    assert branches_of(call)[-1] == ("top", "failed")


def test_waiting_passes_exactly_the_time_asked_for(call: Simulation) -> None:
    call.wait(0.25)
    call.wait(2.0)

    assert call.now_s == 2.25


def test_after_the_end_a_caller_can_do_nothing_more(call: Simulation) -> None:
    call.hang_up()
    moments = len(call.moments)
    call.press("1")
    call.hang_up()

    assert call.over
    assert len(call.moments) == moments
    assert call.moments[-1] == Over(0.0, None)


def test_the_path_and_the_moments_read_as_words(call: Simulation) -> None:
    call.press("9")
    call.hang_up()

    assert path_of(call.moments) == ("welcome", "top")
    words = [words for moment in call.moments if (words := describe(moment))]
    assert words == [
        "[welcome] Welcome.",
        "[top] Choose.",
        "[top] (waits for keys)",
        "caller presses 9",
        "[top] that isn't one of the choices",
        "[top] Choose.",
        "caller hangs up",
        "the caller has hung up",
    ]


def test_a_flow_without_a_route_can_be_entered_by_its_name(plan: Plan) -> None:
    call = Simulation(plan, route_to(plan, "unconnected"))

    assert call.moments[-1] == Over(0.0, Cause.USER_BUSY)


def test_what_is_neither_a_flow_nor_a_number_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, FLOW.replace("dnis: any", 'dnis: "100"'))

    with pytest.raises(NoEntrance, match="did you mean 'main'"):
        route_to(plan, "mein")


def test_chinese_takes_longer_a_character_than_english() -> None:
    assert estimated_duration_s(Spoken("欢迎致电", "cmn")) == pytest.approx(0.88)
    assert estimated_duration_s(Spoken("Welcome, you", "en")) == pytest.approx(0.78)


def test_a_recording_that_nobody_opened_has_a_length_all_the_same() -> None:
    at = Position("plan.yaml", 1, 1)

    assert estimated_duration_s(Recorded("a.wav", Spoken("A.", "en"), at)) == 5.0


WAITING = f"""{ROUTES}
flow: main
start: wait
nodes:
  wait: {{queue: q, leave_key: 9, next: end, left: voicemail, called_back: promised}}
  voicemail: {{say: Speak., next: end}}
  promised: {{say: We call you., next: end}}
  end: {{hangup: }}
---
queues: {{q: {{keys: {{1: callback, 2: position, "#": leave}}}}}}
"""


@pytest.mark.parametrize(
    ("key", "heard"),
    [("9", ("Speak.",)), ("#", ("Speak.",)), ("1", ("We call you.",)), ("2", ()), ("5", ())],
)
def test_keys_of_the_queue_and_of_the_node_lead_out_of_it(
    tmp_path: Path, key: str, heard: tuple[str, ...]
) -> None:
    plan = plan_of(tmp_path, WAITING)
    call = Simulation(plan, route_to(plan, "100"))

    call.press(key)
    call.listen()

    assert heard_in(call.moments) == heard
