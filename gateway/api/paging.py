"""Cursors: where the next page of a listing begins, opaque to who asks."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import HTTPException, Query

MAX_PAGE: Final = 500

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=512, description="`next` of the page before; the first page without it.")
]


def cursor_of(*parts: str | int) -> str:
    """The parts in one word that needs no escaping in a URL."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def parts_of(cursor: str, *kinds: type[str] | type[int]) -> Sequence[str | int]:
    """What `cursor_of` was given. HTTPException 422 for what it didn't make."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        parts = None
    if isinstance(parts, list) and [type(part) for part in parts] == list(kinds):
        return parts
    raise HTTPException(422, "this cursor isn't from a page of this listing: begin without one")
