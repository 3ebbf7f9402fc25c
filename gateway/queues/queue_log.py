"""The journal in the words of Asterisk's queue_log, for the tools that read that. Pure.

    time|callid|queue|agent|event|data1|data2|…

`monitoring/README.md` has the table. What Asterisk has no word for isn't written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.agents.presence import Presence
from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.open_entries import optional_number

NONE: Final = "NONE"

_CANCELLED: Final = frozenset({"caller_gone", "withdrawn"})
_UNHEARD: Final = frozenset({"accepted_elsewhere"})  # Asterisk says nothing of those who were slower
_EXITS: Final = {
    "timed_out": "EXITWITHTIMEOUT",
    "left_empty": "EXITEMPTY",
    "removed": "WITHDRAW",
    "lost": "ABANDON",
    "abandoned": "ABANDON",
}


@dataclass(slots=True)
class _Agent:
    presence: str = Presence.LOGGED_OUT.value
    since: datetime | None = None  # of logging in
    queues: frozenset[str] = frozenset()


class QueueLog:
    """Translates events, in their order. Keeps what Asterisk's lines repeat of earlier ones."""

    def __init__(self) -> None:
        self._agents: dict[str, _Agent] = {}
        self._transferred: set[str] = set()

    def lines(self, event: JournalEvent) -> Iterable[str]:
        """The lines for one event: mostly one, none where Asterisk has no such thing."""
        details = event.details
        match event.kind:
            case JournalKind.JOINED:
                yield _line(event, "ENTERQUEUE", "", details.get("ani", ""), details.get("position", ""))
            case JournalKind.CONNECTED:
                offer = details.get("offer", "")
                yield _line(event, "CONNECT", _seconds(event, "wait_s"), offer, _seconds(event, "rang_s"))
            case JournalKind.MISSED:
                yield from self._missed(event)
            case JournalKind.ABANDONED:
                yield _line(event, "ABANDON", *_place(event))
            case JournalKind.LEFT:
                yield from self._left(event)
            case JournalKind.OVERFLOWED | JournalKind.MOVED:
                exit_ = "EXITWITHTIMEOUT" if event.kind is JournalKind.OVERFLOWED else "WITHDRAW"
                yield _line(event, exit_, *_place(event), queue=details.get("from", NONE))
                yield _line(event, "ENTERQUEUE", "", "", "")
            case JournalKind.REQUEUED:
                origin = details.get("from", NONE)
                yield _line(event, "BLINDTRANSFER", event.queue, "queue", *_conversation(event), queue=origin)
                yield _line(event, "ENTERQUEUE", "", "", "", agent=NONE)
            case JournalKind.TRANSFERRED:
                yield from self._moved_on(event)
            case JournalKind.FINISHED:
                if event.entry not in self._transferred:
                    name = "COMPLETECALLER" if details.get("by") == "caller" else "COMPLETEAGENT"
                    yield _line(event, name, *_conversation(event))
                self._transferred.discard(event.entry)
            case JournalKind.AGENT_PRESENCE:
                yield from self._presence(event)
            case JournalKind.AGENT_PROFILE:
                yield from self._profile(event)
            case JournalKind.CONFIGURED:
                yield _line(event, "CONFIGRELOAD")
            case JournalKind.STARTED:
                yield _line(event, "QUEUESTART")
            case _:
                return

    def _missed(self, event: JournalEvent) -> Iterable[str]:
        reason = str(event.details.get("reason"))
        if reason not in _UNHEARD:
            name = "RINGCANCELED" if reason in _CANCELLED else "RINGNOANSWER"
            yield _line(event, name, _milliseconds(event, "rang_s"))

    def _left(self, event: JournalEvent) -> Iterable[str]:
        reason = str(event.details.get("reason"))
        if reason == "key":
            yield _line(event, "EXITWITHKEY", event.details.get("key", ""), *_place(event))
        elif reason == "removed":
            yield _line(event, "WITHDRAW", *_place(event), event.details.get("by", ""))
        elif reason in _EXITS:
            yield _line(event, _EXITS[reason], *_place(event))

    def _moved_on(self, event: JournalEvent) -> Iterable[str]:
        self._transferred.add(event.entry)
        to = event.details.get("to", "")
        if event.details.get("how") == "blind":
            yield _line(event, "BLINDTRANSFER", to, "", *_conversation(event))
        else:
            yield _line(event, "ATTENDEDTRANSFER", "BRIDGE", to, *_conversation(event))

    def _presence(self, event: JournalEvent) -> Iterable[str]:
        agent = self._agents.setdefault(event.agent, _Agent())
        before, agent.presence = agent.presence, str(event.details.get("presence"))
        reason = event.details.get("reason", "")
        out, on_break = Presence.LOGGED_OUT.value, Presence.ON_BREAK.value
        if before == agent.presence == out:
            return
        if before == out:
            agent.since = event.at
            yield _line(event, "AGENTLOGIN", event.agent)
        if agent.presence == out:
            lasted = "" if agent.since is None else int((event.at - agent.since).total_seconds())
            yield _line(event, "AGENTLOGOFF", event.agent, lasted)
        elif agent.presence == on_break:
            yield _line(event, "PAUSEALL", reason)
        elif before == on_break:
            yield _line(event, "UNPAUSEALL", "")

    def _profile(self, event: JournalEvent) -> Iterable[str]:
        agent = self._agents.setdefault(event.agent, _Agent())
        queues = frozenset(map(str, event.details.get("queues", ())))
        for queue in sorted(queues - agent.queues):
            yield _line(event, "ADDMEMBER", "", queue=queue)
        for queue in sorted(agent.queues - queues):
            yield _line(event, "REMOVEMEMBER", "", queue=queue)
        agent.queues = queues


def _line(event: JournalEvent, name: str, *data: object, queue: object = None, agent: str = "") -> str:
    parts = (
        int(event.at.timestamp()),
        event.call_id or event.entry or NONE,
        (event.queue if queue is None else queue) or NONE,
        agent or event.agent or NONE,
        name,
        *data,
    )
    return "|".join(str(part).replace("|", "/").replace("\n", " ") for part in parts)


def _place(event: JournalEvent) -> tuple[object, object, object]:
    """position|origposition|waittime"""
    position = event.details.get("position")
    original = event.details.get("original_position", position)
    return _known(position), _known(original), _seconds(event, "wait_s")


def _conversation(event: JournalEvent) -> tuple[object, object, object]:
    """holdtime|calltime|origposition"""
    return (
        _seconds(event, "wait_s"),
        _seconds(event, "talk_s"),
        _known(event.details.get("original_position")),
    )


def _known(value: object) -> object:
    return "" if value is None else value


def _seconds(event: JournalEvent, name: str) -> object:
    value = optional_number(event.details, name)
    return "" if value is None else int(value)


def _milliseconds(event: JournalEvent, name: str) -> object:
    value = optional_number(event.details, name)
    return "" if value is None else round(value * 1000)
