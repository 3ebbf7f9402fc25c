"""Random callers on random plans: whatever passes the checks can be walked without an end to the surprises.

Promises, for every plan that passes the checks and every caller: no undefined node is reached, every step
ends with a wait or with the end, a digit is used once, the state survives being stored at every wait
(VirtualCall does that), and a caller who stops doing anything is let go in bounded time.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.dialplan.exits import EXITS
from gateway.dialplan.faults import has_errors
from gateway.dialplan.loader import check, examine, load
from gateway.dialplan.model import GatherNode, MenuNode, Plan
from gateway.dialplan.run import (
    MAX_TYPED_AHEAD,
    OUTCOMES,
    Connected,
    Event,
    Facts,
    HearingFailed,
    Phase,
    SpeechBegan,
    SpeechLost,
)
from tests.fakes.plans import ROUTES, VirtualCall, write_plan

Action = str | tuple[str, object]
FACTS = Facts(caller={"number": "+4930123"}, queues={"q": {"waiting": 2}}, epoch_s=1.8e9)
KEYS = "0123456789*#ABCD"
WAITS = {Phase.ANSWERING, Phase.SPEAKING, Phase.LISTENING, Phase.WORKING, Phase.ENDING, Phase.ENDED}
LABELS = sorted({exit_.label for exits in EXITS.values() for exit_ in exits} | {"nonsense"})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abx"), inner, max_size=3),
    max_leaves=5,
)
EXPRESSIONS = (
    *("1", "'x'", "vars.d", "vars.x", "vars.n + 1", "vars.x + 1", "size(vars.d)", "vars.x.a.b", "1 / vars.n"),
    *("caller.number", "queues.q.waiting", "now.getHours()", "vars.x == 1 ? 'a' : 'b'", "vars.d + vars.d"),
)
CONDITIONS = ("true", "vars.x == 1", "vars.d == ''", "vars.n > 1", "vars.x.a == 'b'", "queues.q.waiting > 1")
DOCUMENTS = (
    "queues: [q]\n---\nhosts: [h.example]\n---\n"
    "calendars: {office: {timezone: UTC, hours: {mon-sun: 08:00-18:00}}}\n---\n"
    "{flow: sub, parameters: {p: dyn}, start: a, nodes: {a: {menu: S, keys: {1: r, 2: e}}, "
    "r: {return: vars.p}, e: {hangup: }}}\n---\n"
)
DEMO = Path(__file__).parents[2] / "dialplans" / "demo"

SOUNDS: Final[Mapping[str, Event]] = {
    "speak": SpeechBegan(),
    "cough": SpeechLost(),
    "go deaf": HearingFailed(),
}
ACTIONS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "listen",
                "wait",
                "lose audio",
                "connect",
                "say yes",
                "say no",
                "mumble yes",
                "mumble no",
                *SOUNDS,
            ]
        ),
        st.text(KEYS, min_size=1, max_size=3),
        st.tuples(st.sampled_from(LABELS), VALUES),
    ),
    max_size=60,
)


@st.composite
def plans(draw: st.DrawFn) -> str:
    """A flow of up to eight nodes, wired at random, as text."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 8)))]
    target = st.sampled_from(names)
    flag = st.sampled_from(["true", "false"])
    nodes: list[str] = []
    for name in names:
        kinds = ["say", "menu", "menu", "goto", "hangup", "gather", *OTHERS]
        match draw(st.sampled_from(kinds)):
            case "say":
                body = f"say: {{en: {name}, ja: {name}}}, next: {draw(target)}, barge_in: {draw(flag)}"
            case "goto":
                body = f"goto: {draw(target)}"
            case "hangup":
                body = "hangup: "
            case "menu":
                body = _menu(draw, name, target, flag)
            case "gather":
                body = _gather(draw, name, target, flag)
            case kind:
                body = OTHERS[kind](draw, target)
                if draw(st.booleans()) and kind != "calendar":
                    body += f", error: {draw(target)}"
        nodes.append(f"  {name}: {{{body}}}")
    answer = draw(flag)
    own = f"variables: {{d: \"''\", n: '0', x: dyn(1)}}\nanswer: {answer}\nlanguages: [en, ja]\n"
    if draw(st.booleans()):
        own += f"error: {draw(target)}\n"
    if draw(st.booleans()):
        own += f"hangup: {draw(target)}\n"
    head = f"{ROUTES}{DOCUMENTS}flow: main\n{own}start: {names[0]}\nnodes:\n"
    return head + "\n".join(nodes)


Target = st.SearchStrategy[str]


def _set(draw: st.DrawFn, target: Target) -> str:
    name = draw(st.sampled_from("nx"))
    return f'set: {{{name}: "{draw(st.sampled_from(EXPRESSIONS))}"}}, next: {draw(target)}'


def _branch(draw: st.DrawFn, target: Target) -> str:
    case = f'{{when: "{draw(st.sampled_from(CONDITIONS))}", next: {draw(target)}}}'
    return f"branch: [{case}], else: {draw(target)}"


def _queue(draw: st.DrawFn, target: Target) -> str:
    more = draw(
        st.sampled_from(["", f", timed_out: {draw(target)}", f", leave_key: 1, left: {draw(target)}"])
    )
    return f"queue: q, next: {draw(target)}{more}"


OTHERS: dict[str, Callable[[st.DrawFn, Target], str]] = {
    "set": _set,
    "branch": _branch,
    "queue": _queue,
    "tell": lambda draw, target: f'say: {{en: "n {{{{ vars.x }}}}", ja: "数"}}, next: {draw(target)}',
    "calendar": lambda draw, target: f"calendar: office, open: {draw(target)}, closed: {draw(target)}",
    "lookup": lambda draw, target: (
        f'lookup: "http://h.example/{{{{ vars.d }}}}", into: x, next: {draw(target)}'
    ),
    "callback": lambda draw, target: f"callback: q, next: {draw(target)}",
    "record": lambda draw, target: f"record: {{en: R, ja: R}}, into: x, next: {draw(target)}",
    "language": lambda draw, target: f"language: ja, next: {draw(target)}",
    "context": lambda draw, target: f"context: {{a: vars.x}}, next: {draw(target)}",
    "transfer": lambda draw, target: f'transfer: "{{{{ vars.d }}}}", failed: {draw(target)}',
    "run": lambda draw, target: f"run: sub, with: {{p: vars.x}}, into: x, next: {draw(target)}",
    "return": lambda _draw, _target: "return: ",
}


def _gather(draw: st.DrawFn, name: str, target: Target, flag: Target) -> str:
    least = draw(st.integers(1, 3))
    parts = [f"gather: {{en: {name}, ja: {name}}}, into: d, minimum: {least}"]
    parts.append(f"maximum: {draw(st.integers(least, 4))}")
    parts.append(
        f"terminator: {draw(st.sampled_from(['none', chr(34) + '#' + chr(34)]))}, next: {draw(target)}"
    )
    parts.append(f"retries: {draw(st.integers(0, 2))}, barge_in: {draw(flag)}, type_ahead: {draw(flag)}")
    if draw(st.booleans()):
        parts.append(f"failed: {draw(target)}")
    return ", ".join(parts)


def _menu(draw: st.DrawFn, name: str, target: st.SearchStrategy[str], flag: st.SearchStrategy[str]) -> str:
    options = draw(st.dictionaries(st.text(KEYS, min_size=1, max_size=3), target, min_size=1, max_size=5))
    keys = ", ".join(f'"{key}": {option}' for key, option in options.items())
    said = f"menu: {{en: {name}, ja: {name}}}, keys: {{{keys}}}"
    parts = [f"{said}, retries: {draw(st.integers(0, 3))}"]
    if draw(st.booleans()):
        parts.append(f"phrases: {{{draw(target)}: {{en: yes, ja: はい}}}}")
    parts += [f"barge_in: {draw(flag)}, type_ahead: {draw(flag)}"]
    for failure in ("no_input", "no_match"):
        if draw(st.booleans()):
            say = draw(st.sampled_from(["", "say: {en: x, ja: x}", "say: [{en: x, ja: x}, {en: y, ja: y}]"]))
            follow = f"next: {draw(target)}" if draw(st.booleans()) else ""
            parts.append(f"{failure}: {{{', '.join(part for part in (say, follow) if part)}}}")
    if draw(st.booleans()):
        parts.append(f"failed: {draw(target)}")
    return ", ".join(parts)


def act(call: VirtualCall, action: Action) -> None:
    """One thing a caller, or the world, may do; nothing when it can't happen now."""
    if isinstance(action, tuple):
        if call.state.action is not None:
            call.outcome(*action)
    elif action.startswith("say "):
        call.speak(action.removeprefix("say "))
    elif action.startswith("mumble "):
        call.speak(action.removeprefix("mumble "), 0.4, ("no", 0.3))
    elif action in SOUNDS:
        call.happens(SOUNDS[action])
    elif action == "connect":
        call.happens(Connected())
    elif action in ("listen", "lose audio"):
        if call.state.audio is not None:
            _ = call.listen() if action == "listen" else call.lose_audio()
    elif action == "wait":
        if call.state.timer is not None:
            call.wait()
    else:
        call.press(action)


def check_promises(call: VirtualCall) -> None:
    state = call.state
    assert state.phase in WAITS
    assert state.node in call.plan.flows[state.flow].nodes
    assert len(state.typed) <= MAX_TYPED_AHEAD
    assert (state.timer is not None) == (
        state.phase is Phase.LISTENING or (state.gone and state.phase is not Phase.ENDED)
    )
    assert (state.action is not None) == (state.phase is Phase.WORKING)
    assert (state.audio is not None) == (state.phase is Phase.SPEAKING)
    if state.phase is Phase.LISTENING:
        asking = call.plan.flows[state.flow].nodes[state.node]
        assert isinstance(asking, MenuNode | GatherNode)
        assert not state.typed, "keys were left lying while the menu listens"


def walk(plan: Plan, actions: list[Action]) -> VirtualCall:
    call = VirtualCall(plan, facts=FACTS).start()
    check_promises(call)
    for action in actions:
        act(call, action)
        check_promises(call)
    return call


def let_go(call: VirtualCall, limit: int) -> None:
    """Do nothing until the call is over, or `limit` things have happened."""
    for _ in range(limit):
        if call.state.phase is Phase.ENDED:
            return
        call.do_nothing()
        check_promises(call)


def silent_steps(plan: Plan) -> int:
    """The most things that can happen to a caller who does nothing, and to whom nothing is available.

    No node comes twice before the flow's `error` node, nor after it; a flow may be run once by each node.
    """
    nodes = [node for flow in plan.flows.values() for node in flow.nodes.values()]
    waits = sum(2 * (n.retries + 1) if isinstance(n, MenuNode | GatherNode) else 2 for n in nodes)
    return 5 + 2 * waits * len(plan.flows["main"].nodes)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(text=plans(), walks=st.lists(ACTIONS, min_size=1, max_size=10))
def test_no_caller_finds_a_hole_in_a_plan_that_passes_the_checks(
    text: str, walks: list[list[Action]]
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        plan, faults = examine(write_plan(Path(directory), text))
    assume(not has_errors(faults))

    for actions in walks:
        call = walk(plan, actions)
        let_go(call, silent_steps(plan) + MAX_TYPED_AHEAD)
        assert call.state.phase is Phase.ENDED, "a caller who does nothing is never let go"
        assert {outcome for _, outcome in call.outcomes} <= OUTCOMES


@cache
def demo() -> Plan:
    return load(DEMO)


@settings(max_examples=150, deadline=None)
@given(actions=ACTIONS)
def test_no_caller_finds_a_hole_in_the_demo(actions: list[Action]) -> None:
    call = walk(demo(), actions)

    let_go(call, silent_steps(call.plan) + MAX_TYPED_AHEAD)
    assert call.state.phase is Phase.ENDED


@settings(max_examples=300, deadline=None)
@given(keys=st.text("12", max_size=MAX_TYPED_AHEAD), cut=st.integers(0, 20))
def test_each_digit_is_used_exactly_once(keys: str, cut: int) -> None:
    """In a plan where every key is an option, each has led on from one menu or is still kept."""
    text = (
        f"{ROUTES}flow: main\nstart: a\nnodes:\n"
        "  a: {menu: A, keys: {1: b, 2: say}}\n"
        "  b: {menu: B, keys: {1: say, 2: a}, barge_in: false}\n"
        "  say: {say: S, next: a}\n"
    )
    with tempfile.TemporaryDirectory() as directory:
        call = VirtualCall(load(write_plan(Path(directory), text))).start()
    for number, key in enumerate(keys):
        if number == cut:
            call.do_nothing()
        call.press(key)
        matched = sum(outcome == "matched" for _, outcome in call.outcomes)

        assert number + 1 == matched + len(call.state.typed)


YAML_PIECES = st.sampled_from([
    "routes", "flow", "nodes", "start", "say", "menu", "keys", "goto", "hangup", "next", "any", "main",
    ": ", "\n", "\n  ", "\n    ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "!!x ", "|", ">-", "'", '"',
    "#", "---\n", "?", "%", "\t", "\\", "1", "é", "\x85", "\u2028", "\ufeff", "<<", "~",
])  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(
    content=st.one_of(
        st.lists(YAML_PIECES, max_size=40).map(lambda p: "".join(p).encode()), st.binary(max_size=80)
    )
)
def test_whatever_a_file_holds_the_check_answers_with_faults(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "plan.yaml").write_bytes(content)

        for fault in check(Path(directory)):
            assert fault.line >= 1
            assert fault.column >= 1
            assert "\n" not in str(fault)


def test_a_plan_of_5000_nodes_in_one_file_is_within_the_limits(tmp_path: Path) -> None:
    nodes = "\n".join(f"  n{i}: {{say: Text number {i}., next: n{i + 1}}}" for i in range(5000))
    write_plan(tmp_path, f"{ROUTES}flow: main\nstart: n0\nnodes:\n{nodes}\n  n5000: {{hangup: }}\n")

    assert check(tmp_path) == ()


def test_ten_thousand_callers_find_no_hole_in_the_demo() -> None:
    """Without a strategy's overhead: more callers, each from a seed that names them."""
    plan = demo()
    for seed in range(10_000):
        dice = random.Random(seed)
        call = VirtualCall(plan, dice.choice(["100", "+4930555110"]), facts=FACTS, stored=seed % 20 == 0)
        call.start()
        for _ in range(dice.randrange(30)):
            act(call, _something(dice, call))
        check_promises(call)
        if dice.random() < 0.3:
            call.hang_up()
        let_go(call, 500)

        assert call.state.phase is Phase.ENDED, f"caller {seed} is never let go"


def _something(dice: random.Random, call: VirtualCall) -> Action:
    if call.state.action is not None and dice.random() < 0.8:
        node = call.plan.flows[call.state.flow].nodes[call.state.node]
        label = dice.choice([exit_.label for exit_ in EXITS[type(node)]])
        return label, dice.choice([None, {"amount": 12.5, "bookings": 1, "verified": True}, [], "x"])
    acts: list[Action] = ["listen", "listen", "wait", *"0123456789*#", "123456#", "1234", "say operator"]
    return dice.choice(acts)
