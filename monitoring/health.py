"""Is the node alive, and may it get calls?

Liveness asks whether a restart would help; readiness whether a load balancer should send calls. Whatever can
fail registers a probe under a name; a probe answers at once, from what its owner knows already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

Probe = Callable[[], str | None]
"""Returns what is wrong, in words for the operator, or None."""


class Phase(Enum):
    """Where the node is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Check:
    """One named answer; `problem` is None when all is well."""

    name: str
    problem: str | None

    @property
    def ok(self) -> bool:
        return self.problem is None


@dataclass(frozen=True, slots=True)
class Report:
    """All answers at one moment."""

    phase: Phase
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


class Health:
    """The probes of a node and the phase it is in."""

    def __init__(self) -> None:
        self._probes: dict[str, tuple[Probe, bool]] = {}
        self.phase = Phase.STARTING

    def register(self, name: str, probe: Probe, *, vital: bool = False) -> None:
        """Add a probe. A `vital` one decides on liveness too: only a restart mends what it sees."""
        self._probes[name] = (probe, vital)

    def liveness(self) -> Report:
        """The vital probes alone. A draining node is alive."""
        vital = {name: probe for name, (probe, is_vital) in self._probes.items() if is_vital}
        return Report(self.phase, tuple(_ask(name, probe) for name, probe in vital.items()))

    def readiness(self) -> Report:
        """Every probe, and the phase: only a serving node is ready."""
        checks = tuple(_ask(name, probe) for name, (probe, _) in self._probes.items())
        serving = Check("phase", None if self.phase is Phase.SERVING else f"the node is {self.phase.value}")
        return Report(self.phase, (serving, *checks))


def _ask(name: str, probe: Probe) -> Check:
    try:
        return Check(name, probe())
    except Exception as error:  # noqa: BLE001 -- a probe that fails is an answer, and the others are still asked
        return Check(name, f"the probe failed: {error!r}")
