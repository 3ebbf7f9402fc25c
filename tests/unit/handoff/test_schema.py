"""The published form of an envelope is the one that is read."""

from __future__ import annotations

import json
from pathlib import Path

from gateway import handoff
from gateway.handoff.envelope import Envelope

PUBLISHED = Path(handoff.__file__).parent / "envelope.schema.json"


def test_the_published_schema_is_that_of_the_code() -> None:
    published = json.loads(PUBLISHED.read_text("utf-8"))

    assert published == Envelope.model_json_schema()
