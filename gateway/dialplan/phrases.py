"""Phrases as they are written and as they are said: `[my] balance`, `(lost|stolen) card`. Pure.

Square brackets may be left out, round ones choose; both nest, and `|` separates choices in either. A phrase
stands for every text that comes of it.
"""

from __future__ import annotations

from itertools import product
from typing import Final

MAX_SAID: Final = 48
"""Texts that one phrase may stand for. Each is scored by itself, and nobody reads so many."""

_OPENING: Final = {"[": "]", "(": ")"}


class PhraseError(ValueError):
    """What is wrong with a phrase."""


def said(text: str) -> tuple[str, ...]:
    """Every text that `text` stands for, each once, in the order of writing. Raises PhraseError."""
    found, end = _choices(text, 0, "")
    if end < len(text):
        raise PhraseError(f"'{text[end]}' closes nothing")
    texts = tuple(dict.fromkeys(" ".join(one.split()) for one in found))
    if "" in texts:
        raise PhraseError("it may be left out as a whole")
    return texts


def _choices(text: str, at: int, closing: str) -> tuple[list[str], int]:
    """The choices from `at` to `closing`, and where that is."""
    choices: list[str] = []
    pieces: list[list[str]] = []
    while at < len(text) and text[at] not in "])":
        if text[at] in _OPENING:
            inner, at = _group(text, at)
            pieces.append(inner)
        elif text[at] == "|" and closing:
            choices += _joined(pieces)
            pieces, at = [], at + 1
        else:
            end = next(
                (i for i in range(at, len(text)) if text[i] in "[](" + ")" + ("|" if closing else "")),
                len(text),
            )
            pieces.append([text[at:end]])
            at = end
    return choices + _joined(pieces), at


def _group(text: str, at: int) -> tuple[list[str], int]:
    opening = text[at]
    inner, end = _choices(text, at + 1, _OPENING[opening])
    if end == len(text) or text[end] != _OPENING[opening]:
        raise PhraseError(f"'{opening}' isn't closed")
    return ([*inner, ""] if opening == "[" else inner), end + 1


def _joined(pieces: list[list[str]]) -> list[str]:
    count = 1
    for piece in pieces:
        count *= len(piece)
        if count > MAX_SAID:
            raise PhraseError(f"it stands for more than {MAX_SAID} texts")
    return ["".join(one) for one in product(*pieces)]
