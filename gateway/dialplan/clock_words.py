"""A time of these days as it is said in a sentence: "tomorrow at 9:30 a.m.". Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_JAPANESE: Final = "月火水木金土日"
_CHINESE: Final = "一二三四五六日"


def clock_words(at: datetime, now: datetime, language: str) -> str:
    """`at`, less than a week from `now`, both by the same clock on the wall.

    English, Japanese and Chinese; in other languages the date and the time in figures.
    """
    days = (at.date() - now.date()).days
    match language.partition("-")[0].lower():
        case "en":
            return f"{_english_day(at, days)} at {_english_time(at)}"
        case "ja":
            day = {0: "本日", 1: "明日"}.get(days, f"{at.day}日{_JAPANESE[at.weekday()]}曜日")
            return f"{day}の{at.hour}時{_minutes(at, '分')}"
        case "zh" | "cmn":
            day = {0: "今天", 1: "明天"}.get(days, f"{at.day}号星期{_CHINESE[at.weekday()]}")
            return f"{day}{at.hour}点{_minutes(at, '分')}"
        case _:
            return f"{at:%Y-%m-%d %H:%M}"


def _english_day(at: datetime, days: int) -> str:
    if days in (0, 1):
        return ("today", "tomorrow")[days]
    return f"on {_DAYS[at.weekday()]}" if 1 < days < 7 else f"on {_DAYS[at.weekday()]} the {_ordinal(at.day)}"


def _english_time(at: datetime) -> str:
    half = "a.m." if at.hour < 12 else "p.m."
    hour = at.hour % 12 or 12
    return f"{hour} {half}" if at.minute == 0 else f"{hour}:{at.minute:02d} {half}"


def _ordinal(day: int) -> str:
    suffix = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


def _minutes(at: datetime, word: str) -> str:
    return "" if at.minute == 0 else f"{at.minute}{word}"
