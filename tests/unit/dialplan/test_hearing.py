"""What a run makes of speech: taken, asked back, refused; interrupted prompts, noises, and no recogniser."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.dialplan.loader import check
from gateway.dialplan.nodes import GatherNode, MenuNode
from gateway.dialplan.run import (
    Digit,
    HearingFailed,
    Listen,
    PauseRecording,
    Phase,
    PhraseHeard,
    ResumeRecording,
    SpeechBegan,
    SpeechLost,
    StopListening,
)
from tests.fakes.plans import ROUTES, VirtualCall, plan_of, write_plan

MENU = """\
flow: main
start: menu
nodes:
  menu:
    menu: What now?
    keys: {1: billing, 2: support, 5: end}
    phrases:
      billing: ["[pay] my bill"]
      support: [help]
    retries: 1
    no_match: {say: Sorry.}
    failed: end
  billing: {say: Billing., next: end}
  support: {say: Support., next: end}
  end: {hangup: }
"""


def call_on(tmp_path: Path, flow: str) -> VirtualCall:
    tmp_path.mkdir(exist_ok=True)
    return VirtualCall(plan_of(tmp_path, ROUTES + flow)).start()


def with_speech(keys: str) -> str:
    return MENU.replace("    retries: 1\n", f"    retries: 1\n    speech: {keys}\n")


@pytest.fixture
def call(tmp_path: Path) -> VirtualCall:
    return call_on(tmp_path, MENU)


def test_every_text_of_a_phrase_is_listened_for_with_its_meaning(call: VirtualCall) -> None:
    (wanted,) = [effect for effect in call.effects if isinstance(effect, Listen)]

    assert wanted.phrases == ("pay my bill", "my bill", "help")
    assert wanted.meanings == (0, 0, 1)
    assert wanted.answer == "phrases"


def test_what_is_surely_understood_is_taken(call: VirtualCall) -> None:
    call.speak("my bill", 0.9)

    assert call.heard == ["What now?", "Billing."]
    assert call.outcomes[-1] == ("menu", "matched")


def test_what_is_half_understood_is_asked_back_and_yes_takes_it(call: VirtualCall) -> None:
    call.speak("help", 0.5)
    assert call.heard[-1] == "Did you say help? Please say yes or no."
    assert "yes" in call.listening
    assert "my bill" in call.listening

    call.speak("that's right")

    assert call.heard[-1] == "Support."
    assert ("menu", "confirmed") in call.outcomes


@pytest.mark.parametrize("answer", ["no", "key"])
def test_no_asks_again_and_is_remembered(call: VirtualCall, answer: str) -> None:
    call.speak("help", 0.5)

    _ = call.press("2") if answer == "key" else call.speak("no")

    assert call.heard[-2:] == ["Sorry.", "What now?"]
    assert ("menu", "denied") in call.outcomes
    assert "help" not in call.listening
    call.speak("help", 0.9, ("my bill", 0.85))
    assert call.heard[-1] == "Billing.", "the next likeliest, since the first was denied"


def test_one_is_yes_while_something_is_asked_back(call: VirtualCall) -> None:
    call.speak("help", 0.5).listen().press("1")

    assert call.heard[-1] == "Support."


def test_another_key_or_phrase_answers_as_well(call: VirtualCall, tmp_path: Path) -> None:
    assert call.speak("help", 0.5).press("5").state.phase is Phase.ENDING
    other = call_on(tmp_path / "b", MENU).speak("help", 0.5).speak("my bill", 0.95)
    assert other.heard[-1] == "Billing."


def test_silence_after_the_question_is_a_failure(call: VirtualCall) -> None:
    call.speak("help", 0.5).listen().wait()

    assert call.heard[-1] == "What now?"
    assert call.state.pending == ""


@pytest.mark.parametrize(("text", "confidence"), [("help", 0.1), ("", 0.0), ("weather", 1.0)])
def test_what_is_hardly_understood_is_no_match(call: VirtualCall, text: str, confidence: float) -> None:
    call.speak(text, confidence)

    assert call.heard[-2:] == ["Sorry.", "What now?"]


def test_speech_ends_the_prompt_and_stops_the_clock(call: VirtualCall) -> None:
    call.happens(SpeechBegan())
    assert call.state.audio is None
    assert call.state.phase is Phase.LISTENING

    call.speak("help", 0.9)

    assert call.heard == ["What now?", "Support."]


def test_a_noise_that_cut_the_prompt_has_it_said_again_once(call: VirtualCall) -> None:
    call.happens(SpeechBegan())
    call.happens(SpeechLost())
    assert call.heard == ["What now?", "What now?"]

    call.happens(SpeechBegan())
    call.happens(SpeechLost())

    assert call.heard == ["What now?", "What now?"]
    assert call.state.timer is not None
    assert ("menu", "no_match") not in call.outcomes


def test_a_recogniser_that_never_answers_counts_as_broken(call: VirtualCall) -> None:
    call.happens(SpeechBegan())

    call.wait()

    assert call.heard[-2].startswith("Sorry, I cannot understand speech")


def test_without_a_recogniser_the_menu_says_so_and_goes_on_with_keys(call: VirtualCall) -> None:
    call.listen()
    call.happens(HearingFailed())
    assert call.heard[-2:] == [
        "Sorry, I cannot understand speech at the moment. Please use the keys of your phone.",
        "What now?",
    ]
    assert call.listening == ()

    call.press("2")

    assert call.heard[-1] == "Support."


def test_a_menu_without_keys_takes_its_error_exit_then(tmp_path: Path) -> None:
    flow = MENU.replace("    keys: {1: billing, 2: support, 5: end}\n", "").replace(
        "    failed: end\n", "    failed: end\n    error: support\n"
    )
    call = call_on(tmp_path, flow)

    call.happens(HearingFailed())

    assert call.heard[-1] == "Support."


def test_events_of_speech_that_nobody_waits_for_change_nothing(call: VirtualCall) -> None:
    call.press("1")
    before = call.state
    for event in (SpeechBegan(), SpeechLost(), PhraseHeard("help"), HearingFailed()):
        assert call.happens(event) == ()
    assert call.state == before


def test_speech_waits_for_the_end_of_a_prompt_that_it_may_not_interrupt(tmp_path: Path) -> None:
    call = call_on(
        tmp_path, MENU.replace("    retries: 1\n", "    retries: 1\n    speech: {barge_in: false}\n")
    )
    assert call.listening == ()

    call.listen()

    assert call.listening != ()


def test_whoever_has_begun_with_keys_goes_on_with_keys(tmp_path: Path) -> None:
    call = call_on(tmp_path, MENU.replace("{1: billing, 2: support, 5: end}", "{12: billing, 2: support}"))

    effects = call.happens(Digit("1"))

    assert StopListening() in effects
    assert call.listening == ()


GATHER = """\
flow: main
start: ask
variables: {got: "''"}
nodes:
  ask:
    gather: Say it.
    into: got
    minimum: 4
    maximum: 8
    speech: SPEECH
    retries: 1
    next: told
  told: {say: "Got {{ vars.got }}.", next: end}
  end: {hangup: }
"""


@pytest.mark.parametrize(
    ("speech", "words", "value"),
    [
        ("true", "one two double four", "1244"),
        ("digits", "4711", "4711"),
        ("yes_no", "yes please", "yes"),
        ("date", "the fourth of march 2026", "2026-03-04"),
        ("amount", "twelve dollars fifty", "12.50"),
        ("phone", "oh one seven one", "0171"),
        ("text", "my card was stolen", "my card was stolen"),
        ("{answer: text, confirm_below: 0.9}", "something", "something"),
    ],
)
def test_gathers_understand_answers(tmp_path: Path, speech: str, words: str, value: str) -> None:
    call = call_on(tmp_path, GATHER.replace("SPEECH", speech)).speak(words, 0.95)

    assert call.heard[-1] == f"Got {value}."


def test_digits_are_read_back_one_by_one(tmp_path: Path) -> None:
    call = call_on(tmp_path, GATHER.replace("SPEECH", "digits")).speak("one two double four", 0.5)

    assert call.heard[-1] == "Did you say 1 2 4 4? Please say yes or no."
    assert call.speak("yes").heard[-1] == "Got 1244."


def test_keys_are_read_as_the_answer_that_is_asked_for(tmp_path: Path) -> None:
    call = call_on(tmp_path, GATHER.replace("SPEECH", "date")).press("20260304")

    assert call.heard[-1] == "Got 2026-03-04."


def test_a_secret_is_never_read_back_and_pauses_the_recording(tmp_path: Path) -> None:
    flow = GATHER.replace("SPEECH", "digits\n    mask: true").replace('"Got {{ vars.got }}."', "Thanks.")
    call = call_on(tmp_path, flow)
    assert [type(e) for e in call.effects if isinstance(e, PauseRecording | ResumeRecording)] == [
        PauseRecording
    ]
    (wanted,) = [effect for effect in call.effects if isinstance(effect, Listen)]
    assert wanted.secret

    call.speak("one two three four", 0.5)
    assert call.heard[-1] == "Say it."
    call.speak("one two three four", 0.9)

    assert call.heard[-1] == "Thanks."
    assert not call.private


@pytest.mark.parametrize(
    ("speech", "problem"),
    [
        ("{confirm_below: 2}", "number from 0 to 1"),
        ("{confirm_below: 0.3, reject_below: 0.5}", "more than 'confirm_below'"),
        ("{barge_in: 5s}", "a time from 0.1s"),
        ("{keep: everything}", "transcript or audio"),
        ("{loud: true}", "loud"),
        ("often", "is a mapping"),
    ],
)
def test_faults_of_a_menu_s_speech(tmp_path: Path, speech: str, problem: str) -> None:
    faults = check(write_plan(tmp_path, ROUTES + with_speech(speech)))

    assert any(problem in fault.message for fault in faults), faults


def test_a_gather_s_answer_is_one_that_there_is(tmp_path: Path) -> None:
    faults = check(write_plan(tmp_path, ROUTES + GATHER.replace("SPEECH", "digit")))

    assert any("did you mean 'digits'" in fault.message for fault in faults), faults


def test_speech_keys_are_read(tmp_path: Path) -> None:
    keys = (
        "{barge_in: 300ms, end_silence: 1s, confirm_below: 0.7, reject_below: .2, keep: [transcript, audio]}"
    )
    plan = plan_of(
        tmp_path, ROUTES + MENU.replace("    retries: 1\n", f"    retries: 1\n    speech: {keys}\n")
    )
    menu = plan.flows["main"].nodes["menu"]

    assert isinstance(menu, MenuNode)
    speech = menu.speech
    assert (speech.barge_in, speech.barge_in_after_s, speech.end_silence_s) == (True, 0.3, 1.0)
    assert (speech.confirm_below, speech.reject_below, speech.keep) == (0.7, 0.2, ("transcript", "audio"))
    off = plan_of(tmp_path, ROUTES + GATHER.replace("SPEECH", "false"))
    gather = off.flows["main"].nodes["ask"]
    assert isinstance(gather, GatherNode)
    assert gather.speech is None
