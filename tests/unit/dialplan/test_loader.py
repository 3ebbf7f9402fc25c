"""What a plan's author is told, word for word, and what they get when it is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.call.cause import Cause
from gateway.dialplan.documents import MAX_FILE_BYTES
from gateway.dialplan.faults import Fault, PlanRefused, Severity, has_errors
from gateway.dialplan.kinds import NODE_KINDS
from gateway.dialplan.loader import check, load
from gateway.dialplan.model import (
    Escalation,
    GotoNode,
    HangupNode,
    MenuNode,
    MenuOption,
    PlayNode,
    Position,
    Recorded,
    SayNode,
    Spoken,
    Target,
    Wording,
)
from tests.fakes.plans import ROUTES, faults_of, plan_of, write_plan, write_tone

KINDS = ", ".join(NODE_KINDS)
DEMO = Path(__file__).parents[3] / "dialplans" / "demo"


def node_faults(directory: Path, node: str) -> list[str]:
    """The faults of one node called `n`, on line 4, with an `end` beside it; without their place."""
    text = f"{ROUTES}flow: main\nstart: n\nnodes:\n  n: {node}\n  end: {{hangup: }}\n"
    return [fault.partition(": ")[2] for fault in faults_of(directory, text)]


def test_the_demo_has_no_faults() -> None:
    assert check(DEMO) == ()


def test_the_demo_answers_any_number() -> None:
    plan = load(DEMO)

    route = plan.route_for("whatever")
    assert route is not None
    assert plan.answers(route)


def test_every_kind_of_node_is_read(tmp_path: Path) -> None:
    write_tone(tmp_path / "audio" / "tone.wav")
    text = """\
routes:
  - {dnis: "+4930*", flow: main, answer: false}
---
flow: main
language: de-CH
start: hello
nodes:
  hello:
    say: >-
      Grüezi
      mitenand.
    barge_in: no
    next: music
  music: {play: audio/tone.wav, fallback: Keine Musik., next: ask}
  ask:
    menu: {play: audio/tone.wav}
    keys: {07: away, "*": hello}
    first_digit_timeout: 1500ms
    inter_digit_timeout: 3
    retries: 0
    type_ahead: false
    no_input: {say: [Eins., {play: audio/tone.wav}], next: end}
    failed: end
  away: {goto: end}
  end: {hangup: user_busy}
"""
    plan = plan_of(tmp_path, text)
    nodes = plan.flows["main"].nodes
    file = str(tmp_path / "plan.yaml")

    def at(line: int, column: int) -> Position:
        return Position(file, line, column)

    sorry = Spoken("Entschuldigung. Diese Ansage ist zurzeit nicht verfügbar.", "de-CH")
    hello = Wording(at(9, 10), {"de-CH": Spoken("Grüezi mitenand.", "de-CH")})
    assert nodes["hello"] == SayNode("hello", at(9, 5), hello, {"next": Target("music", at(13, 11))}, False)
    music = Recorded("audio/tone.wav", Spoken("Keine Musik.", "de-CH"), at(14, 17))
    assert nodes["music"] == PlayNode(
        "music", at(14, 11), Wording(at(14, 17), {"de-CH": music}), {"next": Target("ask", at(14, 63))}
    )
    assert nodes["ask"] == MenuNode(
        "ask",
        at(16, 5),
        Wording(at(16, 11), {"de-CH": Recorded("audio/tone.wav", sorry, at(16, 18))}),
        (MenuOption("07", Target("away", at(17, 16)), at(17, 12)),
         MenuOption("*", Target("hello", at(17, 27)), at(17, 22))),
        no_input=Escalation((
            Wording(at(22, 22), {"de-CH": Spoken("Eins.", "de-CH")}),
            Wording(at(22, 29), {"de-CH": Recorded("audio/tone.wav", sorry, at(22, 36))}),
        )),
        exits={"no_input": Target("end", at(22, 60)), "failed": Target("end", at(23, 13))},
        retries=0,
        type_ahead=False,
        first_digit_timeout_s=1.5,
        inter_digit_timeout_s=3.0,
    )  # fmt: skip
    assert nodes["away"] == GotoNode("away", at(24, 10), Target("end", at(24, 16)))
    assert nodes["end"] == HangupNode("end", at(25, 9), Cause.USER_BUSY)
    route = plan.route_for("+4930123")
    assert route is not None
    assert not plan.answers(route)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{say: Hi., next: ende}", "flow 'main' has no node 'ende'; did you mean 'end'?"),
        ("{say: Hi.}", "node 'n' needs 'next'"),
        ("{say: , next: end}", "node 'n' needs 'say'"),
        ("{say: ' ', next: end}", "'say' is a text, not ''"),
        ("{say: '...', next: end}", "there is nothing to say in '...'"),
        ("{say: [a], next: end}", "'say' is a text, not a list"),
        ("{say: Hi., next: {a: b}}", "'next' is a text, not a mapping"),
        ("{say: Hi., nxt: end}", "node 'n' has no 'nxt'; did you mean 'next'?"),
        ("{say: Hi., nxt: end, next: end}", "node 'n' has no 'nxt'; did you mean 'next'?"),
        (
            "{say: Hi., xyzzy: end, next: end}",
            "node 'n' has no 'xyzzy'; it has barge_in, error, hangup, next, say",
        ),
        ("{say: Hi., barge_in: perhaps, next: end}", "'barge_in' is true or false, not 'perhaps'"),
        ("{sya: Hi., next: end}", f"node 'n' is none of {KINDS}; did you mean 'say'?"),
        ("{}", f"node 'n' is none of {KINDS}"),
        ("{say: Hi., goto: end}", "node 'n' is say and goto at once; make it one of them"),
        ("hello", "node 'n' is a mapping, not 'hello'"),
        ("", "node 'n' is a mapping, not nothing"),
        ("{goto: }", "node 'n' needs 'goto'"),
        (
            "{hangup: usr_busy}",
            "'usr_busy' isn't a cause of Q.850, by name or number; did you mean 'user_busy'?",
        ),
        ("{hangup: 999}", "'999' isn't a cause of Q.850, by name or number"),
        ("{play: none.wav, next: end}", "'none.wav' isn't there"),
        ("{play: ../x.wav, next: end}", "'../x.wav' isn't a path inside the plan's directory"),
        ("{play: /etc/x.wav, next: end}", "'/etc/x.wav' isn't a path inside the plan's directory"),
        ("{play: , next: end}", "node 'n' needs 'play'"),
        ("{play: {a: b}, next: end}", "'play' is a text, not a mapping"),
        ("{menu: , keys: {1: end}}", "node 'n' needs 'menu'"),
        ("{menu: M, keys: {}}", "node 'n' needs 'keys'"),
        ("{menu: M}", "node 'n' needs 'keys'"),
        ("{menu: M, keys: [1]}", "'keys' is a mapping, not a list"),
        ("{menu: [M], keys: {1: end}}", "a prompt is a text or {play: FILE}, not a list"),
        ("{menu: {paly: x.wav}, keys: {1: end}}", "a prompt has no 'paly'; did you mean 'play'?"),
        ("{menu: M, keys: {e: end}}", "'e' can't be pressed (1 to 8 of 0-9, *, # and A-D)"),
        ("{menu: M, keys: {1: }}", "key 1 leads to the name of a node, not nothing"),
        ("{menu: M, keys: {1: ende}}", "flow 'main' has no node 'ende'; did you mean 'end'?"),
        ("{menu: M, keys: {1: end, 1: end}}", "'1' is given twice (first in line 6)"),
        ("{menu: M, keys: {1: end}, retries: 10}", "'retries' is a whole number from 0 to 9, not '10'"),
        ("{menu: M, keys: {1: end}, retries: two}", "'retries' is a whole number from 0 to 9, not 'two'"),
        ("{menu: M, keys: {1: end}, no_input: again}", "'no_input' is a mapping, not 'again'"),
        ("{menu: M, keys: {1: end}, no_input: {sya: x}}", "'no_input' has no 'sya'; did you mean 'say'?"),
        ("{menu: M, keys: {1: end}, failed: ende}", "flow 'main' has no node 'ende'; did you mean 'end'?"),
        (
            "{menu: M, keys: {1: end}, first_digit_timeout: soon}",
            "'first_digit_timeout' is a time from 0.5s to 120s (5s, 1500ms), not 'soon'",
        ),
        (
            "{menu: M, keys: {1: end}, first_digit_timeout: 1h}",
            "'first_digit_timeout' is a time from 0.5s to 120s (5s, 1500ms), not '1h'",
        ),
        (
            "{menu: M, keys: {1: end}, inter_digit_timeout: 31}",
            "'inter_digit_timeout' is a time from 0.2s to 30s (5s, 1500ms), not '31'",
        ),
        (
            "{menu: M, keys: {1: end}, inter_digit_timeout: [1]}",
            "'inter_digit_timeout' is a time from 0.2s to 30s (5s, 1500ms), not a list",
        ),
    ],
)
def test_a_faulty_node_gets_one_clear_message(tmp_path: Path, node: str, message: str) -> None:
    faults = node_faults(tmp_path, node)

    assert f"error: {message}" in faults
    assert len([fault for fault in faults if fault.startswith("error: ")]) == 1


AMBIGUOUS = "some numbers match both '12?*' and '1?2*' ({file}:1:17), and neither is more specific"
NO_NUMBER = (
    "'+49 30' isn't a number: it may have digits, letters and + # . _ -, ? for any one character, "
    "and * at the end for any rest"
)
DOCUMENTS = (
    "'routes', 'flow', 'calendars', 'catalogue', 'queues', 'agents', 'surveys', 'hosts' or 'ani_lists'"
)
ONE_KIND = f"a document has one of {DOCUMENTS} (separate several with ---); did you mean 'routes'?"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("routes: [x]", "1:10", "a route is a mapping with 'dnis' and 'flow', not 'x'"),
        ("routes: [{flow: main}]", "1:10", "a route needs 'dnis'"),
        ("routes: [{dnis: any}]", "1:10", "a route needs 'flow'"),
        ("routes: [{dnis: any, flow: mian}]", "1:28", "there is no flow 'mian'; did you mean 'main'?"),
        ("routes: [{dnis: '*', flow: main}]", "1:17", "write 'any' for a route that takes every number"),
        ("routes: [{dnis: '+49 30', flow: main}]", "1:17", NO_NUMBER),
        ("routes: [{dnis: [1], flow: main}]", "1:17", "'dnis' is a text, not a list"),
        (
            "routes: [{dnis: any, flow: main, awnser: no}]",
            "1:34",
            "a route has no 'awnser'; did you mean 'answer'?",
        ),
        (
            "routes: [{dnis: 1, flow: main}, {dnis: 1, flow: main}]",
            "1:40",
            "'1' is routed already at {file}:1:17",
        ),
        ("routes: [{dnis: 1?2*, flow: main}, {dnis: 12?*, flow: main}]", "1:43", AMBIGUOUS),
        ("- a", "1:1", f"a document is a mapping with {DOCUMENTS}, not a list"),
        ("route: []", "1:1", ONE_KIND),
        ("routes: []\nflow: x", "1:1", ONE_KIND),
        (
            "routes: [{dnis: any, flow: main}]\nrout: x",
            "2:1",
            "the document has no 'rout'; did you mean 'routes'?",
        ),
    ],
)
def test_a_faulty_route_or_document_gets_its_place(
    tmp_path: Path, text: str, place: str, message: str
) -> None:
    flow = "\n---\nflow: main\nstart: end\nnodes: {end: {hangup: }}\n"
    found = faults_of(tmp_path, text + flow)

    file = str(tmp_path / "plan.yaml")
    assert f"plan.yaml:{place}: error: {message.replace('{file}', file)}" in found


@pytest.mark.parametrize("routes", ["routes:\n---\n", "---\n# none\n---\n"])
def test_a_plan_without_routes_is_an_error(tmp_path: Path, routes: str) -> None:
    faults = faults_of(tmp_path, routes + "flow: main\nstart: end\nnodes: {end: {hangup: }}\n")

    assert f"{tmp_path}:1:1: error: no routes: every call would be rejected" in faults


END = "start: end\nnodes: {end: {hangup: }}"


@pytest.mark.parametrize(
    ("flow", "place", "message"),
    [
        ("flow: main\nnodes: {end: {hangup: }}", "3:1", "a flow needs 'start'"),
        (
            "flow: main\nstart: edn\nnodes: {end: {hangup: }}",
            "4:8",
            "flow 'main' starts at 'edn', which isn't one of its nodes; did you mean 'end'?",
        ),
        ("flow: main\nstart: end", "3:1", "a flow needs 'nodes'"),
        ("flow: main\nstart: end\nnodes: [a]", "5:8", "'nodes' is a mapping, not a list"),
        (
            f"flow: Main\n{END}",
            "3:7",
            "'Main' isn't a name (a lower-case letter, then up to 63 letters, digits, _ and -)",
        ),
        (f"flow:\n{END}", "3:1", "a flow needs 'flow'"),
        (
            f"flow: main\nlanguage: English\n{END}",
            "4:11",
            "'English' isn't a language tag, such as en, de-CH or cmn",
        ),
        (f"flow: main\n{END}\n---\nflow: main\n{END}", "7:7", "flow 'main' exists already at {file}:3:7"),
    ],
)
def test_a_faulty_flow_gets_its_place(tmp_path: Path, flow: str, place: str, message: str) -> None:
    found = faults_of(tmp_path, ROUTES + flow)

    file = str(tmp_path / "plan.yaml")
    assert f"plan.yaml:{place}: error: {message.replace('{file}', file)}" in found


def test_all_faults_are_found_in_one_run_in_the_order_of_the_files(tmp_path: Path) -> None:
    write_plan(tmp_path, "flow: [\n", file="b.yaml")
    write_plan(tmp_path, "flow: c\nstart: x\nnodes: {y: {say: }, z: {plya: a}}\n", file="c.yml")
    faults = faults_of(tmp_path, "routes: [{dnis: any, flow: main}]\n")

    places = [fault.partition(": error")[0] for fault in faults]
    assert places == ["b.yaml:2:1", "c.yml:2:8", "c.yml:3:12", "c.yml:3:13", "c.yml:3:21", "plan.yaml:1:28"]


def test_a_plan_with_errors_is_refused_whole(tmp_path: Path) -> None:
    write_plan(tmp_path, ROUTES + "flow: main\nstart: n\nnodes:\n  n: {say: Hi.}\n  m: {goto: x}\n")

    with pytest.raises(PlanRefused) as caught:
        load(tmp_path)
    assert len(caught.value.faults) == 2
    assert str(caught.value).count("\n") == 1


def test_a_plan_with_warnings_is_not_refused(tmp_path: Path) -> None:
    write_plan(tmp_path, ROUTES + "flow: main\nstart: n\nnodes: {n: {hangup: }, m: {hangup: }}\n")
    faults = check(tmp_path)

    assert [fault.severity for fault in faults] == [Severity.WARNING]
    assert not has_errors(faults)
    assert load(tmp_path).flows["main"].start.node == "n"


def test_a_directory_that_is_none_or_empty_is_said_so(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"

    problem = "isn't a directory; a dialplan is a directory of YAML files"
    assert check(missing)[0] == Fault(str(missing), 1, 1, Severity.ERROR, problem)
    assert check(tmp_path)[0] == Fault(str(tmp_path), 1, 1, Severity.ERROR, "has no *.yaml files")


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.dialplan.loader.MAX_FILES", 1)
    write_plan(tmp_path, "# nothing\n", file="a.yaml")
    faults = faults_of(tmp_path, "# nothing\n")

    assert any("has 2 files; a dialplan has at most 1" in fault for fault in faults)


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gateway.dialplan.loader._content", refuse)

    assert "plan.yaml:1:1: error: can't be read: Permission denied" in faults_of(tmp_path, ROUTES)


def test_a_huge_file_is_refused_without_reading_all_of_it(tmp_path: Path) -> None:
    with (tmp_path / "plan.yaml").open("wb") as file:
        file.truncate(50_000_000)
    faults = check(tmp_path)

    assert faults[-1].message == (
        f"{MAX_FILE_BYTES + 1:,} bytes or more; a dialplan file has at most {MAX_FILE_BYTES:,}"
    )


def test_equal_files_have_equal_versions_and_others_do_not(tmp_path: Path) -> None:
    text = ROUTES + "flow: main\nstart: n\nnodes: {n: {hangup: }}\n"
    one, two, three = (tmp_path / name for name in "abc")
    for directory in (one, two, three):
        directory.mkdir()
    versions = [plan_of(one, text).version, plan_of(two, text).version, plan_of(three, text + "#").version]

    assert versions[0] == versions[1]
    assert versions[0] != versions[2]


def test_a_broken_audio_file_is_reported_at_each_mention(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF not really")
    nodes = "{n: {play: x.wav, next: m}, m: {play: x.wav, next: end}, end: {hangup: }}"
    faults = faults_of(tmp_path, f"{ROUTES}flow: main\nstart: n\nnodes: {nodes}")

    assert [fault.partition(" (")[0] for fault in faults] == [
        "plan.yaml:5:19: error: 'x.wav' can't be played: not a readable audio file",
        "plan.yaml:5:46: error: 'x.wav' can't be played: not a readable audio file",
    ]


def test_a_mistyped_audio_file_gets_the_nearest_one(tmp_path: Path) -> None:
    write_tone(tmp_path / "audio" / "music.wav")

    faults = node_faults(tmp_path, "{play: audio/musik.wav, next: end}")
    assert faults == ["error: 'audio/musik.wav' isn't there; did you mean 'audio/music.wav'?"]


def test_a_text_of_hours_is_refused(tmp_path: Path) -> None:
    faults = node_faults(tmp_path, f"{{say: {'word ' * 500}, next: end}}")

    assert faults == ["error: a text has at most 2,000 characters; this one has 2,499"]


def test_a_language_without_a_fallback_of_its_own_gets_the_english_one(tmp_path: Path) -> None:
    write_tone(tmp_path / "t.wav")
    flow = "flow: main\nlanguage: ko\nstart: n\nnodes: {n: {play: t.wav, next: e}, e: {hangup: }}"
    node = plan_of(tmp_path, ROUTES + flow).flows["main"].nodes["n"]

    assert isinstance(node, PlayNode)
    recorded = node.prompt.variants["ko"]
    assert isinstance(recorded, Recorded)
    assert recorded.fallback.language == "en"
