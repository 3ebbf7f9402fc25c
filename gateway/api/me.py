"""GET /v1/me: whose key this is, so that a page knows who has logged in."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from gateway.api.auth import Holder, Keyring, Role, requires


class Myself(BaseModel):
    name: str = Field(examples=["ann"], description="Of the key: an agent's is the agent's id.")
    role: Role = Field(examples=["agent"])


def routes(keyring: Keyring) -> APIRouter:
    """For the holder of any key."""
    router = APIRouter(tags=["keys"])
    holder_of_any = Depends(requires(keyring, *Role))

    @router.get("/v1/me", summary="The holder of this key.")
    async def show_me(holder: Holder = holder_of_any) -> Myself:
        return Myself(name=holder.name, role=holder.role)

    return router
