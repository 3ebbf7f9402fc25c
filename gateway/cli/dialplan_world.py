"""A simulated world whose lookups are made for real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from gateway.dialplan.lookups import Lookups
from gateway.dialplan.requests import LookupRequest, Request
from gateway.dialplan.world import NoReply, Reply, World


class LiveWorld(World):
    """Everything as in `World`, and over HTTP what no fixture answers."""

    def __init__(self, given: World, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(given.replies, given.envelopes)
        self._secrets = dict(secrets or {})

    def reply(self, node: str, request: Request, context: Mapping[str, Any]) -> Reply:
        """Blocks for as long as the other system takes. A secret that isn't configured is an `error`."""
        try:
            return super().reply(node, request, context)
        except NoReply:
            if not isinstance(request, LookupRequest):
                raise
            began = time.monotonic()
            found = asyncio.run(self._ask(request))
            return Reply(found.outcome, found.value, time.monotonic() - began)

    async def _ask(self, request: LookupRequest) -> Reply:
        try:
            async with Lookups(self._secrets, time.monotonic) as lookups:
                outcome = await lookups(request)
        except KeyError:
            return Reply("error")
        return Reply(outcome.label, outcome.value)
