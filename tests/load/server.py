"""The media fabric under load: answers every call, and does with it what the dialled name says.

    python -m tests.load.server [--spin] [--rate HZ] [--sip-port N] [--rtp FIRST-LAST]

`music`: one shared player to all calls. `prompt`: a player for each call. `pairs`: each call hears the next
one. `tap`: each call's audio goes to Python and comes back from it. `plain`: answered, and nothing else.
With `--spin`, a thread runs pure Python all the time, to show that the media doesn't care.

Prints one JSON line when it is ready; then a line of figures for each line it reads; ends with its input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
from dataclasses import asdict

from gateway.call.leg import Answered, CallLeg, Ended
from gateway.sip.endpoint import SipEndpoint, SipEndpointSettings
from media import tone
from media.bridge import Bridge
from media.clip import Clip
from media.engine import Engine, EngineSettings
from media.pcm import PcmPort, PcmSettings
from media.player import Player

MAX_CALLS = 1200
TAP = PcmSettings(receive_s=2.0, send_s=2.0, notify_s=0.02, prebuffer_s=0.06)


class Fabric:
    """The services that calls are given."""

    def __init__(self, engine: Engine, bridge: Bridge) -> None:
        self._engine = engine
        self._bridge = bridge
        self._lonely: CallLeg | None = None
        self._prompt = self._melody()
        self._music = Player(engine, bridge, "music")
        self._music.play([self._prompt], loop=True)
        self.tapped = 0  # samples that Python has seen

    def _melody(self) -> Clip:
        return tone.tone([440.0, 554.0, 659.0], 10.0, self._engine.rate, dbfs=-20.0)

    async def serve(self, leg: CallLeg) -> None:
        """One call, to its end."""
        await leg.answer()
        closing = self._connect(leg)
        while not isinstance(event := await leg.next_event(), Ended):
            if isinstance(event, Answered) and isinstance(closing, Player):
                closing.play([self._prompt], loop=True)
        if closing is not None:
            closing.close()
        if self._lonely is leg:
            self._lonely = None

    def _connect(self, leg: CallLeg) -> Player | PcmPort | None:
        match leg.local.number:
            case "music":
                self._bridge.connect(self._music.port, leg.audio)
            case "prompt":
                player = Player(self._engine, self._bridge)
                self._bridge.connect(player.port, leg.audio)
                return player
            case "pairs":
                if self._lonely is None:
                    self._lonely = leg
                else:
                    self._bridge.join(self._lonely.audio, leg.audio)
                    self._lonely = None
            case "tap":
                return self._tap(leg)
        return None

    def _tap(self, leg: CallLeg) -> PcmPort:
        buffer = bytearray(2 * self._engine.rate)
        view = memoryview(buffer)

        def echo(_samples: int) -> None:
            count = port.read_into(buffer)
            port.write(view[: 2 * count])
            self.tapped += count

        port = PcmPort(self._engine, self._bridge, TAP, on_readable=echo)
        self._bridge.join(leg.audio, port.port)
        return port


def spin() -> None:
    """As bad as a Python program can be to others."""
    number = 0
    while True:
        number = (number * 1103515245 + 12345) & 0x7FFFFFFF


async def serve(options: argparse.Namespace) -> None:
    engine = Engine(EngineSettings(rate=options.rate, max_calls=MAX_CALLS))
    await engine.start()
    bridge = Bridge(engine)
    fabric = Fabric(engine, bridge)
    tasks: set[asyncio.Task[None]] = set()

    def on_invite(leg: CallLeg) -> None:
        task = asyncio.get_running_loop().create_task(fabric.serve(leg))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    first, last = (int(port) for port in options.rtp.split("-"))
    sip = SipEndpoint(
        engine,
        bridge,
        SipEndpointSettings(
            bind_address="127.0.0.1", udp_port=options.sip_port, tcp_port=None, rtp_ports=(first, last)
        ),
        on_invite,
    )
    listening = await sip.start()
    if options.spin:
        threading.Thread(target=spin, daemon=True).start()
    ready = {"pid": os.getpid(), "sip_port": listening.udp_port}
    print(json.dumps(ready), flush=True)  # the protocol with the benchmark
    while await asyncio.to_thread(sys.stdin.readline):
        figures = {**asdict(engine.stats()), "calls": len(tasks), "tapped": fabric.tapped}
        print(json.dumps(figures), flush=True)
    await sip.stop()
    await engine.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spin", action="store_true")
    parser.add_argument("--rate", type=int, default=8000, choices=(8000, 16000))
    parser.add_argument("--sip-port", type=int, default=0)
    parser.add_argument("--rtp", default="20000-31999", metavar="FIRST-LAST")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
