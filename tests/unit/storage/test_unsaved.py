"""The file of last resort."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

import pytest

from gateway.storage.unsaved import Contents, UnsavedCalls, to_json
from tests.unit.storage.builders import ANSWERED, record


@pytest.fixture
def unsaved(tmp_path: Path) -> UnsavedCalls:
    return UnsavedCalls(tmp_path / "var" / "unsaved-calls.jsonl")


def test_what_was_appended_is_read_back(unsaved: UnsavedCalls) -> None:
    unsaved.append([ANSWERED])
    unsaved.append([record(2, answered_at=None, quality=None)])

    assert unsaved.read() == Contents((ANSWERED, record(2, answered_at=None, quality=None)))


def test_a_file_that_is_not_there_is_empty(unsaved: UnsavedCalls) -> None:
    assert unsaved.read() == Contents()


def test_a_torn_line_is_kept_apart_from_the_records(unsaved: UnsavedCalls) -> None:
    unsaved.append([ANSWERED])
    with unsaved.path.open("a") as file:
        file.write('{"call_id": "ca\n\n')

    assert unsaved.read() == Contents((ANSWERED,), ('{"call_id": "ca',))


def test_clearing_removes_the_file(unsaved: UnsavedCalls) -> None:
    unsaved.append([ANSWERED])
    unsaved.clear()

    assert not unsaved.path.exists()


def test_clearing_keeps_the_lines_it_is_told_to_keep(unsaved: UnsavedCalls) -> None:
    unsaved.append([ANSWERED])
    unsaved.clear(keep=["left"])

    assert unsaved.path.read_text() == "left\n"
    assert list(unsaved.path.parent.iterdir()) == [unsaved.path]


def test_half_a_character_from_the_network_does_not_lose_the_record(unsaved: UnsavedCalls) -> None:
    unsaved.append([record(ani="4\udc80")])

    assert unsaved.read().records[0].ani == "4?"


def test_a_record_as_json_has_the_names_of_its_fields() -> None:
    assert json.loads(to_json(ANSWERED)).keys() == set(ANSWERED.__slots__)


def test_a_line_after_a_torn_one_is_whole(unsaved: UnsavedCalls) -> None:
    unsaved.path.parent.mkdir()
    unsaved.path.write_text('{"call_id": "ca')

    unsaved.append([ANSWERED])

    assert unsaved.read() == Contents((ANSWERED,), ('{"call_id": "ca',))


def test_what_other_programs_take_for_the_end_of_a_line_is_not_one(unsaved: UnsavedCalls) -> None:
    odd = record(ani="4\u2028\x85\x0b5")

    unsaved.append([odd, ANSWERED])

    assert unsaved.read() == Contents((odd, ANSWERED))


def test_what_the_disk_did_not_take_whole_is_taken_back(unsaved: UnsavedCalls) -> None:
    """A limit on the size of files stands for a full disk: the write fails half-way."""
    unsaved.append([ANSWERED])
    before = unsaved.path.read_bytes()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    usual, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, most))
    try:
        with pytest.raises(OSError, match="File too large"):
            unsaved.append([record(2)] * 50)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (usual, most))
        signal.signal(signal.SIGXFSZ, handler)

    assert unsaved.path.read_bytes() == before
