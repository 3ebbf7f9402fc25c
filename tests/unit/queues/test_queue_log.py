"""The journal as Asterisk's tools want it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.queues.journal import JournalEvent, JournalKind
from gateway.queues.queue_log import QueueLog
from tests.unit.queues.journalling import NINE, line

K = JournalKind
README = Path(__file__).parents[3] / "monitoring" / "README.md"
T = int(NINE.timestamp())


def log(*events: JournalEvent) -> list[str]:
    queue_log = QueueLog()
    return [text for event in events for text in queue_log.lines(event)]


def test_the_life_of_a_call() -> None:
    assert log(
        line(0, K.JOINED, call_id="c1", ani="+4420"),
        line(3, K.OFFERED, call_id="c1", agent="ann", offer="o1"),
        line(8, K.MISSED, call_id="c1", agent="ann", offer="o1", reason="no_answer", rang_s=5.0),
        line(12.5, K.CONNECTED, call_id="c1", agent="bob", offer="o2", wait_s=12.5, rang_s=2.2),
        line(72, K.FINISHED, call_id="c1", agent="bob", wait_s=12.5, talk_s=59.5, by="caller"),
    ) == [
        f"{T}|c1|support|NONE|ENTERQUEUE||+4420|",
        f"{T + 8}|c1|support|ann|RINGNOANSWER|5000",
        f"{T + 12}|c1|support|bob|CONNECT|12|o2|2",
        f"{T + 72}|c1|support|bob|COMPLETECALLER|12|59|",
    ]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (line(9, K.ABANDONED, position=2, original_position=5, wait_s=9.9), "NONE|ABANDON|2|5|9"),
        (line(9, K.LEFT, reason="key", position=2, wait_s=9), "NONE|EXITWITHKEY||2|2|9"),
        (line(9, K.LEFT, reason="timed_out", position=2, wait_s=9), "NONE|EXITWITHTIMEOUT|2|2|9"),
        (line(9, K.LEFT, reason="left_empty", position=2, wait_s=9), "NONE|EXITEMPTY|2|2|9"),
        (line(9, K.LEFT, reason="removed", by="sue"), "NONE|WITHDRAW||||sue"),
        (line(9, K.LEFT, reason="lost"), "NONE|ABANDON|||"),
        (line(9, K.MISSED, agent="ann", reason="caller_gone", rang_s=1.5), "ann|RINGCANCELED|1500"),
        (line(9, K.MISSED, agent="ann", reason="declined"), "ann|RINGNOANSWER|"),
        (line(9, K.FINISHED, agent="ann", by="agent", talk_s=1), "ann|COMPLETEAGENT||1|"),
        (line(9, K.CONFIGURED), "NONE|CONFIGRELOAD"),
    ],
)
def test_what_has_a_word_in_asterisk(event: JournalEvent, expected: str) -> None:
    assert log(event) == [f"{T + 9}|e1|support|{expected}"]


def test_a_node_that_starts() -> None:
    assert log(line(0, K.STARTED, "", queue="")) == [f"{T}|NONE|NONE|NONE|QUEUESTART"]


@pytest.mark.parametrize(
    "event",
    [
        line(9, K.LEFT, reason="cancelled"),
        line(9, K.MISSED, agent="ann", reason="accepted_elsewhere"),
        line(9, K.REFUSED, reason="full"),
        line(9, K.AGENT_PRESENCE, agent="ann", presence="logged_out"),
    ],
)
def test_what_has_none_is_not_made_up(event: JournalEvent) -> None:
    assert log(event) == []


def test_a_transfer_stands_for_the_end_of_the_conversation() -> None:
    assert log(
        line(1, K.TRANSFERRED, agent="ann", how="blind", to="sip:x", wait_s=1, talk_s=2),
        line(1, K.FINISHED, agent="ann", wait_s=1, talk_s=2),
        line(2, K.TRANSFERRED, "e2", agent="ann", how="attended", to="bob"),
    ) == [
        f"{T + 1}|e1|support|ann|BLINDTRANSFER|sip:x||1|2|",
        f"{T + 2}|e2|support|ann|ATTENDEDTRANSFER|BRIDGE|bob|||",
    ]


def test_going_to_another_queue_is_leaving_one_and_entering_the_other() -> None:
    assert log(
        line(1, K.OVERFLOWED, queue="sales", wait_s=60, **{"from": "support"}),
        line(2, K.MOVED, queue="vip", **{"from": "sales"}),
        line(3, K.REQUEUED, queue="support", agent="ann", **{"from": "vip"}),
    ) == [
        f"{T + 1}|e1|support|NONE|EXITWITHTIMEOUT|||60",
        f"{T + 1}|e1|sales|NONE|ENTERQUEUE|||",
        f"{T + 2}|e1|sales|NONE|WITHDRAW|||",
        f"{T + 2}|e1|vip|NONE|ENTERQUEUE|||",
        f"{T + 3}|e1|vip|ann|BLINDTRANSFER|support|queue|||",
        f"{T + 3}|e1|support|NONE|ENTERQUEUE|||",
    ]


def test_a_shift() -> None:
    def presence(seconds: float, what: str, reason: str = "") -> JournalEvent:
        return line(seconds, K.AGENT_PRESENCE, "", queue="", agent="ann", presence=what, reason=reason)

    found = log(
        presence(0, "available"),
        presence(10, "available"),
        presence(60, "on_break", "lunch"),
        presence(90, "available"),
        presence(100, "logged_out"),
        presence(200, "on_break", "late"),
    )

    assert [text.split("|NONE|NONE|ann|")[1] for text in found] == [
        "AGENTLOGIN|ann",
        "PAUSEALL|lunch",
        "UNPAUSEALL|",
        "AGENTLOGOFF|ann|100",
        "AGENTLOGIN|ann",
        "PAUSEALL|late",
    ]


def test_the_queues_that_an_agent_serves() -> None:
    assert log(
        line(0, K.AGENT_PROFILE, "", queue="", agent="ann", queues=["sales", "support"]),
        line(1, K.AGENT_PROFILE, "", queue="", agent="ann", queues=["support", "vip"]),
    ) == [
        f"{T}|NONE|sales|ann|ADDMEMBER|",
        f"{T}|NONE|support|ann|ADDMEMBER|",
        f"{T + 1}|NONE|vip|ann|ADDMEMBER|",
        f"{T + 1}|NONE|sales|ann|REMOVEMEMBER|",
    ]


def test_nothing_that_a_caller_sends_makes_another_field_or_line() -> None:
    assert log(line(0, K.JOINED, ani="1|2\n3")) == [f"{T}|e1|support|NONE|ENTERQUEUE||1/2 3|"]


def test_the_readme_has_every_kind_of_event() -> None:
    described = set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)`", README.read_text(encoding="utf-8"), re.MULTILINE))

    assert described == {kind.value for kind in K}
