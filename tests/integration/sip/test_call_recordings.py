"""Whole calls recorded by a real node, and what a node that is killed leaves to the next one."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import ALL_HZ, MENU_HZ, write_dialplan
from tests.integration.peers import tones
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until

CALLER_HZ = 1300.0
ENOUGH_BYTES = 32_000  # one second of both channels
RECORDED = {"RINGBACK_RECORDING__CALLS": "true"}


def gateway(directory: Path) -> Gateway:
    return Gateway(directory, dialplan=write_dialplan(directory / "dialplan"), environment=RECORDED)


async def talk(node: Gateway, phone: UserAgent) -> UaCall:
    """A caller who speaks for a second while the menu speaks."""
    call = await phone.call(node.uri("100"))
    await call.status(200)
    await call.rtp.audio_packets(10)
    await call.rtp.send_audio(tones.sine(CALLER_HZ, 1.0))
    return call


async def kept(node: Gateway) -> tuple[Path, dict[str, Any]]:
    """The one recording, when it is complete and converted, and its note."""
    directory = node.data_dir / "recordings"
    (path,) = await until(lambda: list(directory.glob("*/*.flac")), "the recording", deadline_s=15.0)
    assert sorted(file.suffix for file in path.parent.iterdir()) == [".flac", ".json"]
    return path, json.loads(path.with_suffix(".json").read_text())


def check(path: Path) -> None:
    """The caller is on the left alone, the menu on the right alone."""
    audio, rate = soundfile.read(path, dtype="int16", always_2d=True)
    left, right = (np.ascontiguousarray(audio[:, channel]) for channel in (0, 1))
    everything = [CALLER_HZ, *ALL_HZ]
    assert rate == tones.RATE
    assert tones.heard(left, everything, least_share=0.05) == {CALLER_HZ}
    assert tones.heard(right, everything, least_share=0.05) == {MENU_HZ}
    assert sum(span.duration_s for span in tones.spans(left, CALLER_HZ)) > 0.6


async def test_a_whole_call_is_recorded_and_kept_under_the_calls_id(tmp_path: Path, phone: UserAgent) -> None:
    async with gateway(tmp_path) as node:
        call = await talk(node, phone)
        call.bye()
        path, note = await kept(node)

    check(path)
    assert note["call_id"] == path.stem
    assert note["agents"] == []


async def test_what_a_killed_node_recorded_is_completed_by_the_next(tmp_path: Path, phone: UserAgent) -> None:
    async with gateway(tmp_path) as node:
        await talk(node, phone)
        (left,) = (node.data_dir / "recordings").glob("*/*.wav.part")
        await until(lambda: left.stat().st_size > ENOUGH_BYTES, "what was said on the disk")
        os.kill(node.process.pid, signal.SIGKILL)
        await node.process.exited(10.0)
    assert left.exists()

    async with gateway(tmp_path) as restarted:
        path, _ = await kept(restarted)

    check(path)
    assert path.stem == left.name.removesuffix(".wav.part")
