"""GET /v1/agents; their presence, wrap-up and offers: by themselves, or by a supervisor for them."""

from __future__ import annotations

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.agents.presence import AgentState, Presence
from gateway.api.auth import Holder, Keyring, Role, check_acts_for, requires
from gateway.api.ports import Floor, FloorDesk, Queueing
from gateway.api.problems import Responses
from gateway.api.states import AgentFound, OfferFound
from gateway.dialplan.faults import suggest
from gateway.errors import WrongState
from gateway.queues.signals import EndWrapUp, ExtendWrapUp, SetPresence
from gateway.queues.views import AgentView

log = structlog.get_logger(__name__)

MAX_EXTENSION_S: Final = 3600.0

AgentId = Annotated[str, Path(max_length=128, examples=["ann"])]
Line = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class AgentsFound(BaseModel):
    agents: list[AgentFound]


class PresenceChange(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"presence": "on_break", "reason": "lunch"}]}
    )

    presence: Presence
    reason: Line = Field("", description="Of a break: lunch, training. Only there.")


class WrapUpChange(BaseModel):
    """What came of the call, and how long the notes take."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"disposition": "resolved", "end": True}]}
    )

    extend_s: float | None = Field(None, gt=0, le=MAX_EXTENSION_S, description="So many seconds more.")
    end: bool = Field(False, description="Wrap-up is over: free for the next call.")
    disposition: Line | None = Field(None, description="The outcome, for the reports: resolved, call_again.")
    notes: str = Field("", max_length=4000)


def routes(desk: FloorDesk, keyring: Keyring) -> APIRouter:
    """An agent for themselves, supervisors and admins for everybody."""
    router = APIRouter(prefix="/v1/agents", tags=["agents"])
    reader = Depends(requires(keyring, Role.AGENT, Role.SUPERVISOR))
    unknown: Responses = {404: {"description": "There is no such agent."}}
    no_offer: Responses = {
        404: {"description": "There is no such agent."},
        409: {"description": "Nothing is offered now, or only the agent's phone can accept it."},
    }

    @router.get("", summary="The agents, and what they do at this moment.", dependencies=[reader])
    async def list_agents(
        queue: Annotated[str | None, Query(max_length=128, description="Who serves this queue.")] = None,
        presence: Annotated[Presence | None, Query()] = None,
        state: Annotated[AgentState | None, Query()] = None,
    ) -> AgentsFound:
        views = [
            view
            for view in sorted(desk.ready().queueing.agents(), key=lambda view: view.id)
            if (queue is None or queue in view.profile.queues)
            and (presence is None or view.presence is presence)
            and (state is None or view.state is state)
        ]
        return AgentsFound(agents=[AgentFound.of(view) for view in views])

    @router.get("/{agent}", summary="An agent.", dependencies=[reader], responses={**unknown})
    async def show_agent(agent: AgentId) -> AgentFound:
        return AgentFound.of(agent_of(desk.ready().queueing, agent))

    @router.put(
        "/{agent}/presence",
        summary="Available, on a break, or logged out. During a call it counts from the call's end.",
        responses={**unknown},
    )
    async def set_presence(agent: AgentId, change: PresenceChange, holder: Holder = reader) -> AgentFound:
        check_acts_for(holder, agent)
        floor = desk.ready()
        view = change_presence(floor, agent, change, by=holder.name)
        await floor.queueing.settled()  # what is answered outlives a crash, unless the database is away
        return AgentFound.of(view)

    @router.put(
        "/{agent}/wrap-up",
        summary="Extend or end the wrap-up after a call; say what came of the call.",
        responses={**unknown, 409: {"description": "Extending or ending needs an agent who is in wrap-up."}},
    )
    async def set_wrap_up(agent: AgentId, change: WrapUpChange, holder: Holder = reader) -> AgentFound:
        check_acts_for(holder, agent)
        return AgentFound.of(change_wrap_up(desk.ready(), agent, change, by=holder.name))

    @router.get(
        "/{agent}/offer",
        summary="The call that the agent is asked to take, with what is known of the caller.",
        responses={404: {"description": "There is no such agent, or nothing is offered to them now."}},
    )
    async def show_offer(agent: AgentId, holder: Holder = reader) -> OfferFound:
        check_acts_for(holder, agent)
        floor = desk.ready()
        agent_of(floor.queueing, agent)
        offer = floor.offers.offer(agent)
        if offer is None:
            raise HTTPException(404, f"nothing is offered to {agent} now")
        return OfferFound.of(offer, floor.queueing)

    @router.post("/{agent}/offer/accept", summary="Take the call that is offered.", responses={**no_offer})
    async def accept(agent: AgentId, holder: Holder = reader) -> AgentFound:
        check_acts_for(holder, agent)
        return AgentFound.of(answer_offer(desk.ready(), agent, accept=True, by=holder.name))

    @router.post(
        "/{agent}/offer/decline",
        summary="Don't take it: it returns to its place and goes to somebody else.",
        responses={**no_offer},
    )
    async def decline(agent: AgentId, holder: Holder = reader) -> AgentFound:
        check_acts_for(holder, agent)
        return AgentFound.of(answer_offer(desk.ready(), agent, accept=False, by=holder.name))

    return router


# What REST and the desktop share. Each raises HTTPException with the status that fits.


def agent_of(queueing: Queueing, agent: str) -> AgentView:
    view = queueing.agent(agent)
    if view is None:
        known = {view.id for view in queueing.agents()}
        raise HTTPException(404, f"there is no agent '{agent}'{suggest(agent, known)}")
    return view


def change_presence(floor: Floor, agent: str, change: PresenceChange, *, by: str) -> AgentView:
    agent_of(floor.queueing, agent)
    if change.reason and change.presence is not Presence.ON_BREAK:
        raise HTTPException(422, f"only a break has a reason; the presence is {change.presence.value}")
    floor.queueing.post(SetPresence(agent, change.presence, change.reason), by=by)
    log.info("presence_set", agent=agent, presence=change.presence.value, reason=change.reason, by=by)
    return agent_of(floor.queueing, agent)


def change_wrap_up(floor: Floor, agent: str, change: WrapUpChange, *, by: str) -> AgentView:
    view = agent_of(floor.queueing, agent)
    timed = change.end or change.extend_s is not None
    if change.end and change.extend_s is not None:
        raise HTTPException(422, "wrap-up can be extended or ended, not both")
    if not timed and change.disposition is None and not change.notes:
        raise HTTPException(422, "give extend_s, end, a disposition or notes")
    if timed and view.state is not AgentState.WRAP_UP:
        raise HTTPException(409, f"{agent} isn't in wrap-up: {agent} is {view.state.value}")
    if change.disposition:
        _check_disposition(floor.queueing, view, change.disposition)
    if change.disposition is not None or change.notes:
        floor.offers.note(agent, change.disposition or "", change.notes)
    if change.extend_s is not None:
        floor.queueing.post(ExtendWrapUp(agent, change.extend_s), by=by)
    if change.end:
        floor.queueing.post(EndWrapUp(agent), by=by)
    return agent_of(floor.queueing, agent)


def _check_disposition(queueing: Queueing, view: AgentView, disposition: str) -> None:
    """One that no queue of the agent has is a slip; a queue without a list takes any."""
    served = [settings for membership in view.profile.queues if (settings := queueing.settings(membership))]
    known = {code for settings in served for code in settings.dispositions}
    if known and disposition not in known and all(settings.dispositions for settings in served):
        hint = suggest(disposition, known)
        raise HTTPException(422, f"'{disposition}' is no disposition of {view.id}'s queues{hint}")


def answer_offer(floor: Floor, agent: str, *, accept: bool, by: str, offer: str | None = None) -> AgentView:
    """`offer`: the one that is meant, so that a late click can't take the next one; None: the present one."""
    agent_of(floor.queueing, agent)
    present = floor.offers.offer(agent)
    if present is None:
        raise HTTPException(409, f"nothing is offered to {agent} now")
    if offer is not None and offer != present.id:
        raise HTTPException(409, f"offer {offer} is over")
    answer = floor.offers.accept if accept else floor.offers.decline
    try:
        answer(present.id, by=by)
    except WrongState as wrong:
        raise HTTPException(409, str(wrong)) from wrong
    return agent_of(floor.queueing, agent)
