"""Phone numbers as they are compared. Pure."""

from __future__ import annotations

import re
from typing import Final

_NOT_DIGITS: Final = re.compile(r"[^0-9]")


def canonical(number: str) -> str:
    """The digits of an international number, however it was written; "" for what is none.

    Trunks say +49 30…, 0049 30… or 4930…; whether a number without any of these is national is theirs to
    know, so it is compared as it is.
    """
    digits = _NOT_DIGITS.sub("", number)
    return digits.removeprefix("00") if digits.startswith("00") else digits
