"""What speech is worth and what it costs: accuracy by engine and noise, rejection, false barge-ins, latency.

The utterances are synthesised (espeak-ng and Pico, eight voices) for five menus, put on a telephone line with
noise, and coded as G.711. Engines are asked through the pool, as calls ask them.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from rich.console import Console
from rich.table import Table

from gateway.dialplan.nodes import Speech
from media.clip import Clip
from media.detectors import SileroDetector, webrtc_detector
from media.speech.agreement import judge
from media.speech.pool import PoolSettings, RecogniserPool
from media.speech.recogniser import Grammar
from media.vad import Endpointer, EndpointerSettings, SpeechEnded
from tests.fakes.speech import RATE, Samples, Signal, companded, normal, on_line, pink, spoken
from tests.integration.gateway import Gateway
from tests.integration.peers import tones
from tests.integration.peers.rtp import PCMU, decode
from tests.integration.peers.ua import UserAgent
from tests.integration.peers.wait import until_async
from tests.integration.speech.caller import Caller
from tests.integration.speech.speech_dialplan import BILLING_HZ, MENU_HZ, write_dialplan

MENUS: Final = (
    ("my balance", "account balance", "fees and statements", "technical help", "online banking", "lost card",
     "my card was stolen", "operator", "somebody please"),
    ("billing", "support", "sales", "delivery", "returns", "opening hours", "track my order",
     "speak to an agent"),
    ("internet", "mobile phone", "television", "new contract", "cancel my contract", "invoice",
     "report a fault"),
    ("make an appointment", "prescription", "test results", "emergency", "pharmacy", "reception"),
    ("yes", "no"),
)  # fmt: skip
OTHERS: Final = (
    "what is the weather like today", "I would like a pizza with extra cheese",
    "hello hello can you hear me", "banana", "um let me think", "please wait a moment",
    "turn the television down", "my dog ate my homework", "good morning", "happy birthday to you",
    "Washington", "I am driving right now", "where did you put the keys", "thank you very much",
    "nineteen eighty four", "yesterday it rained", "hang on a second", "elephant", "Tuesday afternoon",
    "computer",
)  # fmt: skip
ESPEAK: Final = (
    ("en-us", 150), ("en-gb", 170), ("en-us+f3", 150), ("en-gb+m4", 140), ("en-gb-scotland", 155),
    ("en-us+f5", 175),
)  # fmt: skip
PICO: Final = ("en-US", "en-GB")
SETS: Final = (
    ("whisper-tiny-en",),
    ("pocketsphinx",),
    ("hama",),
    ("whisper-tiny-en", "pocketsphinx"),
    ("whisper-tiny-en", "pocketsphinx", "hama"),
)
LINES_DB: Final = (30.0, 20.0, 10.0, 5.0)
CROWD: Final = 20
MUSIC: Final = Path(__file__).parents[2] / "dialplans" / "demo" / "audio" / "evening-line.ogg"


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance; `phrase` is None for one that its menu doesn't have."""

    grammar: Grammar
    phrase: str | None
    audio: Signal


@lru_cache(maxsize=1)
def corpus(every: int = 1) -> tuple[Said, ...]:
    """Every phrase in eight voices, and what no menu has in two; of them one in `every`."""
    made = [
        Said(Grammar("en", menu), phrase, audio)
        for menu in MENUS
        for phrase in menu
        for audio in (
            *(spoken(phrase, *voice) for voice in ESPEAK),
            *(_pico(phrase, voice) for voice in PICO),
        )
    ]
    for index, text in enumerate(OTHERS):
        for number, voice in enumerate((ESPEAK[0], ESPEAK[2], ESPEAK[3])):
            made.append(Said(Grammar("en", MENUS[(index + number) % len(MENUS)]), None, spoken(text, *voice)))
        made.append(Said(Grammar("en", MENUS[(index + 3) % len(MENUS)]), None, _pico(text, PICO[index % 2])))
    return tuple(made[::every])


def _pico(text: str, voice: str) -> Signal:
    from py_nanotts import NanoTTS

    samples = np.frombuffer(NanoTTS().speak(text, voice=voice), np.int16)
    return normal(soxr.resample(samples / 32768.0, 16_000, RATE))


async def recognition(console: Console, every: int) -> list[dict[str, Any]]:
    """Accuracy, rejection and cost, by engines and noise."""
    names = SETS[-1]
    pool = RecogniserPool(PoolSettings({"en": names}, workers=2, waiting=10_000))
    pool.start()
    await pool.warm()
    found: list[dict[str, Any]] = []
    table = Table(title=f"Recognition on a telephone line ({len(corpus(every))} utterances a line)")
    for heading in (
        "engines",
        "noise",
        "right",
        "taken",
        "asked back",
        "refused",
        "wrong",
        "false accept",
        "CPU s",
    ):
        table.add_column(heading, justify="left" if heading == "engines" else "right")
    for snr_db in LINES_DB:
        console.log(f"recognition at {snr_db:g} dB")
        heard = await _hear_all(pool, snr_db, every)
        for engines in SETS:
            line = _figures(engines, snr_db, heard)
            found.append(line)
            shares = ("right", "taken", "asked_back", "refused", "wrong", "false_accept")
            table.add_row(
                "+".join(engines),
                f"{snr_db:g} dB",
                *(f"{line[name]:.1%}" for name in shares),
                f"{line['cpu_s']:.2f}",
            )
    await pool.close()
    console.print(table)
    console.print("memory of a worker, MB:", {n or "itself": kb // 1024 for n, kb in pool.memory_kb.items()})
    return found


Answer = tuple[Said, dict[str, tuple[Any, float]]]


async def _hear_all(pool: RecogniserPool, snr_db: float, every: int) -> list[Answer]:
    """What each engine makes of each utterance, asked one by one."""
    generator = np.random.default_rng(round(snr_db))
    lines = [
        (said, on_line(said.audio, snr_db, generator, before_s=0.3, after_s=0.25)) for said in corpus(every)
    ]

    async def ask(said: Said, line: Samples) -> Answer:
        evidence: dict[str, tuple[Any, float]] = {}
        for name in SETS[-1]:
            found, seconds = await pool.ask(line, RATE, said.grammar, (name,))
            evidence[name] = (found[name], seconds)
        return said, evidence

    return list(await asyncio.gather(*(ask(*line) for line in lines)))


def _figures(engines: Sequence[str], snr_db: float, heard: Sequence[Answer]) -> dict[str, Any]:
    usual = Speech()
    counts: dict[str, int] = defaultdict(int)
    for said, evidence in heard:
        best = judge(said.grammar, {name: evidence[name][0] for name in engines}).best
        accepted = best.confidence >= usual.confirm_below
        if said.phrase is None:
            counts["others"] += 1
            counts["false_accept"] += accepted
            continue
        right = best.text == said.phrase
        counts["phrases"] += 1
        counts["right"] += right
        counts["taken"] += accepted and right
        counts["wrong"] += accepted and not right
        counts["asked_back"] += usual.reject_below <= best.confidence < usual.confirm_below
        counts["refused"] += best.confidence < usual.reject_below
    cpu_s = float(np.mean([sum(evidence[name][1] for name in engines) for _, evidence in heard]))
    shares = {
        name: counts[name] / counts["phrases"]
        for name in ("right", "taken", "wrong", "asked_back", "refused")
    }
    return {
        "engines": list(engines),
        "snr_db": snr_db,
        **shares,
        "false_accept": counts["false_accept"] / max(counts["others"], 1),
        "cpu_s": cpu_s,
    }


def endpoints(console: Console) -> list[dict[str, Any]]:
    """Utterances found, how late, and what is falsely taken for a caller."""
    table = Table(title="Endpointing")
    for heading in ("noise", "found", "onset p50", "onset p90", "end error p50", "CPU of a core"):
        table.add_column(heading, justify="right")
    utterances = [said.audio for said in corpus(1) if said.phrase is not None][::6]
    found: list[dict[str, Any]] = []
    for snr_db in (20.0, 10.0, 5.0, 0.0):
        line = _endpoints_at(snr_db, utterances)
        found.append(line)
        table.add_row(
            f"{snr_db:g} dB",
            f"{line['found']:.1%}",
            *(f"{1000 * line[name]:.0f} ms" for name in ("onset_p50_s", "onset_p90_s", "end_error_s")),
            f"{line['cpu']:.1%}",
        )
    console.print(table)
    noises = {"music on hold, 10 min": _music(600.0), "line noise, 10 min": _line_noise(600.0)}
    for name, audio in noises.items():
        barge_ins = _barge_ins(audio)
        console.print(f"false barge-ins in {name}: {barge_ins}")
        found.append({"noise": name, "barge_ins": barge_ins})
    return found


def _endpoints_at(snr_db: float, utterances: Sequence[Signal]) -> dict[str, Any]:
    generator = np.random.default_rng(1)
    onsets, ends, seconds, cpu_s = [], [], 0.0, 0.0
    for utterance in utterances:
        line = on_line(utterance, snr_db, generator, before_s=2.0)
        endpointer = _endpointer()
        began = time.process_time()
        onset = None
        for at in range(0, len(line), 160):
            events = endpointer.feed(line[at : at + 160])
            if onset is None and endpointer.speaking:
                onset = (at + 160) / RATE - 2.0
            for event in events:
                if isinstance(event, SpeechEnded) and onset is not None:
                    onsets.append(onset)
                    ends.append(event.utterance.ended_s - 2.0 - len(utterance) / RATE)
        cpu_s += time.process_time() - began
        seconds += len(line) / RATE
    return {
        "snr_db": snr_db,
        "found": len(onsets) / len(utterances),
        "onset_p50_s": float(np.quantile(onsets, 0.5)) if onsets else float("nan"),
        "onset_p90_s": float(np.quantile(onsets, 0.9)) if onsets else float("nan"),
        "end_error_s": float(np.median(ends)) if ends else float("nan"),
        "cpu": cpu_s / seconds,
    }


def _barge_ins(audio: Samples) -> int:
    endpointer, count, told = _endpointer(), 0, False
    for at in range(0, len(audio), 320):
        endpointer.feed(audio[at : at + 320])
        told = told and endpointer.speaking
        if not told and endpointer.voiced_s >= Speech().barge_in_after_s:
            count, told = count + 1, True
    return count


def _endpointer() -> Endpointer:
    return Endpointer(RATE, webrtc_detector(RATE), EndpointerSettings(), confirm=SileroDetector(RATE))


def _music(seconds: float) -> Samples:
    tune = Clip.load(MUSIC, RATE).samples / 32768.0
    times = round(seconds * RATE / len(tune)) + 1
    return companded(np.tile(tune, times)[: round(seconds * RATE)])


def _line_noise(seconds: float) -> Samples:
    generator = np.random.default_rng(3)
    parts = [pink(seconds / 10, generator) * amplitude for amplitude in np.geomspace(0.001, 0.05, 10)]
    return companded(np.concatenate(parts))


# ---- real calls


async def calls(console: Console, directory: Path) -> list[dict[str, Any]]:
    """Callers who speak at the same time: how long each waits for the next prompt, and late ticks.

    The packets of every call are sent in the tick of the media clock; its own figures say how late that was,
    where a receiver in Python would measure itself.
    """
    table = Table(title="Calls that speak at the same moment (G.711, the default engines)")
    for heading in ("calls", "answered", "speech to prompt p50", "p95", "ticks", "late ticks"):
        table.add_column(heading, justify="right")
    found: list[dict[str, Any]] = []
    dialplan = write_dialplan(directory / "speech-plan")
    async with (
        Gateway(directory / "speech-node", dialplan=dialplan, log_level="info", understands=True) as gateway,
        await UserAgent.open("callers") as phone,
    ):
        await until_async(lambda: _both_ready(gateway), "warm recognisers", deadline_s=90.0)
        for count in (1, 1, CROWD):
            console.log(f"{count} calls that speak")
            line = await _speaking(gateway, phone, count)
            found.append(line)
            table.add_row(
                str(count),
                str(line["answered"]),
                *(f"{1000 * line[name]:.0f} ms" for name in ("p50_s", "p95_s")),
                f"{line['ticks']:.0f}",
                f"{line['late_ticks']:.0f}",
            )
    console.print(table)
    return found


async def _both_ready(gateway: Gateway) -> bool:
    return await gateway.metric("ringback_recognisers") >= 2


async def _speaking(gateway: Gateway, phone: UserAgent, count: int) -> dict[str, Any]:
    callers = []
    for _ in range(count):
        call = await phone.call(gateway.uri("100"))
        await call.status(200)
        callers.append(Caller(call))
    for caller in callers:
        await caller.hears(MENU_HZ)
    before = await _ticks(gateway)
    for index, caller in enumerate(callers):
        caller.say(spoken("pay my bill", *ESPEAK[index % len(ESPEAK)]))
    waiting = (caller.hears(BILLING_HZ, 40.0) for caller in callers)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    answered = [caller for caller, result in zip(callers, results, strict=True) if result is None]
    waits = [_first_packet_s(caller) - caller.spoke_until_s for caller in answered]
    ticks, late_ticks = await _ticks(gateway)
    for caller in callers:
        await caller.close()
    return {
        "calls": count,
        "answered": len(waits),
        "p50_s": float(np.quantile(waits, 0.5)),
        "p95_s": float(np.quantile(waits, 0.95)),
        "ticks": ticks - before[0],
        "late_ticks": late_ticks - before[1],
    }


async def _ticks(gateway: Gateway) -> tuple[float, float]:
    """Of the media clock: all, and those that began over 5 ms late."""
    names = ("ringback_media_ticks_total", "ringback_media_late_ticks_total")
    ticks, late_ticks = [await gateway.metric(name) for name in names]
    return ticks, late_ticks


def _first_packet_s(caller: Caller) -> float:
    """When the first packet of the prompt that the phrase leads to arrived."""
    for packet in caller.call.rtp.received:
        audio = decode(packet.payload, PCMU)
        late = packet.arrived_s > caller.spoke_until_s
        if late and tones.heard(audio, (BILLING_HZ, MENU_HZ), least_share=0.5) == {BILLING_HZ}:
            return packet.arrived_s
    return float("nan")
