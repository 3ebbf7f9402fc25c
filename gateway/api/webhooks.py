"""GET /v1/webhooks, /v1/webhooks/deliveries, and POST to send again, to try an endpoint, to enable one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

import structlog
from fastapi import APIRouter, Depends, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.auth import Holder, Keyring, requires
from gateway.api.paging import Limit
from gateway.api.problems import Responses
from gateway.clock import Clock
from gateway.storage.database import StorageError
from gateway.storage.outbox import OutboxStore, StoredDelivery
from gateway.webhooks.events import Delivery, EventType, Subscription, Subscriptions

log = structlog.get_logger(__name__)

_AWAY = "the database doesn't answer: the log says why"
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["crm"])]
Id = Annotated[str, Path(max_length=64, examples=["5f0c9a3e"])]


class Configured(Protocol):
    """An endpoint of the configuration: `gateway.config.WebhookEndpoint` is one."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def events(self) -> tuple[str, ...]: ...
    @property
    def personal(self) -> bool: ...


class EndpointFound(BaseModel):
    """An endpoint, and how many messages for it are in which state."""

    name: str = Field(examples=["crm"])
    url: str
    events: list[str] = Field(examples=[["call.*"]])
    personal: bool = Field(description="Whether it is told personal facts of customers.")
    enabled: bool = Field(description="False after it answered 410, until it is enabled again.")
    pending: int
    delivered: int
    dead: int


class EndpointsFound(BaseModel):
    endpoints: list[EndpointFound]


class DeliveryFound(BaseModel):
    """A message for one endpoint. `status` and `error` are of the last try."""

    id: str
    message: str = Field(description="The event's id, as `webhook-id` says it: one for all endpoints.")
    endpoint: str
    type: str = Field(examples=["call.ended"])
    at: datetime
    state: Literal["pending", "delivered", "dead"]
    tries: int
    next_at: datetime | None = Field(description="Of the next try; null when it is over.")
    status: int | None
    error: str
    done_at: datetime | None

    @classmethod
    def fields_of(cls, stored: StoredDelivery) -> dict[str, Any]:
        delivery = stored.delivery
        return {
            "id": stored.id,
            "message": delivery.message,
            "endpoint": delivery.endpoint,
            "type": delivery.type,
            "at": delivery.at,
            "state": stored.state,
            "tries": stored.tries,
            "next_at": stored.next_at if stored.state == "pending" else None,
            "status": stored.status,
            "error": stored.error,
            "done_at": stored.done_at,
        }


class DeliveriesFound(BaseModel):
    deliveries: list[DeliveryFound] = Field(description="The newest first.")


class WholeDelivery(DeliveryFound):
    body: str = Field(description="JSON, byte by byte as it is sent and signed.")


class Replay(BaseModel):
    """Which dead messages to send again: all, or those for one endpoint."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"endpoint": "crm"}]})

    endpoint: str | None = Field(None, max_length=64)


class Replayed(BaseModel):
    replayed: int = Field(description="How many are pending again.")


class WebhookDesk:
    """What the routes use of the node."""

    def __init__(
        self,
        endpoints: Sequence[Configured],
        outbox: OutboxStore,
        wake: Callable[[], None],
        clock: Clock,
        node: str,
    ) -> None:
        self.endpoints = {one.name: one for one in endpoints}
        self.outbox = outbox
        self._wake = wake
        self._clock = clock
        self._node = node

    async def replay(self, *, id: str | None = None, endpoint: str | None = None) -> int:
        count = await self.outbox.replay(self._clock.utc(), id=id, endpoint=endpoint)
        self._wake()
        return count

    async def enable(self, endpoint: str) -> None:
        await self.outbox.enable(endpoint)
        self._wake()

    async def test(self, endpoint: str, by: str) -> Delivery:
        mine = Subscriptions([Subscription(endpoint)], self._node)
        (delivery,) = mine.deliveries(EventType.TEST, self._clock.utc(), lambda _personal: {"by": by})
        await self.outbox.add([delivery])
        self._wake()
        return delivery


@dataclass(slots=True)
class WebhookSlot:
    """Where the routes find the desk; filled when the node has it."""

    desk: WebhookDesk | None = None

    def ready(self) -> WebhookDesk:
        """HTTPException 503 while the node is starting."""
        if self.desk is None:
            raise HTTPException(503, "the node is starting: try again in a second")
        return self.desk

    def endpoint(self, name: str) -> Configured:
        """HTTPException 404 for one that isn't configured."""
        found = self.ready().endpoints.get(name)
        if found is None:
            raise HTTPException(404, f"there is no endpoint '{name}' in [webhooks]")
        return found


_NO_ENDPOINT: Responses = {404: {"description": "There is no such endpoint."}}
_NO_DELIVERY: Responses = {404: {"description": "There is no such delivery (any more)."}}


def routes(slot: WebhookSlot, keyring: Keyring) -> APIRouter:
    """Administrators' alone: bodies have customers in them."""
    router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
    admin = Depends(requires(keyring))
    _add_reading(router, slot, admin)
    _add_acting(router, slot, admin)
    return router


def _add_reading(router: APIRouter, slot: WebhookSlot, admin: Any) -> None:
    @router.get("", summary="The endpoints, and how they fare.", dependencies=[admin])
    async def list_endpoints() -> EndpointsFound:
        desk = slot.ready()
        found = []
        try:
            for one in desk.endpoints.values():
                enabled = not await desk.outbox.disabled(one.name, one.url)
                counts = await desk.outbox.counts(one.name)
                found.append(
                    EndpointFound(
                        name=one.name,
                        url=one.url,
                        events=list(one.events),
                        personal=one.personal,
                        enabled=enabled,
                        **counts,
                    )
                )
        except StorageError as error:
            raise HTTPException(503, _AWAY) from error
        return EndpointsFound(endpoints=found)

    @router.get("/deliveries", summary="Messages and what became of them.", dependencies=[admin])
    async def list_deliveries(
        state: Annotated[Literal["pending", "delivered", "dead"] | None, Query()] = None,
        endpoint: Annotated[str | None, Query(max_length=64)] = None,
        type: Annotated[str | None, Query(max_length=64)] = None,
        limit: Limit = 100,
    ) -> DeliveriesFound:
        try:
            found = await slot.ready().outbox.list(state=state, endpoint=endpoint, type=type, limit=limit)
        except StorageError as error:
            raise HTTPException(503, _AWAY) from error
        return DeliveriesFound(deliveries=[DeliveryFound(**DeliveryFound.fields_of(one)) for one in found])

    @router.get(
        "/deliveries/{delivery}",
        summary="A message with its body.",
        dependencies=[admin],
        responses=_NO_DELIVERY,
    )
    async def show_delivery(delivery: Id) -> WholeDelivery:
        try:
            found = await slot.ready().outbox.get(delivery)
        except StorageError as error:
            raise HTTPException(503, _AWAY) from error
        if found is None:
            raise HTTPException(404, f"there is no delivery '{delivery}'")
        return WholeDelivery(**DeliveryFound.fields_of(found), body=found.delivery.body)


def _add_acting(router: APIRouter, slot: WebhookSlot, admin: Any) -> None:
    @router.post("/replay", summary="Send every dead message again.")
    async def replay_dead(request: Replay, holder: Holder = admin) -> Replayed:
        if request.endpoint is not None:
            slot.endpoint(request.endpoint)
        try:
            count = await slot.ready().replay(endpoint=request.endpoint)
        except StorageError as error:
            raise HTTPException(503, _AWAY) from error
        log.info("webhooks_replayed", count=count, endpoint=request.endpoint, by=holder.name)
        return Replayed(replayed=count)

    @router.post(
        "/deliveries/{delivery}/replay",
        summary="Send this one again, whatever became of it.",
        responses=_NO_DELIVERY,
    )
    async def replay_one(delivery: Id, holder: Holder = admin) -> Replayed:
        try:
            count = await slot.ready().replay(id=delivery)
        except StorageError as error:
            raise HTTPException(503, _AWAY) from error
        if count == 0:
            raise HTTPException(404, f"there is no delivery '{delivery}'")
        log.info("webhook_replayed", delivery=delivery, by=holder.name)
        return Replayed(replayed=count)

    @router.post(
        "/{endpoint}/test",
        summary="Send it a `webhook.test`, whatever it is subscribed to.",
        status_code=202,
        responses=_NO_ENDPOINT,
    )
    async def test_endpoint(endpoint: Name, holder: Holder = admin) -> dict[str, str]:
        slot.endpoint(endpoint)
        try:
            sent = await slot.ready().test(endpoint, holder.name)
        except StorageError as error:
            raise HTTPException(503, _AWAY) from error
        return {"message": sent.message}

    @router.post(
        "/{endpoint}/enable",
        summary="Send to it again, after it said 410.",
        status_code=204,
        responses=_NO_ENDPOINT,
    )
    async def enable_endpoint(endpoint: Name, holder: Holder = admin) -> None:
        slot.endpoint(endpoint)
        try:
            await slot.ready().enable(endpoint)
        except StorageError as error:
            raise HTTPException(503, _AWAY) from error
        log.info("webhook_enabled", endpoint=endpoint, by=holder.name)
