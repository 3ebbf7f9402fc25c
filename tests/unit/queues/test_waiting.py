"""What one waiting caller is told, minute by minute."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gateway.queues.phrases import LongerReason, WaitKind, WaitPhrase
from gateway.queues.waiting import (
    AnnouncementRules,
    Announcer,
    AtPosition,
    BeyondPosition,
    CallbackOffer,
    EstimateRule,
    ExpectedWait,
    Heard,
    Longer,
    Message,
    PositionRule,
    Saying,
    WaitUnknown,
    Welcome,
)

QUIET = AnnouncementRules(welcome=False, on_entry=False, every_s=0.0)
PLAIN = AnnouncementRules(welcome=False)
SPEECH_S = 5.0


def about(minutes: int, reason: LongerReason | None = None) -> WaitPhrase:
    return WaitPhrase(WaitKind.ABOUT, minutes, reason)


class Caller:
    """A caller who waits by `rules`, and what they hear; each announcement takes SPEECH_S."""

    def __init__(self, rules: AnnouncementRules) -> None:
        self.announcer = Announcer(rules, 0.0)
        self.now = 0.0
        self.heard: list[tuple[float, tuple[Saying, ...]]] = []

    def waits(self, until: float, position: int | None = None, wait: WaitPhrase | None = None) -> Caller:
        """Wait until then, with this position and this estimate all the time."""
        asked = 0
        while (due := self.announcer.due_at) is not None and due <= until:
            self.now = max(self.now, due)
            asked += 1
            assert asked < 10_000, "asked again and again without time going on"
            expected_s = None if wait is None else wait.rank * 60.0
            said = self.announcer.announce(self.now, position, wait, expected_s)
            if said:
                self.heard.append((self.now, said))
                self.now += SPEECH_S
                self.announcer.finished(self.now)
        self.now = max(self.now, until)
        return self

    @property
    def last(self) -> tuple[Saying, ...]:
        return self.heard[-1][1]

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.heard]


def test_who_comes_is_welcomed_and_told_position_and_wait() -> None:
    caller = Caller(AnnouncementRules()).waits(1.0, 3, about(5))

    assert caller.heard == [(0.0, (Welcome(), AtPosition(3), ExpectedWait(about(5))))]


def test_a_queue_without_rules_says_nothing_ever() -> None:
    caller = Caller(QUIET).waits(10_000.0, 3, about(5))

    assert caller.heard == []
    assert caller.announcer.due_at is None


def test_a_welcome_alone_is_all_there_is() -> None:
    caller = Caller(replace(QUIET, welcome=True)).waits(10_000.0, 3, about(5))

    assert caller.heard == [(0.0, (Welcome(),))]


def test_position_and_wait_are_told_again_and_again() -> None:
    caller = Caller(PLAIN).waits(185.0, 3, about(5))

    assert caller.times == [0.0, 60.0, 120.0, 180.0]


def test_without_a_word_on_entry_the_first_one_comes_later() -> None:
    assert Caller(replace(PLAIN, on_entry=False)).waits(100.0, 3, about(5)).times == [60.0]


def test_on_entry_only_is_once() -> None:
    assert Caller(replace(PLAIN, every_s=0.0)).waits(1_000.0, 3, about(5)).times == [0.0]


def test_announcements_keep_their_distance() -> None:
    caller = Caller(replace(PLAIN, every_s=6.0, spacing_s=30.0)).waits(100.0, 3, about(5))

    assert caller.times == [0.0, 35.0, 70.0]


def test_nothing_is_said_ahead_of_time_or_over_another_announcement() -> None:
    announcer = Announcer(PLAIN, 0.0)
    announcer.announce(0.0, 1, None)

    assert announcer.due_at is None
    assert announcer.announce(100.0, 1, None) == ()
    announcer.finished(5.0)
    assert announcer.announce(19.0, 1, None) == ()
    assert announcer.announce(30.0, 1, None) == ()


def test_nothing_known_is_nothing_said_and_looked_at_again() -> None:
    caller = Caller(PLAIN).waits(50.0)

    assert caller.heard == []
    assert caller.waits(61.0, 2).heard == [(60.0, (AtPosition(2),))]


# Positions


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (PositionRule.ALWAYS, (AtPosition(7),)),
        (PositionRule.MORE, (BeyondPosition(5),)),
        (PositionRule.LIMITED, ()),
        (PositionRule.NEVER, ()),
    ],
)
def test_a_position_beyond_the_limit_is_told_by_its_rule(
    rule: PositionRule, expected: tuple[Saying, ...]
) -> None:
    caller = Caller(replace(PLAIN, position=rule, position_limit=5)).waits(1.0, 7)

    assert tuple(saying for _, said in caller.heard for saying in said) == expected


@pytest.mark.parametrize("rule", [PositionRule.ALWAYS, PositionRule.MORE, PositionRule.LIMITED])
def test_a_position_within_the_limit_is_told(rule: PositionRule) -> None:
    assert Caller(replace(PLAIN, position=rule, position_limit=5)).waits(1.0, 5).last == (AtPosition(5),)


def test_a_worse_position_comes_with_its_reason() -> None:
    caller = Caller(PLAIN).waits(1.0, 3).waits(61.0, 4)

    assert caller.last == (Longer(LongerReason.MORE_AHEAD), AtPosition(4))


def test_moving_up_behind_the_limit_is_no_news_and_coming_within_it_is_better() -> None:
    rules = replace(PLAIN, position=PositionRule.MORE, position_limit=5)
    caller = Caller(rules).waits(1.0, 9).waits(61.0, 30).waits(121.0, 5)

    assert [said for _, said in caller.heard] == [
        (BeyondPosition(5),),
        (BeyondPosition(5),),
        (AtPosition(5),),
    ]


def test_falling_back_behind_the_limit_is_worse() -> None:
    rules = replace(PLAIN, position=PositionRule.MORE, position_limit=5)

    assert Caller(rules).waits(1.0, 5).waits(61.0, 6).last == (
        Longer(LongerReason.MORE_AHEAD),
        BeyondPosition(5),
    )


def test_only_when_better_is_silent_until_it_is() -> None:
    caller = Caller(replace(PLAIN, only_when_better=True)).waits(1.0, 3, about(9))
    caller.waits(200.0, 3, about(9)).waits(300.0, 4, about(10)).waits(320.0, 2, about(2))

    assert [said for _, said in caller.heard] == [
        (AtPosition(3), ExpectedWait(about(9))),
        (AtPosition(2), ExpectedWait(about(2))),
    ]


# Waits


def test_a_longer_wait_comes_with_the_reason_that_the_estimate_gives() -> None:
    worse = about(9, LongerReason.FEWER_AGENTS)

    assert Caller(PLAIN).waits(1.0, 3, about(5)).waits(61.0, 3, worse).last == (
        Longer(LongerReason.FEWER_AGENTS),
        AtPosition(3),
        ExpectedWait(worse),
    )


def test_a_longer_wait_without_a_reason_says_at_least_that_it_is_longer() -> None:
    caller = Caller(PLAIN).waits(1.0, None, about(5)).waits(61.0, None, about(6))

    assert caller.last == (Longer(LongerReason.UNKNOWN), ExpectedWait(about(6)))


def test_a_longer_wait_of_who_was_overtaken_has_that_for_its_reason() -> None:
    caller = Caller(PLAIN).waits(1.0, 1, about(5)).waits(61.0, 2, about(6))

    assert caller.last[0] == Longer(LongerReason.MORE_AHEAD)


def test_a_broken_promise_isnt_made_again_without_a_word() -> None:
    caller = Caller(PLAIN).waits(200.0, None, about(2))

    assert [said for _, said in caller.heard] == [
        (ExpectedWait(about(2)),),
        (ExpectedWait(about(2)),),
        (ExpectedWait(about(2)),),
        (Longer(LongerReason.UNKNOWN), ExpectedWait(about(2))),
    ]


def test_after_the_word_the_promise_counts_anew() -> None:
    caller = Caller(PLAIN).waits(245.0, None, about(2))

    assert caller.last == (ExpectedWait(about(2)),)


def test_a_wait_that_is_told_once_is_told_once() -> None:
    rules = replace(PLAIN, estimate=EstimateRule.ONCE)

    caller = Caller(rules).waits(1.0, 3).waits(61.0, 3, about(5)).waits(200.0, 3, about(9))

    assert [said for _, said in caller.heard] == [
        (AtPosition(3),),
        (AtPosition(3), ExpectedWait(about(5))),
        (AtPosition(3),),
        (AtPosition(3),),
    ]


def test_a_wait_that_is_never_told_isnt() -> None:
    rules = replace(PLAIN, estimate=EstimateRule.NEVER)

    assert Caller(rules).waits(1.0, 3, about(5)).last == (AtPosition(3),)


# Keys


def test_who_asks_is_told_at_once_and_what_is_so() -> None:
    caller = Caller(replace(PLAIN, only_when_better=True)).waits(1.0, 3, about(5))

    assert caller.announcer.answer(7.0, 4, about(5)) == (
        Longer(LongerReason.MORE_AHEAD),
        AtPosition(4),
        ExpectedWait(about(5)),
    )
    assert caller.announcer.due_at is None


def test_who_asks_behind_a_limit_is_told_of_the_limit() -> None:
    rules = replace(QUIET, position=PositionRule.LIMITED, position_limit=5, estimate=EstimateRule.ONCE)

    assert Announcer(rules, 0.0).answer(1.0, 9, None) == (BeyondPosition(5), WaitUnknown())


def test_who_asks_a_queue_that_tells_nothing_is_told_nothing() -> None:
    announcer = Announcer(replace(QUIET, position=PositionRule.NEVER, estimate=EstimateRule.NEVER), 0.0)

    assert announcer.answer(1.0, 9, about(3)) == ()
    assert announcer.announce(2.0, 9, about(3)) == ()


def test_who_has_asked_isnt_told_again_soon() -> None:
    caller = Caller(PLAIN).waits(1.0, 3)
    caller.announcer.answer(40.0, 3, None)
    caller.announcer.finished(45.0)

    assert caller.waits(110.0, 3).times == [0.0, 100.0]


# Messages


def test_messages_are_said_in_turn_between_the_other_announcements() -> None:
    rules = replace(PLAIN, messages=2, messages_every_s=40.0, every_s=100.0)

    caller = Caller(rules).waits(170.0, 1)

    assert caller.heard == [
        (0.0, (AtPosition(1),)),
        (40.0, (Message(0),)),
        (80.0, (Message(1),)),
        (100.0, (AtPosition(1),)),
        (120.0, (Message(0),)),
        (160.0, (Message(1),)),
    ]


def test_a_message_waits_for_an_announcement_that_is_due_with_it() -> None:
    rules = replace(PLAIN, messages=1, messages_every_s=60.0)

    assert Caller(rules).waits(81.0, 1).heard[1:] == [(60.0, (AtPosition(1),)), (80.0, (Message(0),))]


# Callbacks


def test_a_callback_is_offered_to_who_has_waited_long_enough_and_once() -> None:
    rules = replace(QUIET, offer_after_s=180.0, offer_key="1")

    assert Caller(rules).waits(1_000.0, 3).heard == [(180.0, (CallbackOffer("1"),))]


def test_a_callback_is_offered_again_when_it_is_to_be() -> None:
    rules = replace(QUIET, offer_after_s=180.0, offer_key="1", offer_every_s=100.0)

    assert Caller(rules).waits(400.0, 3).times == [180.0, 280.0, 380.0]


def test_a_callback_is_offered_at_once_to_who_would_wait_long() -> None:
    rules = replace(PLAIN, offer_above_s=300.0, offer_key="*")

    assert Caller(rules).waits(1.0, 3, about(6)).last == (
        AtPosition(3),
        ExpectedWait(about(6)),
        CallbackOffer("*"),
    )


def test_a_callback_is_offered_when_the_estimate_has_grown_whatever_else_is_said() -> None:
    rules = replace(QUIET, offer_above_s=300.0, offer_key="1", offer_every_s=60.0)

    caller = Caller(rules).waits(61.0, 3, about(5)).waits(150.0, 3, about(6)).waits(400.0, 3, None)

    assert caller.times == [65.0, 125.0]


def test_without_a_key_there_is_no_offer() -> None:
    assert Caller(replace(QUIET, offer_after_s=1.0)).waits(100.0, 3).heard == []


# Queues


def test_who_is_moved_is_told_of_the_new_place_and_isnt_welcomed_again() -> None:
    caller = Caller(AnnouncementRules()).waits(30.0, 2, about(5))
    caller.announcer.moved(AnnouncementRules(), 30.0)

    assert caller.waits(31.0, 5, about(3)).heard[1:] == [
        (30.0, (Longer(LongerReason.MORE_AHEAD), AtPosition(5), ExpectedWait(about(3)))),
    ]


def test_messages_begin_anew_in_another_queue_but_go_on_in_turn() -> None:
    caller = Caller(replace(QUIET, messages=2)).waits(50.0)
    caller.announcer.moved(replace(QUIET, messages=3), 60.0)

    assert caller.waits(110.0).heard == [(45.0, (Message(0),)), (105.0, (Message(1),))]


def test_what_was_heard_before_counts() -> None:
    announcer = Announcer(AnnouncementRules(), 500.0, Heard(0.0, welcomed=True, position=2))

    assert announcer.announce(500.0, 3, None) == (Longer(LongerReason.MORE_AHEAD), AtPosition(3))


# Phrases


def test_phrases_are_in_order() -> None:
    phrases = [
        WaitPhrase(WaitKind.LESS_THAN_A_MINUTE),
        about(1),
        about(30),
        WaitPhrase(WaitKind.MORE_THAN, 30),
    ]

    assert sorted(phrases, key=lambda phrase: phrase.rank) == phrases


def test_a_listener_grants_some_slack_and_more_than_promises_nothing() -> None:
    assert WaitPhrase(WaitKind.LESS_THAN_A_MINUTE).kept_s == 102.0
    assert about(5).kept_s == 390.0
    assert WaitPhrase(WaitKind.MORE_THAN, 30).kept_s == math.inf
