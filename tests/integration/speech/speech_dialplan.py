"""A dialplan whose nodes are told apart by tones, with a menu that understands phrases."""

from __future__ import annotations

from pathlib import Path

import soundfile

from media import tone

RATE = 8000
MENU_HZ, BILLING_HZ, SUPPORT_HZ, SORRY_HZ, SILENT_HZ = 500.0, 700.0, 900.0, 1100.0, 1300.0
ALL_HZ = (MENU_HZ, BILLING_HZ, SUPPORT_HZ, SORRY_HZ, SILENT_HZ)

PLAN = """\
routes: [{dnis: "100", flow: main}, {dnis: "200", flow: pin}, {dnis: "300", flow: rate}]
---
surveys: {short: {ask: nps, nps: {play: menu.wav}, thanks: false}}
---
flow: rate
start: ask
nodes:
  ask: {survey: short, next: thanks, declined: sorry, error: sorry}
  thanks: {play: billing.wav, next: end}
  sorry: {play: sorry.wav, next: end}
  end: {hangup: }
---
flow: main
start: menu
nodes:
  menu:
    menu: {play: menu.wav}
    keys: {1: billing, 2: support}
    phrases:
      billing: ["[pay] my bill", "billing"]
      support: ["technical (help|support)"]
    speech: {keep: [transcript, audio]}
    first_digit_timeout: 4s
    retries: 3
    no_input: {say: {play: silent.wav}}
    no_match: {say: {play: sorry.wav}}
  billing: {play: billing.wav, next: end}
  support: {play: support.wav, next: end}
  end: {hangup: }
---
flow: pin
start: ask
nodes:
  ask:
    gather: {play: menu.wav}
    into: pin
    minimum: 4
    maximum: 4
    mask: true
    next: thanks
  thanks: {play: billing.wav, next: end}
  end: {hangup: }
"""


def write_dialplan(directory: Path) -> Path:
    directory.mkdir(parents=True)
    (directory / "plan.yaml").write_text(PLAN)
    tones = {"menu": (MENU_HZ, 6.0), "billing": (BILLING_HZ, 2.0), "support": (SUPPORT_HZ, 2.0),
             "sorry": (SORRY_HZ, 0.8), "silent": (SILENT_HZ, 0.8)}  # fmt: skip
    for name, (hertz, seconds) in tones.items():
        soundfile.write(directory / f"{name}.wav", tone.tone([hertz], seconds, RATE).samples, RATE)
    return directory
