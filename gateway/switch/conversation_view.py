"""A conversation as screens show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.switch.conversation_state import ConversationState
from gateway.switch.hearing import Party, Scene, held, talkers
from gateway.switch.live_calls import ConversationView, LiveCalls, PartyState, PartyView
from gateway.switch.participant import Participant

if TYPE_CHECKING:
    from gateway.switch.conversation import Conversation


def publish(conversation: Conversation, live_calls: LiveCalls) -> None:
    """Shows it in the registry, as it is now or not at all."""
    live = live_calls.find(conversation.call.call_id)
    if live is None:
        return
    if conversation.state is not ConversationState.ENDED:
        live.conversation = conversation
        live.update(conversation=view_of(conversation))
    elif live.conversation is conversation:
        live.conversation = None
        live.update(conversation=None)


def view_of(conversation: Conversation) -> ConversationView:
    """How it is now."""
    scene = conversation.scene
    return ConversationView(
        state=conversation.state,
        since=conversation.since,
        agent=conversation.agent,
        parties=tuple(_party(party, who, scene) for party, who in conversation.floor.parties.items()),
        supervisors=tuple(conversation.supervision.modes.items()),
        consults=conversation.consults,
    )


def _party(party: Party, who: Participant, scene: Scene) -> PartyView:
    return PartyView(
        party=party,
        state=_state(party, who, scene),
        number=who.leg.remote.number,
        name=who.leg.remote.display_name,
        agent=who.agent,
        muted=who.muted,
        leg_id=who.leg.id,
    )


def _state(party: Party, who: Participant, scene: Scene) -> PartyState:
    if not who.answered and party is Party.CONSULTED:
        return PartyState.RINGING
    if party in scene.away:
        return PartyState.AWAY
    if party in held(scene):
        return PartyState.HELD
    return PartyState.TALKING if len(talkers(scene)) > 1 and party in talkers(scene) else PartyState.ALONE
