"""Checks of queues and agents: names, rules that can't hold, words that can't be said. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.dialplan.check_values import missing_key, speaks, template_faults
from gateway.dialplan.faults import Fault, nearest, suggest
from gateway.dialplan.model import DEFAULT_LANGUAGE, Flow, Plan
from gateway.dialplan.nodes import QueueNode
from gateway.dialplan.places import Position
from gateway.dialplan.queues import LANGUAGE_SKILL, KeyAction, QueueDefinition, language_skill
from gateway.dialplan.waiting_words import SCOPES, WAITING_SCOPE
from gateway.dialplan.wording import Spoken, Template, Wording
from gateway.queues.waiting import EstimateRule, PositionRule


def overflows(plan: Plan) -> Iterator[Fault]:
    """Queues that overflow into nothing, into themselves, in a circle, or never."""
    for queue in plan.queues.values():
        target, at = queue.settings.overflow, queue.place("overflow")
        if target is None:
            continue
        if target not in plan.queues:
            yield Fault.error(at, f"there is no queue '{target}'{suggest(target, plan.queues)}")
        elif queue.settings.maximum_wait_s is None:
            problem = "which happens after its 'maximum_wait', and it has none"
            yield Fault.error(at, f"queue '{queue.name}' overflows to '{target}', {problem}")
        elif target == queue.name:
            yield Fault.error(at, f"queue '{queue.name}' overflows to itself")
        elif (way := _way_back(queue, plan)) is not None:
            yield Fault.warning(at, f"queues overflow in a circle: {' → '.join(way)}")


def _way_back(queue: QueueDefinition, plan: Plan) -> list[str] | None:
    way = [queue.name]
    while (target := plan.queues[way[-1]].settings.overflow) is not None and target in plan.queues:
        if target in way:
            return [*way, target] if target == queue.name else None
        way.append(target)
    return None


def impossible_rules(plan: Plan) -> Iterator[Fault]:
    """Times and keys that don't fit together."""
    spoken = {language for flow in plan.flows.values() for language in flow.languages}
    for queue in plan.queues.values():
        yield from _impossible_times(queue)
        yield from _impossible_slots(queue, plan)
        yield from _impossible_keys(queue, spoken)


def _impossible_times(queue: QueueDefinition) -> Iterator[Fault]:
    settings = queue.settings
    if settings.lease_s <= settings.ring_s:
        problem = f"'lease' is {settings.lease_s:g} s, and the phone alone rings for {settings.ring_s:g} s"
        yield Fault.error(queue.place("lease"), f"{problem}: every offer would be taken back")
    times = [step.after_s for step in settings.relaxations]
    if times != sorted(set(times)):
        yield Fault.error(queue.place("relax"), "each step of 'relax' comes later than the one before")


def _impossible_slots(queue: QueueDefinition, plan: Plan) -> Iterator[Fault]:
    slots, at = queue.callback.policy.slots, queue.place("callback")
    if slots is None:
        return
    calendar = plan.calendars.get(slots.calendar)
    if calendar is None:
        hint = suggest(slots.calendar, plan.calendars)
        yield Fault.error(at, f"there is no calendar '{slots.calendar}' for the slots of callbacks{hint}")
    elif not calendar.opens:
        yield Fault.warning(at, f"calendar '{slots.calendar}' never opens: no slot can be chosen")


def _impossible_keys(queue: QueueDefinition, spoken: set[str]) -> Iterator[Fault]:
    rules, at = queue.announce.rules, queue.place("announce")
    if (rules.offer_after_s, rules.offer_above_s) != (None, None) and not rules.offer_key:
        problem = "a callback is offered, and no key takes it"
        yield Fault.error(at, f"{problem} (keys: {{1: callback}})")
    for key in queue.keys.values():
        if key.action is KeyAction.LANGUAGE and key.language not in spoken:
            yield Fault.error(key.at, f"no flow speaks '{key.language}'{suggest(key.language, spoken)}")
        tells = (rules.position, rules.estimate) != (PositionRule.NEVER, EstimateRule.NEVER)
        if key.action is KeyAction.POSITION and not tells:
            yield Fault.warning(key.at, f"key {key.key} tells position and wait, and both are told 'never'")


def keys_of_nodes(plan: Plan) -> Iterator[Fault]:
    """Queue nodes whose own key, or missing exit, doesn't go with the keys of their queue."""
    for flow in plan.flows.values():
        for node in flow.nodes.values():
            if isinstance(node, QueueNode) and node.queue.node in plan.queues:
                yield from _keys_of(node, plan.queues[node.queue.node])


def _keys_of(node: QueueNode, queue: QueueDefinition) -> Iterator[Fault]:
    taken = queue.keys.get(node.leave_key)
    if taken is not None and taken.action is not KeyAction.LEAVE:
        problem = f"leaves the queue here, and is for '{taken.action.value}' in queue '{queue.name}'"
        yield Fault.warning(node.at, f"key {node.leave_key} {problem}")
    leaving = queue.key_for(KeyAction.LEAVE)
    if leaving and "left" not in node.exits:
        problem = f"who presses {leaving} leaves queue '{queue.name}', and this node has no 'left'"
        yield Fault.warning(node.at, problem)


# Agents


def agents(plan: Plan) -> Iterator[Fault]:
    """Agents of queues that don't exist, and phones that two of them have."""
    owners: dict[str, str] = {}
    for name, agent in plan.agents.items():
        for queue in agent.profile.queues:
            if queue not in plan.queues:
                hint = suggest(queue, plan.queues) or (
                    "" if plan.queues else "; the plan has no queue at all"
                )
                yield Fault.error(agent.place(f"queues.{queue}"), f"there is no queue '{queue}'{hint}")
        device = agent.profile.device
        owner = owners.setdefault(device, name) if device else name
        if owner != name:
            problem = f"'{device}' is the phone of '{owner}' already, and rings for one of them at a time"
            yield Fault.error(agent.place("device"), problem)


def unserved_queues(plan: Plan) -> Iterator[Fault]:
    """Queues that no agent serves. A plan without agents has them elsewhere."""
    served = {queue for agent in plan.agents.values() for queue in agent.profile.queues}
    for queue in plan.queues.values() if plan.agents else ():
        if queue.name not in served:
            yield Fault.warning(queue.at, f"no agent serves queue '{queue.name}'")


def unknown_skills(plan: Plan) -> Iterator[Fault]:
    """Skills that are asked for and that nobody has, or not so well; and those that look mistyped."""
    if not plan.agents:
        return
    best: dict[str, int] = {}
    for agent in plan.agents.values():
        for skill, level in agent.profile.skills.items():
            best[skill] = max(best.get(skill, 0), level)
    asked: set[str] = set()
    for at, skills in _asked_skills(plan):
        asked |= skills.keys()
        for skill, level in skills.items():
            yield from _skill_faults(at, skill, level, best)
    for agent in plan.agents.values():
        for skill in agent.profile.skills.keys() - asked:
            near = None if skill.startswith(LANGUAGE_SKILL) else nearest(skill, asked)
            if near is not None and near not in agent.profile.skills:
                problem = f"nothing asks for the skill '{skill}'; did you mean '{near}'?"
                yield Fault.warning(agent.place(f"skills.{skill}"), problem)


def _skill_faults(at: Position, skill: str, level: int, best: Mapping[str, int]) -> Iterator[Fault]:
    if not level:
        return
    if skill not in best:
        yield Fault.warning(at, f"no agent has the skill '{skill}'{suggest(skill, best)}")
    elif best[skill] < level:
        yield Fault.warning(at, f"no agent has '{skill}' at level {level}; the best has {best[skill]}")


def _asked_skills(plan: Plan) -> Iterator[tuple[Position, Mapping[str, int]]]:
    for queue in plan.queues.values():
        yield queue.place("skills"), queue.settings.skills
        for step in queue.settings.relaxations:
            yield queue.place("relax"), step.skills
    for flow, node in _queue_nodes(plan):
        yield node.at, node.skills
        if node.queue.node in plan.queues and plan.queues[node.queue.node].match_language:
            yield node.at, {language_skill(language): 1 for language in flow.languages}


def _queue_nodes(plan: Plan) -> Iterator[tuple[Flow, QueueNode]]:
    for flow in plan.flows.values():
        yield from ((flow, node) for node in flow.nodes.values() if isinstance(node, QueueNode))


# Words


def words(plan: Plan) -> Iterator[Fault]:
    """What callers and agents are told: in every language that they speak, with expressions that hold."""
    callers = _languages_of_callers(plan)
    for queue in plan.queues.values():
        languages = callers.get(queue.name, ())
        announce, connecting = queue.announce, queue.connecting
        for wording in (announce.welcome, *announce.messages, connecting.say, queue.recording.consent):
            if wording is not None:
                yield from _wording(wording, languages, plan)
        if connecting.whisper is not None:
            yield from _wording(connecting.whisper, (), plan)


def _languages_of_callers(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """By queue: the languages of the flows whose callers wait in it."""
    found: dict[str, tuple[str, ...]] = {}
    for flow, node in _queue_nodes(plan):
        before = found.get(node.queue.node, ())
        found[node.queue.node] = tuple(dict.fromkeys((*before, *flow.languages)))
    return found


def _wording(wording: Wording, languages: tuple[str, ...], plan: Plan) -> Iterator[Fault]:
    variants = list(wording.variants.values())
    if wording.key in SCOPES:
        return  # checked where they are written
    if wording.key is not None:
        yield from missing_key(wording, wording.key, languages or (DEFAULT_LANGUAGE,), plan)
        found = (plan.variant(wording, language) for language in languages or (DEFAULT_LANGUAGE,))
        variants = [variant for variant in found if variant is not None]
    else:
        unread = any(variant == Spoken("", language) for language, variant in wording.variants.items())
        missing = [x for x in languages if not {x, x.partition("-")[0]} & wording.variants.keys()]
        if missing and not unread:
            problem = f"no prompt in {', '.join(missing)}, which callers of the queue speak"
            yield Fault.error(wording.at, problem)
    for variant in variants:
        if isinstance(variant, Template):
            yield from template_faults(variant, WAITING_SCOPE, spoken=True)


def own_announcements(plan: Plan) -> Iterator[Fault]:
    """The plan's own words for what Ringback says to those who wait."""
    for catalogue in plan.catalogues.values():
        for key, scope in SCOPES.items():
            variant = catalogue.entries.get(key)
            if isinstance(variant, Template):
                yield from template_faults(variant, scope, spoken=True)


def foreign_announcements(plan: Plan) -> Iterator[Fault]:
    """Languages in which callers wait, and for which nobody has Ringback's announcements."""
    told: set[str] = set()
    for flow, node in _queue_nodes(plan):
        for language in flow.languages:
            lacking = [key for key in SCOPES if not speaks(plan, key, language)]
            if lacking and language not in told:
                told.add(language)
                more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
                problem = f"the catalogue of {language} lacks '{lacking[0]}'{more}"
                yield Fault.warning(node.at, f"{problem}, which waiting callers hear in English")
