"""A worker process of the pool: loads its engines, warms them, and recognises one utterance after another.

A process and not a thread, since engines hold the interpreter lock, leak, and crash; and a nice one, since no
packet of a call may wait for it. It ends when its input does, so it never outlives its node.

    python -m media.speech.worker whisper-tiny-en pocketsphinx
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Final

import numpy as np
import soxr

from media.speech import wire
from media.speech.denoise import denoise
from media.speech.engines import make
from media.speech.recogniser import ENGINE_RATE, Audio, Grammar, Recogniser, RecognitionError

NICENESS: Final = 5
_WARMING: Final = Grammar("en", ("yes", "no"))


def main(names: Sequence[str]) -> None:
    os.nice(NICENESS)
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what engines print goes to the log, not between two frames
    engines, problems, memory = _load(names)
    output.write(wire.pack({"problems": problems, "memory_kb": memory}))
    _serve(engines, sys.stdin.buffer, output.write)


def _load(names: Sequence[str]) -> tuple[dict[str, Recogniser], dict[str, str], dict[str, int]]:
    engines: dict[str, Recogniser] = {}
    problems: dict[str, str] = {}
    memory: dict[str, int] = {"": _resident_kb()}
    noise = np.random.default_rng(0).normal(0.0, 0.01, ENGINE_RATE).astype(np.float32)
    for name in names:
        before = _resident_kb()
        try:
            engines[name] = make(name)
            if engines[name].understands(_WARMING):
                engines[name].listen(noise, _WARMING)
        except Exception as error:  # noqa: BLE001  # an engine that doesn't load is told of, whatever it raises
            engines.pop(name, None)
            problems[name] = str(error) or type(error).__name__
        memory[name] = _resident_kb() - before
    return engines, problems, memory


def _serve(engines: Mapping[str, Recogniser], stream: IO[bytes], write: Callable[[bytes], object]) -> None:
    while (frame := wire.read(stream)) is not None:
        job, body = frame
        audio = _prepare(np.frombuffer(body, np.int16), job["rate"])
        grammar = wire.grammar_of(job["grammar"])
        reply: wire.Header = {"evidence": {}, "problems": {}}
        started = time.process_time()
        for name in job["engines"]:
            engine = engines.get(name)
            if engine is None or not engine.understands(grammar):
                continue
            try:
                reply["evidence"][name] = wire.evidence_to_json(engine.listen(audio, grammar))
            except RecognitionError as error:
                reply["problems"][name] = error.problem
            except Exception as error:  # noqa: BLE001  # one bad utterance mustn't cost the worker
                reply["problems"][name] = f"{type(error).__name__}: {error}"
        reply["seconds"] = time.process_time() - started
        write(wire.pack(reply))


def _prepare(samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]], rate: int) -> Audio:
    """As the engines want it: at their rate, and as loud as speech they were trained on."""
    audio = denoise(samples.astype(np.float32) / 32768.0, rate)
    if rate != ENGINE_RATE:
        audio = soxr.resample(audio, rate, ENGINE_RATE).astype(np.float32)
    peak = float(np.abs(audio).max(initial=0.0))
    return audio * (0.5 / peak) if peak > 0.0 else audio


def _resident_kb() -> int:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123  # not a file, and Linux only
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1])


if __name__ == "__main__":
    main(sys.argv[1:])
