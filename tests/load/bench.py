"""What a call costs, how regular its packets are, and how fast it is set up. Prints tables; asserts nothing.

    python -m tests.load.bench [--only cost,gaps,…] [--calls 50,200,400] [--seconds 8]

A figure whose packets weren't delivered is marked: a starved server looks cheap. `x floor` is the ratio to
the CPU that coding and copying one call's G.711 takes here and now, measured before and after the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.load import dialplans, estimates, journal, queueing, rtc_measure, screens, speech, waiting
from tests.load.measure import (
    Latency,
    MediaCost,
    Setup,
    key_to_prompt,
    media_cost,
    setup_latency,
    setup_rate,
)
from tests.load.native import reference_millicores
from tests.load.screens import Lead

MODES: Final = ("music", "prompt", "pairs", "tap")
GAP_CALLS: Final = 100
RATES: Final = (50, 200)
LATENCY_SAMPLES: Final = 40
SCREEN_SAMPLES: Final = 100
KEY_SAMPLES: Final = 10
CLICK_SAMPLES: Final = 20
WAITING_CALLS: Final = 200
WEBRTC_CALLS: Final = 50
VANILLA_CALLS: Final = 10
WEBRTC_RUNS: Final = (
    ("native", "opus", 8000, WEBRTC_CALLS),
    ("native", "opus", 16000, WEBRTC_CALLS),
    ("native", "PCMU", 8000, WEBRTC_CALLS),
    ("fed", "opus", 8000, WEBRTC_CALLS),
    ("fed", "PCMU", 8000, WEBRTC_CALLS),
    ("vanilla", "opus", 8000, VANILLA_CALLS),
    ("vanilla", "PCMU", 8000, VANILLA_CALLS),
)

console = Console(width=110)


class Bench:
    """One run: its options, and what it has found so far."""

    def __init__(self, calls: tuple[int, ...], seconds: float, directory: Path) -> None:
        self.calls = calls
        self.seconds = seconds
        self.directory = directory
        self.floor = reference_millicores()
        self.found: dict[str, list[dict[str, Any]]] = {}

    async def cost(self) -> None:
        table = _table(
            "Cost of a call (G.711, RTP both ways)",
            "mode", "calls", "millicores", "x floor", "kB", "gap p99.9", "gap max", "delivered", "clock",
        )  # fmt: skip
        for mode in MODES:
            for calls in self.calls:
                line = await self._media(mode, calls)
                table.add_row(
                    mode,
                    str(calls),
                    f"{line.millicores_a_call:.2f}",
                    f"{line.millicores_a_call / self.floor:.0f}",
                    f"{line.kilobytes_a_call:.0f}",
                    f"{line.gap_p999_ms:.1f}",
                    f"{line.gap_max_ms:.1f}",
                    _delivered(line),
                    line.scheduling,
                )
        console.print(table)

    async def gaps(self) -> None:
        """The same calls with Python idle and with Python spinning: the media must not care."""
        table = _table(
            f"Gaps between outgoing packets, ms ({GAP_CALLS} calls)",
            "mode", "Python", "p50", "p99", "p99.9", "max", "delivered",
        )  # fmt: skip
        for mode in ("music", "tap"):
            for spinning in (False, True):
                line = await self._media(mode, GAP_CALLS, spinning=spinning)
                gaps = (line.gap_p50_ms, line.gap_p99_ms, line.gap_p999_ms, line.gap_max_ms)
                table.add_row(
                    mode,
                    "spins" if spinning else "idle",
                    *(f"{gap:.1f}" for gap in gaps),
                    _delivered(line),
                )
        console.print(table)

    async def setup(self) -> None:
        table = _table("Set-up and teardown", "asked/s", "done/s", "calls", "failed", "CPU ms a call")
        for rate in RATES:
            console.log(f"{rate} calls a second")
            line = await setup_rate(rate, self.seconds, self.directory)
            self._keep("setup", line)
            table.add_row(
                str(rate),
                f"{line.achieved_a_second:.0f}",
                str(line.calls),
                str(line.failed),
                f"{line.cpu_ms_a_call:.2f}",
            )
        console.print(table)

    async def latency(self) -> None:
        lines = [await setup_latency(calls, LATENCY_SAMPLES) for calls in (0, 200)]
        self._latencies("INVITE to 200, ms", lines)

    async def key(self) -> None:
        self._latencies(
            "Key to the next prompt's first packet, ms", [await key_to_prompt(KEY_SAMPLES, self.directory)]
        )

    async def dialplans(self) -> None:
        """The check of 200 flows, and the memory of 1,000 loaded ones."""
        console.log("dialplans")
        self.found["dialplans"] = [await asyncio.to_thread(dialplans.run, console)]

    async def speech(self) -> None:
        """Who is understood in how much noise, what it costs, and what is taken for a caller."""
        self.found["recognition"] = await speech.recognition(console, every=1 if self.seconds >= 8 else 4)
        self.found["endpoints"] = await asyncio.to_thread(speech.endpoints, console)
        self.found["speaking"] = await speech.calls(console, self.directory)

    async def journal(self) -> None:
        """From an event to the disk; what a restart and a report read."""
        console.log("journal")
        self.found["journal"] = await journal.run(self.directory, console)

    async def queues(self) -> None:
        """Matches of the queue engine with 10,000 callers and 2,000 agents."""
        console.log("queues")
        self.found["queues"] = [await asyncio.to_thread(queueing.run, console)]

    async def estimates(self) -> None:
        """How true expected waits are, and what they cost."""
        console.log("expected waits")
        self.found["estimates"] = await asyncio.to_thread(estimates.run, console)

    async def screens(self) -> None:
        """The context is on the agent's screen before their phone rings."""
        table = _table(
            "From the agent's screen to the INVITE, ms", "offers", "p50", "p99 above", "least", "late"
        )
        line = await screens.screen_lead(SCREEN_SAMPLES, self.directory / "screens")
        self._keep("screens", line)
        table.add_row(
            str(line.offers),
            f"{line.p50_ms:.1f}",
            f"{line.p1_ms:.1f}",
            f"{line.least_ms:.1f}",
            str(line.late),
        )
        console.print(table)

    async def waiting(self) -> None:
        """Callers in a queue of a whole node, and the moment in which an agent accepts."""
        table = _table(
            f"Cost of a waiting call ({WAITING_CALLS} calls, music and announcements)",
            "", "millicores", "kB", "delivered", "gap p99.9 ms",
        )  # fmt: skip
        line = await waiting.waiting_cost(WAITING_CALLS, self.seconds, self.directory)
        self._keep("waiting", line)
        table.add_row(
            "waiting", f"{line.millicores_a_call:.2f}", f"{line.kilobytes_a_call:.0f}", _delivered(line),
            f"{line.gap_p999_ms:.1f}",
        )  # fmt: skip
        console.print(table)
        found = await waiting.accept_latency(LATENCY_SAMPLES, self.directory)
        self._latencies("An agent accepts, ms", list(found))

    async def webrtc(self) -> None:
        """WebRTC calls beside SIP calls and beside aiortc alone, in pairs, in the same run."""
        table = _table(
            f"Cost of a WebRTC call ({WEBRTC_CALLS} calls in pairs; aiortc alone: {VANILLA_CALLS})",
            "path", "codec", "bridge Hz", "millicores", "x SIP", "kB", "delivered",
        )  # fmt: skip
        sip = await self._media("pairs", WEBRTC_CALLS)
        table.add_row(
            "SIP", "PCMU", "8000", f"{sip.millicores_a_call:.2f}", "1.0", f"{sip.kilobytes_a_call:.0f}",
            _delivered(sip),
        )  # fmt: skip
        for path, codec, rate, calls in WEBRTC_RUNS:
            console.log(f"WebRTC, {path}, {codec}, {calls} calls")
            line = await rtc_measure.webrtc_cost(path, codec, calls, self.seconds, rate=rate)
            self.found.setdefault("webrtc", []).append(asdict(line))
            table.add_row(
                path, codec, str(rate), f"{line.millicores_a_call:.2f}",
                f"{line.millicores_a_call / sip.millicores_a_call:.1f}", f"{line.kilobytes_a_call:.0f}",
                f"{line.delivered:.1%}" if line.valid else f"[red]{line.delivered:.1%}: not valid[/red]",
            )  # fmt: skip
        console.print(table)

    async def neighbours(self) -> None:
        """What SIP calls notice of Opus calls beside them."""
        table = _table(
            f"Gaps between packets of {GAP_CALLS // 2} SIP calls, ms",
            "Opus calls beside them", "p50", "p99", "p99.9", "max",
        )  # fmt: skip
        for line in await rtc_measure.neighbours(GAP_CALLS // 2, WEBRTC_CALLS, self.seconds):
            self.found.setdefault("neighbours", []).append(asdict(line))
            gaps = (line.gap_p50_ms, line.gap_p99_ms, line.gap_p999_ms, line.gap_max_ms)
            table.add_row(str(line.webrtc_calls), *(f"{gap:.1f}" for gap in gaps))
        console.print(table)

    async def ear(self) -> None:
        self._latencies("Mouth to ear through a node, ms", await rtc_measure.mouth_to_ear(LATENCY_SAMPLES))

    async def click(self) -> None:
        self._latencies("In a browser, ms", [await rtc_measure.click_to_audio(CLICK_SAMPLES, self.directory)])

    async def _media(self, mode: str, calls: int, *, spinning: bool = False) -> MediaCost:
        console.log(f"{mode}, {calls} calls{', spinning' if spinning else ''}")
        line = await media_cost(mode, calls, self.seconds, spinning=spinning)
        self._keep("media", line)
        return line

    def _latencies(self, title: str, lines: list[Latency]) -> None:
        table = _table(title, "", "count", "p50", "p95", "max")
        for line in lines:
            self._keep("latency", line)
            values = (line.p50_ms, line.p95_ms, line.max_ms)
            table.add_row(line.what, str(line.count), *(f"{value:.1f}" for value in values))
        console.print(table)

    def _keep(self, kind: str, line: MediaCost | Setup | Latency | Lead) -> None:
        self.found.setdefault(kind, []).append(asdict(line))


PARTS: Final[dict[str, Callable[[Bench], Awaitable[None]]]] = {
    "cost": Bench.cost,
    "gaps": Bench.gaps,
    "setup": Bench.setup,
    "latency": Bench.latency,
    "key": Bench.key,
    "webrtc": Bench.webrtc,
    "neighbours": Bench.neighbours,
    "ear": Bench.ear,
    "click": Bench.click,
    "dialplans": Bench.dialplans,
    "speech": Bench.speech,
    "estimates": Bench.estimates,
    "journal": Bench.journal,
    "queues": Bench.queues,
    "waiting": Bench.waiting,
    "screens": Bench.screens,
}


def allow_descriptors() -> None:
    """A reservation of ports holds many sockets for a moment."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    return table


def _delivered(line: MediaCost) -> str:
    share = f"{line.delivered:.1%}"
    return share if line.valid else f"[red]{share}, {line.voiced:.0%} voiced: not valid[/red]"


async def _run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as directory:
        bench = Bench(options.calls, options.seconds, Path(directory))
        console.print(f"floor: {bench.floor:.4f} millicores to code and copy one call's G.711")
        for name in options.only:
            await PARTS[name](bench)
        after = reference_millicores()
        console.print(
            f"floor afterwards: {after:.4f} ({after / bench.floor - 1:+.0%}: how steady the machine was)"
        )
    if options.json:
        result = {"floor_millicores": [bench.floor, after], **bench.found}
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - PARTS.keys():
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: parts are {', '.join(PARTS)}")
    return names


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", type=_parts, default=tuple(PARTS), metavar="PART,…", help=", ".join(PARTS))
    parser.add_argument(
        "--calls",
        type=lambda text: tuple(int(part) for part in text.split(",")),
        default=(50, 200, 400),
        metavar="N,…",
        help="concurrent calls of the cost part; even numbers, for the pairs",
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here too")
    allow_descriptors()
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
