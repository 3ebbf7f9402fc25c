"""The pool with its real engines: who is understood, who isn't, and what happens when it breaks."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from media.speech.engines import ENGINES, make
from media.speech.lexicon import from_ipa, pronunciations
from media.speech.pool import PoolFull, PoolSettings, RecogniserPool
from media.speech.recogniser import Answers, Grammar, RecognitionError
from tests.fakes.speech import RATE, Samples, on_line, spoken
from tests.integration.peers.wait import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

MENU = Grammar("en", ("my balance", "fees and statements", "technical help", "lost card", "operator"))
ENGINE_NAMES = ("whisper-tiny-en", "pocketsphinx", "hama")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[RecogniserPool]:
    running = RecogniserPool(PoolSettings({"en": ENGINE_NAMES}, workers=1, waiting=2))
    running.start()
    await running.warm()
    yield running
    await running.close()


def line(text: str, voice: str = "en-us", snr_db: float = 20.0) -> Samples:
    return on_line(spoken(text, voice), snr_db, np.random.default_rng(7), before_s=0.3, after_s=0.2)


async def test_phrases_are_understood_and_others_are_not(pool: RecogniserPool) -> None:
    for voice in ("en-us", "en-gb", "en-us+f3"):
        for phrase in MENU.phrases:
            found = await pool.recognise(line(phrase, voice), RATE, MENU)
            assert found.best.text == phrase
            assert found.best.confidence > 0.25
            assert found.engines == ENGINE_NAMES
    for other in ("the weather is fine", "my dog ate my homework", "happy birthday to you"):
        assert (await pool.recognise(line(other), RATE, MENU)).best.confidence < 0.8


async def test_the_engines_are_measured_while_they_load(pool: RecogniserPool) -> None:
    assert set(pool.memory_kb) == {"", *ENGINE_NAMES}
    assert sum(pool.memory_kb.values()) < 600_000


async def test_open_answers_come_back_as_words(pool: RecogniserPool) -> None:
    text = await pool.recognise(
        line("my card was stolen yesterday"), RATE, Grammar("en", answers=Answers.TEXT)
    )

    assert "stolen" in text.best.text.lower()


async def test_a_language_that_nobody_understands_is_an_error(pool: RecogniserPool) -> None:
    with pytest.raises(RecognitionError, match="no engine understands 'ja'"):
        await pool.recognise(line("hello"), RATE, Grammar("ja", ("もしもし",)))
    assert pool.engines_for("en-GB") == ENGINE_NAMES


async def test_a_full_pool_refuses_and_serves_the_others_in_turn(pool: RecogniserPool) -> None:
    results = await asyncio.gather(
        *(pool.recognise(line("operator"), RATE, MENU) for _ in range(6)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, PoolFull)]

    assert refused
    assert len(refused) < 6
    assert pool.waiting == 0


async def test_who_gives_up_takes_no_place(pool: RecogniserPool) -> None:
    first = asyncio.ensure_future(pool.recognise(line("operator"), RATE, MENU))
    second = asyncio.ensure_future(pool.recognise(line("operator"), RATE, MENU))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)

    assert (await first).best.text == "operator"
    assert pool.waiting == 0


async def test_a_worker_that_dies_is_replaced() -> None:
    pool = RecogniserPool(PoolSettings({"en": ("pocketsphinx",)}, workers=1))
    pool.start()
    await pool.warm()
    (child,) = [pid for pid in _children() if "media.speech.worker" in _command(pid)][-1:]
    os.kill(child, signal.SIGKILL)

    with pytest.raises(RecognitionError):
        await pool.recognise(line("operator"), RATE, MENU)
    await until(lambda: pool.alive == 1, "another worker", deadline_s=60.0)

    assert (await pool.recognise(line("operator"), RATE, MENU)).hypotheses
    await pool.close()


async def test_engines_that_do_not_load_leave_keys() -> None:
    pool = RecogniserPool(PoolSettings({"en": ("nonsense",)}, workers=1))
    pool.start()
    await pool.warm()

    assert pool.alive == 0
    with pytest.raises(RecognitionError, match="no recogniser works"):
        await pool.recognise(line("operator"), RATE, MENU)
    await pool.close()


async def test_what_isnt_an_engine_says_which_there_are() -> None:
    with pytest.raises(RecognitionError, match="there are hama, pocketsphinx, whisper-tiny-en"):
        make("nonsense")
    assert not ENGINES["hama"].missing


async def test_names_are_pronounced_by_rule() -> None:
    assert pronunciations("billing")[0] == ("B", "IH", "L", "IH", "NG")
    assert pronunciations("Ringback")[0] == ("R", "IH", "NG", "B", "AE", "K")
    assert from_ipa("tʃˈɔɪs") == ("CH", "OY", "S")


def _children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123
        return [int(pid) for pid in file.read().split()]


def _command(pid: int) -> str:
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:  # noqa: PTH123
        return file.read()
