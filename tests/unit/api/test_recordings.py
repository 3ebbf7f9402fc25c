"""Recordings: by id, by role, and in parts."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.fakes.floor import FakeFloor, bearer

AUDIO = bytes(range(256)) * 4


@pytest.fixture
def recording(tmp_path: Path, floor: FakeFloor) -> Path:
    path = tmp_path / "secret-name.flac"
    path.write_bytes(AUDIO)
    floor.recordings.add("rec-1", path, "ann")
    return path


async def test_a_recording_is_played_whole(supervisor: httpx.AsyncClient, recording: Path) -> None:
    answer = await supervisor.get("/v1/recordings/rec-1")

    assert (answer.status_code, answer.content) == (200, AUDIO)
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == 'inline; filename="rec-1.flac"'
    assert answer.headers["cache-control"] == "private, no-store"


async def test_a_player_seeks_by_range(supervisor: httpx.AsyncClient, recording: Path) -> None:
    middle = await supervisor.get("/v1/recordings/rec-1", headers={"range": "bytes=100-199"})
    beyond = await supervisor.get("/v1/recordings/rec-1", headers={"range": "bytes=5000-"})

    assert (middle.status_code, middle.content) == (206, AUDIO[100:200])
    assert middle.headers["content-range"] == "bytes 100-199/1024"
    assert (beyond.status_code, beyond.json()["status"]) == (416, 416)
    assert beyond.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("who", "status"), [("root", 200), ("sue", 200), ("ann", 200), ("bob", 403), ("app", 403)]
)
async def test_who_was_in_the_call_or_supervises_may_listen(
    supervisor: httpx.AsyncClient, recording: Path, who: str, status: int
) -> None:
    assert (await supervisor.get("/v1/recordings/rec-1", headers=bearer(who))).status_code == status


@pytest.mark.parametrize(
    ("recording_id", "status"),
    [
        ("rec-2", 404), ("..%2fringback.toml", 404), ("%2e%2e", 422), ("a.flac", 422), ("a" * 129, 422),
        ("rec-1%00", 422),
    ],
)  # fmt: skip
async def test_an_id_is_looked_up_and_never_a_path(
    supervisor: httpx.AsyncClient, recording: Path, recording_id: str, status: int
) -> None:
    assert (await supervisor.get(f"/v1/recordings/{recording_id}")).status_code == status


async def test_a_file_that_is_gone_is_404(
    supervisor: httpx.AsyncClient, floor: FakeFloor, recording: Path
) -> None:
    floor.recordings.add("rec-1", recording.with_suffix(".gone"), "ann")

    answer = await supervisor.get("/v1/recordings/rec-1")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "secret-name" not in answer.text
