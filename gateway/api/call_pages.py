"""Pages of calls: those in progress from memory, then the finished ones from the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import HTTPException

from gateway.api.auth import Holder, Role
from gateway.api.paging import cursor_of, parts_of
from gateway.api.ports import CallView, Floor
from gateway.api.states import CallFound
from gateway.call.cdr import CallResult
from gateway.storage.calls import CallFilter, CallMark

_LIVE: Final = "live"
_ENDED: Final = "ended"


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls are wanted; what is None doesn't matter."""

    live: bool | None = None
    number: str | None = None
    direction: str | None = None
    queue: str | None = None
    agent: str | None = None
    result: CallResult | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def wants_live(self) -> bool:
        return self.live is not False and self.result is None

    @property
    def wants_ended(self) -> bool:
        return self.live is not True and self.queue is None

    def matches(self, view: CallView) -> bool:
        return (
            (self.number is None or self.number in (view.ani, view.dnis))
            and (self.direction is None or view.direction == self.direction)
            and (self.queue is None or view.queue == self.queue)
            and (self.agent is None or self.agent in view.agents)
            and (self.since is None or view.started_at >= self.since)
            and (self.until is None or view.started_at < self.until)
        )


async def page_of(
    floor: Floor, query: CallQuery, limit: int, cursor: str | None, holder: Holder
) -> tuple[list[CallFound], str | None]:
    """At most `limit` calls, and the cursor of the next page. Raises StorageError, and HTTPException 422."""
    if query.number is not None and holder.role not in (Role.SUPERVISOR, Role.ADMIN):
        # Whoever sees only the end of numbers mustn't be able to ask for whole ones.
        raise HTTPException(403, "finding calls by number takes the role supervisor")
    part, mark = _mark(cursor)
    found: list[CallFound] = []
    if query.wants_live and part == _LIVE:
        views = _live(floor.conversations.calls(), query, mark)
        found = [CallFound.of(view, holder) for view in views[:limit]]
        if len(views) > limit:
            last = views[limit - 1]
            return found, cursor_of(_LIVE, last.started_at.isoformat(), last.id)
        mark = None
    if not query.wants_ended:
        return found, None
    room = limit - len(found)
    wanted = CallFilter(query.number, query.direction, query.result, query.since, query.until, query.agent)
    records = await floor.archive.find(wanted, room + 1, after=mark)
    found += [CallFound.ended(record, holder) for record in records[:room]]
    if len(records) <= room:
        return found, None
    if room == 0:
        return found, cursor_of(_ENDED, "", "")
    last_record = records[room - 1]
    return found, cursor_of(_ENDED, last_record.started_at.isoformat(), last_record.leg_id)


def _mark(cursor: str | None) -> tuple[str, CallMark | None]:
    if cursor is None:
        return _LIVE, None
    part, at, name = map(str, parts_of(cursor, str, str, str))
    if part not in (_LIVE, _ENDED):
        raise HTTPException(422, "this cursor isn't from a page of this listing: begin without one")
    if not at:
        return part, None
    try:
        return part, CallMark(datetime.fromisoformat(at), name)
    except ValueError:
        raise HTTPException(422, "this cursor isn't from a page of this listing: begin without one") from None


def _live(views: Sequence[CallView], query: CallQuery, mark: CallMark | None) -> list[CallView]:
    wanted = [view for view in views if query.matches(view)]
    wanted.sort(key=lambda view: (view.started_at, view.id), reverse=True)
    if mark is not None:
        wanted = [view for view in wanted if (view.started_at, view.id) < (mark.started_at, mark.leg_id)]
    return wanted
