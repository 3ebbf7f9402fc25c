"""What a caller's app shows of a run: the words that are spoken, and the keys that can be pressed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gateway.call.screen import Choice, PromptShown
from gateway.dialplan.model import GatherNode, MenuNode, Plan, Prompt, Spoken
from gateway.dialplan.run import Effect, Phase, PlayPrompts, RunState


def shown(
    plan: Plan, before: RunState, after: RunState, effects: Sequence[Effect]
) -> PromptShown | Literal[False] | None:
    """What to show after a step: something, None for nothing any more, or False when it stays as it is.

    A recording shows no words: what it says isn't known, and its fallback would be wrong.
    """
    playing = [effect for effect in effects if isinstance(effect, PlayPrompts)]
    if playing:
        return _asked(plan, after, playing[-1].prompts)
    moved = (before.flow, before.node) != (after.flow, after.node)
    if after.phase in (Phase.ENDING, Phase.ENDED) or (moved and after.phase is Phase.WORKING):
        return None
    return _asked(plan, after, ()) if moved and after.phase is Phase.LISTENING else False


def _asked(plan: Plan, state: RunState, prompts: Sequence[Prompt]) -> PromptShown:
    text = " ".join(prompt.text for prompt in prompts if isinstance(prompt, Spoken))
    node = plan.flows[state.flow].nodes.get(state.node) if state.closing is None else None
    if isinstance(node, MenuNode):
        return PromptShown(text, state.language, _choices(node, state.language))
    if isinstance(node, GatherNode):
        return PromptShown(text, state.language, gathers=True, secret=node.mask)
    return PromptShown(text, state.language)


def _choices(node: MenuNode, language: str) -> tuple[Choice, ...]:
    """Labelled by the words that a caller could say, or else by the name of where a key leads."""
    said: dict[str, str] = {}
    for phrase in node.phrases:
        if phrase.language == language:
            said.setdefault(phrase.target.node, phrase.text)
    return tuple(
        Choice(option.keys, _label(said.get(option.target.node) or option.target.node))
        for option in node.options
        if option.target.node != node.name  # a key that repeats the menu
    )


def _label(words: str) -> str:
    text = words.replace("-", " ").replace("_", " ").strip()
    return text[:1].upper() + text[1:]
