"""Surveys in figures: what callers thought of their calls, by interval and by queue or agent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from enum import Enum
from typing import Any, Final

from gateway.queues.figures import SurveyFigures
from gateway.queues.intervals import Interval, Span, span_of
from gateway.queues.journal import JournalEvent, JournalKind

KINDS: Final = frozenset({JournalKind.SURVEYED, JournalKind.SURVEY_INVITED})


class Subject(Enum):
    """What rows are about."""

    QUEUE = "queue"
    AGENT = "agent"
    SURVEY = "survey"


def survey_rows(
    events: Iterable[JournalEvent], subject: Subject, interval: Interval, zone: tzinfo
) -> Iterator[tuple[Span, str, SurveyFigures]]:
    """By interval, then by name. Events of other kinds don't count."""
    found: dict[tuple[Span, str], SurveyFigures] = {}
    for event in events:
        if event.kind in KINDS:
            key = (span_of(event.at, interval, zone), _name(event, subject))
            _add(found.setdefault(key, SurveyFigures()), event)
    for span, name in sorted(found):
        yield span, name, found[span, name]


def _add(figures: SurveyFigures, event: JournalEvent) -> None:
    if event.kind is JournalKind.SURVEY_INVITED:
        figures.invited += 1
        return
    details = event.details
    figures.answered += 1
    figures.by_link += details.get("source") == "link"
    figures.comments += bool(details.get("comment"))
    nps, csat = details.get("nps"), details.get("csat")
    if isinstance(nps, int):
        figures.nps_answers += 1
        figures.promoters += nps >= 9
        figures.passives += 7 <= nps <= 8
        figures.detractors += nps <= 6
    if isinstance(csat, int):
        figures.csat_answers += 1
        figures.csat_sum += csat
        figures.content += csat >= 4


def _name(event: JournalEvent, subject: Subject) -> str:
    match subject:
        case Subject.QUEUE:
            return event.queue
        case Subject.AGENT:
            return event.agent
        case Subject.SURVEY:
            value: Any = event.details.get("survey")
            return str(value or "")
