"""Calls to a running gateway, by SIPp: every scenario is a behaviour, and SIPp's verdict is the assertion."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import write_dialplan
from tests.integration.peers import rawsip, sipsak
from tests.integration.peers.sipp import call
from tests.integration.peers.ua import UserAgent
from tests.integration.peers.wait import until_async

CALLS = [
    ("uac_basic_call", "100"),
    ("uac_lost_ack", "102"),
    ("uac_retransmits_invite", "102"),
    ("uac_cancel_crossing_200", "102"),
    ("uac_cancel_at_once", "101"),
    ("uac_hangs_up_while_early", "101"),
    ("uac_hangs_up_when_confirmed", "102"),
    ("uac_hangs_up_before_ack", "102"),
    ("uac_reinvite_hold_resume", "102"),
    ("uac_delayed_offer", "102"),
    ("uac_dtmf_info", "100"),
    ("uac_dtmf_info_plain", "100"),
    ("uac_is_hung_up", "103"),
    ("uac_offer_without_audio", "102"),
    ("uac_unknown_codec", "102"),
    ("uac_malformed_sdp", "102"),
    ("uac_unknown_number", "999"),
    ("uac_busy_number", "486"),
    ("uac_options", "102"),
]


async def no_calls(gateway: Gateway) -> bool:
    return await gateway.metric("ringback_calls_active") == 0


async def calls_answered(gateway: Gateway) -> float:
    """How many calls of a fresh gateway were answered, once all are over; SIPp is done a little earlier."""
    await until_async(lambda: gateway.metric("ringback_calls_total"), "a call is counted")
    await until_async(lambda: no_calls(gateway), "no call is left over")
    return await gateway.metric("ringback_calls_total", result="answered")


@pytest.mark.parametrize(("scenario", "number"), CALLS, ids=[scenario for scenario, _ in CALLS])
async def test_a_caller_is_served_as_rfc_3261_says(
    gateway: Gateway, tmp_path: Path, scenario: str, number: str
) -> None:
    result = await call(scenario, gateway.address, tmp_path / "sipp", service=number)

    result.raise_for_failure()
    await until_async(lambda: no_calls(gateway), "no call is left over")
    assert await rawsip.is_alive(gateway.target)


@pytest.mark.parametrize("number", ["100", "102"])
async def test_a_caller_on_tcp_is_served_like_one_on_udp(
    gateway: Gateway, tmp_path: Path, number: str
) -> None:
    result = await call("uac_basic_call", gateway.address, tmp_path, service=number, transport="t1")

    result.raise_for_failure()


async def test_a_lost_ack_makes_the_gateway_repeat_its_answer_until_one_comes(
    gateway: Gateway, tmp_path: Path
) -> None:
    result = await call("uac_lost_ack", gateway.address, tmp_path, service="102")

    result.raise_for_failure()
    before_ack, _, after_ack = result.messages.partition("\nACK sip:")
    # T1 doubles: after 0.5 s and 1.5 s, and never once it is acknowledged.
    assert before_ack.count("\nSIP/2.0 200 OK") == 3
    assert "CSeq: 1 INVITE" not in after_ack


async def test_a_retransmitted_invite_is_one_call(fresh_gateway: Gateway, tmp_path: Path) -> None:
    result = await call("uac_retransmits_invite", fresh_gateway.address, tmp_path, service="102")

    result.raise_for_failure()
    assert await calls_answered(fresh_gateway) == 1


async def test_many_callers_at_once_are_all_served(fresh_gateway: Gateway, tmp_path: Path) -> None:
    result = await call(
        "uac_basic_call", fresh_gateway.address, tmp_path, service="102", calls=50, rate=50, concurrent=50
    )

    result.raise_for_failure()
    assert result.successful == 50
    assert await calls_answered(fresh_gateway) == 50


@pytest.mark.timeout(90)
async def test_a_caller_who_never_acknowledges_is_hung_up_on(gateway: Gateway, tmp_path: Path) -> None:
    result = await call("uac_never_acks", gateway.address, tmp_path, service="102", timeout_s=45)

    result.raise_for_failure()
    await until_async(lambda: no_calls(gateway), "no call is left over")


async def test_a_full_node_refuses_and_says_when_to_come_back(tmp_path: Path, phone: UserAgent) -> None:
    dialplan = write_dialplan(tmp_path / "dialplan")
    async with Gateway(tmp_path / "gateway", dialplan=dialplan, max_calls=1) as gateway:
        first = await phone.call(gateway.uri("102"))
        await first.status(200)
        result = await call("uac_when_full", gateway.address, tmp_path / "sipp", service="102")
        second = await phone.call(gateway.uri("102"))
        refusal = await second.status(503)
        first.bye()
        await until_async(lambda: no_calls(gateway), "the first call has ended")
        again = await call("uac_basic_call", gateway.address, tmp_path / "again", service="102")

    result.raise_for_failure()
    assert int(refusal["retry-after"]) > 0
    again.raise_for_failure()


async def test_sipsak_finds_the_gateway(gateway: Gateway, tmp_path: Path) -> None:
    assert await sipsak.options(gateway.address, tmp_path / "sipsak", user="100") == sipsak.ANSWERED
