"""An agent takes a callback out of its turn: what may stand against it. Pure."""

from __future__ import annotations

from enum import Enum

from gateway.errors import RingbackError


class ClaimFault(Enum):
    """Why an agent can't have a callback now."""

    OVER = "over"  # cancelled, or given up
    TAKEN = "taken"  # another agent is asked, or the customer is dialled or talks already
    AGENT_NOT_FREE = "agent_not_free"  # not logged in, on a break, on a call, in wrap-up, or out of reach
    OTHER_QUEUE = "other_queue"  # the agent doesn't serve its queue
    ON_THE_LINE = "on_the_line"  # the customer hasn't hung up yet
    OUT_OF_HOURS = "out_of_hours"  # nobody is called now where the customer is


class ClaimRefused(RingbackError):
    """A claim that changes nothing."""

    def __init__(self, fault: ClaimFault) -> None:
        super().__init__(f"not claimed: {fault.value}")
        self.fault = fault
