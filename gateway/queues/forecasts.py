"""Keeps the expected waits of a node up to date, and what the estimator has learned on disk.

All entries are estimated together, every few seconds while somebody waits, because each one's wait follows
from everybody's before it. In between, the last estimates hold, less the time that has passed.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.queues.estimate import Estimate, Estimator, Expectation, Situation
from gateway.queues.runner import QueueRunner

log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
FRESH_S: Final = 1.0
SHARE: Final = 0.05
"""At most about this share of the event loop's time goes into estimates, however many wait."""

SAVE_EVERY_S: Final = 300.0


class Forecasts:
    """Estimates for everybody who waits. `path`: where what was learned is kept."""

    def __init__(self, runner: QueueRunner, path: Path) -> None:
        self._runner = runner
        self._path = path
        self._estimator = Estimator()
        self._found: dict[str, Expectation] = {}
        self._found_at = 0.0
        self._took_s = 0.0
        self._newcomers: dict[str, tuple[float, Estimate | None]] = {}
        runner.observe(lambda event: self._estimator.learn(event))

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
                await asyncio.sleep(max(EVERY_S, self._took_s / SHARE))
        finally:
            self._save(self._estimator.to_json())

    def refresh(self) -> None:
        """Estimate everybody anew."""
        situation = self._situation()
        self._found = self._estimator.estimates(situation)
        self._found_at = situation.now
        self._took_s = self._runner.now - situation.now

    def _situation(self) -> Situation:
        runner = self._runner
        return Situation(
            runner.now,
            tuple(entry for queue in runner.queues() for entry in runner.entries(queue.name)),
            runner.agents(),
            {settings.name: settings.weight for settings in runner.settings()},
        )

    def of(self, entry: str) -> Estimate | None:
        """What `entry` still has to wait; None when nobody knows."""
        found = self._found.get(entry)
        if found is None and self._runner.now - self._found_at > max(FRESH_S, self._took_s / SHARE):
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
        """What somebody who joined `queue` now would have to wait; None when nobody knows. Asked for at every
        step of every call, so it is reckoned anew once in FRESH_S only.
        """
        now = self._runner.now
        asked_at, known = self._newcomers.get(queue, (-FRESH_S, None))
        if now - asked_at >= max(FRESH_S, self._took_s / SHARE):
            known = self._joining(queue)
            self._newcomers[queue] = (now, known)
        return known

    def _joining(self, queue: str) -> Estimate | None:
        skills = next((dict(one.skills) for one in self._runner.settings() if one.name == queue), {})
        found = self._estimator.joining(self._situation(), queue, skills)
        return found if isinstance(found, Estimate) else None

    def _save(self, learned: dict[str, Any]) -> None:
        partial = self._path.with_name(self._path.name + ".part")
        try:
            partial.write_text(json.dumps(learned), "utf-8")
            partial.replace(self._path)
        except OSError as error:
            log.warning("estimates_not_kept", file=str(self._path), reason=str(error))
