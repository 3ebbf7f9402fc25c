"""Which number goes where."""

from __future__ import annotations

import pytest

from gateway.dialplan.dnis import MAX_PATTERN, DnisPattern


@pytest.mark.parametrize(
    ("pattern", "dnis", "matches"),
    [
        ("+4930123", "+4930123", True),
        ("+4930123", "+49301234", False),
        ("+4930123", "+493012", False),
        ("+4930*", "+4930", True),
        ("+4930*", "+49301234567", True),
        ("+4930*", "+4940", False),
        ("1??", "123", True),
        ("1??", "12", False),
        ("1??", "1234", False),
        ("1?*", "12345", True),
        ("*97", "*97", True),
        ("*97", "197", False),
        ("any", "", True),
        ("any", "sales", True),
        ("sales", "sales", True),
    ],
)
def test_a_pattern_matches_what_it_says(pattern: str, dnis: str, matches: bool) -> None:
    assert DnisPattern(pattern).matches(dnis) is matches


def test_the_more_specific_pattern_is_the_greater() -> None:
    ascending = ["any", "+49*", "+4?0*", "+4930*", "+4930????", "+493012?", "1"]
    specificities = [DnisPattern(pattern).specificity for pattern in ascending]

    assert specificities == sorted(specificities)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("1?2*", "12?*", True),
        ("1?2*", "13*", True),
        ("1?2", "13*", True),
        ("1?2", "13", False),
        ("12*", "13*", False),
        ("12*", "1", False),
        ("any", "1", True),
    ],
)
def test_two_patterns_overlap_when_a_number_matches_both(one: str, other: str, overlap: bool) -> None:
    assert DnisPattern(one).overlaps(DnisPattern(other)) is overlap
    assert DnisPattern(other).overlaps(DnisPattern(one)) is overlap


@pytest.mark.parametrize("text", ["", "1" * (MAX_PATTERN + 1), "*", "1 2", "a/b"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|any"):
        DnisPattern(text)
