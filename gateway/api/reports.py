"""GET /v1/reports/queues, agents, callbacks, surveys: figures by interval, computed from the journal."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, tzinfo
from enum import Enum
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from gateway.api.auth import Keyring, Role, requires
from gateway.api.problems import Responses
from gateway.clock import Clock
from gateway.queues.figures import AgentFigures, QueueFigures, SurveyFigures, Thresholds, row_of
from gateway.queues.intervals import Interval, Span, span_of
from gateway.queues.reports import Figures, ThresholdsOf
from gateway.queues.surveys import KINDS, Subject, survey_rows
from gateway.storage.database import StorageError
from gateway.storage.journal_store import JournalStore, Selection
from gateway.storage.reports import fold

MAX_RANGE: Final = timedelta(days=400)
MAX_INTERVALS: Final = 10_000
CALLBACK_COLUMNS: Final = (
    "callbacks_requested", "callbacks_kept", "callbacks_missed", "callbacks_cancelled", "callbacks_returned",
    "callback_attempts", "callback_attempts_answered", "promises", "promises_in_time", "promises_kept_ratio",
    "promise_error_s",
)  # fmt: skip
AT_A_TIME: Final = 2
"""Reports; more of them wait. Each takes a worker and its share of the processor."""


@dataclass(frozen=True, slots=True)
class ReportParts:
    """What the endpoints ask. `thresholds`: of the queues of the plan in force. `timezone`: the node's."""

    journal: JournalStore
    thresholds: Callable[[], ThresholdsOf]
    clock: Clock
    timezone: tzinfo


class ReportDesk:
    """The HTTP server answers before the journal is open: until then `parts` is None."""

    def __init__(self) -> None:
        self.parts: ReportParts | None = None
        self.turn = asyncio.Semaphore(AT_A_TIME)

    def ready(self) -> ReportParts:
        if self.parts is None:
            raise HTTPException(503, "the node is starting", {"retry-after": "1"})
        return self.parts


class Format(Enum):
    JSON = "json"
    CSV = "csv"


class Report(BaseModel):
    """A report. Seconds end in `_s`, ratios are 0 to 1; null is a ratio of nothing."""

    since: datetime
    until: datetime
    timezone: str = Field(examples=["Europe/Berlin"])
    interval: Interval
    columns: list[str] = Field(description="The members of each row, in the order of the CSV form.")
    rows: list[dict[str, Any]] = Field(
        description="By interval, then by name. Intervals without any event have no row.",
        examples=[[{"start": "2026-01-05T00:00:00+01:00", "queue": "billing", "offered": 412, "sl": 0.87}]],
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for, checked."""

    since: datetime
    until: datetime
    interval: Interval
    zone: tzinfo
    timezone: str
    format: Format


When = Annotated[
    str | None,
    Query(
        max_length=40,
        description="A time (RFC 3339) or a date, which means its first moment in `timezone`.",
        examples=["2026-01-05", "2026-01-05T08:00:00+01:00"],
    ),
]


def routes(desk: ReportDesk, keyring: Keyring) -> APIRouter:
    """For supervisors and admins."""
    supervisor = Depends(requires(keyring, Role.SUPERVISOR))
    router = APIRouter(prefix="/v1/reports", tags=["reports"], dependencies=[supervisor])
    answers: Responses = {
        200: {"model": Report, "content": {"text/csv": {"schema": {"type": "string"}}}},
        406: {"description": "Reports are JSON or CSV."},
        422: {"description": "No such time zone, a range that is empty or too long, too many intervals."},
        503: {"description": "The database doesn't answer, or the node is starting."},
    }

    def wanted_of(
        request: Request,
        since: When = None,
        until: When = None,
        interval: Annotated[Interval, Query(description="How the range is divided.")] = Interval.TOTAL,
        timezone: Annotated[
            str | None, Query(max_length=64, description="IANA name; the node's own without it.")
        ] = None,
        format: Annotated[
            Format | None, Query(description="Without it what `Accept` asks for; JSON by default.")
        ] = None,
    ) -> Wanted:
        parts = desk.ready()
        zone = parts.timezone if timezone is None else _zone(timezone)
        now = parts.clock.utc()
        begin = span_of(now, Interval.DAY, zone).start if since is None else _moment(since, "since", zone)
        end = now if until is None else _moment(until, "until", zone)
        _check_range(begin, end, interval, zone)
        return Wanted(begin, end, interval, zone, str(zone), format or _accepted(request))

    @router.get("/queues", summary="Queues: volumes, waits, service levels, handling.", responses=answers)
    async def queues(
        wanted: Wanted = Depends(wanted_of),
        queue: Annotated[list[str], Query(max_length=100, description="Only these; repeatable.")] = [],  # noqa: B006
        service_level_s: Annotated[
            float | None, Query(ge=0, le=86_400, description="Instead of each queue's own threshold.")
        ] = None,
    ) -> Response:
        thresholds = desk.ready().thresholds()
        if service_level_s is not None:
            own = thresholds

            def thresholds(name: str) -> Thresholds:
                return Thresholds(service_level_s, own(name).short_abandon_s)

        figures = await _figures(desk, wanted, thresholds)
        return _answer("queue", QueueFigures, _chosen(figures.queues(), queue), wanted)

    @router.get("/agents", summary="Agents: offers, conversations, times, occupancy.", responses=answers)
    async def agents(
        wanted: Wanted = Depends(wanted_of),
        agent: Annotated[list[str], Query(max_length=100, description="Only these; repeatable.")] = [],  # noqa: B006
    ) -> Response:
        figures = await _figures(desk, wanted, desk.ready().thresholds())
        return _answer("agent", AgentFigures, _chosen(figures.agents(), agent), wanted)

    @router.get(
        "/callbacks",
        summary="Callbacks: requests, tries, promises against what became of them.",
        responses=answers,
    )
    async def callbacks(
        wanted: Wanted = Depends(wanted_of),
        queue: Annotated[list[str], Query(max_length=100, description="Only these; repeatable.")] = [],  # noqa: B006
    ) -> Response:
        figures = await _figures(desk, wanted, desk.ready().thresholds())
        chosen = _chosen(figures.queues(), queue)
        return _answer("queue", QueueFigures, chosen, wanted, only=CALLBACK_COLUMNS, name="callbacks")

    @router.get(
        "/surveys",
        summary="Surveys: NPS, CSAT, comments, by queue, agent or survey.",
        responses=answers,
    )
    async def surveys(
        wanted: Wanted = Depends(wanted_of),
        by: Annotated[Subject, Query(description="What a row is about.")] = Subject.QUEUE,
        name: Annotated[list[str], Query(max_length=100, description="Only these; repeatable.")] = [],  # noqa: B006
    ) -> Response:
        parts = desk.ready()
        try:
            found = await parts.journal.read(Selection(since=wanted.since, until=wanted.until, kinds=KINDS))
        except StorageError as error:
            raise HTTPException(503, str(error)) from error
        rows = survey_rows((one.event for one in found), by, wanted.interval, wanted.zone)
        return _answer(by.value, SurveyFigures, _chosen(rows, name), wanted, name="surveys")

    return router


async def _figures(desk: ReportDesk, wanted: Wanted, thresholds: ThresholdsOf) -> Figures:
    figures = Figures(wanted.interval, wanted.zone, thresholds, since=wanted.since)
    parts = desk.ready()
    try:
        async with desk.turn:
            await fold(parts.journal, figures, wanted.since, wanted.until, parts.clock.utc())
    except StorageError as error:
        raise HTTPException(503, str(error)) from error
    return figures


Counted = QueueFigures | AgentFigures | SurveyFigures
Row = tuple[Span, str, Counted]


def _chosen(rows: Iterable[Row], names: Sequence[str]) -> Iterator[Row]:
    return (row for row in rows if not names or row[1] in names)


def _answer(
    subject: str,
    kind: type[Counted],
    found: Iterable[Row],
    wanted: Wanted,
    *,
    only: Sequence[str] = (),
    name: str = "",
) -> Response:
    """`only`: these figures instead of all; `name`: of the file, the subject's plural when left out."""
    figures = only or [*(field.name for field in fields(kind)), *kind.DERIVED]
    columns = ["start", "end", subject, *figures]
    rows = [
        {
            "start": max(span.start, wanted.since).astimezone(wanted.zone).isoformat(),
            "end": min(span.end, wanted.until).astimezone(wanted.zone).isoformat(),
            subject: one,
            **{column: _rounded(value) for column, value in row_of(counted).items() if column in figures},
        }
        for span, one, counted in found
    ]
    if wanted.format is Format.CSV:
        return _csv(name or f"{subject}s", columns, rows)
    report = Report(
        since=wanted.since.astimezone(wanted.zone),
        until=wanted.until.astimezone(wanted.zone),
        timezone=wanted.timezone,
        interval=wanted.interval,
        columns=columns,
        rows=rows,
    )
    return JSONResponse(report.model_dump(mode="json"))


def _csv(name: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Response:
    """RFC 4180; what is null in JSON is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue(), headers=headers, media_type="text/csv; charset=utf-8; header=present")


def _rounded(value: float | None) -> float | None:
    """Milliseconds, and hundredths of a percent: more is noise."""
    return round(value, 4) if isinstance(value, float) else value


# ---- what is asked for


_WHEN: Final = "a date, or a time with its zone, of this century, as in 2026-01-05T08:00:00+01:00"
_YEAR: Final = re.compile(r"20\d\d", re.ASCII)


class _Unusable(HTTPException):
    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(422, f"{parameter}: {detail}")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _Unusable("timezone", f"there is no time zone '{name}', such as Europe/Berlin") from None


def _moment(text: str, parameter: str, zone: tzinfo) -> datetime:
    text = text.replace(" ", "+")  # a plus sign that the URL didn't escape
    if _YEAR.match(text) is None:
        raise _Unusable(parameter, _WHEN)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return span_of(datetime(day.year, day.month, day.day, 12, tzinfo=zone), Interval.DAY, zone).start
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _Unusable(parameter, _WHEN) from None
    if found.tzinfo is None:
        raise _Unusable(parameter, _WHEN)
    return found.astimezone(zone)


def _check_range(since: datetime, until: datetime, interval: Interval, zone: tzinfo) -> None:
    if since >= until:
        raise _Unusable("until", "it has to be later than `since`")
    if until - since > MAX_RANGE:
        raise _Unusable("since", f"a report covers at most {MAX_RANGE.days} days")
    first = span_of(since, interval, zone)
    if interval is not Interval.TOTAL and (until - since) / (first.end - first.start) > MAX_INTERVALS:
        raise _Unusable("interval", f"a report has at most {MAX_INTERVALS} intervals; take a longer one")


def _accepted(request: Request) -> Format:
    """By `Accept` (RFC 9110 §12.5.1), as far as two forms need it: the first one named; JSON for any."""
    accept = request.headers.get("accept", "*/*")
    for choice in accept.split(","):
        media_type, _, parameters = choice.strip().partition(";")
        if parameters.replace(" ", "") in ("q=0", "q=0.0"):
            continue
        match media_type.strip().lower():
            case "text/csv" | "text/*":
                return Format.CSV
            case "application/json" | "application/*" | "*/*" | "":
                return Format.JSON
    raise HTTPException(406, "reports are application/json or text/csv")
