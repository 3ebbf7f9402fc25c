"""Checks of phrases: those of one menu that a recogniser is likely to take for one another. Pure.

Two measures, each enough by itself: how many letters differ (Levenshtein 1966), and whether the words sound
alike (American Soundex as the US National Archives describe it), which only says something of Latin script.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from gateway.dialplan.asking import normal
from gateway.dialplan.faults import Fault
from gateway.dialplan.model import Plan
from gateway.dialplan.nodes import MenuNode, MenuPhrase

LIKELY_CONFUSED: Final = 0.75
"""Of the longer phrase, the part in letters that both share."""

_CODES: Final = {
    letter: code
    for code, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), 1)
    for letter in letters
}


def confusable_phrases(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        for node in flow.nodes.values():
            if isinstance(node, MenuNode):
                for first, second in combinations(node.phrases, 2):
                    yield from _compare(first, second)


def _compare(first: MenuPhrase, second: MenuPhrase) -> Iterator[Fault]:
    if first.language != second.language:
        return
    one, other = normal(first.text), normal(second.text)
    if one == other:
        yield Fault.error(second.at, f"'{second.text}' is given twice (first at {first.at})")
    elif first.target.node != second.target.node:
        if likeness(one, other) >= LIKELY_CONFUSED:
            problem = f"differs in few letters from '{first.text}' ({first.at})"
        elif _sounds(one) == _sounds(other) != ():
            problem = f"sounds like '{first.text}' ({first.at})"
        else:
            return
        yield Fault.warning(second.at, f"'{second.text}' {problem}, so it may be taken for it")


def likeness(one: str, other: str) -> float:
    """1 for equal texts, 0 for those that share nothing."""
    longest = max(len(one), len(other))
    if longest == 0 or min(len(one), len(other)) < longest * LIKELY_CONFUSED:
        return 0.0
    return 1 - _distance(one, other) / longest


def _distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, mine in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, theirs in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (mine != theirs))
    return row[-1]


def _sounds(text: str) -> tuple[str, ...]:
    """The Soundex of each word; nothing when a word isn't in Latin letters."""
    words = text.split()
    return tuple(_soundex(word) for word in words) if all(w.isascii() and w.isalpha() for w in words) else ()


def _soundex(word: str) -> str:
    codes: list[str] = []
    before = _CODES.get(word[0])
    for letter in word[1:]:
        code = _CODES.get(letter)
        if code is not None and code != before:
            codes.append(str(code))
        if letter not in "hw":
            before = code
    return word[0] + "".join(codes)[:3].ljust(3, "0")
