"""Dialplans made up by a generator: every kind of node, wired at random, and the same for the same seed.

Exits that a silent caller takes lead forward, but for a share of `wild` ones, so that most plans pass the
checks; keys and phrases lead anywhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

PARTS: Final = """\
queues: [sales, support]
---
surveys: [short]
---
hosts: [crm.example]
---
calendars:
  office:
    timezone: Europe/Berlin
    hours: {mon-fri: "08:00-18:00"}
"""

GROUP: Final = 6
"""Flows that run each other, the earlier the later ones."""

WORDS: Final = ("sales", "support", "opening hours", "my account", "an engineer", "goodbye")


class FlowWriter:
    """One flow of `size` nodes. `wild`: the share of passive exits that may lead anywhere."""

    def __init__(self, rng: random.Random, name: str, size: int, runs: Sequence[str], wild: float) -> None:
        self._rng = rng
        self._name = name
        self._names = [f"n{number}" for number in range(size)]
        self._runs = runs
        self._wild = wild

    def text(self) -> str:
        last = len(self._names) - 1
        nodes = [f"  {name}: {{{self._node(number)}}}" for number, name in enumerate(self._names[:-1])]
        variables = "{count: '0', number: \"''\", answer: '{}'}"
        head = f"flow: {self._name}\nvariables: {variables}\nstart: n0\nnodes:"
        return "\n".join([head, *nodes, f"  n{last}: {{hangup: normal_clearing}}", ""])

    def _node(self, number: int) -> str:
        kinds: tuple[Callable[[int], str], ...] = (
            *(self._say, self._say, self._menu, self._menu, self._menu, self._gather, self._set),
            *(self._branch, self._calendar, self._lookup, self._queue, self._callback, self._dial),
            *(self._transfer, self._record, self._survey, self._goto, self._context),
        )
        if self._runs:
            kinds = (*kinds, self._run, self._return)
        return self._rng.choice(kinds)(number)

    def _ahead(self, number: int) -> str:
        """Where a caller who does nothing may be led."""
        if self._rng.random() < self._wild:
            return self._anywhere()
        near = min(len(self._names) - 1, number + 6)
        return self._names[self._rng.randint(number + 1, near)]

    def _anywhere(self) -> str:
        return self._rng.choice(self._names)

    def _exits(self, number: int, *needed: str, maybe: Sequence[str] = ()) -> str:
        labels = (*needed, *(label for label in (*maybe, "error") if self._rng.random() < 0.4))
        return ", ".join(f"{label}: {self._ahead(number)}" for label in labels)

    def _prompt(self, number: int) -> str:
        texts = (f"Text {number} of {self._name}.", f'"{{{{ vars.count }}}} of {number}."')
        return self._rng.choice(texts)

    def _say(self, number: int) -> str:
        barge_in = self._rng.choice(("true", "false"))
        return f"say: {self._prompt(number)}, barge_in: {barge_in}, {self._exits(number, 'next')}"

    def _menu(self, number: int) -> str:
        keys = self._rng.sample("0123456789*#", self._rng.randint(1, 4))
        options = ", ".join(f'"{key}": {self._anywhere()}' for key in keys)
        parts = [f"menu: {self._prompt(number)}, keys: {{{options}}}, retries: {self._rng.randint(0, 3)}"]
        if self._rng.random() < 0.3:
            words, targets = self._rng.sample(WORDS, 2), self._rng.sample(self._names, 2)
            said = ", ".join(f"{target}: {word}" for target, word in zip(targets, words, strict=True))
            parts.append(f"phrases: {{{said}}}")
        if self._rng.random() < 0.5:
            parts.append(f"no_input: {{say: [a, b], next: {self._ahead(number)}}}")
        return ", ".join([*parts, self._exits(number, "failed")])

    def _gather(self, number: int) -> str:
        low = self._rng.randint(1, 4)
        high = low + self._rng.randint(0, 4)
        mask = self._rng.choice(("true", "false"))
        return (
            f"gather: {self._prompt(number)}, into: number, minimum: {low}, maximum: {high}, mask: {mask}, "
            f"retries: 1, {self._exits(number, 'next', 'failed')}"
        )

    def _set(self, number: int) -> str:
        return f"set: {{count: 'vars.count + {self._rng.randint(1, 9)}'}}, {self._exits(number, 'next')}"

    def _branch(self, number: int) -> str:
        case = f"{{when: 'vars.count > {self._rng.randint(0, 20)}', next: {self._ahead(number)}}}"
        return f"branch: [{case}], {self._exits(number, 'else')}"

    def _calendar(self, number: int) -> str:
        return f"calendar: office, open: {self._ahead(number)}, closed: {self._ahead(number)}"

    def _lookup(self, number: int) -> str:
        maybe = ("not_found", "refused", "server_error", "timed_out", "garbage")
        exits = self._exits(number, "next", maybe=maybe)
        return f"lookup: 'https://crm.example/{number}', into: answer, {exits}"

    def _queue(self, number: int) -> str:
        exits = self._exits(number, "timed_out", maybe=("next", "left", "full", "closed"))
        return f"queue: {self._rng.choice(('sales', 'support'))}, leave_key: '*', timeout: 5m, {exits}"

    def _callback(self, number: int) -> str:
        return f"callback: sales, {self._exits(number, 'next', maybe=('duplicate', 'refused'))}"

    def _dial(self, number: int) -> str:
        exits = self._exits(number, "next", maybe=("busy", "no_answer", "rejected"))
        return f"dial: '+4930{number}', {exits}"

    def _transfer(self, number: int) -> str:
        return f"transfer: '+4930{number}', {self._exits(number, 'failed')}"

    def _record(self, number: int) -> str:
        return f"record: {self._prompt(number)}, {self._exits(number, 'next', maybe=('empty',))}"

    def _survey(self, number: int) -> str:
        return f"survey: short, {self._exits(number, 'next', maybe=('declined',))}"

    def _context(self, number: int) -> str:
        return f"context: {{topic: vars.count}}, {self._exits(number, 'next')}"

    def _goto(self, number: int) -> str:
        return f"goto: {self._names[number + 1]}"

    def _run(self, number: int) -> str:
        return f"run: {self._rng.choice(self._runs)}, {self._exits(number, 'next')}"

    def _return(self, _number: int) -> str:
        return "return: "


def write_generated(directory: Path, seed: int, *, flows: int, nodes: int, wild: float = 0.0) -> Path:
    """A plan of `flows` flows of `nodes` nodes each, a file a flow; the same one for the same arguments."""
    rng = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "parts.yaml").write_text(PARTS, encoding="utf-8")
    names = [f"flow-{number}" for number in range(flows)]
    for number, name in enumerate(names):
        # Only later flows of its group are run: none runs itself, and they aren't nested too deep.
        later = names[number + 1 : (number // GROUP + 1) * GROUP]
        text = FlowWriter(rng, name, nodes, later, wild).text()
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    routes = "".join(f'  - {{dnis: "{1000 + number}", flow: {name}}}\n' for number, name in enumerate(names))
    (directory / "routes.yaml").write_text(f"routes:\n{routes}", encoding="utf-8")
    return directory
