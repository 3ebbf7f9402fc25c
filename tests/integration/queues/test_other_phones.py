"""Queues with phones of others: agents on baresip and SIPp, callers by SIPp."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.integration.peers import tones
from tests.integration.peers.baresip import Baresip
from tests.integration.peers.sipp import Sipp
from tests.integration.peers.wait import until
from tests.integration.queues.centre import contact_centre, hears, talking
from tests.integration.queues.plan import NUMBERS

CALLER_HZ, AGENT_HZ = 700.0, 1100.0


async def test_an_agent_on_baresip_and_a_caller_hear_each_other(tmp_path: Path) -> None:
    said = tones.write_wav(tmp_path / "agent.wav", tones.sine(AGENT_HZ, 60.0))
    async with (
        Baresip(tmp_path / "bea", user="bea", auto_answer=True, source=said) as bea,
        contact_centre(tmp_path / "centre", (), devices={"bea": bea.uri}) as centre,
    ):
        await centre.on_duty()
        await centre.set_presence("bea", "available")
        caller = await centre.call_in("quiet")
        async with talking((caller, CALLER_HZ)):
            await until(lambda: hears(caller, AGENT_HZ), "the caller hears baresip", deadline_s=10.0)
            await until(
                lambda: CALLER_HZ in tones.heard(recent(bea), {CALLER_HZ}), "baresip hears the caller"
            )
        caller.bye()
        await bea.event("CALL_CLOSED")
        await centre.until_state("bea", "idle")


async def test_callers_by_sipp_are_served_by_an_agent_on_sipp(tmp_path: Path) -> None:
    calls = 5
    agent = Sipp("uas_hangs_up", tmp_path / "agent", calls=calls, concurrent=1, timeout_s=60.0)
    async with contact_centre(tmp_path / "centre", (), devices={"sip": agent.uri}) as centre:
        answering = await agent.start()
        await centre.set_presence("sip", "available")
        callers = await Sipp(
            "uac_is_hung_up",
            tmp_path / "callers",
            target=centre.gateway.address,
            service=NUMBERS["quiet"],
            calls=calls,
            concurrent=calls,
            timeout_s=60.0,
        ).start()

        (await callers.finished()).raise_for_failure()
        (await answering.finished()).raise_for_failure()
        assert await centre.waiting("quiet") == 0
        assert await centre.gateway.metric("ringback_callers_lost_total") == 0


def recent(softphone: Baresip) -> tones.Samples:
    """What it has heard last; its recording is written as the call goes on."""
    heard = softphone.heard()
    return np.ascontiguousarray(heard[-round(0.3 * tones.RATE) :])
