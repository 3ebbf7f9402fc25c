"""Random callers on random plans: whatever passes the checks can be walked without an end to the surprises.

Promises, for every plan that passes the checks and every caller: no undefined node is reached, every step
ends with a wait or with the end, a digit is used once, the state survives being stored at every wait
(VirtualCall does that), and a caller who stops doing anything is let go in bounded time.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.dialplan.faults import has_errors
from gateway.dialplan.loader import check, examine, load
from gateway.dialplan.model import MenuNode, Plan
from gateway.dialplan.run import MAX_TYPED_AHEAD, OUTCOMES, Connected, Phase
from tests.fakes.plans import ROUTES, VirtualCall, write_plan

KEYS = "0123456789*#ABCD"
WAITS = {Phase.ANSWERING, Phase.SPEAKING, Phase.LISTENING, Phase.ENDING, Phase.ENDED}
DEMO = Path(__file__).parents[2] / "dialplans" / "demo"

ACTIONS = st.lists(
    st.one_of(
        st.sampled_from(["listen", "wait", "lose audio", "connect"]),
        st.text(KEYS, min_size=1, max_size=3),
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
        match draw(st.sampled_from(["say", "menu", "menu", "goto", "hangup"])):
            case "say":
                body = f"say: {name}, next: {draw(target)}, barge_in: {draw(flag)}"
            case "goto":
                body = f"goto: {draw(target)}"
            case "hangup":
                body = "hangup: "
            case _:
                body = _menu(draw, name, target, flag)
        nodes.append(f"  {name}: {{{body}}}")
    answer = draw(flag)
    return f"{ROUTES}flow: main\nanswer: {answer}\nstart: {names[0]}\nnodes:\n" + "\n".join(nodes)


def _menu(draw: st.DrawFn, name: str, target: st.SearchStrategy[str], flag: st.SearchStrategy[str]) -> str:
    options = draw(st.dictionaries(st.text(KEYS, min_size=1, max_size=3), target, min_size=1, max_size=5))
    keys = ", ".join(f'"{key}": {option}' for key, option in options.items())
    parts = [f"menu: {name}, keys: {{{keys}}}, retries: {draw(st.integers(0, 3))}"]
    parts += [f"barge_in: {draw(flag)}, type_ahead: {draw(flag)}"]
    for failure in ("no_input", "no_match"):
        if draw(st.booleans()):
            say = draw(st.sampled_from(["", "say: x", "say: [x, y, z]"]))
            follow = f"next: {draw(target)}" if draw(st.booleans()) else ""
            parts.append(f"{failure}: {{{', '.join(part for part in (say, follow) if part)}}}")
    if draw(st.booleans()):
        parts.append(f"failed: {draw(target)}")
    return ", ".join(parts)


def act(call: VirtualCall, action: str) -> None:
    """One thing a caller, or the world, may do; nothing when it can't happen now."""
    if action == "connect":
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
    assert state.node in call.plan.flows["main"].nodes
    assert len(state.typed) <= MAX_TYPED_AHEAD
    assert (state.timer is not None) == (state.phase is Phase.LISTENING)
    assert (state.audio is not None) == (state.phase is Phase.SPEAKING)
    if state.phase is Phase.LISTENING:
        menu = call.plan.flows["main"].nodes[state.node]
        assert isinstance(menu, MenuNode)
        assert not state.typed, "keys were left lying while the menu listens"


def walk(plan: Plan, actions: list[str]) -> VirtualCall:
    call = VirtualCall(plan).start()
    check_promises(call)
    for action in actions:
        act(call, action)
        check_promises(call)
    return call


def silent_steps(plan: Plan) -> int:
    """The most things that can happen to a caller who does nothing: no node comes twice."""
    nodes = plan.flows["main"].nodes.values()
    return 3 + sum(1 if not isinstance(node, MenuNode) else 2 * (node.retries + 1) for node in nodes)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(text=plans(), walks=st.lists(ACTIONS, min_size=1, max_size=10))
def test_no_caller_finds_a_hole_in_a_plan_that_passes_the_checks(text: str, walks: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        plan, faults = examine(write_plan(Path(directory), text))
    assume(not has_errors(faults))

    for actions in walks:
        call = walk(plan, actions)
        for _ in range(silent_steps(plan) + MAX_TYPED_AHEAD):
            call.do_nothing()
        assert call.state.phase is Phase.ENDED, "a caller who does nothing is never let go"
        assert {outcome for _, outcome in call.outcomes} <= OUTCOMES


@cache
def demo() -> Plan:
    return load(DEMO)


@settings(max_examples=1000, deadline=None)
@given(actions=ACTIONS)
def test_no_caller_finds_a_hole_in_the_demo(actions: list[str]) -> None:
    call = walk(demo(), actions)

    for _ in range(silent_steps(call.plan) + MAX_TYPED_AHEAD):
        call.do_nothing()
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
