"""What an agent is whispered before the caller: anything that is known of them."""

from __future__ import annotations

from pathlib import Path

from gateway.dialplan.loader import load
from gateway.dialplan.waiting_words import WaitingFacts, whisper_prompts
from gateway.dialplan.wording import Spoken

PLAN = """\
routes: [{dnis: any, flow: main}]
---
queues:
  cards:
    connecting:
      whisper: >-
        {{ caller.name }}, {{ caller.authenticated ? "verified" : "not verified" }}, {{ context.intent }} at
        {{ context.shop }}; last with {{ context.last_contact.agent }}.
---
agents: {ann: {name: Ann, device: "sip:ann@phone.invalid", queues: [cards]}}
---
flow: main
start: wait
nodes:
  wait: {queue: cards, next: end, error: end}
  end: {hangup: normal_clearing}
"""


def test_the_whisper_names_what_the_envelope_knows(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    plan = load(tmp_path)
    facts = WaitingFacts(
        caller={"name": "Ada", "authenticated": True},
        context={"intent": "card blocked", "shop": "X", "last_contact": {"agent": "ben"}},
    )

    [said] = whisper_prompts(plan, "cards", "en", facts)

    assert said == Spoken("Ada, verified, card blocked at X; last with ben.", "en")
