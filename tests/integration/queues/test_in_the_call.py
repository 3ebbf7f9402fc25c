"""What agents and supervisors do with a call that a queue brought, on a real node and by its API."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.integration.peers import tones
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import Centre, hears, talking
from tests.integration.queues.plan import MUSIC_HZ

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER_HZ, ANN_HZ, BEN_HZ, BOSS_HZ = 700.0, 1100.0, 1900.0, 2500.0


async def connected(centre: Centre, queue: str = "quiet") -> tuple[str, UaCall, UaCall]:
    """A caller talks with ann: the call's id, and the two phones."""
    await centre.on_duty("ann")
    caller = await centre.call_in(queue)
    ann = await centre.agents["ann"].answer()
    await centre.until_state("ann", "on_call")

    async def shown() -> Any:
        calls = (await centre.get("/v1/calls"))["calls"]
        return next((call["id"] for call in calls if "ann" in call["agents"]), None)

    return str(await until_async(shown, "the call is shown")), caller, ann


async def act(centre: Centre, call: str, operation: str, body: Any = None) -> None:
    response = await centre.request("POST", f"/v1/calls/{call}/{operation}", body or {})
    assert response.status_code in (200, 202, 204), response.text


async def test_an_attended_transfer_hands_the_caller_over_and_frees_the_first_agent(centre: Centre) -> None:
    call, caller, ann = await connected(centre)
    await centre.set_presence("ben", "available")
    await act(centre, call, "consult", {"to": {"kind": "agent", "name": "ben"}})
    await until(lambda: hears(caller, MUSIC_HZ), "the caller hears music")
    ben = await centre.agents["ben"].answer()
    async with talking((caller, CALLER_HZ), (ann, ANN_HZ), (ben, BEN_HZ)):
        await until(lambda: hears(ann, BEN_HZ), "ann hears ben")
        assert await centre.state_of("ben") == "on_call"
        await act(centre, call, "complete")

        await until(lambda: hears(caller, BEN_HZ), "the caller hears ben")
        await until(lambda: hears(ben, CALLER_HZ), "ben hears the caller")
    await ann.request("BYE")
    await centre.until_state("ann", "idle")
    ben.bye()
    await centre.until_state("ben", "idle")
    await caller.request("BYE")


async def test_a_requeue_by_key_brings_the_caller_to_the_next_agent(centre: Centre) -> None:
    _, caller, ann = await connected(centre)
    await centre.set_presence("ann", "on_break", "lunch")  # begins after the call
    await ann.rtp.press("*")
    await ann.rtp.press("8")
    await ann.request("BYE")

    await until(lambda: hears(caller, MUSIC_HZ), "the caller hears music")
    await centre.set_presence("ben", "available")
    ben = await centre.agents["ben"].answer(8.0)
    async with talking((ben, BEN_HZ)):
        await until(lambda: hears(caller, BEN_HZ), "the caller hears ben")


async def test_a_recorded_conversation_is_had_over_the_api_by_its_id(centre: Centre) -> None:
    call, caller, ann = await connected(centre, "recorded")
    async with talking((caller, CALLER_HZ), (ann, ANN_HZ)):
        await until(lambda: hears(caller, ANN_HZ), "the caller hears ann")
        await caller.rtp.audio_packets(len(caller.rtp.received) + 50)
        shown = await centre.get(f"/v1/calls/{call}")
        assert (shown["recording"], shown["recordings"]) == ("on", [call])
    ann.bye()

    async def kept() -> bytes:
        response = await centre.request("GET", f"/v1/recordings/{call}")
        return response.content if response.status_code == 200 else b""

    audio, rate = soundfile.read(
        io.BytesIO(await until_async(kept, "the recording")), dtype="int16", always_2d=True
    )
    left, right = (np.ascontiguousarray(audio[:, channel]) for channel in (0, 1))
    everything = (CALLER_HZ, ANN_HZ, MUSIC_HZ)
    assert rate == tones.RATE
    assert tones.heard(left, everything, least_share=0.05) == {CALLER_HZ}
    assert tones.heard(right, everything, least_share=0.05) == {ANN_HZ}


async def test_a_blind_transfer_to_a_queue_lets_the_caller_wait_there(centre: Centre) -> None:
    call, caller, ann = await connected(centre)
    await centre.set_presence("ann", "on_break", "lunch")

    await act(centre, call, "transfer", {"to": {"kind": "queue", "name": "notes"}})

    await ann.request("BYE")
    await centre.until_waiting("notes", 1)
    await until(lambda: hears(caller, MUSIC_HZ), "the caller hears music")


async def test_a_supervisor_listens_whispers_and_joins_over_the_api(centre: Centre) -> None:
    call, caller, ann = await connected(centre)
    async with await UserAgent.open("boss") as desk:
        await act(centre, call, "supervise", {"mode": "whisper", "device": desk.uri})
        boss = await desk.next_call()
        boss.respond(200, "OK", sdp=True)
        await boss.request("ACK")
        both = (CALLER_HZ, ANN_HZ, BOSS_HZ)
        async with talking((caller, CALLER_HZ), (ann, ANN_HZ), (boss, BOSS_HZ)):
            await until(lambda: tones.heard(tail(boss), both) == {CALLER_HZ, ANN_HZ}, "both at the boss")
            await until(lambda: tones.heard(tail(ann), both) == {CALLER_HZ, BOSS_HZ}, "the whisper")
            assert tones.heard(tail(caller), both) == {ANN_HZ}
            await act(centre, call, "supervise", {"mode": "join"})
            await until(
                lambda: tones.heard(tail(caller), both) == {ANN_HZ, BOSS_HZ}, "the boss at the caller"
            )
            await act(centre, call, "supervise", {"mode": "stop"})
            await boss.request("BYE")
            await until(lambda: tones.heard(tail(caller), both) == {ANN_HZ}, "ann alone")


def tail(call: UaCall) -> tones.Samples:
    return call.rtp.audio()[-round(0.3 * tones.RATE) :]
