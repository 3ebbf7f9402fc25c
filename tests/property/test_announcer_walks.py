"""Whatever happens to a caller: nothing gets worse without its reason, and there is music in between."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.queues.phrases import WaitKind, WaitPhrase
from gateway.queues.waiting import (
    AnnouncementRules,
    Announcer,
    AtPosition,
    BeyondPosition,
    EstimateRule,
    ExpectedWait,
    Longer,
    PositionRule,
    Saying,
)

DURATIONS = st.sampled_from([0.0, 5.0, 20.0, 60.0, 90.0])
PHRASES = st.one_of(
    st.none(),
    st.just(WaitPhrase(WaitKind.LESS_THAN_A_MINUTE)),
    st.integers(1, 30).map(lambda minutes: WaitPhrase(WaitKind.ABOUT, minutes)),
    st.just(WaitPhrase(WaitKind.MORE_THAN, 30)),
)
RULES = st.builds(
    AnnouncementRules,
    welcome=st.booleans(),
    on_entry=st.booleans(),
    every_s=DURATIONS,
    spacing_s=DURATIONS,
    only_when_better=st.booleans(),
    position=st.sampled_from(PositionRule),
    position_limit=st.integers(1, 12),
    estimate=st.sampled_from(EstimateRule),
    messages=st.integers(0, 3),
    messages_every_s=st.sampled_from([1.0, 30.0]),
    offer_after_s=st.sampled_from([None, 10.0, 100.0]),
    offer_above_s=st.sampled_from([None, 120.0]),
    offer_every_s=DURATIONS,
    offer_key=st.sampled_from(["", "1"]),
)


@dataclass(frozen=True)
class Step:
    """For `lasts_s` the caller is at `position`; then they press a key, or are moved, or neither."""

    lasts_s: float
    position: int | None
    wait: WaitPhrase | None
    speech_s: float
    asks: bool
    moves_to: AnnouncementRules | None


STEPS = st.builds(
    Step,
    lasts_s=st.floats(0.0, 200.0),
    position=st.none() | st.integers(1, 15),
    wait=PHRASES,
    speech_s=st.floats(0.0, 20.0),
    asks=st.booleans(),
    moves_to=st.none() | RULES,
)


class Ear:
    """Remembers what was heard, and objects."""

    def __init__(self) -> None:
        self.position: float = math.inf
        self.wait: float = math.inf

    def hear(self, said: tuple[Saying, ...]) -> None:
        explained = False
        for saying in said:
            match saying:
                case Longer():
                    explained = True
                case AtPosition():
                    assert explained or saying.position <= self.position
                    self.position = saying.position
                case BeyondPosition():
                    assert explained or saying.limit < self.position
                    self.position = saying.limit + 1
                case ExpectedWait():
                    assert explained or saying.phrase.rank <= self.wait
                    self.wait = saying.phrase.rank
                case _:
                    pass


@settings(max_examples=400, deadline=None)
@given(rules=RULES, steps=st.lists(STEPS, max_size=12))
def test_nothing_gets_worse_without_a_word_and_announcements_keep_their_distance(
    rules: AnnouncementRules, steps: list[Step]
) -> None:
    announcer, ear = Announcer(rules, 0.0), Ear()
    now, ended_at, asked = 0.0, -math.inf, 0
    for step in steps:
        until = now + step.lasts_s
        while (due := announcer.due_at) is not None and due <= until:
            now, asked = max(now, due), asked + 1
            assert asked < 5_000, "asked again and again without time going on"
            expected_s = None if step.wait is None else step.wait.rank * 60.0
            said = announcer.announce(now, step.position, step.wait, expected_s)
            ear.hear(said)
            if said:
                assert now >= ended_at + rules.spacing_s
                now = ended_at = now + step.speech_s
                announcer.finished(now)
        now = max(now, until)
        if step.asks:
            ear.hear(announcer.answer(now, step.position, step.wait))
            now = ended_at = now + step.speech_s
            announcer.finished(now)
        if step.moves_to is not None:
            rules = step.moves_to
            announcer.moved(rules, now)
