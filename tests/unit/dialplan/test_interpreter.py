"""The interpreter, one step at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.call.cause import Cause
from gateway.dialplan.interpreter import RunFault
from gateway.dialplan.model import GotoNode, Plan
from gateway.dialplan.run import (
    MAX_PATH,
    MAX_TYPED_AHEAD,
    OUTCOMES,
    Answer,
    AudioFailed,
    AudioFinished,
    CancelTimer,
    Connected,
    Digit,
    HangUp,
    HungUp,
    NodeLeft,
    OpenEarlyMedia,
    Phase,
    PlayPrompts,
    RunState,
    Started,
    StartTimer,
    StopAudio,
    TimerFired,
)
from tests.fakes.plans import ROUTES, VirtualCall, plan_of, write_tone

FLOW = """
routes:
  - {dnis: any, flow: main}
  - {dnis: "early", flow: main, answer: false}
  - {dnis: "busy", flow: busy}
  - {dnis: "codes", flow: codes}
---
flow: main
start: begin
nodes:
  begin: {goto: welcome}
  welcome: {say: Welcome., next: top}
  top:
    menu: Choose.
    keys: {1: one, 2: music, "*": top}
    first_digit_timeout: 4s
    retries: 3
    no_input: {say: [quiet 1, quiet 2, quiet last], next: silent}
    no_match: {say: [wrong 1, wrong 2, wrong last]}
    failed: lost
  one: {say: One., next: top}
  music: {play: tone.wav, next: top}
  silent: {say: Silent., barge_in: false, next: end}
  lost: {say: Lost., next: end}
  end: {hangup: }
---
flow: busy
start: full
nodes:
  full: {hangup: user_busy}
---
flow: codes
start: ask
nodes:
  ask:
    menu: Code.
    keys: {1: short, 12: long, 345: long}
    inter_digit_timeout: 1500ms
    barge_in: false
    retries: 0
  short: {say: Short., next: second}
  long: {say: Long., next: second}
  second:
    menu: Second.
    keys: {5: end}
    type_ahead: false
  end: {hangup: 31}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    directory = tmp_path_factory.mktemp("plan")
    write_tone(directory / "tone.wav")
    return plan_of(directory, FLOW)


@pytest.fixture
def call(plan: Plan) -> VirtualCall:
    return VirtualCall(plan)


def at_menu(call: VirtualCall) -> VirtualCall:
    """Past the welcome, with the menu waiting for keys."""
    return call.start().listen().listen()


def test_the_call_is_answered_before_the_first_audio_and_not_earlier(call: VirtualCall) -> None:
    effects = call.happens(Started())

    assert effects == (NodeLeft("main", "begin", "completed"), Answer())
    assert call.heard == []


def test_the_first_prompt_waits_for_the_answer_to_be_acknowledged(call: VirtualCall) -> None:
    call.happens(Started())
    call.happens(Connected())

    assert call.heard == ["Welcome."]
    assert call.state.path == ("begin", "welcome")


def test_a_route_that_does_not_answer_opens_early_media(plan: Plan) -> None:
    call = VirtualCall(plan, "early")

    assert OpenEarlyMedia() in call.happens(Started())
    call.happens(Connected())
    assert call.heard == ["Welcome."]


def test_a_call_that_is_turned_away_is_never_answered(plan: Plan) -> None:
    call = VirtualCall(plan, "busy").start()

    assert call.effects == [NodeLeft("busy", "full", "completed"), HangUp(Cause.USER_BUSY)]
    assert call.state.phase is Phase.ENDING


def test_starting_twice_changes_nothing(call: VirtualCall) -> None:
    call.start()

    assert call.happens(Started()) == ()
    assert call.happens(Connected()) == ()


def test_a_menu_listens_when_its_prompt_has_ended(call: VirtualCall) -> None:
    at_menu(call)

    assert call.heard == ["Welcome.", "Choose."]
    assert call.effects[-1] == StartTimer(call.state.serial, 4.0)
    assert call.state.timer_due_s == 4.0


def test_a_key_leads_where_its_option_says(call: VirtualCall) -> None:
    at_menu(call).press("2")

    assert call.heard[-1] == "tone.wav"
    assert call.outcomes[-1] == ("top", "matched")


def test_a_key_cancels_the_timer(call: VirtualCall) -> None:
    at_menu(call)
    timer = call.state.timer
    assert timer is not None
    effects = call.happens(Digit("1"))

    assert effects[0] == CancelTimer(timer)
    assert call.happens(TimerFired(timer)) == ()


def test_a_key_during_the_menu_prompt_interrupts_it_and_counts(call: VirtualCall) -> None:
    call.start().listen()
    effects = call.happens(Digit("1"))

    assert effects[0] == StopAudio()
    assert call.heard[-1] == "One."


def test_the_end_of_interrupted_audio_comes_too_late(call: VirtualCall) -> None:
    call.start().listen()
    audio = call.state.audio
    assert audio is not None
    call.press("1")

    assert call.happens(AudioFinished(audio)) == ()
    assert call.happens(AudioFailed(audio)) == ()


def test_a_key_during_a_say_interrupts_it_and_goes_to_the_menu_that_follows(call: VirtualCall) -> None:
    call.start().press("1")

    assert call.heard == ["Welcome.", "One."]
    assert call.outcomes[-2:] == [("welcome", "interrupted"), ("top", "matched")]


def test_keys_before_the_answer_are_kept(call: VirtualCall) -> None:
    call.happens(Digit("9"))
    call.happens(Started())
    call.happens(Digit("1"))

    assert call.state.typed == "91"


def test_keys_typed_ahead_choose_without_a_prompt(call: VirtualCall) -> None:
    at_menu(call).press("1")  # plays "One."
    call.press("2")

    assert call.heard == ["Welcome.", "Choose.", "One.", "tone.wav"]
    assert call.state.typed == ""


def test_a_prompt_that_cannot_be_interrupted_keeps_keys_for_later(call: VirtualCall) -> None:
    at_menu(call)
    for _ in range(3):
        call.wait().listen()
    call.wait()
    assert call.heard[-1] == "Silent."
    effects = call.happens(Digit("1"))

    assert effects == ()
    assert call.state.typed == "1"


def test_no_more_keys_are_kept_than_the_limit(plan: Plan) -> None:
    call = VirtualCall(plan, "codes").start()
    call.press("0" * (MAX_TYPED_AHEAD + 5))

    assert call.state.typed == "0" * MAX_TYPED_AHEAD


def test_silence_escalates_from_the_first_prompt_to_the_last_and_then_leaves(call: VirtualCall) -> None:
    at_menu(call)
    for _ in range(3):
        call.wait().listen()
    call.wait()

    assert call.heard[2:] == ["quiet 1", "Choose.", "quiet 2", "Choose.", "quiet last", "Choose.", "Silent."]
    assert call.outcomes[-2:] == [("top", "no_input"), ("top", "failed")]


def test_wrong_keys_escalate_to_the_failed_branch(call: VirtualCall) -> None:
    at_menu(call).press("7").press("8").press("9").press("#")

    assert call.heard[2:] == ["wrong 1", "Choose.", "wrong 2", "Choose.", "wrong last", "Choose.", "Lost."]
    assert call.state.failures == 0


def test_silence_and_wrong_keys_use_up_the_same_retries(call: VirtualCall) -> None:
    at_menu(call).press("7").listen().wait().press("8").press("9")

    assert call.heard[2:] == ["wrong 1", "Choose.", "quiet 2", "Choose.", "wrong last", "Choose.", "Lost."]


def test_entering_a_menu_again_gives_all_retries_back(call: VirtualCall) -> None:
    at_menu(call).press("7").press("*")

    assert call.state.failures == 0
    assert call.heard[-1] == "Choose."


def test_a_wrong_key_throws_away_what_was_typed_behind_it(call: VirtualCall) -> None:
    call.happens(Started())
    call.press("91")
    call.happens(Connected())
    call.listen()

    assert call.heard == ["Welcome.", "wrong 1", "Choose."]
    assert call.state.typed == ""


def test_an_option_that_begins_another_waits_for_the_next_key(plan: Plan) -> None:
    call = VirtualCall(plan, "codes").start().listen().press("1")

    assert call.state.phase is Phase.LISTENING
    assert call.effects[-1] == StartTimer(call.state.serial, 1.5)
    call.press("2")
    assert call.heard[-1] == "Long."


def test_an_option_that_begins_another_is_taken_when_no_key_follows(plan: Plan) -> None:
    call = VirtualCall(plan, "codes").start().listen().press("1").wait()

    assert call.heard[-1] == "Short."


def test_half_an_option_is_no_match_when_no_key_follows(plan: Plan) -> None:
    call = VirtualCall(plan, "codes").start().listen().press("34").wait()

    assert call.outcomes[-2:] == [("ask", "no_match"), ("ask", "failed")]


def test_keys_beyond_every_option_are_no_match(plan: Plan) -> None:
    call = VirtualCall(plan, "codes").start().listen().press("13")

    assert call.outcomes[-2:] == [("ask", "no_match"), ("ask", "failed")]


def test_a_menu_without_a_way_out_ends_the_call_normally(plan: Plan) -> None:
    call = VirtualCall(plan, "codes").start().listen().wait()

    assert call.effects[-1] == HangUp(Cause.NORMAL_CLEARING)
    assert call.press("1").state.typed == ""


def test_a_menu_that_lets_nobody_barge_in_takes_the_keys_after_its_prompt(plan: Plan) -> None:
    call = VirtualCall(plan, "codes").start().press("12")
    assert call.heard == ["Code."]
    call.listen()

    assert call.heard == ["Code.", "Long."]


def test_a_menu_without_type_ahead_forgets_what_came_before(plan: Plan) -> None:
    call = VirtualCall(plan, "codes").start().press("345").listen().press("5")

    assert call.heard[-1] == "Second."
    assert call.state.typed == ""


def test_a_hangup_node_gives_its_cause(plan: Plan) -> None:
    call = VirtualCall(plan, "codes").start().press("345").listen().listen().press("5")

    assert call.effects[-1] == HangUp(Cause.NORMAL_UNSPECIFIED)


def test_audio_that_fails_does_not_stop_the_call(call: VirtualCall) -> None:
    call.start().lose_audio()
    assert call.heard[-1] == "Choose."
    call.lose_audio()

    assert call.state.phase is Phase.LISTENING
    assert call.outcomes[-2:] == [("welcome", "audio_failed"), ("top", "audio_failed")]


def test_the_caller_hanging_up_stops_audio_and_timers(call: VirtualCall) -> None:
    call.start()
    speaking = call.happens(HungUp())

    assert speaking == (NodeLeft("main", "welcome", "hung_up"), StopAudio())
    assert call.state.phase is Phase.ENDED


def test_the_caller_hanging_up_while_we_listen_cancels_the_timer(call: VirtualCall) -> None:
    at_menu(call)
    timer = call.state.timer
    assert timer is not None

    assert call.happens(HungUp()) == (NodeLeft("main", "top", "hung_up"), CancelTimer(timer))


def test_the_end_of_a_call_that_we_ended_is_no_outcome(plan: Plan) -> None:
    call = VirtualCall(plan, "busy").start()

    assert call.happens(HungUp()) == ()


def test_nothing_happens_after_the_end(call: VirtualCall) -> None:
    call.start().hang_up()

    assert call.happens(Digit("1")) == ()
    assert call.happens(Started()) == ()


def test_every_outcome_is_a_declared_one(call: VirtualCall) -> None:
    at_menu(call).press("9").press("1").press("1").lose_audio()

    assert {outcome for _, outcome in call.outcomes} <= OUTCOMES


def test_the_path_keeps_the_latest_nodes(call: VirtualCall) -> None:
    at_menu(call)
    for _ in range(MAX_PATH):
        call.press("*")

    assert call.state.path == ("top",) * MAX_PATH


def test_a_state_that_does_not_fit_the_plan_is_a_fault(plan: Plan, call: VirtualCall) -> None:
    at_menu(call)
    timer = call.state.timer
    assert timer is not None

    call.state = replace(call.state, node="elsewhere")
    with pytest.raises(RunFault, match="no such node"):
        call.happens(Digit("1"))
    call.state = replace(call.state, node="welcome")
    with pytest.raises(RunFault, match="doesn't ask for anything"):
        call.happens(TimerFired(timer))
    call.state = RunState("gone")
    with pytest.raises(RunFault, match="no such flow"):
        call.happens(Started())
    call.state = RunState("gone", "x", Phase.LISTENING)
    with pytest.raises(RunFault, match="no such flow"):
        call.happens(Digit("1"))


def test_speech_at_a_node_that_has_none_is_a_fault(call: VirtualCall) -> None:
    call.start()
    call.state = replace(call.state, node="end")

    with pytest.raises(RunFault, match="doesn't speak"):
        call.happens(Digit("1"))
    with pytest.raises(RunFault, match="has no audio"):
        call.listen()


def test_a_plan_that_goes_round_without_waiting_ends_its_call_with_an_apology(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ROUTES + "{flow: main, start: a, nodes: {a: {goto: b}, b: {hangup: }}}")
    flow = plan.flows["main"]
    round_trip = {**flow.nodes, "b": GotoNode("b", flow.at, flow.start)}
    spinning = replace(plan, flows={"main": replace(flow, nodes=round_trip)})

    call = VirtualCall(spinning).start()
    assert call.effects[-1] == HangUp(Cause.TEMPORARY_FAILURE)
    assert call.outcomes[-1][1] == "too_long"


def test_a_chain_of_thousands_of_nodes_is_walked_in_one_step(tmp_path: Path) -> None:
    chain = ", ".join(f"n{number}: {{goto: n{number + 1}}}" for number in range(3000))
    plan = plan_of(tmp_path, ROUTES + f"{{flow: main, start: n0, nodes: {{{chain}, n3000: {{hangup: }}}}}}")

    assert VirtualCall(plan).start().state.node == "n3000"


@pytest.mark.parametrize(
    ("retries", "prompts", "heard"),
    [
        (2, "[a]", ["a", "a"]),
        (2, "[a, b]", ["a", "b"]),
        (4, "[a, b, c]", ["a", "b", "b", "c"]),
        (1, "[a, b, c]", ["c"]),
        (2, "", ["M", "M"]),
    ],
)
def test_the_last_prompt_belongs_to_the_last_retry(
    tmp_path: Path, retries: int, prompts: str, heard: list[str]
) -> None:
    text = (
        f"{{flow: main, start: m, nodes: {{m: {{menu: M, keys: {{1: end}}, retries: {retries}, "
        f"no_input: {{say: {prompts}}}}}, end: {{hangup: }}}}}}"
    )
    call = VirtualCall(plan_of(tmp_path, ROUTES + text)).start().listen()
    first = len(call.heard)
    for _ in range(retries):
        call.wait().listen()

    spoken = [text for text in call.heard[first:] if text != "M" or not prompts]
    assert heard == spoken


def test_a_stored_state_that_is_no_state_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        RunState.from_json({"flow": "main", "phase": "nowhere", "path": []})
    with pytest.raises(TypeError):
        RunState.from_json({"flow": "main", "phase": "idle", "path": [], "pin": "1234"})


def test_several_prompts_are_one_piece_of_audio(call: VirtualCall) -> None:
    at_menu(call)
    effects = call.press("7").effects

    played = [effect for effect in effects if isinstance(effect, PlayPrompts)][-1]
    assert len(played.prompts) == 2
