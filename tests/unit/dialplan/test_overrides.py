"""Calendars set by hand: how long they hold, and what a restart or a broken disk makes of them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.dialplan.overrides import CalendarOverrides, Override, OverrideState, OverrideStoreFault
from tests.fakes.clock import START, ManualClock

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "var" / "overrides.json"


async def started(file: Path, clock: ManualClock) -> CalendarOverrides:
    overrides = CalendarOverrides(file, clock.utc)
    await overrides.load()
    return overrides


def kept(file: Path) -> set[str]:
    """The calendars that the file names."""
    return set(json.loads(file.read_text()))


def write(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)


def word(state: OverrideState, *, hours: float | None = None) -> Override:
    until = None if hours is None else START + hours * HOUR
    return Override(state, until, by="desk", since=START)


async def test_an_override_is_on_disk_when_set_returns_and_survives_a_restart(
    file: Path, clock: ManualClock
) -> None:
    overrides = await started(file, clock)

    await overrides.set("office", word("closed"))
    await overrides.set("shop", word("open", hours=2))

    again = await started(file, clock)
    assert again.states() == overrides.states() == {"office": "closed", "shop": "open"}
    assert again.in_force()["shop"] == word("open", hours=2)


async def test_an_override_ends_at_its_time_and_leaves_the_file_with_the_next_change(
    file: Path, clock: ManualClock
) -> None:
    overrides = await started(file, clock)
    await overrides.set("office", word("closed", hours=1))
    clock.advance(3599.9)
    before = overrides.states()
    clock.advance(0.1)

    await overrides.set("shop", word("open"))

    assert (before, overrides.states()) == ({"office": "closed"}, {"shop": "open"})
    assert kept(file) == {"shop"}


async def test_a_start_cleans_the_file_of_what_is_over(file: Path, clock: ManualClock) -> None:
    await (await started(file, clock)).set("office", word("closed", hours=1))
    clock.advance(7200.0)

    again = await started(file, clock)

    assert (again.states(), kept(file)) == ({}, set())


async def test_a_start_on_a_disk_that_cannot_be_written_still_ignores_what_is_over(
    file: Path, clock: ManualClock
) -> None:
    await (await started(file, clock)).set("office", word("closed", hours=1))
    clock.advance(7200.0)
    (file.parent / f".{file.name}.new").mkdir()

    with capture_logs() as lines:
        again = await started(file, clock)

    assert again.states() == {}
    assert [line["event"] for line in lines] == ["calendar_overrides_not_cleaned"]


async def test_setting_and_clearing_are_one_log_line_each_with_who_did_it(
    file: Path, clock: ManualClock
) -> None:
    overrides = await started(file, clock)

    with capture_logs() as lines:
        await overrides.set("office", word("closed", hours=1))
        await overrides.clear("office", by="ops")
        await overrides.clear("office", by="ops")

    assert lines == [
        {
            "event": "calendar_override_set",
            "log_level": "info",
            "calendar": "office",
            "state": "closed",
            "until": "2026-01-01T13:00:00+00:00",
            "by": "desk",
        },
        {"event": "calendar_override_cleared", "log_level": "info", "calendar": "office", "by": "ops"},
    ]
    assert (await started(file, clock)).states() == {}


async def test_what_cannot_be_written_does_not_hold(file: Path, clock: ManualClock) -> None:
    overrides = await started(file, clock)
    await overrides.set("office", word("closed"))
    (file.parent / f".{file.name}.new").mkdir()

    with pytest.raises(OverrideStoreFault, match="can't be kept"):
        await overrides.set("office", word("open"))
    with pytest.raises(OverrideStoreFault, match="can't be kept"):
        await overrides.clear("office", by="ops")

    assert overrides.states() == {"office": "closed"}
    assert (await started(file, clock)).states() == {"office": "closed"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"office": 1}',
        '{"office": {"state": "ajar", "until": null, "by": "a", "since": "2026-01-01T00:00:00Z"}}',
        '{"office": {"state": "open", "until": null, "by": "a", "since": "2026-01-01T00:00:00"}}',
        '{"office": {"state": "open", "until": 5, "by": "a", "since": "2026-01-01T00:00:00Z"}}',
        '{"office": {"state": "open"}}',
    ],
    ids=["empty", "a list", "a number", "another state", "a time without zone", "no time", "keys missing"],
)
async def test_a_file_that_is_not_ours_leaves_the_hours_and_is_said_loudly(
    file: Path, clock: ManualClock, text: str
) -> None:
    write(file, text)

    with capture_logs() as lines:
        overrides = await started(file, clock)

    assert overrides.states() == {}
    assert [(line["event"], line["log_level"]) for line in lines] == [("calendar_overrides_lost", "error")]
