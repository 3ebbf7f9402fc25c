"""The AsyncAPI file is what the gateway says and takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from gateway.call.cause import Cause
from gateway.call.leg import Party
from gateway.call.screen import CallbackOffered, CallbackPromised, Choice, PromptShown, QueuePlace
from gateway.webrtc import messages

FILE = Path(__file__).parents[3] / "gateway" / "api" / "voice.asyncapi.yaml"
ADA = Party("+15551234", "Ada")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    return loaded


SAID = [
    messages.welcome("secret", 0, 30.0, [], ["call-0001"], resumed=False),
    messages.error("bad_message", "no"),
    messages.answer("v=0", 1),
    messages.candidate("1 1 udp 1 192.0.2.1 9 typ host", 1),
    messages.candidate(None, 1),
    messages.media("lost", "silent"),
    messages.ring(ADA, {"x-why": "test"}),
    messages.answered({}),
    messages.held(on=True),
    messages.ended(Cause.USER_BUSY, "gateway", 486, "", {}, None),
    messages.state("answered", "inbound", ADA, Party("100"), muted=False, held=False) | {"negotiation": 1},
    messages.prompt(PromptShown("Press 1", "en", (Choice("1", "Sales"),))),
    messages.prompt(None),
    messages.place(QueuePlace("sales", 3, (60.0, 120.0), 12.0)),
    messages.place(QueuePlace("sales")),
    messages.place(None),
    messages.callback_offer(CallbackOffered("sales", "2")),
    messages.callback_offer(None),
    messages.callback_promised(CallbackPromised("sales", "cb-1")),
    messages.agent("Grace"),
    messages.agent(None),
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: said["type"])
def test_what_the_gateway_says_is_as_it_is_written(document: dict[str, Any], said: dict[str, Any]) -> None:
    schema = {
        **document["components"]["messages"][said["type"]]["payload"],
        "components": document["components"],
    }
    whole = {"seq": 1, "ack": 0, "call": "call-0001", **said}
    if said["type"] == "welcome":
        del whole["seq"], whole["call"]

    Draft202012Validator(schema).validate(whole)
    undocumented = set(whole) - set(schema["properties"])
    assert undocumented == set()


def test_every_message_that_is_taken_is_written_down(document: dict[str, Any]) -> None:
    union = get_args(get_args(messages.Request)[0])
    taken = {
        kind: set(model.model_fields)
        for model in (*union, messages.Hello)
        for kind in get_args(model.model_fields["type"].annotation)
    }

    written = document["components"]["messages"]
    assert taken.keys() <= written.keys()
    for kind, fields in taken.items():
        assert fields == set(written[kind]["payload"]["properties"]), kind


def test_every_message_of_the_file_exists(document: dict[str, Any]) -> None:
    union = get_args(get_args(messages.Request)[0])
    taken = {kind for model in union for kind in get_args(model.model_fields["type"].annotation)}
    said = {message["type"] for message in SAID} | {"ringing", "progress", "received", "hello"}

    assert set(document["components"]["messages"]) == taken | said
