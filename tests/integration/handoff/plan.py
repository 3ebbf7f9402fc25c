"""A plan whose menu takes a PIN, and a queue whose whisper needs nothing said."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import soundfile

from tests.integration.peers import tones

ASK_HZ: Final = 600.0
WRONG_HZ: Final = 2000.0
KNOWN_HZ: Final = 900.0

PIN, DIRECT, LOOKUP = "300", "301", "302"
"""What a caller dials: for the menu that asks for a PIN, the queue at once, and the queue after a lookup."""
POOL: Final = ("+49 30 5001", "+49 30 5002")
"""Numbers that are lent; they lead to the queue."""

_PLAN: Final = """\
hosts: {host}
---
queues:
  help: {{music: music.wav, join: logged_in, retry: 1s, wrap_up: 0s, ring: 8s,
    callback: {{hours: always, country: DE, ring: 8s, per_caller: 0, per_number: 0}},
    announce: {{welcome: false, on_entry: false, every: 0s}}}}
---
agents:
{agents}
---
routes:
  - {{dnis: "300", flow: pin}}
  - {{dnis: "301", flow: direct}}
  - {{dnis: "302", flow: looked_up}}
  - {{dnis: any, flow: direct}}
---
flow: pin
start: ask
nodes:
  ask: {{gather: {{play: ask.wav}}, into: pin, minimum: 6, maximum: 6, retries: 1, next: find, failed: wait}}
  find: {{context: {{}}, find: vars.pin, next: mark, not_found: wrong, unavailable: wrong}}
  wrong: {{play: wrong.wav, next: ask}}
  mark: {{context: {{topic: "context.intent", verified: caller.authenticated, who: caller.id}}, next: wait}}
  wait: {{queue: help, timeout: 60s, next: end, timed_out: end, full: end, closed: end, left_empty: end,
    error: end}}
  end: {{hangup: normal_clearing}}
---
flow: looked_up
start: look
nodes:
  look: {{lookup: "http://{host}/customers", envelope: true, timeout: 2s, next: wait, error: wait,
    not_found: wait, refused: wait, server_error: wait, timed_out: wait, garbage: wait, unavailable: wait}}
  wait: {{queue: help, timeout: 60s, next: end, timed_out: end, full: end, closed: end, left_empty: end,
    error: end}}
  end: {{hangup: normal_clearing}}
---
flow: direct
start: wait
nodes:
  wait: {{queue: help, timeout: 60s, next: end, timed_out: end, full: end, closed: end, left_empty: end,
    error: end}}
  end: {{hangup: normal_clearing}}
"""


def write_plan(directory: Path, agents: dict[str, str], host: str) -> Path:
    """`agents`: id to the address of their phone. `host`: who is asked about customers."""
    directory.mkdir(parents=True)
    for name, frequency_hz in (("ask", ASK_HZ), ("wrong", WRONG_HZ), ("music", 300.0)):
        soundfile.write(directory / f"{name}.wav", tones.sine(frequency_hz, 0.5), tones.RATE)
    lines = [
        f'  {agent}: {{name: {agent}, device: "{uri}", queues: [help]}}' for agent, uri in agents.items()
    ]
    (directory / "plan.yaml").write_text(_PLAN.format(agents="\n".join(lines), host=host), "utf-8")
    return directory
