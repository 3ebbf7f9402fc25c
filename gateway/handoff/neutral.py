"""Text that strangers wrote, made harmless before it is kept. Pure.

Markup stays what it is, since it is text: screens show it as text. What is taken out are characters that make
text look like other text, or end a line where none ends: controls, bidirectional overrides (CVE-2021-42574),
invisible ones, and halves of characters.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Format characters that languages need: zero-width joiner and non-joiner (Persian, emoji).
_KEPT_FORMATS: Final = frozenset("\u200c\u200d")
_BREAKS: Final = re.compile(r"\r\n|[\r\u0085\u2028\u2029\v\f]")


def clean(value: str) -> str:
    """Several lines of text: NFC, no controls but \\n, no overrides, no invisible characters."""
    lines = _BREAKS.sub("\n", value).replace("\t", " ")
    kept = "".join(character for character in lines if _harmless(character))
    return unicodedata.normalize("NFC", kept).strip()


def clean_line(value: str) -> str:
    """One line of text: a break becomes a blank."""
    return " ".join(clean(value).split())


def shortened(value: str, limit: int) -> str:
    """At most `limit` characters; what was cut is seen to be."""
    return value if len(value) <= limit else value[: limit - 1] + "…"


def _harmless(character: str) -> bool:
    if character == "\n" or character in _KEPT_FORMATS:
        return True
    # Cc controls, Cf formats (overrides, marks, tags), Cs halves, Co private use, Cn not a character.
    return unicodedata.category(character)[0] != "C"
