"""What a lookup may say of a caller."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.handoff.content import Content, sealed
from gateway.handoff.envelope import MAX_BYTES, Envelope, Level
from gateway.handoff.learning import learned

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = (NOW + timedelta(hours=1)).isoformat()


def envelope(**content: Any) -> Envelope:
    return sealed(
        Content.model_validate(content), id="e" * 8, source="app:bank", now=NOW, expires_at=NOW + timedelta(1)
    )


def learn(here: Envelope, **said: Any) -> tuple[Envelope, tuple[str, ...]]:
    return learned(here, said, source="lookup:crm", now=NOW)


def test_members_of_an_envelope_go_there_and_the_rest_becomes_attributes_with_their_source() -> None:
    found, refused = learn(envelope(intent="old"), intent="new", tier="gold", customer={"name": "Ada"})

    assert found.intent is not None
    assert (found.intent.value, found.intent.source) == ("new", "lookup:crm")
    assert found.attributes["tier"].source == "lookup:crm"
    assert found.customer["name"].value == "Ada"
    assert refused == ()


def test_it_proves_one_factor_and_takes_nothing_away() -> None:
    proof = {"method": "code", "level": "strong", "until": UNTIL}
    new, _ = learn(envelope(), authentication=proof)
    strong, _ = learn(envelope(authentication=proof), authentication={**proof, "level": "single"})

    assert new.authentication is not None
    assert new.authentication.level is Level.SINGLE
    assert strong.authentication is not None
    assert strong.authentication.level is Level.STRONG


def test_it_makes_no_other_customer_of_a_caller() -> None:
    here = envelope(customer={"id": "c-1"})
    proof = {"method": "code", "level": "single", "until": UNTIL}
    found, refused = learn(here, customer={"id": "c-2"}, authentication=proof, tier="gold")

    assert found.customer_id == "c-1"
    assert found.authentication is None
    assert refused == ("customer", "authentication")
    assert found.attributes["tier"].value == "gold"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # its first text makes tables of characters
@given(st.dictionaries(st.sampled_from([*Content.model_fields, "tier", "a b", "<b>"]), _JSON))
def test_no_answer_breaks_an_envelope(said: dict[str, Any]) -> None:
    found, _ = learned(envelope(customer={"id": "c-1"}), said, source="lookup:crm", now=NOW)

    assert found.customer_id == "c-1"
    assert found.size <= MAX_BYTES
    assert Envelope.from_json(found.to_json()) == found
