"""What happens to agents: presence, calls, devices, wrap-up; and what their queues learn of it. Pure."""

from __future__ import annotations

from typing import Final

from gateway.agents.presence import AgentSignal, AgentState, Presence, next_state
from gateway.agents.profile import AgentProfile
from gateway.queues.engine.agent import Agent
from gateway.queues.engine.floor import Floor
from gateway.queues.journal import JournalKind

RONA: Final = "rona"
"""The reason of a break that missed calls brought."""

BUSY_PHONE: Final = "busy phone"
"""Who says that an agent is on another call, when it was their phone that answered so."""

MAX_DEVICE_PAUSE_S: Final = 60.0
"""A device that couldn't be reached is tried again after `retry_s`, then twice that, and so on up to this."""


def sync(floor: Floor, agent: Agent) -> None:
    """Tell queues and lanes what the agent is worth now; mark what follows from a change."""
    on_staff = agent.presence is not Presence.LOGGED_OUT
    on_duty = agent.presence is Presence.AVAILABLE
    able = on_duty and agent.reachable
    free = able and agent.state is AgentState.IDLE
    for line, crew in agent.crews.items():
        line.on_staff += on_staff - agent.on_staff
        line.on_duty += on_duty - agent.on_duty
        crew.able += able - agent.able
        if on_staff < agent.on_staff or on_duty < agent.on_duty:
            floor.thinned[line] = None
        if free > agent.free:
            line.add_free(agent)
        elif free < agent.free:
            line.remove_free(agent)
    if free > agent.free:
        floor.freed[agent] = None
    if able != agent.able:
        floor.stale.update(agent.held)
        if not able:
            _release_contested(floor, agent)
    agent.on_staff, agent.on_duty, agent.able, agent.free = on_staff, on_duty, able, free


def _release_contested(floor: Floor, agent: Agent) -> None:
    """Who has declined an entry may be the only one left for it now."""
    for crew in agent.crews.values():
        for lane in crew.lanes:
            floor.fresh.update(lane.contested)


def signal(floor: Floor, agent: Agent, what: AgentSignal) -> None:
    """The agent's next state, journalled and shown. Raises WrongState, with nothing changed."""
    agent.state = next_state(agent.state, what)
    agent.state_since = floor.now
    floor.note(JournalKind.AGENT_STATE, None, agent, state=agent.state.value)
    floor.show(agent)
    set_deadline(floor, agent)
    sync(floor, agent)


def set_deadline(floor: Floor, agent: Agent) -> None:
    times = (agent.wrap_up_until, agent.disengaged_at, agent.reachable_at)
    floor.deadlines.set(agent, min((at for at in times if at is not None), default=None))


def on_deadline(floor: Floor, agent: Agent) -> None:
    """The wrap-up is over, or a device is tried again."""
    if agent.wrap_up_until is not None and agent.wrap_up_until <= floor.now:
        end_wrap_up(floor, agent)
    if agent.disengaged_at is not None and agent.disengaged_at <= floor.now:
        disengage(floor, agent, BUSY_PHONE)
    if agent.reachable_at is not None and agent.reachable_at <= floor.now:
        agent.reachable, agent.reachable_at = True, None
        sync(floor, agent)
    set_deadline(floor, agent)


# ---- presence and profile


def log_in(floor: Floor, profile: AgentProfile) -> None:
    """An agent appears, or has another profile. Their presence is what it was; of a new one, LOGGED_OUT."""
    agent = floor.agents.get(profile.id)
    if agent is None:
        agent = Agent(floor.next_seq(), profile, presence_since=floor.now, last_call_at=floor.now)
        floor.agents[profile.id] = agent
    elif agent.profile == profile:
        return
    leave_lines(floor, agent)
    agent.profile = profile
    join_lines(floor, agent)
    floor.note(
        JournalKind.AGENT_PROFILE, None, agent, queues=sorted(profile.queues), skills=dict(profile.skills)
    )


def leave_lines(floor: Floor, agent: Agent) -> None:
    """Out of every queue: what they are worth there may have changed."""
    _release_contested(floor, agent)
    for line in tuple(agent.crews):
        line.dismiss(agent)
        floor.thinned[line] = None
    floor.stale.update(agent.held)


def join_lines(floor: Floor, agent: Agent) -> None:
    """Into the queues that the profile names."""
    for queue in agent.profile.queues:
        if (line := floor.lines.get(queue)) is not None:
            line.admit(agent)
    if agent.free:
        floor.freed[agent] = None


def set_presence(floor: Floor, agent: Agent, presence: Presence, reason: str, by: str = "") -> None:
    """What the agent chose, whatever calls do at the moment."""
    reason = reason if presence is Presence.ON_BREAK else ""
    if (agent.presence, agent.reason) == (presence, reason):
        return
    if agent.presence is Presence.LOGGED_OUT:
        agent.calls, agent.talk_s, agent.misses = 0, 0.0, 0
        agent.last_call_at = floor.now
    agent.presence, agent.reason, agent.presence_since = presence, reason, floor.now
    if presence is Presence.AVAILABLE:
        agent.misses = 0
    floor.note(JournalKind.AGENT_PRESENCE, None, agent, presence=presence.value, reason=reason, by=by)
    floor.show(agent)
    sync(floor, agent)
    if presence is Presence.LOGGED_OUT:
        end_wrap_up(floor, agent)


def missed(floor: Floor, agent: Agent, misses_to_break: int) -> None:
    """One more call in a row that the agent let ring (RONA)."""
    agent.misses += 1
    if 0 < misses_to_break <= agent.misses and agent.presence is Presence.AVAILABLE:
        set_presence(floor, agent, Presence.ON_BREAK, RONA, by=RONA)


# ---- devices


def engage(floor: Floor, agent: Agent, by: str, until: float | None = None) -> None:
    """On a call that isn't a queue's. `until`: how long we take it for that without being told."""
    hear_of_call(agent, by)
    agent.disengaged_at = until
    resume_call(floor, agent)


def hear_of_call(agent: Agent, by: str) -> None:
    """Somebody says so; whoever knows is believed, and no guess by a busy phone any more."""
    agent.engaged_by.discard(BUSY_PHONE)
    agent.engaged_by.add(by)
    agent.disengaged_at = None


def resume_call(floor: Floor, agent: Agent) -> None:
    """They are on that call, if they are on none of ours."""
    if agent.state is AgentState.ON_CALL:
        set_deadline(floor, agent)
    else:
        signal(floor, agent, AgentSignal.ENGAGED)


def disengage(floor: Floor, agent: Agent, by: str) -> None:
    """That call is over, and if nobody knows of another, a wrap-up that it interrupted goes on."""
    if not agent.engaged_by:
        return
    agent.engaged_by -= {by, BUSY_PHONE}
    agent.disengaged_at = None
    set_deadline(floor, agent)
    if agent.engaged_by or agent.place is not None or agent.call_line is not None or agent.offer is not None:
        return
    agent.last_call_at = floor.now
    signal(floor, agent, AgentSignal.DISENGAGED if agent.wrap_up_until is None else AgentSignal.ENDED)


def set_reachable(floor: Floor, agent: Agent, reachable: bool) -> None:
    """Whether the device can be reached, from a source that says so when it changes."""
    agent.reachable, agent.reachable_at = reachable, None
    agent.failures = 0
    set_deadline(floor, agent)
    sync(floor, agent)


def suspect_device(floor: Floor, agent: Agent, retry_s: float) -> None:
    """The device couldn't be reached: no calls for a while, longer each time."""
    pause_s = min(retry_s * 2**agent.failures, MAX_DEVICE_PAUSE_S)
    agent.failures = min(agent.failures + 1, 16)
    agent.reachable, agent.reachable_at = False, floor.now + max(pause_s, 1.0)
    set_deadline(floor, agent)
    sync(floor, agent)


# ---- after a call


def release(floor: Floor, agent: Agent, wrap_up: bool) -> None:
    """Out of a call that an offer brought; wrap-up follows, unless they have logged out meanwhile."""
    line, agent.call_line = agent.call_line, None
    if line is None:
        return
    agent.talk_s += floor.now - agent.talking_since
    agent.place, agent.last_call_at = None, floor.now
    wrap_up_s = line.settings.wrap_up_s
    if wrap_up and wrap_up_s > 0 and agent.presence is not Presence.LOGGED_OUT:
        agent.wrap_up_since, agent.wrap_up_until = floor.now, floor.now + wrap_up_s
        signal(floor, agent, AgentSignal.ENDED)
    else:
        signal(floor, agent, AgentSignal.CLEARED)
    if agent.engaged:
        signal(floor, agent, AgentSignal.ENGAGED)


def extend_wrap_up(floor: Floor, agent: Agent, by_s: float) -> None:
    """Longer, or with a negative `by_s` shorter, from when it would have ended."""
    if agent.wrap_up_until is None:
        return
    if agent.wrap_up_until + by_s <= floor.now:
        end_wrap_up(floor, agent)
        return
    agent.wrap_up_until += by_s
    floor.show(agent)
    set_deadline(floor, agent)


def end_wrap_up(floor: Floor, agent: Agent, disposition: str = "") -> None:
    """The notes are done; whoever wants to may say what the call came to."""
    if agent.wrap_up_until is None:
        return
    agent.wrap_up_until = None
    wrap_up_s = floor.now - agent.wrap_up_since
    floor.note(JournalKind.WRAPPED_UP, None, agent, wrap_up_s=wrap_up_s, disposition=disposition)
    if agent.state is AgentState.WRAP_UP:
        signal(floor, agent, AgentSignal.WRAPPED)
