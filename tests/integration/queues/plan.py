"""The plan of the queues under test: what each queue is there for, and who serves it.

Music is 300 Hz. What callers are told is a tone each: 500 Hz the position, 850 Hz that they are being
connected; agents are whispered 1500 Hz. The number of a callback is read back as 1300 Hz, that it is kept
is 1700 Hz, and what is asked of whoever calls in meanwhile is 2000 Hz. So a tone tells what is heard, and
nothing has to be understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import soundfile

from tests.integration.peers import tones

MUSIC_HZ: Final = 300.0
POSITION_HZ: Final = 500.0
CONNECTING_HZ: Final = 850.0
WHISPER_HZ: Final = 1500.0
CONFIRM_HZ: Final = 1300.0
KEPT_HZ: Final = 1700.0
PENDING_HZ: Final = 2000.0
BYE_HZ: Final = 2600.0
OFFER_HZ: Final = 1000.0
WHEN_HZ: Final = 1850.0
SLOTS_HZ: Final = 2100.0
KEPT_AT_HZ: Final = 2300.0
TIMED_OUT_HZ: Final = 2200.0
CLOSED_HZ: Final = 2400.0
ALL_HZ: Final = (MUSIC_HZ, POSITION_HZ, CONNECTING_HZ, WHISPER_HZ, BYE_HZ, TIMED_OUT_HZ, CLOSED_HZ)

_SECONDS: Final = {
    MUSIC_HZ: 1.0,
    POSITION_HZ: 3.0,
    CONNECTING_HZ: 3.0,
    WHISPER_HZ: 3.0,
    CONFIRM_HZ: 3.0,
    KEPT_HZ: 1.0,
    PENDING_HZ: 3.0,
    OFFER_HZ: 1.0,
    WHEN_HZ: 3.0,
    SLOTS_HZ: 1.0,
    KEPT_AT_HZ: 1.0,
    BYE_HZ: 0.4,
    TIMED_OUT_HZ: 0.4,
    CLOSED_HZ: 0.4,
}

_SILENT: Final = "announce: {welcome: false, on_entry: false, every: 0s}"
_BARE: Final = "music: 300.wav, join: logged_in"
_COMMON: Final = f"{_BARE}, retry: 1s, wrap_up: 0s, ring: 4s, misses_to_break: 2"

QUEUES: Final[Mapping[str, str]] = {
    "quiet": f"{{{_COMMON}, {_SILENT}}}",
    "told": f"{{{_COMMON}, announce: {{welcome: false, every: 5s, spacing: 1s, estimate: never}}}}",
    "briefed": (
        f"{{{_COMMON}, {_SILENT}, "
        'connecting: {whisper: {play: 1500.wav}, accept_key: "1", say: {play: 850.wav}}}'
    ),
    "everybody": f"{{{_COMMON}, {_SILENT}, strategy: ring_all}}",
    "strict": f"{{{_BARE}, {_SILENT}, wrap_up: 0s, ring: 2s, misses_to_break: 1}}",
    "notes": f"{{{_BARE}, {_SILENT}, wrap_up: 1h, dispositions: [resolved, call_again, sold the moon]}}",
    "busy": (
        f"{{{_BARE}, {_SILENT}, wrap_up: 0s, ring: 1500ms, retry: 500ms, misses_to_break: 0, rejoin: 0s}}"
    ),
    "calling": (
        f'{{{_COMMON}, {_SILENT}, keys: {{"1": callback}}, '
        "callback: {hours: always, country: DE, ring: 8s, per_caller: 0, per_number: 0, "
        "gaps: {busy: 1s, no_answer: 1s}}}"
    ),
    "calling_first": (
        f'{{{_COMMON}, {_SILENT}, keys: {{"1": callback}}, '
        "callback: {first: customer_first, hours: always, country: DE, ring: 8s, answer: 10s, per_number: 0, "
        "machine: message, gaps: {busy: 1s, machine: 2s}, "
        "greeting: {play: 1300.wav}, message: {play: 1700.wav}}}"
    ),
    "timed": (
        f'{{{_COMMON}, keys: {{"1": callback}}, '
        "announce: {welcome: false, on_entry: false, every: 0s, spacing: 0s, callback: {after: 1s}}, "
        "callback: {hours: always, country: DE, per_caller: 0, per_number: 0, "
        "slots: {calendar: always, length: 5m}, "
        "phrases: {en: [call me back, please call me back]}}}"
    ),
    "surveyed": (
        f'{{{_COMMON}, {_SILENT}, keys: {{"5": chat}}, survey: after-call, survey_link: true, '
        "record: {when: always, consent: false, format: wav}}"
    ),
    "recorded": f"{{{_COMMON}, {_SILENT}, record: {{when: always, consent: false, format: wav}}}}",
}

NUMBERS: Final = {name: str(100 + at) for at, name in enumerate(QUEUES)}
"""What a caller dials for each queue."""

_FLOW: Final = """\
---
flow: {name}
start: wait
nodes:
  wait:
    queue: {name}
    leave_key: "9"
    timeout: 60s
    next: bye
    left: bye
    called_back: end
    timed_out: late
    full: shut
    closed: shut
    left_empty: shut
    error: shut
  bye: {{play: 2600.wav, next: end}}
  late: {{play: 2200.wav, next: end}}
  shut: {{play: 2400.wav, next: end}}
  end: {{hangup: normal_clearing}}
"""

_CATALOGUE: Final = """\
---
catalogue: en
texts:
  ringback.queue.next: {play: 500.wav}
  ringback.queue.chat_sent: {play: 2200.wav}
  ringback.queue.position: {play: 500.wav}
  ringback.callback.confirm: {play: 1300.wav}
  ringback.callback.enter: {play: 850.wav}
  ringback.callback.later: {play: 1500.wav}
  ringback.callback.kept: {play: 1700.wav}
  ringback.callback.exists: {play: 1700.wav}
  ringback.callback.pending: {play: 2000.wav}
  ringback.callback.cancelled: {play: 2600.wav}
  ringback.queue.callback_offer: {play: 1000.wav}
  ringback.callback.when: {play: 1850.wav}
  ringback.callback.slot: {play: 2100.wav}
  ringback.callback.slots: {play: 2100.wav}
  ringback.callback.kept_at: {play: 2300.wav}
"""


_SURVEYS: Final = """\
---
surveys:
  after-call:
    ask: [nps, csat, comment]
    nps: {play: 1300.wav}
    csat: {play: 1700.wav}
    comment: {play: 2000.wav}
    thanks: {play: 2600.wav}
  short: {ask: nps, nps: {play: 1300.wav}, thanks: false}
---
flow: rate
start: ask
nodes:
  ask: {survey: short, next: thanks, declined: end, error: end}
  thanks: {play: 2600.wav, next: end}
  end: {hangup: normal_clearing}
"""

LEAVE_NUMBER: Final = "299"
"""What a caller dials to leave a request for a callback in the queue `calling`, without waiting."""

ASK_NUMBER: Final = "298"
"""The same for the queue `timed`, whose callers are asked for number and time, at any hour."""

_LEAVE: Final = """\
---
flow: leave
start: ask
nodes:
  ask: {callback: calling, next: kept, duplicate: had, refused: shut, error: shut}
  kept: {play: 1700.wav, next: end}
  had: {play: 2000.wav, next: end}
  shut: {play: 2400.wav, next: end}
  end: {hangup: normal_clearing}
---
flow: ask
start: ask
nodes:
  ask: {callback: timed, ask: true, next: kept, duplicate: had, declined: no, refused: shut, error: shut}
  kept: {play: 1700.wav, next: end}
  had: {play: 2000.wav, next: end}
  no: {play: 2600.wav, next: end}
  shut: {play: 2400.wav, next: end}
  end: {hangup: normal_clearing}
---
calendars:
  always: {timezone: Europe/Berlin, hours: {mon-sun: "00:00-24:00"}}
"""


def write_plan(
    directory: Path, agents: Mapping[str, str], pbx_devices: Mapping[str, str] | None = None
) -> Path:
    """Every queue with its number, served by all `agents`: id to the address of their phone, or "".

    `pbx_devices`: agent to what a PBX calls their phone.
    """
    directory.mkdir(parents=True)
    for frequency_hz, seconds in _SECONDS.items():
        tone = tones.sine(frequency_hz, seconds)
        soundfile.write(directory / f"{frequency_hz:.0f}.wav", tone, tones.RATE)
    every = ", ".join(QUEUES)
    lines = ["queues:", *(f"  {name}: {settings}" for name, settings in QUEUES.items()), "---", "agents:"]
    for agent, device in agents.items():
        nailed = ", nailed_up: true" if agent == "nell" else ""
        phone = f'device: "{device}", ' if device else ""
        if pbx_devices and agent in pbx_devices:
            phone += f'pbx_device: "{pbx_devices[agent]}", '
        lines.append(f"  {agent}: {{name: {agent.title()}, {phone}queues: [{every}]{nailed}}}")
    lines += ["---", "routes:", *(f'  - {{dnis: "{number}", flow: {n}}}' for n, number in NUMBERS.items())]
    lines.append(f'  - {{dnis: "{LEAVE_NUMBER}", flow: leave}}')
    lines.append(f'  - {{dnis: "{ASK_NUMBER}", flow: ask}}')
    flows = "".join(_FLOW.format(name=name) for name in QUEUES) + _LEAVE
    (directory / "plan.yaml").write_text("\n".join(lines) + "\n" + flows + _SURVEYS + _CATALOGUE, "utf-8")
    return directory
