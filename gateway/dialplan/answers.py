"""What spoken answers mean: digits, dates, amounts, yes and no, from words to values. Pure.

The words are those of a transcript, which has numbers as figures or as words, as the recogniser pleased.
Values are texts, as a `gather` keeps them: digits `4711`, a date `2026-03-04`, an amount `12.50`, `yes` or
`no`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

YES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "en": ("yes", "yes please", "yeah", "that's right", "correct"),
        "de": ("ja", "ja bitte", "richtig", "genau"),
        "fr": ("oui", "c'est ça"),
        "es": ("sí", "correcto"),
        "it": ("sì", "giusto"),
        "ja": ("はい", "そうです"),
        "zh": ("是", "是的", "对"),
    }
)
NO: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "en": ("no", "no thanks", "nope", "that's wrong"),
        "de": ("nein", "falsch"),
        "fr": ("non",),
        "es": ("no", "incorrecto"),
        "it": ("no", "sbagliato"),
        "ja": ("いいえ", "違います"),
        "zh": ("不是", "不对", "不"),
    }
)

ANSWERS: Final = ("digits", "yes_no", "date", "amount", "phone", "text")
"""What a `gather` may be told; also its `speech` key."""

_TO_NINETEEN: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TO_TWENTIETH: Final = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_UNITS: Final = {word: value for value, word in enumerate(_TO_NINETEEN.split())}
_TENS: Final = {
    word: 10 * value
    for value, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), 2
    )
}
_ORDINALS: Final = {word: value for value, word in enumerate(_TO_TWENTIETH.split(), 1)} | {"thirtieth": 30}
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
         "november", "december"), 1
    )
}  # fmt: skip
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_REPEATS: Final = {"double": 2, "triple": 3}
_DIGIT_WORDS: Final = {
    **{word: str(value) for word, value in _UNITS.items() if value < 10},
    "oh": "0",
    "o": "0",
    "nought": "0",
    "null": "0",
    **{character: str(value) for value, character in enumerate("〇一二三四五六七八九")},
    "零": "0",
    "幺": "1",
    "两": "2",
}
_CURRENCIES: Final = frozenset(
    ["dollar", "dollars", "euro", "euros", "pound", "pounds", "yen", "yuan", "franc", "francs"]
)
_CENTS: Final = frozenset(["cent", "cents", "penny", "pence"])


def words_in(text: str) -> list[str]:
    """Words and numbers, in lower case: "The 4th of March!" gives the, 4th, of, march."""
    spaced = re.sub(r"([〇一二三四五六七八九零幺两])", r" \1 ", text.casefold())
    return re.findall(r"\d+(?:[.:]\d+)?(?:st|nd|rd|th)?|[^\W\d_]+(?:'[^\W\d_]+)*", spaced)


def read_answer(kind: str, text: str, language: str, today: date) -> str | None:
    """The value of `text` as an answer of a `kind` in ANSWERS; None when it is none."""
    if kind == "yes_no":
        return yes_or_no(text, language)
    if kind == "text":
        return " ".join(text.split()) or None
    if kind in ("digits", "phone"):
        return spoken_digits(text) or None
    readers: Mapping[str, Callable[[], str | None]] = {
        "date": lambda: spoken_date(text, today),
        "amount": lambda: spoken_amount(text),
    }
    return readers[kind]()


def read_keyed(kind: str, keys: str) -> str | None:
    """The value of pressed keys as an answer of a kind; None when they are none.

    As in VoiceXML 2.0, appendix P: 1 and 2 are yes and no, dates are yyyymmdd, and `*` is the decimal point.
    """
    if kind == "yes_no":
        return {"1": "yes", "2": "no"}.get(keys)
    if kind == "date":
        try:
            return date.fromisoformat(f"{keys[:4]}-{keys[4:6]}-{keys[6:]}").isoformat()
        except ValueError:
            return None
    if kind == "amount":
        whole, _, part = keys.partition("*")
        return f"{int(whole or '0')}.{part[:2].ljust(2, '0')}" if (whole + part).isdecimal() else None
    return keys


def yes_or_no(text: str, language: str) -> str | None:
    """`yes`, `no`, or neither."""
    heard = " ".join(words_in(text))
    primary = language.partition("-")[0]
    for value, words in (("yes", YES), ("no", NO)):
        if heard in {" ".join(words_in(word)) for word in words.get(primary, words["en"])}:
            return value
    return None


def spoken_digits(text: str) -> str:
    """The digits of "one two double four", "1, 2, 44" or both mixed; "" when there is anything else."""
    found, times, tens = "", 1, ""
    for word in words_in(_once(text)):
        if word in _REPEATS:
            times = _REPEATS[word]
            continue
        if word in _TENS:
            found, tens = found + tens + str(_TENS[word])[0], "0"
            continue
        digits = _DIGIT_WORDS.get(word) or (word if word.isdecimal() else "")
        if not digits and word in _UNITS:
            digits = str(_UNITS[word])
        if not digits:
            return ""
        if tens and (len(digits) > 1 or digits == "0"):
            found += tens
        found, times, tens = found + digits * times, 1, ""
    return found + tens


def _once(text: str) -> str:
    """A transcript without its echo: some recognisers write a short utterance twice or more."""
    sentences = [" ".join(words_in(one)) for one in re.split(r"[.!?。](?!\d)", text)]
    kept = [one for one in dict.fromkeys(sentences) if one]
    if len(kept) > 1 and any(kept[0].startswith(one) for one in kept[1:]):
        return kept[0]
    return " ".join(kept)


def spoken_number(words: list[str]) -> float | None:
    """Of "three hundred and twelve" or "312": 312; None for what isn't one number."""
    total, current, seen = 0.0, 0.0, False
    for word in words:
        if re.fullmatch(r"\d+(?:\.\d+)?", word):
            current += float(word)
        elif word in _UNITS:
            current += _UNITS[word]
        elif word in _TENS:
            current += _TENS[word]
        elif word in ("a", "and"):
            continue
        elif word == "hundred":
            current = max(current, 1.0) * 100
        elif word in ("thousand", "million"):
            total += max(current, 1.0) * (1_000 if word == "thousand" else 1_000_000)
            current = 0.0
        else:
            return None
        seen = True
    return total + current if seen else None


def spoken_amount(text: str) -> str | None:
    """Of "twelve dollars fifty", "$12.50" or "12 euros and 50 cents": 12.50."""
    words = [word for word in words_in(text.replace(",", "")) if word not in _CENTS]
    at = next((index for index, word in enumerate(words) if word in _CURRENCIES), None)
    whole = spoken_number(words if at is None else words[:at])
    rest = spoken_number(words[at + 1 :]) if at is not None and words[at + 1 :] else 0.0
    if whole is None or rest is None or not 0.0 <= rest < 100.0:
        return None
    return f"{whole + rest / 100.0:.2f}"


def spoken_date(text: str, today: date) -> str | None:
    """Of "the fourth of March", "March 4th 2026", "tomorrow", "next Friday" or "2026-03-04": that day.

    Without a year it is this year's; a weekday is the next one after today.
    """
    iso = re.search(r"(\d{4})-(\d{2})-(\d{2})", text)
    if iso is not None:
        return _day(int(iso[1]), int(iso[2]), int(iso[3]))
    words = [word for word in words_in(text) if word not in ("the", "of", "and", "on", "next", "this")]
    for ahead, name in enumerate(("today", "tomorrow")):
        if words == [name]:
            return (today + timedelta(days=ahead)).isoformat()
    if len(words) == 1 and words[0] in _WEEKDAYS:
        days = (_WEEKDAYS.index(words[0]) - today.weekday() - 1) % 7 + 1
        return (today + timedelta(days=days)).isoformat()
    month = next((word for word in words if word in _MONTHS), None)
    if month is None:
        return None
    at = words.index(month)
    day, rest = _ordinal(words[:at]) if at else (None, [])
    if day is None:
        day, rest = _ordinal(words[at + 1 :])
    else:
        rest = words[at + 1 :]
    year = _year(rest) if rest else today.year
    return None if day is None or year is None else _day(year, _MONTHS[month], day)


def _ordinal(words: list[str]) -> tuple[int | None, list[str]]:
    """The day of a month that `words` begin with, and the words after it."""
    if not words:
        return None, []
    figure = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", words[0])
    if figure is not None:
        return int(figure[1]), words[1:]
    units = {**_ORDINALS, **_UNITS}
    if words[0] in _TENS and len(words) > 1 and units.get(words[1], 99) < 10:
        return _TENS[words[0]] + units[words[1]], words[2:]
    day = units.get(words[0], _TENS.get(words[0]))
    return day, words[1:]


def _year(words: list[str]) -> int | None:
    if len(words) == 1 and re.fullmatch(r"\d{4}", words[0]):
        return int(words[0])
    number = spoken_number(words)
    if number is not None and 1900 <= number <= 2199 and "thousand" in words:
        return int(number)
    for split in (1, 2):  # nineteen eighty four, twenty twenty six
        first, second = spoken_number(words[:split]), spoken_number(words[split:])
        if first in (19.0, 20.0, 21.0) and second is not None and second < 100:
            return int(first * 100 + second)
    return None


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
