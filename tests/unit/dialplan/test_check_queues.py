"""What the check says of queues and agents that are written well and don't fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.plans import ROUTES, faults_of

FLOW = ROUTES + "flow: main\nlanguages: [en, ja]\nstart: wait\nnodes:\n  wait: {queue: q}\n---\n"
ANN = "\n---\nagents: {ann: {queues: [q]}}"


def problems(directory: Path, text: str, *, flow: str = FLOW) -> list[str]:
    """What is found, without places."""
    return [fault.partition(": ")[2] for fault in faults_of(directory, flow + text)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # Overflow
        (
            "queues: {q: {maximum_wait: 1m, overflow: secnod}, second: }",
            "error: there is no queue 'secnod'; did you mean 'second'?",
        ),
        (
            "queues: {q: {overflow: second}, second: }",
            "error: queue 'q' overflows to 'second', which happens after its 'maximum_wait', and it has none",
        ),
        ("queues: {q: {maximum_wait: 1m, overflow: q}}", "error: queue 'q' overflows to itself"),
        # Times and keys
        (
            "queues: {q: {ring: 30s, lease: 20s}}",
            "error: 'lease' is 20 s, and the phone alone rings for 30 s: every offer would be taken back",
        ),
        (
            "queues: {q: {relax: [{after: 60s, skills: {a: 1}}, {after: 30s, skills: {a: 0}}]}}",
            "error: each step of 'relax' comes later than the one before",
        ),
        (
            "queues: {q: {announce: {callback: {after: 3m}}}}",
            "error: a callback is offered, and no key takes it (keys: {1: callback})",
        ),
        ("queues: {q: {keys: {1: {language: jp}}}}", "error: no flow speaks 'jp'"),
        (
            "queues: {q: {announce: {position: never, estimate: never}, keys: {2: position}}}",
            "warning: key 2 tells position and wait, and both are told 'never'",
        ),
        (
            "queues: {q: {keys: {'#': leave}}}",
            "warning: who presses # leaves queue 'q', and this node has no 'left'",
        ),
        # Agents
        (
            "queues: [q, queue-two]\n---\nagents: {ann: {queues: [q, queue-tow]}, ben: {queues: queue-two}}",
            "error: there is no queue 'queue-tow'; did you mean 'queue-two'?",
        ),
        (
            "queues: [q]\n---\nagents: {ann: {queues: q, device: sip:a@h}, ben: {device: sip:a@h}}",
            "error: 'sip:a@h' is the phone of 'ann' already, and rings for one of them at a time",
        ),
        (f"queues: [q, second]{ANN}", "warning: no agent serves queue 'second'"),
        # Skills
        (f"queues: {{q: {{skills: billing}}}}{ANN}", "warning: no agent has the skill 'billing'"),
        (
            "queues: {q: {skills: {billing: 4}}}\n---\nagents: {ann: {queues: q, skills: {billing: 3}}}",
            "warning: no agent has 'billing' at level 4; the best has 3",
        ),
        (
            "queues: {q: {match_language: true}}\n---\nagents: {ann: {queues: q, languages: en}}",
            "warning: no agent has the skill 'language-ja'; did you mean 'language-en'?",
        ),
        # Words
        (
            "queues: {q: {announce: {messages: {key: messages.frist}}}}",
            "error: no catalogue has 'messages.frist'",
        ),
        (
            "queues: {q: {announce: {messages: Only English.}}}",
            "error: no prompt in ja, which callers of the queue speak",
        ),
        (
            "queues: {q: {connecting: {whisper: '{{ queue.nmae }}'}}}",
            "error: in 'queue.nmae': 'queue' has no 'nmae'; did you mean 'name'?",
        ),
        (
            "queues: {q: {connecting: {say: {en: '{{ vars.x }}', ja: x}}}}",
            "error: in 'vars.x': there is no 'vars'; there are caller, context, queue, entry, wait, agent",
        ),
        (
            "queues: q\n---\ncatalogue: en\ntexts: {ringback.queue.position: 'Number {{ postion }}.'}",
            "error: in 'postion': there is no 'postion'; did you mean 'position'?",
        ),
    ],
)
def test_what_doesnt_fit_is_told(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "queues: {q: {maximum_wait: 1m, overflow: b}, b: {maximum_wait: 1m, overflow: c}, c: }",
        "queues: {q: {skills: billing, relax: {after: 1m, skills: {billing: 0}}}}",  # agents come by the API
        "queues: {q: {relax: {after: 1m, skills: {billing: 0}}}}" + ANN,
        "queues: {q: {announce: {messages: {en: One., ja: 一。}}}}",
        "queues: {q: {announce: {callback: {after: 3m}}, keys: {1: callback}}}",
        "queues: {q: {announce: {messages: {key: m}}}}\n---\ncatalogue: en\n"
        "texts: {m: 'From {{ queue.name }}.'}\n---\ncatalogue: ja\ntexts: {m: x}",
        "queues: {q: {connecting: {whisper: '{{ queue.name }}, {{ wait.minutes }}'}}}",
        "queues: {q: {connecting: {whisper: {key: ringback.queue.next}}}}",
        "queues: q\n---\ncatalogue: en\n"
        "texts: {ringback.queue.position: '{{ ahead }} before {{ caller.name }}.'}",
        "queues: {q: {keys: {1: {language: ja}, 2: position}}}",
    ],
)
def test_what_fits_is_left_alone(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


def test_a_circle_of_overflows_is_warned_of_at_each_of_its_queues(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "queues: {q: {maximum_wait: 1m, overflow: b}, b: {maximum_wait: 1m, overflow: c}, "
        "c: {maximum_wait: 1m, overflow: b}}",
    )

    assert found == [
        "warning: queues overflow in a circle: b → c → b",
        "warning: queues overflow in a circle: c → b → c",
    ]


def test_a_key_of_the_node_that_is_the_queues_too_is_warned_of(tmp_path: Path) -> None:
    flow = FLOW.replace("{queue: q}", "{queue: q, leave_key: 1, left: wait}")

    found = problems(tmp_path, "queues: {q: {keys: {1: position}}}", flow=flow)

    assert found == ["warning: key 1 leaves the queue here, and is for 'position' in queue 'q'"]


def test_skills_that_nothing_asks_for_and_look_mistyped_are_warned_of(tmp_path: Path) -> None:
    flow = FLOW.replace("{queue: q}", "{queue: q, skills: {billing: 2}}")
    agents = (
        "agents: {ann: {queues: q, skills: {biling: 3, golf: 1}}, ben: {queues: q, skills: {billing: 2}}}"
    )

    found = problems(tmp_path, f"queues: q\n---\n{agents}", flow=flow)

    assert found == ["warning: nothing asks for the skill 'biling'; did you mean 'billing'?"]


def test_a_language_that_has_no_announcements_is_warned_of_once(tmp_path: Path) -> None:
    flow = FLOW.replace("[en, ja]", "[de]").replace("  wait:", "  two: {queue: q, next: wait}\n  wait:")
    flow = flow.replace("start: wait", "start: two")

    found = problems(tmp_path, "queues: q", flow=flow)

    problem = "the catalogue of de lacks 'ringback.queue.welcome' and 39 more"
    assert found == [f"warning: {problem}, which waiting callers hear in English"]


def test_missing_music_is_told_at_the_files_name(tmp_path: Path) -> None:
    found = faults_of(tmp_path, FLOW + "queues:\n  q:\n    music: [gone.ogg]\n")

    assert found == ["plan.yaml:11:13: error: 'gone.ogg' isn't there"]
