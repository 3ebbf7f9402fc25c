"""Who is told what, and when it is tried again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.config import WebhookEndpoint, WebhookSettings
from gateway.handoff.content import Content, sealed
from gateway.handoff.desk import Change
from gateway.handoff.envelope import StepKind, step
from gateway.handoff.looking_back import last_contact
from gateway.handoff.telling import handoff_deliveries
from gateway.record_url import check_template
from gateway.switch.telling import remembered
from gateway.webhooks.backoff import Backoff
from gateway.webhooks.events import DESCRIPTIONS, EventType, Subscription, Subscriptions

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SECRET = "a-secret-that-is-long-enough"


def test_every_event_is_described() -> None:
    assert set(DESCRIPTIONS) == set(EventType)


def test_who_may_see_personal_facts_gets_them_and_others_get_the_same_message_without() -> None:
    asked: list[bool] = []

    def describe(personal: bool) -> Mapping[str, Any]:
        asked.append(personal)
        return {"who": "Ada"} if personal else {}

    subscriptions = Subscriptions(
        [
            Subscription("crm", ("call.*",), personal=True),
            Subscription("desk", ("call.ended",)),
            Subscription("board", ("*",)),
            Subscription("other", ("queue.*",)),
        ],
        "n1",
    )

    told = subscriptions.deliveries(EventType.CALL_ENDED, AT, describe)

    assert [one.endpoint for one in told] == ["crm", "desk", "board"]
    assert len({one.message for one in told}) == 1
    assert asked == [True, False]
    assert json.loads(told[0].body) == {
        "id": told[0].message,
        "type": "call.ended",
        "timestamp": "2026-01-05T09:00:00Z",
        "node": "n1",
        "data": {"who": "Ada"},
    }
    assert "Ada" not in told[1].body


def test_nobody_is_asked_for_words_that_nobody_wants() -> None:
    def describe(_personal: bool) -> Mapping[str, Any]:
        raise AssertionError

    assert Subscriptions().deliveries(EventType.CALL_ENDED, AT, describe) == ()


def test_pauses_double_are_spread_and_end() -> None:
    backoff = Backoff(attempts=5, first_s=2.0, longest_s=10.0)

    assert [backoff.pause_s(tries, 0.0) for tries in (1, 2, 3, 4, 5)] == [1.0, 2.0, 4.0, 5.0, None]
    assert backoff.pause_s(1, 0.999) == pytest.approx(2.0, rel=0.01)
    assert backoff.pause_s(1, 0.0, retry_after_s=60.0) == 60.0
    assert backoff.pause_s(10**6, 0.0) is None


# ---- what leaves of an envelope

KNOWN = sealed(
    Content.model_validate({
        "customer": {"id": "c-7", "name": "Ada Lovelace", "iban": "DE00 1234"},
        "intent": "card_blocked",
        "attributes": {"shop": "X", "pin": "4711"},
        "journey": [{"kind": "chat", "text": "my card is blocked"}],
        "privacy": {"customer.iban": "secret", "attributes.pin": "secret"},
    }),
    id="e" * 32, source="app:bank", now=AT, expires_at=AT + timedelta(hours=1),
)  # fmt: skip


def told_of(personal: bool) -> dict[str, Any]:
    subscriptions = Subscriptions([Subscription("crm", personal=personal)])
    [delivery] = handoff_deliveries(subscriptions, KNOWN, Change(AT, "app:bank", "handed_over"))
    found: dict[str, Any] = json.loads(delivery.body)["data"]["context"]
    return found


def test_secrets_never_leave_and_are_not_even_named() -> None:
    for personal in (True, False):
        body = json.dumps(told_of(personal), ensure_ascii=False)
        assert not any(word in body for word in ("DE00", "4711", "iban", "pin", "•"))


def test_personal_facts_leave_for_who_may_see_them_and_the_customers_id_for_all() -> None:
    assert told_of(True)["customer"] == {"id": "c-7", "name": "Ada Lovelace"}
    assert told_of(True)["journey"][0]["text"] == "my card is blocked"
    assert told_of(False)["customer"] == {"id": "c-7"}
    assert told_of(False)["journey"] == []
    assert told_of(False)["intent"] == "card_blocked"


def test_of_a_context_that_is_only_remembered_nothing_personal_is_guessed_public() -> None:
    context = {
        "id": "e1", "customer": {"id": "c-7", "name": "Ada", "iban": "•••"}, "attributes": {"shop": "X"},
        "journey": [{"kind": "note", "text": "•••"}, {"kind": "chat", "text": "hi"}], "intent": "•••",
    }  # fmt: skip

    assert remembered(context, personal=False) == {"id": "e1", "customer": {"id": "c-7"}}
    assert remembered(context, personal=True) == {
        "id": "e1",
        "customer": {"id": "c-7", "name": "Ada"},
        "attributes": {"shop": "X"},
        "journey": [{"kind": "chat", "text": "hi"}],
    }


def test_the_last_contact_is_the_last_one_in_which_somebody_talked() -> None:
    talked = KNOWN.with_steps(
        step(StepKind.CALL, AT, "ann took the call", "agent:ann"),
        step(StepKind.NOTE, AT, "solved", "agent:ann"),
        step(StepKind.SURVEY, AT, "NPS 9", "caller"),
    )

    found = last_contact([KNOWN, talked])

    assert found is not None
    assert (found["agent"], found["noted"], found["survey"], found["by"]) == (
        "ann",
        "solved",
        "NPS 9",
        "customer",
    )
    assert last_contact([KNOWN]) is None


# ---- settings


def endpoint(**changes: Any) -> WebhookEndpoint:
    return WebhookEndpoint(
        **{"name": "crm", "url": "https://crm.example/hook", "secrets": (SECRET,), **changes}
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://crm.example/"},
        {"url": "https://user:word@crm.example/"},
        {"url": "https://crm.example/#x"},
        {"url": "javascript:alert(1)"},
        {"events": ("call.finished",)},
        {"events": ()},
        {"secrets": ("short",)},
        {"secrets": ()},
        {"secrets": ("env:RINGBACK_TEST_NO_SUCH_VARIABLE",)},
        {"name": "a b"},
    ],
)
def test_an_endpoint_that_cannot_work_is_refused_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="WebhookEndpoint"):
        endpoint(**wrong)


def test_secrets_come_from_files_and_variables_and_are_read_again(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    monkeypatch.setenv("CRM_OLD", SECRET[::-1])
    found = endpoint(secrets=(f"file:{file}", "env:CRM_OLD"))

    assert found.keys() == (SECRET.encode(), SECRET[::-1].encode())
    file.write_text(SECRET * 2)
    assert found.keys()[0] == (SECRET * 2).encode()
    assert SECRET not in repr(endpoint())


def test_networks_and_names_are_checked() -> None:
    with pytest.raises(ValueError, match="allow_networks"):
        WebhookSettings(allow_networks=("10.0.0.1/8",))
    with pytest.raises(ValueError, match="two of one name"):
        WebhookSettings(endpoints=(endpoint(), endpoint()))


@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert({number})", "file:///etc/passwd", "https://{customer.id}.example/",
        "//crm.example/",
        "https://crm.example/{secret}", "https://crm.example/{customer}", "https://crm.example/{call_id",
        "https://crm.example/call_id}", "https://u:p@crm.example/", "https://crm.example/ {call_id}",
        "data:text/html,{name}", "https:///{call_id}",
    ],
)  # fmt: skip
def test_a_template_that_could_lead_astray_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_template(template)
