"""Prompts of a plan: found in memory, replaced when they fail, ready before the first call."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.dialplan.files import AudioFiles
from gateway.dialplan.model import Plan, Position, Prompt, Recorded, Spoken
from gateway.dialplan.ports import PromptUnavailable
from gateway.dialplan.prompts import PlanPrompts, activate, spoken_texts
from media.clip import Clip
from tests.fakes.audio import FakePrompts
from tests.fakes.plans import ROUTES, plan_of, write_tone

SORRY = "We are sorry. This announcement is not available at the moment."
NOWHERE = Position("plan.yaml", 1, 1)
FALLBACK = Spoken("No music today.", "en")
QUEUE = ROUTES + "flow: main\nstart: wait\nnodes: {wait: {queue: q}}\n---\n"


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def spoken() -> FakePrompts:
    return FakePrompts()


@pytest.fixture
def prompts(tmp_path: Path, spoken: FakePrompts, failures: list[str]) -> PlanPrompts:
    return PlanPrompts(spoken, AudioFiles(tmp_path, 8000), lambda _prompt, error: failures.append(str(error)))


def names(clips: tuple[Clip, ...]) -> list[str]:
    return [clip.name for clip in clips]


async def test_prompts_become_clips_in_order(tmp_path: Path, prompts: PlanPrompts) -> None:
    write_tone(tmp_path / "a" / "tone.wav", rate=16000)
    clips = await prompts.clips([Spoken("Hi.", "en"), Recorded("a/tone.wav", FALLBACK, NOWHERE)])

    assert names(clips) == ["Hi.", "tone.wav"]
    assert clips[1].rate == 8000


async def test_a_file_is_read_once(tmp_path: Path, prompts: PlanPrompts) -> None:
    write_tone(tmp_path / "tone.wav")
    recorded: list[Prompt] = [Recorded("tone.wav", FALLBACK, NOWHERE)]
    (first,) = await prompts.clips(recorded)
    (tmp_path / "tone.wav").unlink()

    assert await prompts.clips(recorded) == (first,)


async def test_a_missing_file_is_replaced_by_its_fallback(prompts: PlanPrompts, failures: list[str]) -> None:
    clips = await prompts.clips([Recorded("gone.wav", FALLBACK, NOWHERE)])

    assert names(clips) == ["No music today."]
    assert "gone.wav" in failures[0]


async def test_a_text_that_cannot_be_spoken_is_replaced_by_an_apology(
    prompts: PlanPrompts, spoken: FakePrompts
) -> None:
    spoken.broken = {"Hi."}

    assert names(await prompts.clips([Spoken("Hi.", "en")])) == [SORRY]


async def test_what_can_be_played_of_several_prompts_is_played(
    prompts: PlanPrompts, spoken: FakePrompts
) -> None:
    spoken.broken = {"Hi.", SORRY}

    assert names(await prompts.clips([Spoken("Hi.", "en"), Spoken("Choose.", "en")])) == ["Choose."]


async def test_nothing_to_play_is_an_error(
    prompts: PlanPrompts, spoken: FakePrompts, failures: list[str]
) -> None:
    spoken.broken = {"Hi.", SORRY}

    with pytest.raises(PromptUnavailable):
        await prompts.clips([Spoken("Hi.", "en")])
    assert len(failures) == 2


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    write_tone(tmp_path / "tone.wav")
    return plan_of(
        tmp_path,
        f"{ROUTES}flow: main\nstart: a\nnodes: {{a: {{say: Hi., next: b}}, "
        "b: {play: tone.wav, fallback: No music today., next: c}, c: {say: Hi., next: e}, e: {hangup: }}",
    )


def test_the_texts_of_a_plan_come_once_and_with_their_fallbacks(plan: Plan) -> None:
    texts = list(spoken_texts(plan))

    wrong = "We are sorry, something has gone wrong on our side. Please call again later. Goodbye."
    assert texts == [("Hi.", "en"), (wrong, "en"), (SORRY, "en"), ("No music today.", "en")]


async def test_a_plan_comes_into_force_with_all_audio_in_memory(
    tmp_path: Path, plan: Plan, spoken: FakePrompts
) -> None:
    progress: list[tuple[int, int]] = []
    active = await activate(
        plan,
        spoken,
        AudioFiles(tmp_path, 8000),
        on_failure=lambda _prompt, _error: pytest.fail("nothing is broken"),
        on_progress=lambda ready, all_: progress.append((ready, all_)),
    )
    (tmp_path / "tone.wav").unlink()

    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert active.plan is plan
    assert names(await active.prompts.clips([Recorded("tone.wav", FALLBACK, NOWHERE)])) == ["tone.wav"]


async def test_a_plan_comes_into_force_whatever_fails(
    tmp_path: Path, plan: Plan, spoken: FakePrompts, failures: list[str]
) -> None:
    (tmp_path / "tone.wav").write_bytes(b"")
    spoken.broken = {"Hi."}
    await activate(
        plan,
        spoken,
        AudioFiles(tmp_path, 8000),
        on_failure=lambda _prompt, error: failures.append(str(error)),
    )

    assert len(failures) == 2


# Music


async def test_music_is_one_clip_of_all_its_files_and_always_the_same(
    tmp_path: Path, prompts: PlanPrompts
) -> None:
    write_tone(tmp_path / "a.wav", duration_s=0.1)
    write_tone(tmp_path / "b.wav", duration_s=0.2)
    queue = plan_of(tmp_path, QUEUE + "queues: {q: {music: [a.wav, b.wav]}}").queues["q"]

    music = await prompts.music(queue)

    assert music is not None
    assert music.duration_s == pytest.approx(0.3, abs=0.01)
    assert await prompts.music(queue) is music


async def test_a_queue_without_music_of_its_own_has_ringbacks(tmp_path: Path, prompts: PlanPrompts) -> None:
    queues = plan_of(tmp_path, QUEUE + "queues: {q: , silent: {music: none}}").queues

    music = await prompts.music(queues["q"])

    assert music is not None
    assert music.duration_s > 60
    assert await prompts.music(queues["silent"]) is None


async def test_music_that_cant_be_played_is_reported_and_replaced(
    tmp_path: Path, spoken: FakePrompts, failures: list[str]
) -> None:
    write_tone(tmp_path / "a.wav")
    plan = plan_of(tmp_path, QUEUE + "queues: {q: {music: a.wav}}")
    (tmp_path / "a.wav").write_text("no longer music")
    files = AudioFiles(tmp_path, 8000)

    active = await activate(plan, spoken, files, on_failure=lambda p, e: failures.append(f"{p}: {e}"))
    music = await active.prompts.music(plan.queues["q"])

    assert music is not None
    assert music.duration_s > 60
    assert ["a.wav" in failure for failure in failures] == [True, True]


def test_what_waiting_callers_may_hear_is_spoken_ahead_in_all_languages(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, QUEUE.replace("start:", "languages: [en, ja]\nstart:") + "queues: [q]")
    texts = {text for text, _ in spoken_texts(plan)}

    assert {"You are number 20 in the queue.", "We expect to answer in about 25 minutes."} <= texts
    assert "あと約3分でおつなぎできる見込みです。" in texts
    assert len(texts) < 130


def test_a_plan_without_queues_has_nothing_of_them_spoken(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ROUTES + "flow: main\nstart: end\nnodes: {end: {hangup: }}")

    assert not [text for text, _ in spoken_texts(plan) if "queue" in text]
