"""How a call gets into a plan: by a dialled number, or straight into a flow. Pure."""

from __future__ import annotations

from gateway.dialplan.dnis import ANY, DnisPattern
from gateway.dialplan.faults import suggest
from gateway.dialplan.model import Plan, Route, Target, Unrouted
from gateway.errors import RingbackError


class NoEntrance(RingbackError):
    """Neither a flow nor a number that a route takes."""

    def __init__(self, target: str, hint: str) -> None:
        super().__init__(f"'{target}' is neither a flow nor a number that a route takes{hint}")
        self.target = target


def route_to(plan: Plan, target: str, unrouted: Unrouted | None = None) -> Route:
    """The route of a call to `target`, which is a flow's name or a dialled number.

    A flow that no route leads to can be entered too: that is how one is tried before it is connected.
    Raises NoEntrance.
    """
    flow = plan.flows.get(target)
    if flow is None:
        route = plan.route_for(target, unrouted)
        if route is None:
            raise NoEntrance(target, suggest(target, plan.flows))
        return route
    for route in plan.routes:
        if route.flow.node == target:
            return route
    return Route(DnisPattern(ANY), Target(target, flow.at), flow.at)
