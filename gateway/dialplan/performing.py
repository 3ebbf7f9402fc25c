"""Which action a request is for."""

from __future__ import annotations

from typing import assert_never

from gateway.dialplan.ports import Actions, Keys, Outcome
from gateway.dialplan.requests import (
    CallbackRequest,
    ContextRequest,
    DialRequest,
    LookupRequest,
    QueueRequest,
    RecordRequest,
    Request,
    SurveyRequest,
    TransferRequest,
)


async def perform(actions: Actions, request: Request, keys: Keys) -> Outcome:
    """Carry out `request`; returns when it is over."""
    match request:
        case LookupRequest():
            return await actions.look_up(request)
        case QueueRequest():
            return await actions.queue(request, keys)
        case CallbackRequest():
            return await actions.call_back(request, keys)
        case DialRequest():
            return await actions.dial(request, keys)
        case TransferRequest():
            return await actions.transfer(request)
        case RecordRequest():
            return await actions.record(request, keys)
        case SurveyRequest():
            return await actions.survey(request, keys)
        case ContextRequest():
            return await actions.exchange_context(request)
        case _:
            assert_never(request)
