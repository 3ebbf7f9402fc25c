"""What agents are asked to take, for their desktops."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from contextlib import suppress
from typing import Final

from gateway.api.ports import OfferView
from gateway.centre import ContactCentre
from gateway.errors import WrongState
from gateway.queues.journal import JournalKind
from gateway.queues.signals import SetReachable
from gateway.switch.offers import OfferShown, OfferStage

REMEMBERED: Final = 1000
SCREEN_LIMIT_S: Final = 0.3
"""How long a phone waits for the desktop beside it, so that the agent knows who calls before they hear it."""


class AgentOffers:
    """`gateway.api.ports.Offers`."""

    def __init__(self, centre: ContactCentre) -> None:
        self._centre = centre
        self._desk = centre.offers
        self._open: dict[str, OfferShown] = {}  # by agent
        self._outcomes: OrderedDict[str, str] = OrderedDict()
        self._desktops: Counter[str] = Counter()
        self._screens: dict[str, asyncio.Event] = {}  # set when a desktop was sent the offer
        self._desk.watch(self._shown)
        self._desk.before_ringing(self._until_screened)

    def offer(self, agent: str) -> OfferView | None:
        shown = self._open.get(agent)
        if shown is None:
            return None
        entry = self._centre.runner.entry(shown.entry)
        return OfferView(
            id=shown.offer,
            agent=shown.agent,
            entry=shown.entry,
            queue=shown.queue,
            since=shown.since,
            until=shown.until,
            callback=entry is not None and entry.callback,
            connecting=shown.stage is OfferStage.ACCEPTED,
        )

    def accept(self, offer: str, *, by: str) -> None:  # noqa: ARG002  # the port's
        shown = self._known(offer, "accept")
        self._desk.accept(shown.agent)

    def decline(self, offer: str, *, by: str) -> None:  # noqa: ARG002  # the port's
        shown = self._known(offer, "decline")
        self._desk.decline(shown.agent)

    def note(self, agent: str, disposition: str, notes: str) -> None:
        self._centre.runner.record(
            JournalKind.NOTED, agent=agent, details={"disposition": disposition, "notes": notes}
        )

    def outcome(self, offer: str) -> str:
        return self._outcomes.get(offer, "")

    def screened(self, offer: str) -> None:
        if (screen := self._screens.get(offer)) is not None:
            screen.set()

    async def _until_screened(self, offer: str, agent: str) -> None:
        if self._desktops[agent] and (screen := self._screens.get(offer)) is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(SCREEN_LIMIT_S):
                    await screen.wait()

    def desktop_opened(self, agent: str) -> None:
        self._desktops[agent] += 1
        if self._browser_only(agent) and self._desktops[agent] == 1:
            self._centre.runner.post(SetReachable(agent, True))

    def desktop_closed(self, agent: str) -> None:
        self._desktops[agent] -= 1
        if self._desktops[agent] <= 0:
            del self._desktops[agent]
            if self._browser_only(agent):
                self._desk.lose(agent)
                self._centre.runner.post(SetReachable(agent, False))

    def _browser_only(self, agent: str) -> bool:
        view = self._centre.runner.agent(agent)
        return view is not None and not view.profile.device

    def _known(self, offer: str, action: str) -> OfferShown:
        for shown in self._open.values():
            if shown.offer == offer:
                return shown
        raise WrongState(f"{action} it", "OVER")

    def _shown(self, shown: OfferShown) -> None:
        known = self._open.get(shown.agent)
        self._count(shown)
        if shown.stage is OfferStage.OVER:
            if known is not None and known.offer == shown.offer:  # not the one that has come since
                del self._open[shown.agent]
            self._outcomes[shown.offer] = "accepted" if shown.outcome == "connected" else shown.outcome
            while len(self._outcomes) > REMEMBERED:
                self._outcomes.popitem(last=False)
        else:
            self._open[shown.agent] = shown

    def _count(self, shown: OfferShown) -> None:
        """Whether what is known of the caller was on a screen when the agent answered."""
        if shown.stage is OfferStage.RINGING:
            self._screens.setdefault(shown.offer, asyncio.Event())
        elif shown.stage is OfferStage.OVER:
            self._screens.pop(shown.offer, None)
        elif shown.stage is OfferStage.ANSWERED and shown.context:
            screen = self._screens.get(shown.offer)
            self._centre.metrics.handoff_shown(screened=screen is not None and screen.is_set())
