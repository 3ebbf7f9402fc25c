"""What a plan wants of the PBX, held against the settings. Pure."""

from __future__ import annotations

from gateway.dialplan.faults import Fault
from gateway.dialplan.model import Plan


def without_pbx(plan: Plan, host: str) -> list[Fault]:
    """A warning for each agent who is somewhere at the PBX, when there is no `host` of one."""
    if host:
        return []
    found: list[Fault] = []
    for agent in plan.agents.values():
        if agent.profile.pbx_device:
            problem = "no PBX says what this device does: pbx.host isn't set"
            found.append(Fault.warning(agent.place("pbx_device"), problem))
        if agent.profile.device.startswith("pbx:"):
            found.append(Fault.warning(agent.place("device"), "no PBX rings it: pbx.host isn't set"))
    return found
