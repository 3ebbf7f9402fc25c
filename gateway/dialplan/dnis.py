"""Patterns of dialled numbers: which match, which is more specific, which two can't be told apart.

A pattern is an exact number (`+49301234567`, or any SIP user part), a number with `?` for one character
each (`+4930????`), a prefix that ends in `*` (`+4930*`), or the word `any`. A number matches as it came in
the request: nothing is normalised, so the plan and the trunk must agree on the form (E.164 with `+` is the
advice).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

ANY: Final = "any"
MAX_PATTERN: Final = 64

# The user part of a SIP URI allows more (RFC 3261 §25.1), but the rest is in no number and no name in use.
_ALLOWED: Final = re.compile(r"[0-9A-Za-z+#._?*-]+")


@dataclass(frozen=True, slots=True, order=True)
class Specificity:
    """How specific a pattern is; the greater one wins.

    An exact number beats every pattern; then the one with more literal characters, then a fixed length
    before an open one. `any` is the least.
    """

    exact: bool
    literals: int
    fixed_length: bool


@dataclass(frozen=True, slots=True)
class DnisPattern:
    """A pattern as written. Raises ValueError, with what to write instead, for what isn't one."""

    text: str

    def __post_init__(self) -> None:
        if self.text == ANY:
            return
        if not self.text or len(self.text) > MAX_PATTERN:
            raise ValueError(f"a number has 1 to {MAX_PATTERN} characters")
        if self.text == "*":
            raise ValueError(f"write '{ANY}' for a route that takes every number")
        if not _ALLOWED.fullmatch(self.text):
            raise ValueError(
                f"'{self.text}' isn't a number: it may have digits, letters and + # . _ -, ? for any one "
                "character, and * at the end for any rest"
            )

    @property
    def body(self) -> str:
        """The pattern without an open end."""
        return "" if self.text == ANY else self.text.removesuffix("*")

    @property
    def open_ended(self) -> bool:
        # Only a star at the end is a wildcard: `*97` is a feature code and means itself.
        return self.text == ANY or self.text.endswith("*")

    @property
    def specificity(self) -> Specificity:
        literals = len(self.body) - self.body.count("?")
        exact = not self.open_ended and literals == len(self.body)
        return Specificity(exact, literals, not self.open_ended)

    def matches(self, dnis: str) -> bool:
        body = self.body
        if len(dnis) < len(body) or (len(dnis) > len(body) and not self.open_ended):
            return False
        return all(mine in ("?", theirs) for mine, theirs in zip(body, dnis, strict=False))

    def overlaps(self, other: DnisPattern) -> bool:
        """Whether some number matches both."""
        if not self._reaches(len(other.body)) or not other._reaches(len(self.body)):
            return False
        pairs = zip(self.body, other.body, strict=False)
        return all(a == b or "?" in (a, b) for a, b in pairs)

    def _reaches(self, length: int) -> bool:
        return self.open_ended or len(self.body) >= length
