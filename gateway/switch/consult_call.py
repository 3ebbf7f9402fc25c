"""The call to whom an agent consults, until it is answered, given up after a while, or taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from gateway.call.cause import Cause
from gateway.dialplan.ports import Cancellable
from gateway.switch.conversation_parts import Consultation, ConversationParts, Reached, Unreachable

log = structlog.get_logger(__name__)


class ConsultCall:
    """Begins at once. `start` runs its task; `on_reached` is given the line, and `on_failed` why there is
    none, or nobody who answers. Neither is called after `end`.
    """

    def __init__(
        self,
        what: Consultation,
        parts: ConversationParts,
        start: Callable[[Callable[[], Coroutine[Any, Any, None]]], asyncio.Task[None]],
        *,
        on_reached: Callable[[Reached], None],
        on_failed: Callable[[Cause], None],
    ) -> None:
        self.what = what
        self._parts = parts
        self._on_reached = on_reached
        self._on_failed = on_failed
        self._over = False
        self._limit: Cancellable | None = parts.timers.call_later(parts.consult_ring_s, self._give_up)
        self._reaching = start(self._reach)

    def answered(self) -> None:
        """It may take as long as it likes from now on."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def end(self) -> None:
        """Nobody is wanted there any more. Safe to repeat."""
        self._over = True
        self.answered()
        if self._reaching is not asyncio.current_task():
            self._reaching.cancel()

    async def _reach(self) -> None:
        call_id = self.what.call.call_id
        try:
            reached = await self._parts.reach(self.what)
        except Unreachable as unreachable:
            log.info("consultation_failed", call_id=call_id, reason=str(unreachable))
            self._fail(unreachable.cause)
        except Exception as fault:  # the caller has an agent still
            log.exception("consultation_failed", call_id=call_id, error=str(fault))
            self._fail(Cause.TEMPORARY_FAILURE)
        else:
            if self._over:
                reached.line.release()
            else:
                self._on_reached(reached)

    def _give_up(self) -> None:
        self._limit = None
        self._fail(Cause.NO_ANSWER)

    def _fail(self, cause: Cause) -> None:
        if not self._over:
            self._on_failed(cause)
