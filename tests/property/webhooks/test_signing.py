"""Signatures and addresses of records: whatever is in them, nobody else can make one, or break out of one."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.record_url import record_url
from gateway.switch.survey_links import AUDIENCE, Invitation, LinkRefused, SurveyLinks
from gateway.webhooks.signing import TOLERANCE_S, headers, key_of, verified

README = Path(__file__).parents[3] / "README.md"
KEYS = st.binary(min_size=24, max_size=64)
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40)
NOW = st.integers(0, 10**11)


def snippet() -> Callable[[str, dict[str, str], bytes], bool]:
    """What README.md tells receivers to do."""
    [code] = [
        block
        for block in re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        if "webhook-signature" in block
    ]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # our own document's
    found: Callable[[str, dict[str, str], bytes], bool] = names["genuine"]
    return found


GENUINE = snippet()


@given(KEYS, KEYS, WORDS, NOW, st.binary(max_size=300))
def test_whoever_has_one_of_the_keys_can_check_it(
    old: bytes, new: bytes, message: str, now: int, body: bytes
) -> None:
    signed = headers([old, new], message, now, body)

    assert verified([old], signed, body, now)
    assert verified([new], signed, body, now + TOLERANCE_S)
    assert not verified([new], signed, body, now + TOLERANCE_S + 1)
    assert not verified([new + b"."], signed, body, now)


@given(KEYS, WORDS, st.binary(max_size=300), st.data())
def test_readmes_snippet_takes_ours_and_nothing_that_was_touched(
    key: bytes, message: str, body: bytes, data: st.DataObject
) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    now = int(time.time())
    signed = headers([key_of(secret)], message, now, body)
    touched = data.draw(st.sampled_from(["body", "webhook-id", "webhook-timestamp", "webhook-signature"]))
    forged, other = dict(signed), body
    match touched:
        case "body":
            other = data.draw(st.binary(max_size=300).filter(lambda found: found != body))
        case "webhook-timestamp":
            forged[touched] = str(now + data.draw(st.integers(1, 200)))
        case _:
            forged[touched] = "v1," + data.draw(WORDS)

    assert GENUINE(secret, signed, body)
    assert not GENUINE(secret, forged, other)
    assert not verified([key], forged, other, now)


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()))
def test_what_strangers_send_is_refused_and_breaks_nothing(received: dict[str, str]) -> None:
    assert not verified([b"k" * 24], received, b"{}", 0.0)


@pytest.mark.parametrize("secret", ["short", "whsec_c2hvcnQ=", "whsec_not base64!!!!!!!!!!!!!!!!!!!!"])
def test_a_weak_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        key_of(secret)


# ---- the address of a record

TEMPLATE = "https://crm.example/open/{customer.id}?name={customer.name}&call={call_id}#x"


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_a_value_stays_one_value_whatever_is_in_it(customer: str, name: str, call: str) -> None:
    url = record_url(TEMPLATE, {"customer": {"id": customer, "name": name}, "call_id": call})

    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "crm.example", "x")
    assert re.fullmatch(r"[\x21-\x7e]+", url)
    assert unquote(parts.path).removeprefix("/open/") == customer
    assert "/" not in parts.path.removeprefix("/open/")
    assert parse_qsl(parts.query, keep_blank_values=True) == [("name", name), ("call", call)]


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.recursive(PLAIN, st.lists, max_leaves=4))
def test_any_json_can_be_a_value(value: object) -> None:
    url = record_url("https://crm.example/?a={attributes.a}", {"attributes": {"a": value}})

    assert re.fullmatch(r"https://crm\.example/\?a=[A-Za-z0-9_.~%-]*", url)


# ---- links to surveys


@given(st.builds(Invitation, *[WORDS] * 6), KEYS)
def test_a_link_says_what_it_was_made_of_and_only_its_maker_makes_it(about: Invitation, other: bytes) -> None:
    links, until = SurveyLinks("s" * 32), datetime.now(UTC) + timedelta(hours=1)
    token = links.token(about, until)
    forged = jwt.encode({**jwt.decode(token, options={"verify_signature": False})}, other.hex(), "HS256")
    unsigned = jwt.encode({"aud": AUDIENCE, "exp": until.timestamp(), "survey": "x"}, "", "none")

    assert links.read(token) == (about, until.replace(microsecond=0))
    for bad in (forged, unsigned, token[:-3], "x", links.token(about, until - timedelta(hours=2))):
        with pytest.raises(LinkRefused):
            links.read(bad)
