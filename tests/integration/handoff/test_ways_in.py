"""Every way in which a call brings its context, with real clients, and what each of them proves."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.call.uui import UserToUser, format_uui
from tests.integration.handoff.apps import app, refusal, signed
from tests.integration.handoff.conftest import SHOP_KEY, TRUSTED
from tests.integration.handoff.doing import call, desktop, hand_over, opened_by
from tests.integration.handoff.plan import DIRECT, LOOKUP, PIN, POOL
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.sipp import SCENARIOS, Sipp
from tests.integration.peers.ua import UserAgent
from tests.integration.queues.centre import Centre

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60, func_only=True)]


async def offered(centre: Centre, screen: Any) -> dict[str, Any]:
    """The context of the next offer on ann's screen."""
    context: dict[str, Any] = (await screen.next("offer"))["offer"]["context"]
    return context


# ---- in the app


@pytest.mark.parametrize("whose", ["the node's", "bank-1", "bank-0"])
async def test_an_app_s_call_brings_its_envelope_by_the_token(centre: Centre, whose: str) -> None:
    opened = await opened_by(centre, pin=False)
    token = opened["token"] if whose == "the node's" else signed(whose, handoff=opened["id"])
    await centre.on_duty("ann")
    async with desktop(centre, "ann") as screen, app(centre, token) as phone:
        await screen.next("hello")
        await phone.call().start(DIRECT)
        context = await offered(centre, screen)

    assert (context["id"], context["match"]) == (opened["id"], "token")
    assert context["authentication"]["level"] == "strong", "the app's own word, signed"
    assert context["authentication"]["state"] == "verified"
    assert context["intent"] == "card_blocked"


async def test_a_token_opens_one_session_and_no_other_app_s_envelope(centre: Centre) -> None:
    opened = await opened_by(centre, pin=False)
    theirs = (await hand_over(centre, SHOP_KEY, pin=False, intent="theirs")).json()
    await centre.on_duty("ann")
    async with desktop(centre, "ann") as screen:
        await screen.next("hello")
        async with app(centre, signed(handoff=theirs["id"])) as phone:
            await phone.call().start(DIRECT)
            context = await offered(centre, screen)
    first = await refusal(centre, opened["token"])

    assert context["id"] != theirs["id"]
    assert context["intent"] is None
    assert first == ("welcome", 0)
    assert await refusal(centre, opened["token"]) == ("token_replayed", 4401)


async def test_bad_tokens_are_refused_with_the_reason(centre: Centre) -> None:
    now = int(time.time())
    forged = jwt.encode(
        {"sub": "c-1", "aud": "ringback", "iat": now, "exp": now + 300, "jti": "forged"},
        Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": "bank-1"},
    )  # fmt: skip
    before = await centre.gateway.metric("ringback_voice_faults_total", code="token_bad_signature")

    assert await refusal(centre, forged) == ("token_bad_signature", 4401)
    assert await refusal(centre, signed(exp=now - 60, iat=now - 360)) == ("token_expired", 4401)
    assert await refusal(centre, signed(aud="another")) == ("token_wrong_audience", 4401)
    assert await refusal(centre, signed(iat=now + 600, exp=now + 900)) == ("token_not_yet", 4401)
    assert await refusal(centre, signed()[:-4]) == ("token_malformed", 4401)
    assert (
        await centre.gateway.metric("ringback_voice_faults_total", code="token_bad_signature") == before + 1
    )


# ---- by phone


@pytest.mark.skipif(os.geteuid() != 0, reason="SIPp sends RFC 4733 events on a raw socket")
async def test_a_pin_that_sipp_types_over_rtp_finds_the_envelope(centre: Centre, tmp_path: Path) -> None:
    opened = await opened_by(centre)
    await centre.on_duty("ann")
    caller = Sipp(typing(opened["pin"], tmp_path), tmp_path, target=centre.gateway.address, service=PIN)
    async with desktop(centre, "ann") as screen:
        await screen.next("hello")
        try:
            await caller.start()
            context = await offered(centre, screen)
        finally:
            await caller.stop()

    assert (context["id"], context["match"]) == (opened["id"], "pin")
    assert context["authentication"]["level"] == "single"


def typing(digits: str, directory: Path) -> Path:
    """A scenario of a caller who types these."""
    pressed = f'<nop><action><exec play_dtmf="{digits}"/></action></nop>'
    scenario = directory / "types_keys.xml"
    scenario.write_text((SCENARIOS / "uac_types_keys.xml").read_text().replace("<!-- keys -->", pressed))
    return scenario


async def test_a_lent_number_is_one_customer_s_and_proves_nothing(centre: Centre) -> None:
    first = await opened_by(centre, pin=False, number_pool="web")
    second = await opened_by(centre, pin=False, number_pool="web", intent="mortgage")
    third = await hand_over(centre, pin=False, number_pool="web")
    unknown = await hand_over(centre, pin=False, number_pool="wep")
    await centre.on_duty("ann")
    async with desktop(centre, "ann") as screen:
        await screen.next("hello")
        await call(centre, second["lent_number"].replace(" ", ""))
        context = await offered(centre, screen)

    assert {first["lent_number"], second["lent_number"]} == set(POOL)
    assert (third.status_code, unknown.status_code) == (503, 422)
    assert "lent" in third.json()["detail"]
    assert "did you mean 'web'" in unknown.json()["detail"]
    assert (context["id"], context["match"], context["intent"]) == (second["id"], "dnis", "mortgage")
    assert context["authentication"]["authenticated"] is False


@pytest.mark.parametrize("by", ["uui", "header"])
async def test_a_trusted_pbx_s_headers_bring_the_envelope_and_a_stranger_s_nothing(
    centre: Centre, by: str
) -> None:
    opened = await opened_by(centre, pin=False)
    said = {"id": opened["id"], "i": "overruled", "branch": "Mitte", "authentication": {"level": "strong"}}
    uui = format_uui(UserToUser(json.dumps(said).encode()[:128], 4)) if by == "header" else format_uui(
        UserToUser(json.dumps({"id": opened["id"], "branch": "Mitte"}).encode(), 4)
    )  # fmt: skip
    headers = [("X-Account", "4711"), ("User-to-User", uui)]
    if by == "header":
        headers = [("X-Account", "4711"), ("X-Ringback-Handoff", opened["id"])]
    ignored = await centre.gateway.metric("ringback_handoffs_total", result="untrusted")
    await centre.on_duty("ann")
    contexts = {}
    for host in (TRUSTED, LOOPBACK):
        phone = await centre.stack.enter_async_context(await UserAgent.open("pbx", host))
        async with desktop(centre, "ann") as screen:
            await screen.next("hello")
            made = await phone.call(centre.gateway.uri(DIRECT), headers=headers)
            await made.status(200)
            centre.calls.append(made)
            contexts[host] = await offered(centre, screen)
            made.bye()
            await screen.next("offer_ended")
    context = contexts[TRUSTED]

    assert (context["id"], context["match"]) == (opened["id"], "trusted_header")
    assert context["authentication"]["state"] == "verified"
    assert context["attributes"]["account"] == "4711"
    assert context["attributes"].get("branch") == ("Mitte" if by == "uui" else None)
    assert "account" not in contexts[LOOPBACK]["attributes"]
    assert contexts[LOOPBACK]["id"] != opened["id"]
    assert await centre.gateway.metric("ringback_handoffs_total", result="untrusted") == ignored + 1


async def test_what_a_lookup_answers_is_on_the_screen_and_proves_one_factor(centre: Centre) -> None:
    await centre.on_duty("ann")
    async with desktop(centre, "ann") as screen:
        await screen.next("hello")
        await call(centre, LOOKUP)
        context = await offered(centre, screen)

    assert (context["match"], context["intent"]) == ("lookup", "mortgage")
    assert (context["customer"]["id"], context["customer"]["name"]) == ("c-77", "Grace")
    assert context["attributes"] == {"tier": "gold"}
    assert context["authentication"] | {"state": "verified", "level": "single"} == context["authentication"]
    assert "Called last week about the rate" in [step["text"] for step in context["journey"]]
