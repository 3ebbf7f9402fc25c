"""Texts with expressions: numbers, plurals, times and money as each language says them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.dialplan.celtypes import DYN, INT, STRING
from gateway.dialplan.expressions import ExpressionFailed, scope_of
from gateway.dialplan.places import Position
from gateway.dialplan.templates import (
    TemplateError,
    check_template,
    fill,
    parse_template,
    parse_variant,
    plain,
)
from gateway.dialplan.wording import Spoken

AT = Position("plan.yaml", 1, 1)
VALUES: dict[str, Any] = {
    "vars": {"one": 1, "many": 3, "amount": 1234.5, "pin": "042", "text": "a b&c", "map": {}},
    "now": datetime(2026, 11, 22, 17, 5, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "{{ vars.one | plural one='call' other='calls' }}", "1 call"),
        ("en", "{{ vars.many | plural one='call' other='calls' }}", "3 calls"),
        ("ja", "{{ vars.many | plural other='件' }}です", "3 件です"),
        ("en", "{{ vars.amount | money currency=EUR }}", "1,234.50 euros"),
        ("zh", "{{ vars.amount | money currency=CNY }}", "1,234.50人民币"),
        ("cmn", "{{ vars.amount | money currency=EUR }}", "1,234.50欧元"),
        ("de-CH", "{{ vars.amount | number }}", "1’234.5"),
        ("en", "{{ vars.pin | digits }}", "0 4 2"),
        ("en", "at {{ now | time zone=Asia/Tokyo }}", "at 2:05\u202fAM"),
        ("ja", "{{ now | date }}", "2026年11月22日"),
        ("en", "{{ 0.25 | percent }}", "25%"),
        ("en", "{{ vars.one == 1 || false ? 'a}}|b' : 'c' }}!", "a}}|b!"),
        ("xx", "{{ vars.amount }}", "1,234.5"),
    ],
)
def test_a_value_is_said_as_its_language_says_it(language: str, text: str, said: str) -> None:
    filled = fill(parse_variant(text, language, AT), VALUES)

    assert filled == Spoken(" ".join(said.split()), language)


def test_a_text_without_slots_is_known_before_the_call() -> None:
    assert parse_variant("Hello.", "en", AT) == Spoken("Hello.", "en")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ }}", "has no expression"),
        ("{{ vars.a", "come in pairs"),
        ("vars.a }}", "come in pairs"),
        ("{{ vars.a | Money! }}", "isn't a form"),
    ],
)
def test_a_slot_that_cannot_be_read_is_said_so(text: str, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        parse_template(text, "en", AT)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ vars.x }}", "in 'vars.x': 'vars' has no 'x'; it has d, n, s"),
        ("{{ vars.n | shout }}", "there is no form 'shout'"),
        ("{{ vars.n == 1 }}", "is a bool, which the form 'text' can't say"),
        ("{{ vars.n | money }}", "the form 'money' needs currency=…"),
        ("{{ vars.n | money currency=XXQ }}", "'XXQ' isn't a currency of ISO 4217"),
        ("{{ now | time zone=Mars/Olympus }}", "'Mars/Olympus' isn't a time zone"),
        ("{{ vars.n | digits by=two }}", "the form 'digits' has no option 'by'"),
        ("{{ now }}", "is a timestamp, which the form 'text' can't say"),
    ],
)
def test_what_cannot_be_said_is_found_by_the_check(text: str, problem: str) -> None:
    scope = scope_of({"n": INT, "s": STRING, "d": DYN}, [])

    (found,) = check_template(parse_template(text, "en", AT), scope)
    assert problem in found


def test_a_value_that_turns_out_unsayable_is_an_error_of_the_call() -> None:
    for text in ("{{ vars.map }}", "{{ vars.text | number }}", "{{ vars.text | time }}", "{{ vars.none }}"):
        with pytest.raises(ExpressionFailed):
            fill(parse_variant(text, "en", AT), VALUES)


def test_an_address_is_encoded_so_that_a_caller_cannot_change_it() -> None:
    template = parse_template("https://h/{{ vars.text }}/{{ vars.one }}", "en", AT)

    assert plain(template, VALUES, url=True) == "https://h/a%20b%26c/1"
    assert plain(template, VALUES) == "https://h/a b&c/1"
