"""The contact centre as the API sees it: `gateway.api.ports`, on the parts of `gateway.centre`."""

from __future__ import annotations

from gateway.api.ports import CallArchive, Floor
from gateway.centre import ContactCentre
from gateway.floor.callbacks import LiveCallbacks
from gateway.floor.calls import LiveConversations, RecordingShelf
from gateway.floor.offers import AgentOffers
from gateway.floor.queueing import LiveQueues
from gateway.floor.records import RecordLink


def floor_of(centre: ContactCentre, archive: CallArchive, record: RecordLink) -> Floor:
    """Everything that the endpoints need."""
    return Floor(
        queueing=LiveQueues(centre, record),
        offers=AgentOffers(centre),
        conversations=LiveConversations(centre, record),
        archive=archive,
        recordings=RecordingShelf(centre),
        callbacks=LiveCallbacks(centre),
    )
