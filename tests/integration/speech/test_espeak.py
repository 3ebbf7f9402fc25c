"""espeak-ng itself, and programs that stand in for it when it misbehaves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from media.speech.espeak import MAX_TEXT_BYTES, EspeakSettings, EspeakSynthesiser
from media.speech.synthesiser import SynthesisError


@pytest.fixture
async def voice() -> EspeakSynthesiser:
    return await EspeakSynthesiser.detect()


def program(directory: Path, script: str, *, limit_s: float = 0.5) -> EspeakSettings:
    """Settings whose program is a shell script that says a version and then does `script`."""
    file = directory / "espeak"
    file.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "eSpeak NG 1.0"; exit; }}\n{script}\n')
    file.chmod(0o755)
    return EspeakSettings(program=str(file), limit_s=limit_s)


async def test_a_text_becomes_audible_speech(voice: EspeakSynthesiser) -> None:
    clip = await voice.synthesise("Welcome to Ringback.", "en")

    assert clip.rate == 22050
    assert 0.8 < clip.duration_s < 4.0
    assert np.abs(clip.samples).max() > 3000


async def test_a_longer_text_is_longer_speech(voice: EspeakSynthesiser) -> None:
    short = await voice.synthesise("One.", "en")
    long = await voice.synthesise("One. Two. Three. Four. Five.", "en")

    assert long.duration_s > 2 * short.duration_s


@pytest.mark.parametrize("language", ["de", "fr", "zh", "ja", "en-GB"])
async def test_it_speaks_the_languages_of_dialplans(voice: EspeakSynthesiser, language: str) -> None:
    assert (await voice.synthesise("Hallo 1 2 3", language)).duration_s > 0.5


async def test_a_text_that_looks_like_an_option_is_spoken(voice: EspeakSynthesiser) -> None:
    assert (await voice.synthesise("--version -f /etc/passwd", "en")).duration_s > 0.5


async def test_its_version_and_voice_are_known(voice: EspeakSynthesiser) -> None:
    assert voice.name == "espeak-ng"
    assert voice.version[0].isdigit()
    assert voice.voice("en") == "en-us/155"


async def test_the_event_loop_runs_on_while_it_speaks(voice: EspeakSynthesiser) -> None:
    turns = 0
    task = asyncio.create_task(voice.synthesise("A rather long sentence to speak aloud. " * 20, "en"))
    while not task.done():
        turns += 1
        await asyncio.sleep(0.001)

    assert turns > 3
    assert task.result().duration_s > 10


@pytest.mark.parametrize("language", ["xx", "../../etc", "-q", "a b", ""])
async def test_a_language_without_a_voice_is_an_error(voice: EspeakSynthesiser, language: str) -> None:
    with pytest.raises(SynthesisError) as caught:
        await voice.synthesise("Hi.", language)
    assert caught.value.language == language


@pytest.mark.parametrize("text", ["", "  ", "x" * (MAX_TEXT_BYTES + 1)])
async def test_a_text_of_no_use_is_an_error(voice: EspeakSynthesiser, text: str) -> None:
    with pytest.raises(SynthesisError, match="a text of"):
        await voice.synthesise(text, "en")


async def test_a_missing_program_says_how_to_get_it() -> None:
    with pytest.raises(SynthesisError, match="apt install espeak-ng"):
        await EspeakSynthesiser.detect(EspeakSettings(program="no-such-espeak"))


async def test_a_program_that_hangs_is_ended_in_time(tmp_path: Path) -> None:
    # `exec`: the sleep is the child itself, so ending the child ends it.
    voice = await EspeakSynthesiser.detect(program(tmp_path, "exec sleep 60"))

    with pytest.raises(SynthesisError, match=r"longer than 0\.5 s"):
        await voice.synthesise("Hi.", "en")


async def test_cancelling_ends_the_child(tmp_path: Path) -> None:
    # The script says its process number through a pipe that the test waits at.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    voice = await EspeakSynthesiser.detect(
        program(tmp_path, f'echo $$ > "{pipe}"; exec sleep 60', limit_s=30)
    )
    task = asyncio.create_task(voice.synthesise("Hi.", "en"))
    pid = int(await asyncio.to_thread(pipe.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo oops >&2; exit 3", "oops"),
        ("exit 3", "exit status 3"),
        ("echo not audio", "isn't audio"),
        ("true", "isn't audio"),
    ],
)
async def test_a_program_that_fails_gives_its_reason(tmp_path: Path, script: str, problem: str) -> None:
    voice = await EspeakSynthesiser.detect(program(tmp_path, script))

    with pytest.raises(SynthesisError, match=problem):
        await voice.synthesise("Hi.", "en")


async def test_a_program_without_a_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "espeak"
    file.write_text("#!/bin/sh\necho hello\n")
    file.chmod(0o755)

    with pytest.raises(SynthesisError, match="doesn't say a version"):
        await EspeakSynthesiser.detect(EspeakSettings(program=str(file)))
