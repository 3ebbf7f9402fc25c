"""A callback as the journal has it, and as a restart finds it again."""

from __future__ import annotations

import json

from gateway.callbacks.numbers import CallableNumber
from gateway.callbacks.policy import DialOutcome
from gateway.callbacks.request import Callback, CallbackFault, CallbackRefused

ASKED = Callback(
    id="e1",
    queue="billing",
    number=CallableNumber("+4930123456", ("+4930123456",), ("Europe/Berlin",)),
    requested_at=100.0,
    call_id="k2",
    caller_id="0800123",
    name="Ada",
    identity="c-7",
    language="de",
    asked_in="k1",
    not_before=160.0,
    slot=1800.0,
    promised_s=(60.0, 120.0),
    context={"order": "A-7"},
)


def test_everything_survives_the_journal() -> None:
    details = json.loads(json.dumps(ASKED.details()))

    found = Callback.restored(
        "e1", "billing", requested_at=100.0, call_id="k2", identity="c-7", attempts=0, not_before=160.0,
        details=details,
    )  # fmt: skip

    assert found == ASKED


def test_details_that_are_missing_or_not_ours_are_empty() -> None:
    found = Callback.restored(
        "e1", "billing", requested_at=1.0, call_id="", identity="", attempts=2, not_before=None,
        details={"name": 7, "promised_low_s": "soon", "context": []},
    )  # fmt: skip

    assert (found.name, found.promised_s, dict(found.context), found.attempts) == ("", None, {}, 2)


def test_a_try_is_counted_and_its_outcome_kept() -> None:
    tried = ASKED.dialled(170.0)
    over = tried.came_out(DialOutcome.BUSY)

    assert (tried.attempts, tried.last_tried_at) == (1, 170.0)
    assert (over.last_outcome, over.not_before) == (DialOutcome.BUSY, None)


def test_a_refusal_says_why() -> None:
    refused = CallbackRefused(CallbackFault.NO_SUCH_TIME)

    assert (refused.fault, str(refused)) == (CallbackFault.NO_SUCH_TIME, "no callback: no_such_time")
