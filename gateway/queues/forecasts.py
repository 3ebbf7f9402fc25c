"""Keeps the expected waits of a node up to date, and what the estimator has learned on disk.

All entries are estimated together, every few seconds while somebody waits, because each one's wait follows
from everybody's before it. In between, the last estimates hold, less the time that has passed.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.agents.presence import AgentState
from gateway.queues.estimate import Estimate, Estimator, Expectation, Situation
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.runner import QueueRunner

log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
FRESH_S: Final = 0.5
SAVE_EVERY_S: Final = 300.0

ErrorHandler = Callable[[str, float], object]
"""Takes a queue and by how many seconds the first estimate of a served entry was too high."""


@dataclass(slots=True)
class _Served:
    """What an agent's present call has taken so far."""

    queue: str
    ring_s: float = 0.0
    talk_s: float = 0.0


class Forecasts:
    """Estimates for everybody who waits. `path`: where what was learned is kept."""

    def __init__(
        self, runner: QueueRunner, path: Path, *, on_error: ErrorHandler = lambda _queue, _error_s: None
    ) -> None:
        self._runner = runner
        self._path = path
        self._on_error = on_error
        self._estimator = Estimator()
        self._found: dict[str, Expectation] = {}
        self._found_at = 0.0
        self._serving: dict[str, _Served] = {}
        runner.observe(self._learn)

    async def load(self) -> None:
        """What was learned before the last stop; nothing, and a warning, when that can't be read."""
        try:
            text = await asyncio.to_thread(self._path.read_text, "utf-8")
            self._estimator = Estimator.from_json(json.loads(text))
        except FileNotFoundError:
            return
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("estimates_not_restored", file=str(self._path), reason=str(error))

    async def run(self) -> None:
        """Until cancelled; belongs to the node's tasks. What was learned is kept at the end, too."""
        loop = asyncio.get_running_loop()
        save_at = loop.time() + SAVE_EVERY_S
        try:
            while True:
                try:
                    self.refresh()
                except Exception:  # callers then hear no figures, and everything else
                    log.exception("estimates_failed")
                    self._found = {}
                if loop.time() >= save_at:
                    save_at = loop.time() + SAVE_EVERY_S
                    await asyncio.to_thread(self._save, self._estimator.to_json())
                await asyncio.sleep(EVERY_S)
        finally:
            self._save(self._estimator.to_json())

    def refresh(self) -> None:
        """Estimate everybody anew."""
        runner, now = self._runner, self._runner.now
        entries = tuple(entry for queue in runner.queues() for entry in runner.entries(queue.name))
        situation = Situation(
            now,
            entries,
            runner.agents(),
            {agent: served.queue for agent, served in self._serving.items()},
            {settings.name: settings.weight for settings in runner.settings()},
        )
        self._found = self._estimator.estimates(situation)
        self._found_at = now

    def of(self, entry: str) -> Estimate | None:
        """What `entry` still has to wait; None when nobody knows."""
        found = self._found.get(entry)
        if found is None and self._runner.now - self._found_at > FRESH_S:
            self.refresh()  # it has just come; a burst of newcomers shares one reckoning
            found = self._found.get(entry)
        if not isinstance(found, Estimate):
            return None
        passed_s = self._runner.now - self._found_at
        return replace(
            found,
            median_s=max(found.median_s - passed_s, 0.0),
            low_s=max(found.low_s - passed_s, 0.0),
            high_s=max(found.high_s - passed_s, 0.0),
        )

    def of_newcomer(self, queue: str) -> Estimate | None:
        """What somebody who joined `queue` now would have to wait, roughly: as long as the last in it."""
        entries = deque(self._runner.entries(queue), maxlen=1)
        return self.of(entries[0].id) if entries else None

    # ---- learning

    def _learn(self, event: JournalEvent) -> None:
        """From the journal, which has the same figures as every report."""
        details, at = event.details, event.at.timestamp()
        match event.kind:
            case JournalKind.CONNECTED:
                self._serving[event.agent] = _Served(event.queue, ring_s=_seconds(details, "rang_s"))
                error_s = self._estimator.observe_wait(
                    event.entry, event.queue, _seconds(details, "wait_s"), at
                )
                if error_s is not None:
                    self._on_error(event.queue, error_s)
            case JournalKind.FINISHED | JournalKind.REQUEUED:
                if (served := self._serving.get(event.agent)) is not None:
                    served.talk_s += _seconds(details, "talk_s")
            case JournalKind.AGENT_STATE:
                if details.get("state") == AgentState.IDLE.value:
                    self._free(event.agent, wrap_up_s=0.0)
            case JournalKind.WRAPPED_UP:
                self._free(event.agent, wrap_up_s=_seconds(details, "wrap_up_s"))
            case JournalKind.ABANDONED:
                self._estimator.observe_abandoned(event.entry, event.queue, _seconds(details, "wait_s"), at)
            case JournalKind.LEFT | JournalKind.OVERFLOWED | JournalKind.MOVED:
                self._estimator.forget(event.entry, at)
            case _:
                pass

    def _free(self, agent: str, *, wrap_up_s: float) -> None:
        if (served := self._serving.pop(agent, None)) is not None:
            self._estimator.observe_handled(served.queue, served.talk_s, wrap_up_s, served.ring_s)

    def _save(self, learned: dict[str, Any]) -> None:
        partial = self._path.with_name(self._path.name + ".part")
        try:
            partial.write_text(json.dumps(learned), "utf-8")
            partial.replace(self._path)
        except OSError as error:
            log.warning("estimates_not_kept", file=str(self._path), reason=str(error))


def _seconds(details: Any, name: str) -> float:
    value = details.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
