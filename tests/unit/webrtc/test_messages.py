"""What comes over the signalling is checked before anything acts on it."""

from __future__ import annotations

import json

import pytest

from gateway.webrtc import messages
from gateway.webrtc.messages import BadMessage, parse_hello, parse_request

KEY = "c0ffee00"


def test_a_message_is_what_its_type_says() -> None:
    text = json.dumps({"type": "digits", "seq": 1, "call": KEY, "digits": "12#", "new_in_2031": True})

    request = parse_request(text)

    assert isinstance(request, messages.PressKeys)
    assert request.digits == "12#"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "\ud800",
        '{"type": "nonsense", "seq": 1}',
        '{"type": "ack", "seq": 0, "call": "c0ffee00"}',
        '{"type": "ack", "seq": 1e40, "call": "c0ffee00"}',
        '{"type": "ack", "seq": 1, "call": "short"}',
        '{"type": "ack", "seq": 1, "call": "c0ffee00\\r\\nX"}',
        '{"type": "digits", "seq": 1, "call": "c0ffee00", "digits": "12x"}',
        '{"type": "digits", "seq": 1, "call": "c0ffee00", "digits": "' + "1" * 100 + '"}',
        '{"type": "digits", "seq": 1, "call": "c0ffee00", "digits": "1", "duration_ms": 99999}',
        '{"type": "call", "seq": 1, "call": "c0ffee00", "to": "1 0 0", "sdp": ""}',
        '{"type": "call", "seq": 1, "call": "c0ffee00", "to": "100"}',
        '{"type": "hangup", "seq": 1, "call": "c0ffee00", "headers": {"X": "a\\r\\nEvil: 1"}}',
        '{"type": "hangup", "seq": 1, "call": "c0ffee00", "headers": {"X Y": "a"}}',
        '{"type": "reject", "seq": 1, "call": "c0ffee00", "status": 200}',
        '{"type": "candidate", "seq": 1, "call": "c0ffee00", "candidate": "'
        + "x" * 600
        + '", "negotiation": 1}',
        '{"type": "call", "seq": 1, "call": "c0ffee00", "to": "100", "sdp": "", "context": '
        + "[" * 5000
        + "]" * 5000
        + "}",
    ],
)
def test_what_is_not_a_message_is_refused(text: str) -> None:
    with pytest.raises(BadMessage) as bad:
        parse_request(text)

    assert bad.value.code == "bad_message"
    assert len(str(bad.value)) < 300


def test_the_refusal_names_the_field_and_not_what_was_in_it() -> None:
    with pytest.raises(BadMessage, match="digits") as bad:
        parse_request(json.dumps({"type": "digits", "seq": 1, "call": KEY, "digits": "my PIN 1234"}))

    assert "1234" not in str(bad.value)


@pytest.mark.parametrize("text", ["", "{}", '{"type": "hello", "version": 2}', '{"type": "call"}'])
def test_a_socket_begins_with_hello(text: str) -> None:
    with pytest.raises(BadMessage):
        parse_hello(text)
