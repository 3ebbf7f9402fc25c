"""The journal: everything that happened to entries and agents, once, in order, for ever. Pure.

Every report and every number on a screen comes from it. The kinds are a superset of the events of Asterisk's
queue_log; the comment behind a kind names its counterpart there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Protocol

from gateway.webhooks.events import Delivery


class JournalKind(Enum):
    """What happened. The details that each carries are listed behind it."""

    # Entries
    # ENTERQUEUE. priority, skills, language, ani, dnis, name, context, identity, enqueued_at, callback
    JOINED = "entry.joined"
    # Open before a restart, and in its place again, as a callback. As JOINED; was: its state at the end
    RESTORED = "entry.restored"
    REFUSED = "entry.refused"  # reason
    OFFERED = "entry.offered"  # offer
    RINGING = "entry.ringing"  # offer
    MISSED = "entry.missed"  # RINGNOANSWER (no_answer), RINGCANCELED (caller_gone). offer, reason, rang_s
    ACCEPTED = "entry.accepted"  # offer, rang_s
    CONNECTED = "entry.connected"  # CONNECT. offer, wait_s, rang_s
    # To its place. reason, not_before; "caller_returned": a callback's customer is on the line, and waits
    RETURNED = "entry.returned"
    ABANDONED = "entry.abandoned"  # ABANDON. position, original_position, wait_s
    # EXITWITHKEY, EXITWITHTIMEOUT, EXITEMPTY, WITHDRAW, by `reason`. reason, position, wait_s
    LEFT = "entry.left"
    OVERFLOWED = "entry.overflowed"  # from, wait_s
    MOVED = "entry.moved"  # from, by
    # PENALTY's counterpart for callers. from, to, by: what it is with the time; priority: what was set
    PRIORITY = "entry.priority"
    RELAXED = "entry.relaxed"  # skills
    REQUEUED = "entry.requeued"  # from, by, priority, skills
    FINISHED = "entry.finished"  # COMPLETEAGENT, COMPLETECALLER by `by`. wait_s, talk_s, by
    TRANSFERRED = "entry.transferred"  # BLINDTRANSFER, ATTENDEDTRANSFER by `how`. to, how, by, wait_s, talk_s
    ANNOUNCED = "entry.announced"  # position, estimate_s, low_s, high_s, said
    CALLBACK_REQUESTED = "callback.requested"  # number, not_before, promised_low_s, promised_high_s
    CALLBACK_UPDATED = "callback.updated"
    CALLBACK_DIALLED = "callback.dialled"  # attempt, number
    CALLBACK_FAILED = "callback.failed"  # attempt, outcome, next_at
    CALLBACK_ANSWERED = "callback.answered"  # attempt
    # Agents
    AGENT_PRESENCE = "agent.presence"  # AGENTLOGIN, AGENTLOGOFF, PAUSE, UNPAUSE. presence, reason, by
    AGENT_STATE = "agent.state"  # state
    AGENT_PROFILE = "agent.profile"  # ADDMEMBER, REMOVEMEMBER, PENALTY. queues, skills
    NOTED = "agent.noted"  # what an agent wrote of a call. disposition, notes
    WRAPPED_UP = "agent.wrapped_up"  # wrap_up_s, disposition
    CHAT_REQUESTED = "chat.link_requested"  # who waits would rather write
    # What the caller thought of it. survey, source (call, link), nps, csat, comment (a message's id, or text)
    SURVEYED = "survey.answered"
    SURVEY_INVITED = "survey.invited"  # by a link, since they hung up first. survey, expires_at, handoff
    # In the call
    HELD = "call.held"  # by
    RESUMED = "call.resumed"  # by
    CONSULTED = "call.consulted"  # with, by
    CONFERENCED = "call.conferenced"  # with, by
    SUPERVISED = "call.supervised"  # mode, by
    RECORDING = "call.recording"  # what (started, paused, resumed, stopped, ready), file, by
    # The caller's call is over, queue or not. started_at, duration_s, direction, technology, wait_s, talk_s,
    # disposition, recordings
    CALL_ENDED = "call.ended"
    # The node
    CONFIGURED = "queue.configured"  # CONFIGRELOAD
    STARTED = "node.started"  # QUEUESTART
    STOPPED = "node.stopped"


@dataclass(frozen=True, slots=True)
class JournalEvent:
    """One line of the journal. `at`: UTC. `details`: plain JSON. `deliveries`: what webhooks are told of it,
    stored with it.
    """

    at: datetime
    kind: JournalKind
    queue: str = ""
    entry: str = ""
    call_id: str = ""
    agent: str = ""
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the journal keeps it. `id`: its number on its node, in the order of what happened."""

    node: str
    id: int
    event: JournalEvent


class Journal(Protocol):
    """Where the journal is written: `gateway.storage.journal.JournalWriter` is one."""

    def append(self, events: Sequence[JournalEvent]) -> None:
        """Take events over, in order. Returns at once; never fails."""
        ...

    def problem(self) -> str | None:
        """Why nothing can be stored now; None when the last write succeeded."""
        ...

    async def settled(self) -> bool:
        """Wait until everything appended before this call is on disk. False when the database can't take it
        now (it is kept in memory and tried again): then nothing may be promised.
        """
        ...
