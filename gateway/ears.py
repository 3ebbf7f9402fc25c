"""How a node hears: the pool of recognisers, the ears of its calls, and what is kept of what they hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import soundfile
import structlog
from structlog.typing import FilteringBoundLogger

from gateway.call.leg import CallLeg
from gateway.clock import Clock, SystemClock
from gateway.config import Settings
from gateway.dialplan.run import Listen
from gateway.speech import engine_problems, usable_engines
from gateway.switch.control import LegControl
from gateway.switch.listening import CallListener, HearingServices, Keep, Kept, OpenListener
from media.bridge import Bridge, Port
from media.detectors import Detectors, DetectorShelf
from media.ear import Ear, HeardHandler
from media.engine import Engine
from media.speech.engines import ENGINES
from media.speech.pool import PoolSettings, RecogniserPool
from media.speech.recogniser import Answers, Grammar, Recognition
from media.vad import EndpointerSettings, Frame, Utterance
from monitoring.metrics import Metrics

log = structlog.get_logger(__name__)

LONGEST_S: Final = {Answers.PHRASES: 8.0, Answers.TEXT: 14.0}
LONGEST_ANSWER_S: Final = 12.0


@asynccontextmanager
async def hearing(
    settings: Settings, engine: Engine, bridge: Bridge, metrics: Metrics
) -> AsyncIterator[OpenListener | None]:
    """Makes the listeners of calls; None where nothing understands any language."""
    for problem in engine_problems(settings.speech):
        log.error("recogniser_missing", problem=problem)
    usable = usable_engines(settings.speech)
    if not usable:
        yield None
        return
    pool = RecogniserPool(PoolSettings(usable, workers=settings.speech.workers))
    metrics.watch_pool(lambda: pool.waiting, lambda: pool.alive)
    thread = ThreadPoolExecutor(1, thread_name_prefix="endpointing")
    try:
        pool.start()
        async with asyncio.TaskGroup() as tasks:
            warming = tasks.create_task(_tell_when_warm(pool, usable))
            yield _Ears(settings, engine, bridge, thread, pool, metrics).listener
            warming.cancel()
    finally:
        await pool.close()
        thread.shutdown(wait=False, cancel_futures=True)


async def _tell_when_warm(pool: RecogniserPool, engines: Mapping[str, Sequence[str]]) -> None:
    started = SystemClock().now()
    await pool.warm()
    took_s = SystemClock().now() - started
    log.info("recognisers_ready", workers=pool.alive, engines=engines, took_s=round(took_s, 1))


class _Ears:
    """What the listeners of a node share."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        bridge: Bridge,
        thread: ThreadPoolExecutor,
        pool: RecogniserPool,
        metrics: Metrics,
    ) -> None:
        self._directory = settings.data_dir / "utterances"
        self._engine = engine
        self._bridge = bridge
        self._thread = thread
        self._pool = pool
        self._shelf = DetectorShelf(engine.rate)
        self._services = HearingServices(self._recognise, self._understands, metrics)
        self._writing: set[asyncio.Task[None]] = set()

    def listener(
        self, leg: CallLeg, control: LegControl, keep: Keep, log_: FilteringBoundLogger
    ) -> CallListener:
        def open_ear(wanted: Listen, on_heard: HeardHandler) -> _OpenEar:
            return self._open(leg, control, wanted, on_heard)

        return CallListener(self._services, open_ear, partial(self._keep, leg, keep), log_)

    def _open(self, leg: CallLeg, control: LegControl, wanted: Listen, on_heard: HeardHandler) -> _OpenEar:
        longest_s = LONGEST_S.get(Answers(wanted.answer), LONGEST_ANSWER_S)
        speech = wanted.speech
        settings = EndpointerSettings(end_s=speech.end_silence_s, longest_s=longest_s)
        played: Port | None = getattr(control.player, "port", None)
        detectors = self._shelf.take()
        ear = Ear(
            self._engine,
            self._bridge,
            self._thread,
            detectors,
            on_heard,
            caller=leg.audio,
            played=played,
            settings=settings,
            barge_in_after_s=speech.barge_in_after_s,
        )
        return _OpenEar(ear, self._shelf, detectors, self._thread)

    async def _recognise(self, utterance: Utterance, grammar: Grammar) -> Recognition:
        return await self._pool.recognise(utterance.audio, self._engine.rate, grammar)

    def _understands(self, grammar: Grammar) -> bool:
        engines = () if self._pool.warming else self._pool.engines_for(grammar.language)
        return any(grammar.answers is Answers.PHRASES or ENGINES[name].open_answers for name in engines)

    def _keep(self, leg: CallLeg, keep: Keep, kept: Kept) -> None:
        if kept.audio is not None:
            path = utterance_path(self._directory, leg, kept.node, SystemClock())
            task = asyncio.get_running_loop().create_task(self._write(path, kept.audio))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        keep(kept)

    async def _write(self, path: Path, utterance: Utterance) -> None:
        try:
            await asyncio.to_thread(write_utterance, path, utterance.audio, self._engine.rate)
        except OSError as error:
            log.warning("utterance_not_kept", file=str(path), error=str(error))


class _OpenEar:
    """An ear with its detectors, which go back to the shelf when nobody uses them any more."""

    def __init__(
        self, ear: Ear, shelf: DetectorShelf, detectors: Detectors, thread: ThreadPoolExecutor
    ) -> None:
        self._ear = ear
        self._give_back = lambda: shelf.give_back(detectors)
        self._thread = thread

    def close(self) -> None:
        self._ear.close()
        try:
            self._thread.submit(self._give_back)  # after the work on this ear that is under way
        except RuntimeError:
            log.debug("ear_closed_late")


def utterance_path(directory: Path, leg: CallLeg, node: str, clock: Clock) -> Path:
    """One file an answer, for as often as a node is asked."""
    now = clock.utc()
    return directory / f"{now:%Y-%m-%d}" / f"{leg.id}-{node}-{now:%H%M%S%f}.wav"


def write_utterance(path: Path, audio: Frame, rate: int) -> None:
    """Blocking. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        soundfile.write(path, audio, rate, subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise OSError(str(error)) from error
