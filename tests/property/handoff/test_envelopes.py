"""Whatever strangers write, an envelope stays small, harmless and honest."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.call.context import Introduction
from gateway.handoff.arriving import arriving
from gateway.handoff.compact import compact, handoff_id
from gateway.handoff.content import Content, sealed
from gateway.handoff.envelope import (
    MAX_BYTES,
    Envelope,
    Level,
    Privacy,
    StepKind,
    TooLarge,
    step,
)
from gateway.handoff.matching import CEILINGS, Match, Matched
from gateway.handoff.merging import merged
from gateway.handoff.neutral import clean, clean_line, shortened
from gateway.handoff.showing import MASK, Audience, planned, shown

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
# Halves of characters too: JSON can say them.
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=60)
WHOLE_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NAMES = st.from_regex(r"\A[A-Za-z][A-Za-z0-9_.-]{0,12}\Z")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
TIMES = st.integers(-100_000, 100_000).map(lambda s: NOW + timedelta(seconds=s))


@st.composite
def envelopes(draw: st.DrawFn, id: str = "envelope-1") -> Envelope:
    customer = draw(st.dictionaries(st.sampled_from(["id", "name", "email"]), WHOLE_TEXT, max_size=3))
    fields: dict[str, Any] = {"customer": customer}
    if draw(st.booleans()):
        fields["authentication"] = {
            "method": "app",
            "level": draw(st.sampled_from(["none", "claimed", "single", "strong"])),
            "until": draw(TIMES),
        }
    fields["attributes"] = draw(st.dictionaries(NAMES, WHOLE_TEXT, max_size=4))
    fields["journey"] = [
        {"kind": "chat", "text": text, "at": draw(TIMES)}
        for text in draw(st.lists(WHOLE_TEXT.filter(lambda t: t != ""), max_size=4))
    ]
    at = draw(TIMES)
    return sealed(
        Content.model_validate(fields), id=id, source="app:x", now=at, expires_at=at + timedelta(hours=1)
    )


@given(ANY_TEXT)
def test_no_text_can_look_like_another_or_end_a_line(text: str) -> None:
    line = clean_line(text)

    assert all(unicodedata.category(c)[0] != "C" or c in "\u200c\u200d" for c in line)
    assert clean_line(line) == line
    assert clean(clean(text)) == clean(text)
    assert len(shortened(line, 10)) <= 10
    line.encode("utf-8")


@given(envelopes())
def test_an_envelope_is_the_same_after_the_disk(envelope: Envelope) -> None:
    assert Envelope.from_json(envelope.to_json()) == envelope


@given(envelopes(), st.sampled_from(Match), TIMES)
def test_a_match_never_proves_more_than_its_source_or_longer_than_it_said(
    envelope: Envelope, by: Match, now: datetime
) -> None:
    matched = Matched(envelope, by)

    found = matched.authentication
    if found is not None:
        assert found.level <= CEILINGS[by]
        assert envelope.authentication is not None
        assert found.level <= envelope.authentication.level
    if matched.authenticated(now):
        assert CEILINGS[by] >= Level.SINGLE
        assert found is not None
        assert now < found.until
    assert planned(matched, now)["authentication"]["authenticated"] is matched.authenticated(now)


@given(envelopes("envelope-1"), envelopes("envelope-2"))
def test_merging_never_raises_authentication_and_never_mixes_customers(
    here: Envelope, came: Envelope
) -> None:
    both = merged(here, came)

    levels = [e.authentication.level for e in (here, came) if e.authentication is not None]
    assert both.id == came.id
    assert (both.authentication.level if both.authentication else 0) <= max(levels, default=0)
    if here.customer_id != came.customer_id or not here.customer_id:
        assert both.authentication == came.authentication
    if here.customer_id and came.customer_id and here.customer_id != came.customer_id:
        assert both.customer == came.customer
        assert both.attributes == came.attributes
    assert both.size <= MAX_BYTES
    assert merged(both, both) == both


@given(envelopes(), st.lists(st.text(max_size=3000), max_size=60))
def test_a_journey_grows_for_ever_and_the_envelope_does_not(envelope: Envelope, texts: list[str]) -> None:
    steps = [step(StepKind.NOTE, NOW, text, "agent:ann") for text in texts]
    before = len(envelope.journey)

    grown = envelope.with_steps(*steps)

    assert grown.size <= MAX_BYTES
    assert len(grown.journey) + grown.forgotten_steps == before + len(steps)
    assert grown.journey == (*envelope.journey, *steps)[-len(grown.journey) or 999 :]
    assert Envelope.from_json(grown.to_json()) == grown


@given(st.dictionaries(ANY_TEXT | NAMES | st.sampled_from(sorted(Content.model_fields)), JSON, max_size=8))
def test_no_page_can_stop_its_call_or_prove_anything(said: dict[str, Any]) -> None:
    envelope, _ = arriving(said, None, id="envelope-1", now=NOW, expires_at=NOW)
    signed, refused = arriving(
        said, Introduction("c-1", "Ada", "bank"), id="envelope-1", now=NOW, expires_at=NOW
    )

    assert envelope.authentication is None
    assert signed.authentication is None
    assert signed.customer_id == "c-1"
    assert set(refused) <= set(said)
    assert max(envelope.size, signed.size) <= MAX_BYTES


@given(JSON)
def test_only_envelopes_are_read(value: Any) -> None:
    for model in (Content, Envelope):
        try:
            model.model_validate(value)
        except ValidationError:
            continue


@given(st.dictionaries(NAMES, JSON, max_size=5), envelopes())
def test_a_write_is_whole_or_not_at_all(values: dict[str, Any], envelope: Envelope) -> None:
    try:
        written = envelope.with_attributes(values, "ivr", NOW)
    except (ValidationError, TooLarge):
        return

    assert set(values) <= set(written.attributes)
    assert Envelope.from_json(written.to_json()) == written


@given(envelopes(), st.sampled_from(Match))
def test_headers_are_short_and_plain_and_lead_back(envelope: Envelope, by: Match) -> None:
    uui = compact(Matched(envelope, by), NOW)

    assert len(uui.content) <= 128
    assert uui.content.isascii()
    assert handoff_id("", "04" + uui.content.hex() + ";encoding=hex") == envelope.id


@given(envelopes(), st.sampled_from(Audience))
def test_nobody_sees_a_secret_without_the_right(envelope: Envelope, audience: Audience) -> None:
    secret = envelope.with_attributes({"pin": "hunter2"}, "app:x", NOW, Privacy.SECRET)

    seen = shown(Matched(secret, Match.TOKEN), audience, NOW)["attributes"].get("pin")
    expected = {
        Audience.ADMIN: "hunter2",
        Audience.PLAN: "hunter2",
        Audience.WEBHOOK: None,
        Audience.CRM: None,
        Audience.LOG: None,
    }
    assert seen == expected.get(audience, MASK)
