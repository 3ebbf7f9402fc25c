"""The language of dialplans: what each kind of node does on a call, and what the check says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from gateway.call.cause import Cause
from gateway.dialplan import schema
from gateway.dialplan.exits import EXITS
from gateway.dialplan.kinds import NODE_KINDS
from gateway.dialplan.requests import ContextRequest, LookupRequest, QueueRequest
from gateway.dialplan.run import MASK, MAX_VISITS, CancelAction, Facts, HangUp, Phase
from tests.fakes.plans import ROUTES, VirtualCall, faults_of, plan_of

NAMES = (
    "queues: [q]\n---\nsurveys: [s]\n---\nhosts: [h.example]\n---\n"
    "calendars: {office: {timezone: UTC, hours: {mon-sun: 00:00-24:00}}}\n---\n"
    "catalogue: en\ntexts: {greet: Hello., bye: Bye.}\n---\ncatalogue: ja\ntexts: {greet: もしもし。}\n---\n"
    "{flow: sub, parameters: {p: string}, result: string, start: a, "
    "nodes: {a: {return: vars.p + '!'}}}\n---\n"
)
SORRY = "We are sorry, something has gone wrong on our side. Please call again later. Goodbye."


def text_of(nodes: str, more: str = "") -> str:
    start = nodes.partition(":")[0]
    return f"{ROUTES}{NAMES}flow: main\n{more}\nstart: {start}\nnodes: {{{nodes}, end: {{hangup: }}}}\n"


def call_on(directory: Path, nodes: str, more: str = "", facts: Facts | None = None) -> VirtualCall:
    return VirtualCall(plan_of(directory, text_of(nodes, more)), facts=facts).start()


def problems(directory: Path, nodes: str, more: str = "") -> list[str]:
    found = [fault.partition(": ")[2] for fault in faults_of(directory, text_of(nodes, more))]
    return [p for p in found if not p.startswith("warning: no ")]


def test_digits_are_gathered_and_a_late_terminator_is_dropped(tmp_path: Path) -> None:
    call = call_on(
        tmp_path,
        "ask: {gather: Number., into: n, minimum: 2, maximum: 4, next: m}, "
        "m: {menu: 'You said {{ vars.n }}.', "
        "keys: {1: end}}",
    )
    call.press("1234").press("#")

    assert call.state.variables == {"n": "1234"}
    assert call.heard[-1] == "You said 1234."
    assert call.state.phase is Phase.SPEAKING, "the # after the last digit is no key of the menu"


@pytest.mark.parametrize(("keys", "node"), [("12#", "m"), ("1#", "ask"), ("#", "ask"), ("12", "ask")])
def test_a_terminator_ends_the_digits_where_there_are_enough(tmp_path: Path, keys: str, node: str) -> None:
    call = call_on(tmp_path, "ask: {gather: N., into: n, minimum: 2, next: m}, m: {say: M., next: end}")

    assert call.press(keys).state.node == node


def test_a_pin_is_masked_and_so_is_what_is_made_of_it(tmp_path: Path) -> None:
    call = call_on(
        tmp_path,
        "ask: {gather: PIN., into: pin, maximum: 4, mask: true, next: s}, "
        "s: {set: {copy: vars.pin + 'x'}, next: m}, m: {say: M., next: end}",
    ).press("1234")

    assert call.state.shown(call.plan.flows["main"].masked) == {"pin": MASK, "copy": MASK}


def test_values_are_set_and_branches_taken(tmp_path: Path) -> None:
    nodes = (
        "s: {set: {n: 1 + 1, t: string(vars.n)}, next: b}, "
        "b: {branch: [{when: vars.t == '3', next: end}, {when: vars.n > 1, next: yes}], else: end}, "
        "yes: {say: 'Two: {{ vars.t }}.', next: end}"
    )

    assert call_on(tmp_path, nodes).heard == ["Two: 2."]


def test_an_error_goes_to_its_branch_then_to_the_flows_and_at_last_to_an_apology(tmp_path: Path) -> None:
    fails = "s: {set: {n: 1 / vars.z}, next: end%s}, oh: {say: Oh., next: end}"
    zero = "variables: {z: '0'}\n"
    own = call_on(tmp_path, fails % ", error: oh", zero)
    flow = call_on(tmp_path, fails % "", f"{zero}error: oh")
    none = call_on(tmp_path, fails.partition(", oh")[0] % "", zero)

    assert own.heard == flow.heard == ["Oh."]
    # Before the answer there is nobody to apologise to.
    assert none.effects[-1] == HangUp(Cause.TEMPORARY_FAILURE)


def test_an_apology_ends_the_call_when_it_has_been_heard(tmp_path: Path) -> None:
    call = call_on(tmp_path, "a: {say: A., next: s}, s: {set: {n: 1 / int('0')}, next: end}").listen()

    assert call.heard == ["A.", SORRY]
    assert call.listen().effects[-1] == HangUp(Cause.TEMPORARY_FAILURE)


def test_a_lookup_brings_its_answer_or_takes_a_branch(tmp_path: Path) -> None:
    nodes = (
        "l: {lookup: 'http://h.example/{{ caller.number }}', into: x, next: ok, not_found: none}, "
        "ok: {say: 'Hello {{ vars.x.name }}.', next: end, error: none}, none: {say: Nobody., next: end}"
    )
    facts = Facts(caller={"number": "+49 1"})
    found = call_on(tmp_path, nodes, facts=facts).outcome("next", {"name": "Ada"})
    lost = call_on(tmp_path, nodes, facts=facts).outcome("not_found")
    garbage = call_on(tmp_path, nodes, facts=facts).outcome("next", ["no map"])

    request = found.asked[0]
    assert isinstance(request, LookupRequest)
    assert request.url == "http://h.example/%2B49%201"
    for call in (found, lost, garbage):
        call.do_nothing()
    assert (found.heard, lost.heard, garbage.heard) == (["Hello Ada."], ["Nobody."], ["Nobody."])


def test_a_queue_gets_keys_and_the_caller_who_hangs_up_is_taken_out(tmp_path: Path) -> None:
    nodes = (
        "q: {queue: q, priority: 1 + 1, leave_key: 1, left: end, hangup: note}, "
        "note: {context: {a: '1'}, next: end}"
    )
    call = call_on(tmp_path, nodes).press("1")

    assert call.asked == [QueueRequest("q", 2, {}, 0.0, "1", "en")]
    assert call.passed == "1"
    call.hang_up()
    assert any(isinstance(effect, CancelAction) for effect in call.effects)
    assert call.asked[-1] == ContextRequest(None, {"a": 1})
    assert call.outcome("next").state.phase is Phase.ENDED


@pytest.mark.parametrize(
    ("keys", "facts", "expected"),
    [
        ("skills: [a, b]", Facts(), QueueRequest("q", skills={"a": 1, "b": 1}, language="en")),
        ("skills: {a: 3}", Facts(), QueueRequest("q", skills={"a": 3}, language="en")),
        (
            "sticky: context.agent",
            Facts(context={"agent": "ann"}),
            QueueRequest("q", language="en", sticky="ann"),
        ),
        ("sticky: context.agent", Facts(context={"agent": None}), QueueRequest("q", language="en")),
        ("identity: caller.id", Facts(caller={"id": "c7"}), QueueRequest("q", language="en", identity="c7")),
        ("identity: '12 + 3'", Facts(), QueueRequest("q", language="en", identity="15")),
        ("timeout: 0", Facts(caller={"number": "+49"}), QueueRequest("q", language="en", identity="+49")),
        (
            "timeout: 0",
            Facts(caller={"number": "+49", "id": "c7"}),
            QueueRequest("q", language="en", identity="c7"),
        ),
    ],
)
def test_a_queue_is_told_what_is_asked_for_and_who_waits(
    tmp_path: Path, keys: str, facts: Facts, expected: QueueRequest
) -> None:
    assert call_on(tmp_path, f"q: {{queue: q, {keys}}}", facts=facts).asked == [expected]


def test_an_agent_is_named_by_an_id(tmp_path: Path) -> None:
    nodes = "q: {queue: q, sticky: context.agent, error: e}, e: {say: No., next: end}"
    call = call_on(tmp_path, nodes, facts=Facts(context={"agent": ["ann"]}))

    assert call.asked == []
    assert call.heard == ["No."]


def test_a_queue_that_goes_by_language_asks_for_it(tmp_path: Path) -> None:
    text = "{queue: q, skills: {a: 2}}\n---\nqueues: {q: {match_language: true}}"
    plan = plan_of(tmp_path, f"{ROUTES}flow: main\nlanguages: [ja-JP]\nstart: w\nnodes:\n  w: {text}")

    call = VirtualCall(plan).start()

    assert call.asked == [QueueRequest("q", skills={"language-ja": 1, "a": 2}, language="ja-JP")]


def test_a_flow_runs_another_one_and_gets_its_result(tmp_path: Path) -> None:
    call = call_on(
        tmp_path, "r: {run: sub, with: {p: \"'hey'\"}, into: x, next: t}, t: {say: '{{ vars.x }}', next: end}"
    )

    assert call.heard == ["hey!"]
    assert call.state.path == ("r", "sub/a", "t")


def test_the_caller_hears_their_language(tmp_path: Path) -> None:
    nodes = (
        "l: {language: ja, next: s}, s: {say: {key: greet}, next: t}, "
        "t: {say: {en: One., ja: 一。}, next: end}"
    )
    call = call_on(tmp_path, nodes, "languages: [en, ja]").listen()

    assert call.heard == ["もしもし。", "一。"]


def test_a_phrase_does_what_a_key_does(tmp_path: Path) -> None:
    nodes = 'm: {menu: M., keys: {1: end}, phrases: {go: ["let\'s go", on]}}, go: {say: Going., next: end}'
    call = call_on(tmp_path, nodes)

    assert list(call.listening) == ["let's go", "on"]
    assert call.speak("Let's GO!").heard[-1] == "Going."
    assert not call.listening


def test_a_call_never_goes_on_for_ever_though_each_loop_waits(tmp_path: Path) -> None:
    call = call_on(tmp_path, "q: {queue: q, timed_out: q}")
    call.state = replace(call.state, visits=MAX_VISITS - 3)
    for _ in range(10):
        if call.state.phase is not Phase.WORKING:
            break
        call.outcome("timed_out")

    assert call.heard == [SORRY]


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        ("a: {queue: p, next: end}", "error: there is no queue 'p'"),
        (
            "a: {calendar: offcie, open: end, closed: end}",
            "error: there is no calendar 'offcie'; did you mean 'office'?",
        ),
        ("a: {run: sub, next: end}", "error: flow 'sub' needs the parameter 'p'"),
        ("a: {run: main, next: end}", "error: flows run in a circle: main → main"),
        ("a: {branch: [{when: 1, next: end}], else: end}", "error: a condition is a bool, and '1' is a int"),
        ("a: {set: {x: vars.y}, next: end}", "error: in 'vars.y': 'vars' has no 'y'; it has x"),
        ("a: {say: {key: gret}, next: end}", "error: no catalogue has 'gret'; did you mean 'greet'?"),
        (
            "a: {gather: N., into: n, minimum: 5, maximum: 4, next: end}",
            "error: at least 5 digits, and at most 4",
        ),
        (
            "a: {lookup: 'https://x.example/', next: end}",
            "error: host 'x.example' isn't in the plan's 'hosts'",
        ),
        ("a: {lookup: 'https://{{ caller.number }}/', next: end}", "error: an address begins with https://"),
        (
            "a: {lookup: 'https://h.example/', headers: {Authorization: Bearer abcdefgh}, next: end}",
            "error: header 'Authorization' has a secret in plain text",
        ),
        ("a: {set: {api_key: \"'abc'\"}, next: end}", "error: 'api_key' holds a secret in plain text"),
        (
            "a: {lookup: 'https://h.example/?token=abc', next: end}",
            "error: 'token' in the address is a secret",
        ),
        (
            "a: {gather: P., into: pin, mask: true, next: b}, b: {say: 'It is {{ vars.pin }}.', next: end}",
            "error: 'vars.pin' is a secret",
        ),
        (
            "a: {menu: M., keys: {1: end}, phrases: {end: billing, b: filling}}, b: {hangup: }",
            "warning: 'filling' differs in few letters from 'billing'",
        ),
        (
            "a: {menu: M., keys: {1: end}, phrases: {end: mail, b: mole}}, b: {hangup: }",
            "warning: 'mole' sounds like 'mail'",
        ),
        (
            "a: {lookup: 'https://h.example/', next: end, error: a}",
            "error: the loop a → a gives the caller nothing",
        ),
        (
            "a: {branch: [{when: 'true', next: a}], else: end}",
            "error: the loop a → a goes round without ever waiting",
        ),
        (
            "a: {say: A., next: end, hangup: b}, b: {say: B., next: end}",
            "warning: the exit 'hangup' leads to 'b'",
        ),
        ("a: {context: , next: end}", "error: node 'a' neither writes nor finds anything"),
        ("a: {language: fr, next: end}", "error: flow 'main' doesn't speak 'fr'"),
    ],
)
def test_the_check_finds_what_a_caller_would(tmp_path: Path, nodes: str, problem: str) -> None:
    found = problems(tmp_path, nodes)

    assert any(fault.startswith(problem) for fault in found), found


def test_a_prompt_that_a_language_lacks_is_an_error(tmp_path: Path) -> None:
    nodes = "a: {say: {en: A.}, next: b}, b: {say: {key: bye}, next: end}"
    found = problems(tmp_path, nodes, "languages: [en, ja]")

    assert "error: no prompt in ja, which flow 'main' speaks" in found
    assert "error: the catalogue of ja lacks 'bye', and so do those it falls back on" in found


def test_waiting_in_a_loop_for_an_agent_is_allowed(tmp_path: Path) -> None:
    assert problems(tmp_path, "q: {queue: q, timed_out: s, error: end}, s: {say: Soon., next: q}") == []


def test_the_schema_that_ships_is_the_one_the_tables_make() -> None:
    shipped = Path(__file__).parents[3] / "dialplans" / "schema" / "dialplan.schema.json"

    assert shipped.read_text() == schema.text(), "make it anew: python -m gateway.dialplan.schema"


def test_the_schema_is_one_and_has_every_kind_with_every_key_and_exit() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    flow = next(d for d in schema.schema()["oneOf"] if d["title"] == "flow")
    kinds = {kind["title"]: kind for kind in flow["properties"]["nodes"]["additionalProperties"]["oneOf"]}

    assert kinds.keys() == NODE_KINDS.keys()
    for name, kind in NODE_KINDS.items():
        exits = {exit_.label for exit_ in EXITS[kind.node]}
        assert kinds[name]["properties"].keys() >= kind.keys.keys() | exits


@pytest.mark.parametrize(
    ("node", "right"),
    [
        ({"say": "A", "next": "end"}, True),
        ({"say": "A"}, False),
        ({"say": "A", "nxt": "end"}, False),
        ({"gather": "N", "into": "n", "next": "end"}, True),
        ({"gather": "N", "next": "end"}, False),
        ({"calendar": "office", "open": "end", "closed": "end"}, True),
        ({"calendar": "office", "open": "end"}, False),
        ({"menu": "M", "keys": {"1": "end"}, "no_input": {"say": ["a", "b"], "next": "end"}}, True),
        ({"menu": "M", "keys": {"e": "end"}}, False),
        ({"queue": "q"}, True),
    ],
)
def test_the_schema_and_the_loader_agree(tmp_path: Path, node: dict[str, object], right: bool) -> None:
    document = {"flow": "main", "start": "a", "nodes": {"a": node, "end": {"hangup": None}}}
    validator = jsonschema.Draft202012Validator(schema.schema())
    found = problems(tmp_path, f"a: {_flow_style(node)}")

    assert validator.is_valid(document) == right
    assert (not any(problem.startswith("error") for problem in found)) == right


def _flow_style(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{key}': {_flow_style(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow_style(inner) for inner in value) + "]"
    return str(value)
