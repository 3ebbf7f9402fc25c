"""The pool of recognisers: worker processes, one queue, and a bound on how long anybody waits.

Fair because a call has one utterance at a time and all wait in one line. Bounded because what can't be begun
soon is refused: the menu then goes on with keys. When more wait than there are workers, only the first engine
is asked; a second opinion is for when there is time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from media.speech import wire
from media.speech.agreement import judge
from media.speech.recogniser import Evidence, Grammar, Recognition, RecognitionError
from media.vad import Frame

log = logging.getLogger("ringback.speech")

START_LIMIT_S: Final = 60.0
RESTART_AFTER_S: Final = (0.0, 1.0, 5.0, 30.0)
_ONE_THREAD: Final = ("env", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")  # there is a worker for each core


class PoolFull(RecognitionError):
    """So many utterances wait that this one would come too late."""

    def __init__(self, waiting: int) -> None:
        super().__init__("pool", f"{waiting} utterances wait already")
        self.waiting = waiting


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """`engines`: by language, the first one first. `waiting`: utterances that may wait for a worker."""

    engines: Mapping[str, Sequence[str]]
    workers: int = 2
    waiting: int = 40
    limit_s: float = 8.0  # for one utterance; a worker that takes longer is killed


_Answer = tuple[Mapping[str, Evidence], float, float]
"""By engine what it makes of an utterance; the CPU seconds; the seconds it had to wait."""


@dataclass(slots=True)
class _Job:
    samples: Frame
    rate: int
    grammar: Grammar
    engines: Sequence[str]
    done: asyncio.Future[_Answer]
    asked_at: float = field(default_factory=time.monotonic)


class _Worker:
    """One process, from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise RecognitionError("worker", "its process has no pipes")
        self._process = process
        self._input, self._output = process.stdin, process.stdout
        self.memory_kb: Mapping[str, int] = {}

    @classmethod
    async def start(cls, engines: Sequence[str]) -> _Worker:
        """Returns when its engines are warm. Raises RecognitionError when none of them works."""
        process = await asyncio.create_subprocess_exec(
            *_ONE_THREAD, sys.executable, "-m", "media.speech.worker", *engines,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        worker = cls(process)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                hello = await worker._read()
        except (TimeoutError, EOFError, OSError) as error:
            await worker.stop()
            raise RecognitionError("worker", "it doesn't start") from error
        for name, problem in hello["problems"].items():
            log.error("a recogniser doesn't load: engine=%s problem=%s", name, problem)
        worker.memory_kb = hello["memory_kb"]
        if len(hello["problems"]) == len(engines):
            await worker.stop()
            raise RecognitionError("worker", "; ".join(hello["problems"].values()))
        return worker

    async def recognise(self, job: _Job, engines: Sequence[str]) -> tuple[dict[str, Evidence], float]:
        """What each engine makes of it, and the CPU seconds it took. Raises EOFError, OSError."""
        header = {"rate": job.rate, "engines": list(engines), "grammar": wire.grammar_to_json(job.grammar)}
        self._input.write(wire.pack(header, job.samples.tobytes()))
        await self._input.drain()
        reply = await self._read()
        for name, problem in reply["problems"].items():
            log.error("a recogniser failed: engine=%s problem=%s", name, problem)
        found = {name: wire.evidence_of(values) for name, values in reply["evidence"].items()}
        return found, reply["seconds"]

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _read(self) -> wire.Header:
        lengths = await self._output.readexactly(wire.LENGTHS.size)
        header, body = wire.LENGTHS.unpack(lengths)
        wire.check_lengths(header, body)
        return wire.header_of(await self._output.readexactly(header))


class RecogniserPool:
    """Belongs to one event loop. `start` it, ask it, `close` it.

    `observe`: told of each recognition that succeeded, with what was understood in it.
    """

    def __init__(
        self,
        settings: PoolSettings,
        *,
        observe: Callable[[Recognition], object] = lambda _recognition: None,
    ) -> None:
        self._settings = settings
        self._observe = observe
        self._engines = tuple(dict.fromkeys(name for names in settings.engines.values() for name in names))
        self._queue: deque[_Job] = deque()
        self._wake = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._starting: list[asyncio.Event] = []
        self._alive = 0
        self.memory_kb: Mapping[str, int] = {}
        """Of one worker: by engine, what loading and warming it took; "" is the process without any."""

    @property
    def alive(self) -> int:
        """Workers that could take an utterance now or when they are done with theirs."""
        return self._alive

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def engines_for(self, language: str) -> Sequence[str]:
        """The engines that understand a language; of `en-GB` those of `en` too."""
        found = self._settings.engines.get(language)
        return found if found is not None else self._settings.engines.get(language.partition("-")[0], ())

    def start(self) -> None:
        """Begin to start the workers. Those that fail are logged and tried again."""
        loop = asyncio.get_running_loop()
        self._starting = [asyncio.Event() for _ in range(self._settings.workers if self._engines else 0)]
        self._tasks = [loop.create_task(self._own_worker(event)) for event in self._starting]

    @property
    def warming(self) -> bool:
        """Whether no worker has been ready yet, nor has failed to become so."""
        return not any(event.is_set() for event in self._starting)

    async def warm(self) -> None:
        """Returns when every worker is warm, or has failed to start once."""
        for event in self._starting:
            await event.wait()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in self._queue:
            job.done.cancel()
        self._queue.clear()

    async def recognise(self, samples: Frame, rate: int, grammar: Grammar) -> Recognition:
        """What `samples` (int16 at `rate` Hz) mean. Cancelling takes it out of the line.

        Raises PoolFull, and RecognitionError when no engine could say anything.
        """
        engines = self.engines_for(grammar.language)
        if not engines:
            raise RecognitionError("pool", f"no engine understands '{grammar.language}'")
        evidence, seconds, waited_s = await self._ask(samples, rate, grammar, engines)
        recognition = replace(
            judge(grammar, evidence), seconds=seconds, audio_s=len(samples) / rate, waited_s=waited_s
        )
        self._observe(recognition)
        return recognition

    async def ask(
        self, samples: Frame, rate: int, grammar: Grammar, engines: Sequence[str]
    ) -> tuple[Mapping[str, Evidence], float]:
        """What some engines make of it, unjudged, and the CPU seconds it took; raises as `recognise`."""
        evidence, seconds, _ = await self._ask(samples, rate, grammar, engines)
        return evidence, seconds

    async def _ask(self, samples: Frame, rate: int, grammar: Grammar, engines: Sequence[str]) -> _Answer:
        if not self._alive:
            raise RecognitionError("pool", "no recogniser works just now")
        if len(self._queue) >= self._settings.waiting:
            raise PoolFull(len(self._queue))
        job = _Job(samples, rate, grammar, engines, asyncio.get_running_loop().create_future())
        self._queue.append(job)
        async with self._wake:
            self._wake.notify()
        try:
            return await job.done
        finally:
            with contextlib.suppress(ValueError):
                self._queue.remove(job)

    # ---- one task a worker

    async def _own_worker(self, started: asyncio.Event) -> None:
        failures = 0
        while True:
            try:
                worker = await _Worker.start(self._engines)
            except (RecognitionError, OSError) as error:
                log.warning("a recogniser's process doesn't start: %s", error)
            else:
                self.memory_kb = worker.memory_kb
                self._alive += 1
                started.set()
                try:
                    if await self._work(worker):
                        failures = 0
                finally:
                    self._alive -= 1
                    await worker.stop()
            started.set()
            await asyncio.sleep(RESTART_AFTER_S[min(failures, len(RESTART_AFTER_S) - 1)])
            failures += 1

    async def _work(self, worker: _Worker) -> bool:
        """Until the worker fails. Whether it did anything before."""
        useful = False
        while True:
            async with self._wake:
                await self._wake.wait_for(lambda: bool(self._queue))
                job = self._queue.popleft()
            if job.done.done():
                continue
            try:
                async with asyncio.timeout(self._settings.limit_s):
                    await self._do(worker, job)
            except (TimeoutError, EOFError, OSError, ValueError) as error:
                log.warning("a recogniser's process has failed: %s", str(error) or type(error).__name__)
                _fail(job, RecognitionError("worker", "its process has failed"))
                return useful
            useful = True

    async def _do(self, worker: _Worker, job: _Job) -> None:
        waited_s = time.monotonic() - job.asked_at
        engines = job.engines if len(self._queue) < self._settings.workers else job.engines[:1]
        evidence, seconds = await worker.recognise(job, engines)
        if not evidence:
            _fail(job, RecognitionError("pool", "no engine could say anything"))
            return
        if not job.done.done():
            job.done.set_result((evidence, seconds, waited_s))


def _fail(job: _Job, error: RecognitionError) -> None:
    if not job.done.done():
        job.done.set_exception(error)
