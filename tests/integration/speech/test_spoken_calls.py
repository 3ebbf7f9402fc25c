"""Callers who speak, on real RTP: what they say is synthesised, and where they are led is heard."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from tests.fakes.speech import cough, spoken
from tests.integration.gateway import Gateway
from tests.integration.peers import tones
from tests.integration.peers.ua import UserAgent
from tests.integration.peers.wait import until, until_async
from tests.integration.speech.caller import Caller
from tests.integration.speech.speech_dialplan import (
    BILLING_HZ,
    MENU_HZ,
    SILENT_HZ,
    SORRY_HZ,
    SUPPORT_HZ,
    write_dialplan,
)

pytestmark = pytest.mark.timeout(180)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listening_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A node whose recognisers are warm."""
    directory = tmp_path_factory.mktemp("listening")
    environment = {
        "RINGBACK_SPEECH__WORKERS": "1",
        "RINGBACK_RECORDING__CALLS": "true",
        "RINGBACK_RECORDING__FORMAT": "wav",
    }
    dialplan = write_dialplan(directory / "dialplan")
    async with Gateway(directory, dialplan=dialplan, environment=environment, understands=True) as running:
        await until_async(lambda: _warm(running), "a warm recogniser", deadline_s=60.0)
        yield running


async def _warm(gateway: Gateway) -> bool:
    return await gateway.metric("ringback_recognisers") > 0


@asynccontextmanager
async def calling(gateway: Gateway, phone: UserAgent, number: str = "100") -> AsyncIterator[Caller]:
    call = await phone.call(gateway.uri(number))
    await call.status(200)
    caller = Caller(call)
    try:
        await caller.hears(MENU_HZ)
        yield caller
    finally:
        await caller.close()


async def test_who_speaks_a_phrase_is_led_by_it(listening_gateway: Gateway, phone: UserAgent) -> None:
    async with calling(listening_gateway, phone) as caller:
        await caller.hears_no(MENU_HZ)

        caller.say(spoken("technical support"))

        await caller.hears(SUPPORT_HZ)
    assert SORRY_HZ not in caller.heard_so_far()


async def test_who_talks_over_the_prompt_cuts_it_and_is_understood(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    async with calling(listening_gateway, phone) as caller:
        before = len(caller.call.rtp.audio())

        caller.say(spoken("pay my bill", "en-gb"))

        await caller.hears(BILLING_HZ)
        (menu,) = tones.spans(caller.call.rtp.audio(), MENU_HZ)[-1:]
    assert menu.end_s < before / tones.RATE + 5.0, "the prompt was heard to its end"


async def test_who_says_nothing_is_asked_again_and_may_still_speak(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    async with calling(listening_gateway, phone) as caller:
        await caller.hears(SILENT_HZ)
        await caller.hears(MENU_HZ)

        caller.say(spoken("billing"))

        await caller.hears(BILLING_HZ)
    assert SORRY_HZ not in caller.heard_so_far()


async def test_who_coughs_interrupts_nothing_and_is_asked_nothing(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    before = await listening_gateway.metric("ringback_recognitions_total")
    async with calling(listening_gateway, phone) as caller:
        caller.say(cough(np.random.default_rng(2)))
        await caller.hears_no(MENU_HZ)
        (menu,) = tones.spans(caller.call.rtp.audio(), MENU_HZ)

        caller.say(cough(np.random.default_rng(3)))
        await caller.hears(SILENT_HZ)

    assert menu.duration_s == pytest.approx(6.0, abs=0.3), "the cough cut the question"
    assert SORRY_HZ not in caller.heard_so_far()
    assert await listening_gateway.metric("ringback_recognitions_total") == before


async def test_a_key_during_speech_wins(listening_gateway: Gateway, phone: UserAgent) -> None:
    async with calling(listening_gateway, phone) as caller:
        caller.say(spoken("I wonder what I should say to this machine")[: tones.RATE])

        caller.press("2")

        await caller.hears(SUPPORT_HZ)
    assert SORRY_HZ not in caller.heard_so_far()


async def test_what_nobody_listed_is_refused(listening_gateway: Gateway, phone: UserAgent) -> None:
    async with calling(listening_gateway, phone) as caller:
        caller.say(spoken("the train to the seaside leaves at noon on Saturday"))

        await caller.hears(SORRY_HZ)


async def test_the_transcript_is_kept_where_the_plan_says_so_and_never_logged(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    async with calling(listening_gateway, phone) as caller:
        caller.say(spoken("technical help"))
        await caller.hears(SUPPORT_HZ)

    kept = listening_gateway.data_dir / "utterances"
    await until(lambda: bool(list(kept.rglob("*-menu-*.wav"))), "the utterance")
    assert "technical" not in listening_gateway.process.output()


async def test_a_masked_answer_reaches_no_log_and_no_recording(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    recordings = listening_gateway.data_dir / "recordings"
    async with calling(listening_gateway, phone, "200") as caller:
        before = set(recordings.rglob("*.wav"))
        caller.say(spoken("my number is a secret"))
        caller.press("4711")
        await caller.hears(BILLING_HZ)
        await caller.call.request("BYE")

    await until(lambda: len(set(recordings.rglob("*.wav")) - before) == 1, "the recording")
    (file,) = set(recordings.rglob("*.wav")) - before
    audio, rate = soundfile.read(file, dtype="int16")  # the caller left, the prompts right
    thanks = tones.spans(audio[:, 1], BILLING_HZ)
    assert thanks, "the recording went on afterwards"
    assert not audio[: round((thanks[0].start_s - 0.3) * rate)].any(), "what was said in private was recorded"
    pressed = [line for line in listening_gateway.process.output().splitlines() if "digit_pressed" in line]
    assert len(pressed) >= 4
    assert not any(f'"digit": "{digit}"' in line for line in pressed[-4:] for digit in "471")


async def test_a_survey_understands_the_number_that_is_said(
    listening_gateway: Gateway, phone: UserAgent
) -> None:
    async with calling(listening_gateway, phone, "300") as caller:
        await caller.hears(MENU_HZ)
        await caller.hears_no(MENU_HZ)

        caller.say(spoken("nine"))

        await caller.hears(BILLING_HZ)

    with sqlite3.connect(listening_gateway.data_dir / "ringback.db") as database:

        def answers() -> list[int]:
            found = database.execute("SELECT details FROM journal WHERE kind = 'survey.answered'")
            return [json.loads(details)["nps"] for (details,) in found]

        assert await until(answers, "the answer is stored") == [9]
