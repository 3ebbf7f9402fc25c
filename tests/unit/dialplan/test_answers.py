"""What spoken answers come to."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.dialplan.answers import read_answer, read_keyed, spoken_amount, spoken_date, spoken_digits
from gateway.dialplan.phrases import MAX_SAID, PhraseError, said

TODAY = date(2026, 11, 24)  # a Tuesday


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ("one two double four", "1244"),
        ("triple seven oh", "7770"),
        ("twenty one oh five", "2105"),
        ("twenty twelve", "2012"),
        ("thirty", "30"),
        ("eleven", "11"),
        ("4 7 1 1", "4711"),
        ("4, 7, 1, 1. 4, 7, 1, 1. 4, 7", "4711"),
        ("四七一一", "4711"),
        ("零 幺 八", "018"),
        ("one two and", ""),
        ("", ""),
    ],
)
def test_digits(words: str, digits: str) -> None:
    assert spoken_digits(words) == digits


@pytest.mark.parametrize(
    ("words", "amount"),
    [
        ("twelve dollars fifty", "12.50"),
        ("$12.50", "12.50"),
        ("three hundred euros", "300.00"),
        ("a hundred and twenty euros and five cents", "120.05"),
        ("1,200 dollars", "1200.00"),
        ("two thousand", "2000.00"),
        ("a million pounds", "1000000.00"),
        ("dollars", None),
        ("some money", None),
        ("5 dollars 300", None),
    ],
)
def test_amounts(words: str, amount: str | None) -> None:
    assert spoken_amount(words) == amount


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("the fourth of March", "2026-03-04"),
        ("March 4th, 2026", "2026-03-04"),
        ("The 31st of December nineteen eighty four", "1984-12-31"),
        ("December twenty fourth", "2026-12-24"),
        ("May first two thousand ten", "2010-05-01"),
        ("June twenty twenty twenty six", "2026-06-20"),
        ("today", "2026-11-24"),
        ("tomorrow", "2026-11-25"),
        ("Tuesday", "2026-12-01"),
        ("next Friday", "2026-11-27"),
        ("2026-03-04", "2026-03-04"),
        ("February 30th", None),
        ("March", None),
        ("March 4th ninety", None),
        ("sometime", None),
    ],
)
def test_dates(words: str, day: str | None) -> None:
    assert spoken_date(words, TODAY) == day


@pytest.mark.parametrize(
    ("kind", "words", "language", "value"),
    [
        ("yes_no", "That's right!", "en", "yes"),
        ("yes_no", "nope", "en-GB", "no"),
        ("yes_no", "はい", "ja", "yes"),
        ("yes_no", "perhaps", "en", None),
        ("yes_no", "yes", "xx", "yes"),
        ("text", "  it is   broken ", "en", "it is broken"),
        ("text", " ", "en", None),
        ("phone", "oh one seven one", "en", "0171"),
        ("digits", "hello", "en", None),
        ("date", "tomorrow", "en", "2026-11-25"),
        ("amount", "ten euros", "en", "10.00"),
    ],
)
def test_kinds_of_answers(kind: str, words: str, language: str, value: str | None) -> None:
    assert read_answer(kind, words, language, TODAY) == value


@pytest.mark.parametrize(
    ("kind", "keys", "value"),
    [
        ("yes_no", "1", "yes"),
        ("yes_no", "2", "no"),
        ("yes_no", "3", None),
        ("date", "20260304", "2026-03-04"),
        ("date", "20261304", None),
        ("amount", "12*5", "12.50"),
        ("amount", "12", "12.00"),
        ("amount", "*", None),
        ("digits", "0815", "0815"),
    ],
)
def test_keyed_answers(kind: str, keys: str, value: str | None) -> None:
    assert read_keyed(kind, keys) == value


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        ("billing", ("billing",)),
        ("[my] balance", ("my balance", "balance")),
        ("(lost|stolen [bank]) card", ("lost card", "stolen bank card", "stolen card")),
        ("a [b|c]", ("a b", "a c", "a")),
        ("either|or", ("either|or",)),
    ],
)
def test_phrases_stand_for_texts(written: str, texts: tuple[str, ...]) -> None:
    assert said(written) == texts


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("[my] [balance]", "left out as a whole"),
        ("my (balance", "isn't closed"),
        ("my) balance", "closes nothing"),
        ("(my] balance", "isn't closed"),
        ("(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)", f"more than {MAX_SAID}"),
    ],
)
def test_phrases_that_cannot_be_said(written: str, problem: str) -> None:
    with pytest.raises(PhraseError, match=problem):
        said(written)
