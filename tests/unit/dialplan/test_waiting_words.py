"""What waiting callers and their agents hear, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.dialplan.expressions import ExpressionFailed
from gateway.dialplan.model import Plan, Prompt, Recorded, Spoken
from gateway.dialplan.queue_facts import queue_facts
from gateway.dialplan.waiting_words import (
    WaitingFacts,
    briefing_language,
    connecting_prompts,
    consent_prompts,
    known_prompts,
    sayings_to_prompts,
    whisper_prompts,
)
from gateway.queues.estimate.promise import rounded
from gateway.queues.phrases import LongerReason, WaitKind, WaitPhrase
from gateway.queues.views import QueueView
from gateway.queues.waiting import (
    AtPosition,
    BeyondPosition,
    CallbackOffer,
    ExpectedWait,
    Longer,
    Message,
    Saying,
    WaitUnknown,
    Welcome,
)
from tests.fakes.plans import ROUTES, plan_of, write_tone

FLOW = ROUTES + "flow: main\nlanguages: [en, ja, zh]\nstart: wait\nnodes:\n  wait: {queue: q}\n---\n"

QUEUES = """\
queues:
  q:
    announce:
      welcome: {en: "Hello {{ caller.name }}.", ja: もしもし。, zh: 您好。}
      messages: [{en: One., ja: 一。, zh: 一。}, {en: Two., ja: 二。, zh: 二。}]
    connecting:
      whisper: >-
        {{ queue.name }}, {{ caller.authenticated ? "verified" : "not verified" }},
        waiting {{ wait.minutes | plural one="minute" other="minutes" }}, priority {{ entry.priority }}
      say: {key: ringback.queue.connecting_to}
    record: always
  plain:
---
agents:
  ann: {name: Ann Example, queues: [q, plain], languages: [ja]}
  ben: {queues: plain}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path, FLOW + QUEUES)


def texts(prompts: tuple[Prompt, ...]) -> list[str]:
    return [prompt.text if isinstance(prompt, Spoken) else prompt.file for prompt in prompts]


ABOUT_ONE = WaitPhrase(WaitKind.ABOUT, 1)
ABOUT_FIVE = WaitPhrase(WaitKind.ABOUT, 5)


@pytest.mark.parametrize(
    ("saying", "english", "japanese", "chinese"),
    [
        (AtPosition(1), "You are the next caller.", "お客様は次の順番です。", "您是下一位。"),
        (
            AtPosition(1_200),
            "You are number 1,200 in the queue.",
            "お客様の順番は1,200番目です。",
            "您排在第1,200位。",
        ),
        (
            BeyondPosition(10),
            "10 callers or more are ahead of you.",
            "10名以上のお客様が先にお待ちです。",
            "您前面有10位或更多来电者。",
        ),
        (
            ExpectedWait(ABOUT_ONE),
            "We expect to answer in about 1 minute.",
            "あと約1分でおつなぎできる見込みです。",
            "预计大约1分钟后为您接通。",
        ),
        (
            ExpectedWait(ABOUT_FIVE),
            "We expect to answer in about 5 minutes.",
            "あと約5分でおつなぎできる見込みです。",
            "预计大约5分钟后为您接通。",
        ),
        (
            ExpectedWait(WaitPhrase(WaitKind.LESS_THAN_A_MINUTE)),
            "We expect to answer in less than a minute.",
            "一分以内におつなぎできる見込みです。",
            "预计一分钟之内为您接通。",
        ),
        (
            ExpectedWait(WaitPhrase(WaitKind.MORE_THAN, 30)),
            "At the moment the wait is more than 30 minutes.",
            "ただいまの待ち時間は30分以上の見込みです。",
            "目前等待时间超过30分钟。",
        ),
        (
            CallbackOffer("1"),
            "If you would rather be called back without losing your place, press 1.",
            "順番を保ったまま折り返しの電話をご希望の方は、1を押してください。",
            "如果希望保留排队位置，由我们给您回电，请按1。",
        ),
        (
            CallbackOffer("*"),
            "If you would rather be called back without losing your place, press star.",
            "順番を保ったまま折り返しの電話をご希望の方は、米印を押してください。",
            "如果希望保留排队位置，由我们给您回电，请按星号键。",
        ),
        (Message(1), "Two.", "二。", "二。"),
    ],
)
def test_a_saying_has_its_words_in_each_language(
    plan: Plan, saying: Saying, english: str, japanese: str, chinese: str
) -> None:
    for language, text in (("en", english), ("ja", japanese), ("zh", chinese)):
        assert sayings_to_prompts(plan, "q", language, [saying]) == (Spoken(text, language),)


@pytest.mark.parametrize("reason", LongerReason)
@pytest.mark.parametrize("language", ["en", "ja", "zh"])
def test_every_reason_has_words_of_its_own(plan: Plan, reason: LongerReason, language: str) -> None:
    said = {r: sayings_to_prompts(plan, "q", language, [Longer(r)]) for r in LongerReason}

    assert len(said[reason]) == 1
    assert list(said.values()).count(said[reason]) == 1


def test_sayings_are_said_in_their_order(plan: Plan) -> None:
    sayings: list[Saying] = [Longer(LongerReason.UNKNOWN), AtPosition(2), WaitUnknown()]

    assert texts(sayings_to_prompts(plan, "q", "en", sayings)) == [
        "It is taking longer than we thought. Thank you for your patience.",
        "You are number 2 in the queue.",
        "We cannot say at the moment how long it will take.",
    ]


def test_a_queue_has_a_welcome_of_its_own_or_ringbacks(plan: Plan) -> None:
    facts = WaitingFacts(caller={"name": "Ada"})

    assert texts(sayings_to_prompts(plan, "q", "en", [Welcome()], facts)) == ["Hello Ada."]
    for queue in ("plain", "gone"):
        assert texts(sayings_to_prompts(plan, queue, "en", [Welcome()]))[0].startswith("All our agents")


def test_a_message_that_a_reload_took_away_is_left_out(plan: Plan) -> None:
    assert sayings_to_prompts(plan, "plain", "en", [Message(0)]) == ()
    assert sayings_to_prompts(plan, "gone", "en", [Message(0)]) == ()


def test_what_cant_be_said_is_left_out_and_reported(plan: Plan) -> None:
    failed: list[ExpressionFailed] = []

    said = sayings_to_prompts(plan, "q", "en", [Welcome(), AtPosition(1)], None, failed.append)

    assert texts(said) == ["You are the next caller."]
    assert [failure.source for failure in failed] == ["caller.name"]


def test_the_plans_own_words_go_before_ringbacks(tmp_path: Path) -> None:
    write_tone(tmp_path / "next.wav")
    own = "\n---\ncatalogue: en\ntexts:\n  ringback.queue.position: 'Still {{ ahead }} to go.'\n"
    plan = plan_of(tmp_path, FLOW + "queues: [q]" + own + "  ringback.queue.next: {play: next.wav}\n")

    assert texts(sayings_to_prompts(plan, "q", "en", [AtPosition(4), AtPosition(1)])) == [
        "Still 3 to go.",
        "next.wav",
    ]


def test_a_key_with_a_recorded_name_is_called_by_its_sign(tmp_path: Path) -> None:
    write_tone(tmp_path / "star.wav")
    own = "\n---\ncatalogue: en\ntexts: {ringback.key.star: {play: star.wav}}"
    plan = plan_of(tmp_path, FLOW + "queues: [q]" + own)

    assert texts(sayings_to_prompts(plan, "q", "en", [CallbackOffer("*")]))[0].endswith("press *.")


def test_the_whisper_tells_the_agent_who_it_is(plan: Plan) -> None:
    facts = WaitingFacts(
        caller={"authenticated": True}, queue_name="billing", priority=5, waited_s=130.0, position=1
    )

    assert texts(whisper_prompts(plan, "q", "en", facts)) == [
        "billing, verified, waiting 2 minutes, priority 5"
    ]
    assert whisper_prompts(plan, "plain", "en", facts) == whisper_prompts(plan, "gone", "en", facts) == ()


def test_agents_are_briefed_in_their_language(plan: Plan) -> None:
    assert [briefing_language(plan, agent) for agent in ("ann", "ben", "zoe")] == ["ja", "en", "en"]


def test_the_caller_is_told_who_comes(plan: Plan) -> None:
    facts = WaitingFacts(agent_id="ann", agent_name="Ann")

    assert texts(connecting_prompts(plan, "q", "en", facts)) == [
        "Thank you for waiting. We are connecting you with Ann."
    ]
    for queue in ("plain", "gone"):
        assert texts(connecting_prompts(plan, queue, "en", facts)) == [
            "Thank you for waiting. We are connecting you now."
        ]


def test_consent_is_told_where_there_is_a_recording(plan: Plan) -> None:
    assert texts(consent_prompts(plan, "q", "en", WaitingFacts())) == ["This call may be recorded."]
    assert consent_prompts(plan, "plain", "en", WaitingFacts()) == ()
    assert consent_prompts(plan, "gone", "en", WaitingFacts()) == ()


def test_all_that_can_be_known_before_a_call_is(plan: Plan) -> None:
    known = set(known_prompts(plan))

    for text in (
        "You are the next caller.",
        "You are number 20 in the queue.",
        "Two.",
        "This call may be recorded.",
        "Thank you for waiting. We are connecting you with Ann Example.",
    ):
        assert Spoken(text, "en") in known
    assert Spoken("预计大约25分钟后为您接通。", "zh") in known
    assert not [prompt for prompt in known if isinstance(prompt, Recorded)]


# Figures


def test_the_figures_of_a_queue_are_those_of_its_view() -> None:
    view = QueueView("q", 4, 2, 3, oldest_at=100.0, staffed=6, on_duty=5, idle=1)

    assert queue_facts(view, 90.0, 160.0) == {
        "waiting": 4,
        "callbacks": 2,
        "agents": 5,
        "idle": 1,
        "estimate_s": 90.0,
        "estimate_known": True,
        "oldest_wait_s": 60.0,
    }


def test_nobody_who_waits_and_no_estimate_are_figures_too() -> None:
    facts = queue_facts(QueueView("q", 0, 0, 0, oldest_at=None, staffed=0, on_duty=0, idle=0), None, 160.0)

    assert (facts["estimate_s"], facts["estimate_known"], facts["oldest_wait_s"]) == (0.0, False, 0.0)


def test_every_wait_that_is_ever_told_is_spoken_before_a_call(plan: Plan) -> None:
    known = set(known_prompts(plan))

    for wait_s in range(0, 9_000, 10):
        phrase = rounded(float(wait_s))
        assert set(sayings_to_prompts(plan, "q", "ja", [ExpectedWait(phrase)])) <= known
