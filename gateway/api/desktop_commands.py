"""What an agent's desktop can ask for: offers, presence, wrap-up, and everything about the call."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.api.agents import (
    PresenceChange,
    WrapUpChange,
    answer_offer,
    change_presence,
    change_wrap_up,
)
from gateway.api.operations import Control, perform
from gateway.api.ports import Floor


class _OfferCommand(BaseModel):
    model_config = ConfigDict(extra="forbid")

    offer: str | None = Field(
        None, max_length=128, description="The one that is meant, so that a late click can't take the next."
    )


class Accept(_OfferCommand):
    type: Literal["accept"]


class Decline(_OfferCommand):
    type: Literal["decline"]


class SetPresence(PresenceChange):
    type: Literal["presence"]


class WrapUp(WrapUpChange):
    type: Literal["wrap_up"]


Command = Accept | Decline | SetPresence | WrapUp | Control


async def carry_out(floor: Floor, agent: str, command: Command, call: str) -> None:
    """Do it for this agent; `call`: of a control. HTTPException with the status that fits."""
    match command:
        case Accept(offer=offer):
            answer_offer(floor, agent, accept=True, by=agent, offer=offer)
        case Decline(offer=offer):
            answer_offer(floor, agent, accept=False, by=agent, offer=offer)
        case SetPresence():
            change_presence(floor, agent, command, by=agent)
        case WrapUp():
            change_wrap_up(floor, agent, command, by=agent)
        case _:
            await perform(floor.conversations, call, command, by=agent)
