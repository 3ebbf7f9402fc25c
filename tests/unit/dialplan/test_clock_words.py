"""Times as they are said to callers."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.dialplan.clock_words import clock_words

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 13, 0, tzinfo=BERLIN)  # a Tuesday


@pytest.mark.parametrize(
    ("at", "language", "said"),
    [
        ((24, 14, 30), "en", "today at 2:30 p.m."),
        ((25, 9, 0), "en-GB", "tomorrow at 9 a.m."),
        ((27, 0, 0), "en", "on Friday at 12 a.m."),
        ((30, 12, 5), "en", "on Monday at 12:05 p.m."),
        ((24, 14, 30), "ja", "本日の14時30分"),
        ((27, 9, 0), "ja", "27日金曜日の9時"),
        ((25, 9, 0), "zh", "明天9点"),
        ((27, 9, 5), "cmn", "27号星期五9点5分"),
        ((25, 9, 0), "de", "2026-11-25 09:00"),
    ],
)
def test_a_time_is_said_as_people_say_it(at: tuple[int, int, int], language: str, said: str) -> None:
    assert clock_words(datetime(2026, 11, *at, tzinfo=BERLIN), NOW, language) == said


@pytest.mark.parametrize(("day", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd")])
def test_beyond_a_week_the_day_is_named(day: int, said: str) -> None:
    at = datetime(2026, 12, day, 9, 0, tzinfo=BERLIN)
    assert f"the {said} at" in clock_words(at, datetime(2026, 11, 20, tzinfo=BERLIN), "en")
