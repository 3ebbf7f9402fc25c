"""Words of a phrase as they are said."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words_of(phrase: str) -> tuple[str, ...]:
    """In lower case, without punctuation: "Fees & statements!" gives ("fees", "statements")."""
    return tuple(_WORD.findall(phrase.casefold().replace("’", "'")))
