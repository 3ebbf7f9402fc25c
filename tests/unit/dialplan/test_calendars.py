"""Opening hours, holidays, and the routes that ask for them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from gateway.dialplan.calendars import Calendar
from gateway.dialplan.ics import IcsError, parse_ics
from gateway.dialplan.model import Plan, Unrouted
from tests.fakes.plans import faults_of, plan_of

ICS = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:{start}\n{more}END:VEVENT\nEND:VCALENDAR\n"


def calendar_of(directory: Path, body: str) -> Calendar:
    return plan_with(directory, body, "calendar: office").calendars["office"]


def plan_with(directory: Path, body: str, route: str) -> Plan:
    return plan_of(
        directory,
        f"calendars: {{office: {{timezone: Europe/Berlin, {body}}}}}\n---\n"
        "ani_lists: {vip: ['+49301*', '+4989']}\n---\n"
        f"routes: [{{dnis: any, flow: day}}, {{dnis: any, flow: night, {route}}}, {{dnis: 1, flow: day}}]\n"
        "---\n{flow: day, start: e, nodes: {e: {hangup: }}}\n---\n"
        "{flow: night, start: e, nodes: {e: {hangup: }}}",
    )


def at(text: str) -> datetime:
    """Berlin's clock is an hour ahead of UTC in winter."""
    return datetime.fromisoformat(f"{text}+01:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("2026-11-23T07:59", "closed"),
        ("2026-11-23T08:00", "open"),
        ("2026-11-23T17:59", "open"),
        ("2026-11-23T18:00", "closed"),
        ("2026-11-28T12:00", "closed"),
        ("2026-11-28T23:00", "open"),
        ("2026-11-29T03:00", "open"),
        ("2026-11-29T06:00", "closed"),
        ("2026-12-24T09:00", "open"),
        ("2026-12-24T13:00", "closed"),
        ("2026-12-25T09:00", "holiday"),
        ("2026-12-28T09:00", "holiday"),
    ],
)
def test_a_calendar_knows_hours_nights_days_that_differ_and_holidays(
    tmp_path: Path, when: str, state: str
) -> None:
    hours = "hours: {mon-fri: 08:00-18:00, sat: 22:00-06:00}, holidays: DE-BE"
    days = "days: {2026-12-24: 08:00-12:00, 2026-12-28: }"
    calendar = calendar_of(tmp_path, f"{hours}, {days}")

    assert calendar.state(at(when)) == state


def test_somebody_can_close_it_by_hand(tmp_path: Path) -> None:
    calendar = calendar_of(tmp_path, "hours: {mon-sun: 00:00-24:00}")

    assert calendar.state(at("2026-11-23T12:00"), {"office": "closed"}) == "closed"
    assert calendar.state(at("2026-11-23T12:00"), {"other": "closed"}) == "open"


def test_holidays_come_from_an_ics_file_and_belong_to_the_version(tmp_path: Path) -> None:
    (tmp_path / "h.ics").write_text(ICS.format(start="20261123", more="DTEND;VALUE=DATE:20261125\n"))
    first = plan_with(tmp_path, "hours: {mon-sun: 08:00-18:00}, holidays: h.ics", "calendar: office")
    (tmp_path / "h.ics").write_text(ICS.format(start="20201123", more="RRULE:FREQ=YEARLY\n"))
    second = plan_with(tmp_path, "hours: {mon-sun: 08:00-18:00}, holidays: h.ics", "calendar: office")

    states = [first.calendars["office"].state(at(f"2026-11-{day}T09:00")) for day in (23, 24, 25)]
    assert states == ["holiday", "holiday", "open"]
    assert second.calendars["office"].state(at("2031-11-23T09:00")) == "holiday"
    assert first.version != second.version


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("hello", 1, "isn't an iCalendar file"),
        (ICS.format(start="tomorrow", more=""), 4, "'tomorrow' isn't a date"),
        (ICS.format(start="20260101", more="RRULE:FREQ=YEARLY;\n BYDAY=1MO\n"), 6, "isn't understood"),
    ],
)
def test_a_calendar_file_that_would_lose_a_holiday_is_refused(text: str, line: int, problem: str) -> None:
    with pytest.raises(IcsError, match=problem) as caught:
        parse_ics(text)

    assert caught.value.line == line


def test_a_yearly_event_of_several_days_is_every_one_of_them() -> None:
    found = parse_ics(ICS.format(start="20251230", more="DTEND:20260102\nRRULE:FREQ=YEARLY\n"))

    assert found.yearly == {(12, 30), (12, 31), (1, 1)}
    assert found.days == set[date]()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("hours: {mon: 8-18}", "hours are written as 08:00-18:00, not '8-18'"),
        ("hours: {mondays: 08:00-18:00}", "'mondays' isn't a day or a range of days, such as mon-fri"),
        ("hours: {mon: 08:00-18:00}, days: {24.12.: }", "'24.12.' isn't a date, such as 2026-12-24"),
        ("hours: {mon: 08:00-18:00}, holidays: Narnia", "'Narnia' isn't a country with known holidays"),
        ("hours: {mon: 08:00-18:00}, holidays: no.ics", "'no.ics' can't be read: No such file"),
        ("hours: {mon: 08:00-18:00}, holidays: ../x.ics", "isn't a path inside the plan's directory"),
        ("hours: {mon: []}", "calendar 'office' is never open"),
        (
            "hours: {mon: 08:00-18:00}, days: {2020-12-24: }",
            "every day of its own that calendar 'office' has is past",
        ),
    ],
)
def test_a_faulty_or_dead_calendar_is_found(tmp_path: Path, body: str, problem: str) -> None:
    faults = faults_of(
        tmp_path,
        f"calendars: {{office: {{timezone: UTC, {body}}}}}\n---\n"
        "routes: [{dnis: any, flow: f, calendar: office}]\n"
        "---\n{flow: f, start: e, nodes: {e: {hangup: }}}",
    )

    assert any(problem in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("route", "call", "flow"),
    [
        ("calendar: office, during: closed", Unrouted(utc=at("2026-11-23T20:00")), "night"),
        ("calendar: office, during: closed", Unrouted(utc=at("2026-11-23T12:00")), "day"),
        ("calendar: office, during: closed", Unrouted(), "day"),
        ("technology: in_app", Unrouted(technology="in_app"), "night"),
        ("technology: in_app", Unrouted(), "day"),
        ("trunk: carrier", Unrouted(trunk="carrier"), "night"),
        ("trunk: carrier", Unrouted(trunk="other"), "day"),
        ("callers: vip", Unrouted(ani="+4930123"), "night"),
        ("callers: vip", Unrouted(ani="+4989"), "night"),
        ("callers: vip", Unrouted(ani="+4940"), "day"),
    ],
)
def test_a_route_may_ask_for_more_than_the_number(
    tmp_path: Path, route: str, call: Unrouted, flow: str
) -> None:
    plan = plan_with(tmp_path, "hours: {mon-fri: 08:00-18:00}", route)
    found = plan.route_for("5", call)
    assert found is not None

    assert found.flow.node == flow
    exact = plan.route_for("1", call)
    assert exact is not None
    assert exact.flow.node == "day"


@pytest.mark.parametrize(
    ("first", "second", "ambiguous"),
    [
        ("trunk: a", "technology: sip", True),
        ("trunk: a", "trunk: b", False),
        ("trunk: a", "trunk: a, technology: sip", False),
        ("calendar: c", "calendar: c, during: closed", False),
        ("callers: x", "callers: y", True),
        ("callers: x", "callers: z", False),
    ],
)
def test_routes_that_leave_a_choice_are_an_error(
    tmp_path: Path, first: str, second: str, ambiguous: bool
) -> None:
    faults = faults_of(
        tmp_path,
        "ani_lists: {x: [1, 2], y: ['2*'], z: [3]}\n---\n"
        "calendars: {c: {timezone: UTC, hours: {mon: 08:00-18:00}}}\n---\n"
        f"routes: [{{dnis: any, flow: f, {first}}}, {{dnis: any, flow: f, {second}}}]\n"
        "---\n{flow: f, start: e, nodes: {e: {hangup: }}}",
    )

    assert any("neither is more specific" in fault for fault in faults) == ambiguous
