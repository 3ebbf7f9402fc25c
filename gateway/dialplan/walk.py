"""How a run leaves its nodes and how it asks for keys and words: what steps have in common. Pure."""

from __future__ import annotations

from dataclasses import replace

from gateway.call.cause import Cause
from gateway.dialplan.asking import (
    Failure,
    Reading,
    phrases_of,
    read_keys,
    speech_of,
    wordings_of,
    yes_and_no,
)
from gateway.dialplan.exits import Default, resolve
from gateway.dialplan.nodes import Asking, GatherNode, MenuNode
from gateway.dialplan.places import Target
from gateway.dialplan.run import Listen, Phase
from gateway.dialplan.turn import Turn
from gateway.dialplan.wording import Wording


class Walk(Turn):
    """A step that can go from node to node. `_ahead`: the one to enter next."""

    _ahead: str | None = None

    # Leaving

    def _back(self) -> None:
        """To the node of the flow that runs this one."""
        frame, stack = self.state.stack[-1], self.state.stack[:-1]
        self.state = replace(
            self.state, flow=frame.flow, node=frame.node, variables=frame.variables, stack=stack
        )

    def _leave(self, label: str | Target, outcome: str | None = None) -> None:
        """Take the exit `label`, written or not, or go where a case leads."""
        self.stop_listening()
        self.keep_private(False)
        self.report(outcome or str(label))
        ends = isinstance(label, str) and resolve(self.node(), label) is Default.END
        target = self._where(label) if isinstance(label, str) else label
        if target is not None:
            self._ahead = target.node
        elif ends:
            self.hang_up(Cause.NORMAL_CLEARING)
        else:
            self.apologise(Cause.TEMPORARY_FAILURE)

    def _where(self, label: str) -> Target | None:
        """Where an exit leads; errors that a flow has no node for go to the flow that runs it."""
        found = resolve(self.node(), label)
        while found is Default.FLOW_ERROR and not self.state.erring:
            handler = self.flow().error
            if handler is not None:
                self.state = replace(self.state, erring=True)
                return handler
            if not self.state.stack:
                return None
            self._back()
            found = resolve(self.node(), "error")
        if found is Default.FLOW_HANGUP:
            return self.flow().hangup
        return found if isinstance(found, Target) else None

    # Asking

    def _enter_asking(self, node: Asking) -> None:
        if not node.type_ahead:
            self.state = replace(self.state, typed="")
        if self.state.typed and self.state.connected:
            self._listen(node)
        else:
            self._ask((node.prompt,), node)

    def _ask(self, wordings: tuple[Wording, ...], node: Asking) -> None:
        if self.connect():
            self.play(self.prompts(wordings))
            self._hear(node)

    def _listen(self, node: Asking) -> None:
        """Wait for keys or words, after using up keys that were typed ahead."""
        if self.state.typed:
            typed, rest = self.state.typed[0], self.state.typed[1:]
            self.state = replace(self.state, typed=rest)
            self._collect(node, typed)
            return
        self.state = replace(self.state, phase=Phase.LISTENING)
        self._hear(node)
        self.start_timer(node.inter_digit_timeout_s if self.state.collected else node.first_digit_timeout_s)

    def _hear(self, node: Asking) -> None:
        """Listen for what the caller says, where the node does and something can understand it."""
        speech = speech_of(node, self.state.language)
        if speech is None or self.state.deaf or self.state.collected:
            return
        if self.state.phase is Phase.SPEAKING and not (speech.barge_in and node.barge_in):
            return
        phrases = dict(phrases_of(node, self.state.language))
        if self.state.pending:
            phrases = {**yes_and_no(self.state.language), **phrases}
        wanted = {text: meaning for text, meaning in phrases.items() if text not in self.state.denied}
        numbers = {meaning: number for number, meaning in enumerate(dict.fromkeys(wanted.values()))}
        self.listen(
            Listen(
                tuple(wanted),
                self.state.language,
                tuple(numbers[meaning] for meaning in wanted.values()),
                "phrases" if wanted else speech.answer,
                speech,
                node.name,
                isinstance(node, GatherNode) and node.mask,
            )
        )

    def _collect(self, node: Asking, digit: str) -> None:
        """Add one key to those being pressed."""
        self.stop_listening()  # who has begun with keys goes on with keys
        self.state = replace(self.state, collected=self.state.collected + digit)
        reading = read_keys(node, self.state.collected)
        if reading.goes_on:
            self._listen(node)
        elif reading.complete:
            self._matched(node, reading)
        else:
            self._fail(node, Failure.NO_MATCH)

    def _matched(self, node: Asking, reading: Reading, outcome: str = "matched") -> None:
        if isinstance(node, GatherNode):
            if (
                self.state.collected
                and node.terminator
                and not self.state.collected.endswith(node.terminator)
            ):
                self._expect_terminator(node.terminator)
            self.state = replace(self.state, collected="")
            self.remember({node.into: reading.digits})
            self._leave("next", outcome)
        elif reading.target is not None:
            self._leave(reading.target, outcome)

    def _expect_terminator(self, key: str) -> None:
        if self.state.typed.startswith(key):
            self.state = replace(self.state, typed=self.state.typed[1:])
        elif not self.state.typed:
            self.state = replace(self.state, swallow=key)

    def _fail(self, node: Asking, failure: Failure) -> None:
        self.report(failure.value)
        self.stop_listening()
        self.state = replace(self.state, pending="")
        failures = self.state.failures + 1
        if failures <= node.retries:
            self.state = replace(self.state, failures=failures, collected="", typed="")
            self._ask(wordings_of(node, failure, failures), node)
            return
        self.state = replace(self.state, typed="", collected="")
        self._leave(failure.value, "failed")

    def _asking(self) -> Asking:
        node = self.node()
        if not isinstance(node, MenuNode | GatherNode):
            raise self.fault("it doesn't ask for anything")
        return node
