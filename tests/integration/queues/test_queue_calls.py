"""Callers, a queue, and agents on real SIP phones: who is heard by whom, and who is never lost."""

from __future__ import annotations

from pathlib import Path

from tests.integration.peers.wait import until
from tests.integration.queues.centre import MUSIC_HZ, contact_centre, hears, talking

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
QUIET = (
    "{music: music.wav, announce: {welcome: none, on_entry: false, every: 0s}, wrap_up: 0s, join: logged_in}"
)


async def test_a_caller_waits_with_music_and_then_the_two_hear_each_other(tmp_path: Path) -> None:
    async with contact_centre(tmp_path, queue=QUIET) as centre:
        ann = centre.agents["ann"]
        await centre.set_presence("ann", "on_break", "lunch")
        caller = await centre.call_in()
        await until(lambda: hears(caller, MUSIC_HZ), "the caller hears the music")
        assert await centre.waiting() == 1

        await centre.set_presence("ann", "available")
        agent = await ann.answer()
        async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
            await until(lambda: hears(caller, AGENT_HZ), "the caller hears the agent and no music")
            await until(lambda: hears(agent, CALLER_HZ), "the agent hears the caller and no music")
        assert await centre.state_of("ann") == "on_call"

        agent.bye()
        await caller.request("BYE")
        await centre.until_state("ann", "idle")
        assert await centre.waiting() == 0
