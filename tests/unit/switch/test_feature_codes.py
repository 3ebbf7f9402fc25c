"""Feature codes: what is one, what isn't, and what happens in between."""

from __future__ import annotations

import pytest

from gateway.switch.feature_codes import (
    DEFAULT_CODES,
    MAX_NUMBER,
    NUMBERED,
    Asked,
    CodeReader,
    Feature,
    NumberAbandoned,
    NumberBegun,
    PassedOn,
    Reading,
    check_codes,
)

BLIND, ATTENDED = Feature.BLIND_TRANSFER, Feature.ATTENDED_TRANSFER


def read(reader: CodeReader, keys: str, *, at: float = 0.0) -> list[Reading]:
    """Pressed one after another without a pause."""
    return [reading for key in keys for reading in reader.press(key, at)]


@pytest.fixture
def reader() -> CodeReader:
    return CodeReader(DEFAULT_CODES, code_gap_s=2.0, number_gap_s=5.0)


@pytest.mark.parametrize("feature", [feature for feature in Feature if feature not in NUMBERED])
def test_a_code_is_read_and_none_of_its_keys_passed_on(reader: CodeReader, feature: Feature) -> None:
    assert read(reader, DEFAULT_CODES[feature]) == [Asked(feature)]
    assert reader.due_at is None


@pytest.mark.parametrize("feature", [BLIND, ATTENDED])
def test_a_number_follows_where_one_is_needed(reader: CodeReader, feature: Feature) -> None:
    assert read(reader, DEFAULT_CODES[feature] + "2001#") == [NumberBegun(feature), Asked(feature, "2001")]


def test_the_same_code_stands_alone_when_no_number_is_needed(reader: CodeReader) -> None:
    assert reader.press("*", 0.0, frozenset()) == ()
    assert reader.press("3", 0.0, frozenset()) == (Asked(ATTENDED),)


def test_other_keys_are_passed_on_at_once_and_in_order(reader: CodeReader) -> None:
    assert read(reader, "12#0") == [PassedOn("1"), PassedOn("2"), PassedOn("#"), PassedOn("0")]


@pytest.mark.parametrize(
    ("keys", "readings"),
    [
        ("*0", [PassedOn("*0")]),
        ("**7", [PassedOn("*"), Asked(Feature.HOLD)]),
        ("**0", [PassedOn("*"), PassedOn("*0")]),
        ("1*71", [PassedOn("1"), Asked(Feature.HOLD), PassedOn("1")]),
    ],
)
def test_what_begins_like_a_code_and_is_none(reader: CodeReader, keys: str, readings: list[Reading]) -> None:
    assert read(reader, keys) == readings


def test_a_star_that_nothing_follows_is_passed_on_after_the_pause(reader: CodeReader) -> None:
    assert read(reader, "*", at=10.0) == []
    assert reader.due_at == 12.0

    assert reader.expire(11.9) == ()
    assert reader.expire(12.0) == (PassedOn("*"),)
    assert reader.expire(99.0) == ()


def test_a_number_is_complete_after_a_pause_too(reader: CodeReader) -> None:
    read(reader, "*2", at=0.0)
    assert reader.due_at == 5.0
    read(reader, "42", at=4.0)
    assert reader.due_at == 9.0

    assert reader.expire(9.0) == (Asked(BLIND, "42"),)


def test_a_number_that_never_comes_is_abandoned(reader: CodeReader) -> None:
    read(reader, "*2")

    assert reader.expire(5.0) == (NumberAbandoned(BLIND),)
    assert read(reader, "*3#") == [NumberBegun(ATTENDED), NumberAbandoned(ATTENDED)]
    assert read(reader, "*312*") == [NumberBegun(ATTENDED), NumberAbandoned(ATTENDED)]
    assert read(reader, "7") == [PassedOn("7")]


def test_a_number_has_a_longest_length(reader: CodeReader) -> None:
    assert read(reader, "*2" + "1" * MAX_NUMBER) == [NumberBegun(BLIND), Asked(BLIND, "1" * MAX_NUMBER)]


def test_codes_of_several_lengths_live_side_by_side() -> None:
    reader = CodeReader({Feature.HOLD: "##", Feature.MUTE: "*123"})

    assert read(reader, "##") == [Asked(Feature.HOLD)]
    assert read(reader, "*123") == [Asked(Feature.MUTE)]
    assert read(reader, "*12##") == [PassedOn("*12"), Asked(Feature.HOLD)]
    assert read(reader, "#1") == [PassedOn("#1")]


def test_a_reset_forgets_what_was_begun(reader: CodeReader) -> None:
    read(reader, "*21")

    reader.reset()

    assert reader.due_at is None
    assert read(reader, "5") == [PassedOn("5")]


@pytest.mark.parametrize(
    ("codes", "problem"),
    [
        ({Feature.HOLD: "*7", Feature.MUTE: "*7"}, "told apart"),
        ({Feature.HOLD: "*", Feature.MUTE: "*7"}, "told apart"),
        ({Feature.HOLD: ""}, "keys"),
        ({Feature.HOLD: "*x"}, "keys"),
    ],
)
def test_codes_that_cannot_work(codes: dict[Feature, str], problem: str) -> None:
    assert problem in (check_codes(codes) or "")
    with pytest.raises(ValueError, match=problem):
        CodeReader(codes)
