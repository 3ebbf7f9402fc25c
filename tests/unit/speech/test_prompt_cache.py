"""The prompt cache: one synthesis a prompt, whatever asks, breaks or fills up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from media.clip import Clip
from media.prompts.cache import PromptCache
from media.speech.synthesiser import SynthesisError
from tests.fakes.audio import settle


@dataclass(slots=True)
class FakeSynthesiser:
    """Speaks a tenth of a second of constant level at 16 kHz. `gate` holds it back while it is clear."""

    version: str = "1"
    name: str = "fake"
    spoken: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    level: int = 8000

    def voice(self, language: str) -> str:
        return f"voice-{language}"

    async def synthesise(self, text: str, language: str) -> Clip:
        self.spoken.append(text)
        self.asked.set()
        await self.gate.wait()
        if text in self.broken:
            raise SynthesisError(self.name, language, "broken")
        return Clip(np.full(1600, self.level, dtype=np.int16), 16000, text)


@pytest.fixture
def voice() -> FakeSynthesiser:
    synthesiser = FakeSynthesiser()
    synthesiser.gate.set()
    return synthesiser


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "var" / "prompts"


def stored(directory: Path) -> list[Path]:
    """Every file of the cache, temporary ones too."""
    return sorted(directory.iterdir())


async def test_a_prompt_is_rendered_once_at_the_rate_of_the_bridge(
    directory: Path, voice: FakeSynthesiser
) -> None:
    cache = PromptCache(directory, voice, 8000)
    first, second = await cache.clip("Hi.", "en"), await cache.clip("Hi.", "en")

    assert first is second
    assert (first.rate, len(first.samples)) == (8000, 800)
    assert voice.spoken == ["Hi."]


async def test_a_prompt_in_memory_is_given_without_a_turn_of_the_loop(
    directory: Path, voice: FakeSynthesiser
) -> None:
    cache = PromptCache(directory, voice, 8000)
    clip = await cache.clip("Hi.", "en")

    with pytest.raises(StopIteration) as returned:
        cache.clip("Hi.", "en").send(None)
    assert returned.value.value is clip


async def test_a_later_start_finds_the_prompt_on_disk(directory: Path, voice: FakeSynthesiser) -> None:
    first = await PromptCache(directory, voice, 8000).clip("Hi.", "en")
    second = await PromptCache(directory, voice, 8000).clip("Hi.", "en")

    assert voice.spoken == ["Hi."]
    assert np.allclose(first.samples, second.samples, atol=1)


async def test_everything_that_changes_the_sound_changes_the_key(
    directory: Path, voice: FakeSynthesiser
) -> None:
    await PromptCache(directory, voice, 8000).clip("Hi.", "en")
    await PromptCache(directory, voice, 16000).clip("Hi.", "en")
    await PromptCache(directory, voice, 8000).clip("Hi.", "de")
    voice.version = "2"
    await PromptCache(directory, voice, 8000).clip("Hi.", "en")

    assert len(voice.spoken) == 4
    assert len(stored(directory)) == 4


async def test_callers_who_want_the_same_prompt_share_one_synthesis(
    directory: Path, voice: FakeSynthesiser
) -> None:
    voice.gate.clear()
    cache = PromptCache(directory, voice, 8000)
    async with asyncio.TaskGroup() as tasks:
        wanted = [tasks.create_task(cache.clip("Hi.", "en")) for _ in range(20)]
        await settle()
        voice.gate.set()

    assert voice.spoken == ["Hi."]
    assert len({id(task.result()) for task in wanted}) == 1


async def test_a_caller_who_gives_up_does_not_take_the_prompt_from_the_others(
    directory: Path, voice: FakeSynthesiser
) -> None:
    voice.gate.clear()
    cache = PromptCache(directory, voice, 8000)
    async with asyncio.TaskGroup() as tasks:
        impatient = tasks.create_task(cache.clip("Hi.", "en"))
        patient = tasks.create_task(cache.clip("Hi.", "en"))
        await settle()
        impatient.cancel()
        await settle()
        voice.gate.set()

    assert patient.result().name == "Hi."


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not audio at all"])
async def test_a_broken_file_is_rendered_again_and_replaced(
    directory: Path, voice: FakeSynthesiser, content: bytes
) -> None:
    await PromptCache(directory, voice, 8000).clip("Hi.", "en")
    (file,) = stored(directory)
    file.write_bytes(content)
    clip = await PromptCache(directory, voice, 8000).clip("Hi.", "en")

    assert voice.spoken == ["Hi.", "Hi."]
    assert np.allclose(Clip.load(file, 8000).samples, clip.samples, atol=1)


async def test_the_stored_file_is_whole_and_alone(directory: Path, voice: FakeSynthesiser) -> None:
    await PromptCache(directory, voice, 16000).clip("Hi.", "en")

    (file,) = stored(directory)
    assert file.suffix == ".wav"
    assert len(set(Clip.load(file, 16000).samples.tolist())) == 1, "a constant level, whatever it is now"


async def test_a_full_disk_is_reported_and_the_prompt_played_all_the_same(
    directory: Path, voice: FakeSynthesiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("media.prompts.cache.soundfile.write", refuse)
    problems: list[OSError] = []
    cache = PromptCache(directory, voice, 8000, on_store_error=lambda _path, error: problems.append(error))
    clip = await cache.clip("Hi.", "en")

    assert clip.name == "Hi."
    assert [problem.errno for problem in problems] == [28]
    assert stored(directory) == []


async def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path, voice: FakeSynthesiser) -> None:
    (tmp_path / "file").write_text("in the way")
    problems: list[Path] = []
    cache = PromptCache(
        tmp_path / "file", voice, 8000, on_store_error=lambda path, _error: problems.append(path)
    )
    await cache.clip("Hi.", "en")

    assert problems[0].parent == tmp_path / "file"


async def test_a_failed_synthesis_is_tried_again_the_next_time(
    directory: Path, voice: FakeSynthesiser
) -> None:
    voice.broken = {"Hi."}
    cache = PromptCache(directory, voice, 8000)
    with pytest.raises(SynthesisError, match="broken"):
        await cache.clip("Hi.", "en")
    voice.broken = set()

    assert (await cache.clip("Hi.", "en")).name == "Hi."


async def test_the_least_recently_used_prompt_leaves_memory_first(
    directory: Path, voice: FakeSynthesiser
) -> None:
    cache = PromptCache(directory, voice, 16000, memory_bytes=2 * 3200)
    first = await cache.clip("1", "en")
    second = await cache.clip("2", "en")
    await cache.clip("1", "en")
    await cache.clip("3", "en")

    assert await cache.clip("1", "en") is first
    assert await cache.clip("2", "en") is not second
    assert voice.spoken == ["1", "2", "3"]


async def test_warming_up_renders_each_prompt_once_and_tells_how_far_it_is(
    directory: Path, voice: FakeSynthesiser
) -> None:
    voice.broken = {"b"}
    progress: list[tuple[int, int]] = []
    cache = PromptCache(directory, voice, 8000)
    failed = await cache.warm(
        [("a", "en"), ("b", "en"), ("a", "en"), ("c", "en")],
        lambda ready, all_: progress.append((ready, all_)),
    )

    assert [(text, language) for text, language, _ in failed] == [("b", "en")]
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert sorted(voice.spoken) == ["a", "b", "c"]


async def test_closing_ends_what_is_under_way(directory: Path, voice: FakeSynthesiser) -> None:
    voice.gate.clear()
    cache = PromptCache(directory, voice, 8000)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(cache.clip("Hi.", "en"))
        await voice.asked.wait()
        await cache.close()

    assert task.cancelled()
