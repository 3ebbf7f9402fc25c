"""What a caller hears and what the gateway makes of their keys: tones are listened for, on real RTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import (
    ALL_HZ,
    EARLY_HZ,
    KEY_1_HZ,
    KEY_2_HZ,
    LONG_HZ,
    MENU_HZ,
    write_dialplan,
)
from tests.integration.peers import tones
from tests.integration.peers.baresip import Baresip
from tests.integration.peers.rtp import EventFaults, RtpEnd
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until, until_async

TAIL_SAMPLES = round(0.3 * tones.RATE)


def hears(rtp: RtpEnd) -> set[float]:
    """The tones in the last 0.3 s of what arrived."""
    audio = rtp.audio()[-TAIL_SAMPLES:]
    return tones.heard(audio, ALL_HZ, least_share=0.5) if len(audio) == TAIL_SAMPLES else set()


async def hear(call: UaCall, frequency_hz: float) -> None:
    await until(lambda: hears(call.rtp) == {frequency_hz}, f"{frequency_hz} Hz alone")


async def in_the_menu(phone: UserAgent, gateway: Gateway) -> UaCall:
    call = await phone.call(gateway.uri("100"))
    await call.status(200)
    await hear(call, MENU_HZ)
    return call


@pytest.mark.parametrize(
    "faults",
    [
        EventFaults(),
        EventFaults(lost=frozenset({0, 1, 2})),
        EventFaults(lost=frozenset({5, 6, 7}), end_copies=3),
        EventFaults(lost=frozenset({1, 3, 5}), doubled=frozenset({0, 2, 4})),
        EventFaults(end_copies=0),
    ],
    ids=["perfect", "the beginning lost", "the end lost", "losses and doubles", "no end at all"],
)
async def test_a_key_leads_on_once_whatever_happens_to_its_packets(
    gateway: Gateway, phone: UserAgent, faults: EventFaults
) -> None:
    call = await in_the_menu(phone, gateway)

    await call.rtp.press("1", 0.1, faults=faults)

    await hear(call, KEY_1_HZ)
    await hear(call, MENU_HZ)  # a key that counted twice would have cut this short with 700 Hz again
    call.bye()


async def test_a_key_by_info_leads_on(gateway: Gateway, phone: UserAgent) -> None:
    call = await in_the_menu(phone, gateway)

    await call.press_info("2")

    await hear(call, KEY_2_HZ)
    call.bye()


async def test_a_long_press_of_several_segments_is_one_key(gateway: Gateway, phone: UserAgent) -> None:
    call = await in_the_menu(phone, gateway)

    await call.rtp.press("1", 0.6, faults=EventFaults(segment_ticks=1600))

    await hear(call, KEY_1_HZ)
    await hear(call, MENU_HZ)
    call.bye()


async def test_key_9_makes_the_gateway_hang_up(gateway: Gateway, phone: UserAgent) -> None:
    call = await in_the_menu(phone, gateway)

    await call.rtp.press("9")

    await call.request("BYE")


async def test_early_media_is_heard_before_any_answer(gateway: Gateway, phone: UserAgent) -> None:
    call = await phone.call(gateway.uri("101"))

    await call.status(183)
    await hear(call, EARLY_HZ)
    await call.status(486)

    assert 200 not in call.responses()


async def test_a_softphone_hears_the_prompt_without_a_gap(gateway: Gateway, tmp_path: Path) -> None:
    async with Baresip(tmp_path) as softphone:
        await softphone.dial(gateway.uri("102"))
        await softphone.event("CALL_ESTABLISHED")
        await until(lambda: tones.heard(softphone.heard()[-TAIL_SAMPLES:], ALL_HZ) == {LONG_HZ}, "the tone")
        await until(lambda: len(softphone.heard()) > 3 * tones.RATE, "three seconds")
        heard = softphone.heard()
        await softphone.hang_up()
        await softphone.event("CALL_CLOSED")

    stretches = tones.spans(heard, LONG_HZ, least_purity=0.8)
    assert len(stretches) == 1, f"gaps of {tones.gaps(stretches)} s"
    assert tones.level_dbfs(heard[-TAIL_SAMPLES:]) == pytest.approx(-10, abs=1.5)


async def test_keys_of_a_softphone_lead_on(gateway: Gateway, tmp_path: Path) -> None:
    async with Baresip(tmp_path) as softphone:
        await softphone.dial(gateway.uri("100"))
        await softphone.event("CALL_ESTABLISHED")
        await until(lambda: tones.heard(softphone.heard()[-TAIL_SAMPLES:], ALL_HZ) == {MENU_HZ}, "the menu")
        await softphone.press("2")
        await until(
            lambda: tones.heard(softphone.heard()[-TAIL_SAMPLES:], ALL_HZ) == {KEY_2_HZ}, "the key's tone"
        )
        await softphone.hang_up()
        await softphone.event("CALL_CLOSED")


async def test_a_held_caller_is_sent_nothing_and_hears_again_when_resumed(
    gateway: Gateway, phone: UserAgent
) -> None:
    call = await phone.call(gateway.uri("102"))
    await call.status(200)
    await hear(call, LONG_HZ)

    await call.reinvite("sendonly")
    held_from = len(call.rtp.received)
    await call.rtp.send_audio(tones.sine(MENU_HZ, 0.6))
    sent_while_held = len(call.rtp.received) - held_from
    await call.reinvite("sendrecv")

    await call.rtp.audio_packets(held_from + 20)
    assert sent_while_held <= 3  # those that were on their way
    assert hears(call.rtp) == {LONG_HZ}
    call.bye()


@pytest.mark.timeout(90)
async def test_a_caller_who_vanishes_before_acknowledging_leaves_no_call_behind(tmp_path: Path) -> None:
    async with Gateway(tmp_path / "gateway", dialplan=write_dialplan(tmp_path / "plan")) as gateway:
        async with await UserAgent.open() as phone:
            call = await phone.call(gateway.uri("102"))
            call.acknowledges = False
            await call.status(200)

        async def nobody() -> bool:
            return await gateway.metric("ringback_calls_active") == 0

        # RFC 3261 §13.3.1.4: no ACK within 64*T1 (32 s) ends the call, though every send is refused.
        await until_async(nobody, "the call has ended", deadline_s=40)
