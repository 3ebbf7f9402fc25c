"""The envelope of one call: found when the call comes, written into on the way, shown to whoever takes it.

What the call does to it happens at once in memory and soon on disk; the call never waits for the database
longer than `FIND_LIMIT_S`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from pydantic import ValidationError
from structlog.typing import FilteringBoundLogger

from gateway.call.context import context_of, introduction_of, source_of
from gateway.call.leg import CallLeg, Headers, Technology
from gateway.call.uui import HEADER as UUI_HEADER
from gateway.call.uui import format_uui
from gateway.clock import Clock
from gateway.dialplan.ports import UNAVAILABLE, Outcome
from gateway.dialplan.requests import ContextRequest
from gateway.dialplan.run import NodeLeft
from gateway.errors import RingbackError
from gateway.handoff.arriving import arriving
from gateway.handoff.compact import HEADER as HANDOFF_HEADER
from gateway.handoff.compact import compact
from gateway.handoff.content import Content, sealed
from gateway.handoff.desk import Change, HandoffDesk
from gateway.handoff.envelope import Envelope, StepKind, TooLarge, step
from gateway.handoff.learning import learned
from gateway.handoff.matching import Match, Matched, best
from gateway.handoff.merging import merged
from gateway.handoff.numbers import canonical
from gateway.handoff.peers import Carried, TrustedPeers
from gateway.handoff.showing import Audience, planned, shown, told

FIND_LIMIT_S: Final = 2.0
OF_A_CALL: Final = timedelta(hours=24)
"""How long an envelope that began with a call can be found."""
MAX_NODES: Final = 40
_PIN: Final = re.compile(r"[0-9]{4,10}")


class CallContext:
    """What is known of the caller of one call. `desk`: None where nothing is kept."""

    def __init__(
        self,
        call_id: str,
        leg: CallLeg,
        desk: HandoffDesk | None,
        clock: Clock,
        log: FilteringBoundLogger,
        peers: TrustedPeers | None = None,
    ) -> None:
        self._peers = peers or TrustedPeers()
        self._call_id = call_id
        self._leg = leg
        self._desk = desk
        self._clock = clock
        self._log = log
        self._nodes: list[str] = []  # of the menu, since the last step that names them
        self._matched: Matched | None = None
        self._last: Mapping[str, Any] | None = None  # the last contact with the customer
        self._stored = ""  # the id of the envelope that is on disk, or soon

    @property
    def matched(self) -> Matched | None:
        return self._matched

    @property
    def id(self) -> str:
        """The id of the envelope; "" before it is kept."""
        return self._stored

    # ---- who comes

    async def identify(self) -> None:
        """Find the envelope by what the call shows by itself. Never raises, and never takes long."""
        try:
            async with asyncio.timeout(FIND_LIMIT_S):
                await self._identify()
                await self._look_back()
        except (RingbackError, TimeoutError) as error:
            self._log.error("handoff_not_looked_up", error=str(error) or "the database is slow")
        except Exception:  # noqa: BLE001  # a caller without context is better than no caller
            self._log.exception("handoff_fault")

    async def _identify(self) -> None:
        introduction, said = introduction_of(self._leg), context_of(self._leg)
        if introduction is not None or said:
            by = Match.TOKEN if introduction is not None else Match.MENU
            now = self._now()
            envelope, refused = arriving(
                said, introduction, id=uuid4().hex, now=now, expires_at=now + OF_A_CALL
            )
            if refused:
                self._log.warning("context_refused", names=refused[:20])
            self._matched = Matched(envelope, by)
        if self._desk is None:
            return
        if introduction is not None and introduction.handoff:
            found = await self._desk.by_id(
                introduction.handoff, by=Match.TOKEN.value, call_id=self._call_id, app=introduction.app
            )
            if found is not None:
                self._meet(found, Match.TOKEN)
        elif self._leg.technology is Technology.SIP:
            await self._identify_phone(self._desk)

    async def _identify_phone(self, desk: HandoffDesk) -> None:
        """By what is worth most: a PBX's word, then the number that was dialled, then the caller's."""
        carried = self._carried(desk)
        if carried.said:
            now, source = self._now(), f"peer:{source_of(self._leg)}"
            envelope, refused = arriving(
                carried.said, None, id=uuid4().hex, now=now, expires_at=now + OF_A_CALL,
                source=source, channel="phone",
            )  # fmt: skip
            if refused:
                self._log.warning("context_refused", names=refused[:20])
            self._matched = Matched(envelope, Match.TRUSTED_HEADER)
        found, by = None, Match.TRUSTED_HEADER
        if carried.handoff:
            found = await desk.by_id(carried.handoff, by=by.value, call_id=self._call_id)
        if found is None:
            by = Match.DNIS
            found = await desk.by_dialled(self._leg.local.number, call_id=self._call_id)
        if found is None:
            by = Match.ANI
            found = await desk.by_number(canonical(self._leg.remote.number), call_id=self._call_id)
        if found is not None:
            self._meet(found, by)

    def _carried(self, desk: HandoffDesk) -> Carried:
        """What the headers of the INVITE say, from those whose word counts."""
        headers, source = self._leg.headers, source_of(self._leg)
        if not self._peers.claimed(headers):
            return Carried()
        if self._peers.trusts(source):
            return self._peers.carried(headers)
        desk.count(Match.TRUSTED_HEADER.value, "untrusted")
        self._log.info("handoff_headers_ignored", source=source)
        return Carried()

    async def take_up(self, handoff: str) -> None:
        """The envelope of a customer whom we have called back. Never raises, and never takes long."""
        if self._desk is None or not handoff:
            return
        try:
            async with asyncio.timeout(FIND_LIMIT_S):
                kept = await self._desk.get(handoff)  # it is theirs still, however long ago they asked
        except (RingbackError, TimeoutError) as error:
            self._log.error("handoff_not_looked_up", error=str(error) or "the database is slow")
            return
        if kept is not None:
            self._matched, self._stored = Matched(kept.envelope, Match.CALLBACK), kept.envelope.id
            self._desk.note(self._stored, Change(self._now(), self._source, "matched", {"by": "callback"}))

    # ---- what is seen

    def plan_view(self) -> Mapping[str, Any]:
        """For a dialplan's expressions; empty when nothing is known."""
        return self._with_last({} if self._matched is None else planned(self._matched, self._now()))

    def agent_view(self) -> Mapping[str, Any]:
        """For the agent's screen, before they answer; empty when nothing is known."""
        view = {} if self._matched is None else shown(self._matched, Audience.AGENT, self._now())
        return self._with_last(view)

    def told(self, *, personal: bool) -> Mapping[str, Any]:
        """For a webhook; empty when nothing is known."""
        view = {} if self._matched is None else told(self._matched, self._now(), personal=personal)
        return self._with_last(view) if personal else view

    def headers(self) -> Headers:
        """For the INVITE to an agent's phone: the id, and what a PBX can show (RFC 7433)."""
        if self._matched is None:
            return ()
        uui = format_uui(compact(self._matched, self._now()))
        return ((HANDOFF_HEADER, self._matched.envelope.id), (UUI_HEADER, uui))

    # ---- what is done

    async def exchange(self, request: ContextRequest) -> Outcome:
        """The dialplan's `context` node."""
        if self._desk is None:
            return UNAVAILABLE
        if request.find is not None:
            found = await self._find(self._desk, request.find)
            if found is None:
                return Outcome("not_found")
            self._meet(*found)
            await self._look_back()
        if request.write:
            try:
                self._write(request.write)
            except (ValidationError, TooLarge) as error:
                self._log.warning(
                    "context_not_written", names=list(request.write), error=type(error).__name__
                )
                return Outcome("error")
        return Outcome("next", dict(self.plan_view()))

    def learn(self, answer: object, host: str) -> None:
        """What another system answered about the caller. Returns at once."""
        if not isinstance(answer, Mapping):
            self._log.warning("lookup_taught_nothing", host=host)
            return
        source, now, said = f"lookup:{host}", self._now(), dict(answer)
        here = self._matched or Matched(self._fresh(), Match.LOOKUP)
        # What was proved until now counts for what it counted; the answer adds its own.
        before = here.envelope.model_copy(update={"authentication": here.authentication})
        envelope, refused = learned(before, said, source=source, now=now)
        if refused:
            self._log.warning("context_refused", names=refused[:20], host=host)
        self._matched = Matched(envelope, best(here.by, Match.LOOKUP))
        if self._desk is not None:
            self._desk.count(Match.LOOKUP.value, "matched")
            if self._stored:
                self._desk.change(
                    self._stored,
                    lambda stored: learned(stored, said, source=source, now=now)[0],
                    Change(now, self._source, "looked_up", {"host": host, "names": sorted(said)[:20]}),
                )

    def keep(self) -> str:
        """The id of the envelope, which is on disk soon; "" where nothing is kept. Returns at once.

        A caller of whom nothing is known gets an envelope now: what happens to them from here on is their
        journey.
        """
        if self._desk is None or self._stored:
            return self._stored
        self._matched = self._matched or Matched(self._fresh(), Match.MENU)
        self._desk.begin(self._matched.envelope, by=self._source)
        self._stored = self._matched.envelope.id
        return self._stored

    def passed(self, left: NodeLeft) -> None:
        """The dialplan left a node: part of the way that the next step of the menu names."""
        if not self._nodes or self._nodes[-1] != left.node:
            self._nodes.append(left.node)
            del self._nodes[:-MAX_NODES]

    def walk_menu(self) -> None:
        """The way through the menu so far, as one step."""
        if self._nodes:
            self.walk(StepKind.MENU, " → ".join(self._nodes), source="ivr")
            self._nodes.clear()

    def walk(self, kind: StepKind, text: str, *, source: str = "", what: str = "") -> None:
        """One more step of the journey. Returns at once."""
        matched = self._matched
        if matched is None:
            return
        new = step(kind, self._now(), text, source or self._source)
        self._apply(lambda envelope: envelope.with_steps(new), what or kind.value, source or self._source)

    # ---- inside

    async def _look_back(self) -> None:
        """When somebody talked with them last. Raises RingbackError."""
        if self._desk is not None:
            here = self._fresh() if self._matched is None else self._matched.envelope
            self._last = await self._desk.last_contact(here)

    def _with_last(self, view: dict[str, Any]) -> Mapping[str, Any]:
        return view if self._last is None else {**view, "last_contact": dict(self._last)}

    @property
    def _source(self) -> str:
        return f"call:{self._call_id}"

    def _now(self) -> datetime:
        return self._clock.utc()

    async def _find(self, desk: HandoffDesk, key: str) -> tuple[Envelope, Match] | None:
        if _PIN.fullmatch(key):
            found = await desk.by_pin(key, caller=self._leg.remote.number, call_id=self._call_id)
            return None if found is None else (found, Match.PIN)
        found = await desk.by_id(key) if key else None
        return None if found is None else (found, Match.MENU)

    def _meet(self, came: Envelope, by: Match) -> None:
        """An envelope that is on disk met the call."""
        here = self._matched
        self._stored = came.id
        if here is None or here.envelope.id == came.id:
            better = by if here is None else best(here.by, by)  # the same again: what was shown before counts
            self._matched = Matched(came, better)
            return
        # Each with what it proves by the way it came, and both by the way of the last.
        before = here.envelope.model_copy(update={"authentication": here.authentication})
        self._matched = Matched(merged(before, came), by)
        if self._desk is not None:
            proved = came.authentication  # what is stored never gains by being met
            self._desk.change(
                came.id,
                lambda stored: merged(before, stored).model_copy(update={"authentication": proved}),
                Change(self._now(), self._source, "merged", {"with": before.id}),
            )

    def _write(self, values: Mapping[str, Any]) -> None:
        """Raises ValidationError or TooLarge for what can't be written; then nothing is."""
        if self._matched is None:
            self._matched = Matched(self._fresh(), Match.MENU)
        source, now = f"ivr:{self._call_id}", self._now()

        def write(envelope: Envelope) -> Envelope:
            return envelope.with_attributes(values, source, now)

        self._apply(write, "written", source, {"names": sorted(values)})

    def _apply(
        self,
        change: Callable[[Envelope], Envelope],
        what: str,
        by: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        if self._matched is None:
            return
        self._matched = self._matched.with_envelope(change(self._matched.envelope))
        if self._desk is not None and self._stored:
            self._desk.change(self._stored, change, Change(self._now(), by, what, details or {}))

    def _fresh(self) -> Envelope:
        now = self._now()
        number = self._leg.remote.number[:256]
        customer = {"number": number} if number else {}
        channel = "app" if self._leg.technology is Technology.IN_APP else "phone"
        return sealed(
            Content.model_validate({"customer": customer, "channel": channel}),
            id=uuid4().hex, source="network", now=now, expires_at=now + OF_A_CALL,
        )  # fmt: skip
