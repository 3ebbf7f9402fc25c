"""The dialplan of the gateway under test: every prompt is a tone, so what a caller hears can be told apart.

| number | what it does |
|---|---|
| 100 | a menu of 440 Hz; key 1 leads to 700 Hz, key 2 to 1000 Hz, both back to the menu; key 9 hangs up |
| 101 | early media: 850 Hz before any answer, then rejected as busy |
| 102 | 600 Hz for a minute |
| 103 | one beep of 1200 Hz, then we hang up |
| 486 | rejected as busy at once |
| any other | no route: 404 |
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.integration.peers import tones

MENU_HZ: Final = 440.0
KEY_1_HZ: Final = 700.0
KEY_2_HZ: Final = 1000.0
EARLY_HZ: Final = 850.0
LONG_HZ: Final = 600.0
BEEP_HZ: Final = 1200.0
ALL_HZ: Final = (MENU_HZ, KEY_1_HZ, KEY_2_HZ, EARLY_HZ, LONG_HZ, BEEP_HZ)

_SECONDS: Final = {MENU_HZ: 4.0, KEY_1_HZ: 2.0, KEY_2_HZ: 2.0, EARLY_HZ: 3.0, LONG_HZ: 60.0, BEEP_HZ: 0.5}

_PLAN: Final = """\
flow: menu
start: question
nodes:
  question:
    menu: {play: 440.wav}
    keys: {1: first, 2: second, 9: end}
    first_digit_timeout: 20s
  first: {play: 700.wav, next: question}
  second: {play: 1000.wav, next: question}
  end: {hangup: normal_clearing}
---
flow: early
answer: false
start: sound
nodes:
  sound: {play: 850.wav, next: end}
  end: {hangup: user_busy}
---
flow: long
start: sound
nodes:
  sound: {play: 600.wav, barge_in: false, next: end}
  end: {hangup: normal_clearing}
---
flow: beep
start: sound
nodes:
  sound: {play: 1200.wav, next: end}
  end: {hangup: normal_clearing}
---
flow: busy
answer: false
start: end
nodes:
  end: {hangup: user_busy}
---
routes:
  - {dnis: "100", flow: menu}
  - {dnis: "101", flow: early}
  - {dnis: "102", flow: long}
  - {dnis: "103", flow: beep}
  - {dnis: "486", flow: busy}
"""


def write_dialplan(directory: Path) -> Path:
    """The plan and its tones, in a directory of their own."""
    directory.mkdir(parents=True, exist_ok=True)
    for frequency_hz, seconds in _SECONDS.items():
        tones.write_wav(directory / f"{frequency_hz:.0f}.wav", tones.sine(frequency_hz, seconds))
    for index, document in enumerate(_PLAN.split("---\n")):
        (directory / f"{index}.yaml").write_text(document)
    return directory
