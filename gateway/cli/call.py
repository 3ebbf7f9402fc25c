"""`ringback call URI`: place a test call and print what happens to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, assert_never

import typer

from gateway import config
from gateway.call.cdr import CallRecord, CallResult
from gateway.call.leg import (
    Answered,
    DigitPressed,
    DigitReleased,
    EarlyMedia,
    Ended,
    LegEvent,
    MediaDirectionChanged,
    Ringing,
)
from gateway.cli.invocation import AsJson, ConfigFile, faults_reported
from gateway.storage.unsaved import to_json
from monitoring import logs

KEYS = frozenset("0123456789*#ABCD,")


def _keys(text: str) -> str:
    if wrong := sorted(set(text) - KEYS):
        raise typer.BadParameter(f"{''.join(wrong)!r}: keys are 0-9 * # A-D, and a comma waits a second")
    return text


def call(
    uri: Annotated[str, typer.Argument(metavar="URI", help="Whom to call: sip:100@127.0.0.1:5060")],
    play: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Say this file once it is answered.")
    ] = None,
    digits: Annotated[
        str, typer.Option(callback=_keys, help="Keys to press once it is answered; a comma waits a second.")
    ] = "",
    record: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write what the far end says to this WAV file.")
    ] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=1, max=3600, help="Hang up after so many seconds.")
    ] = 30.0,
    as_json: AsJson = False,
    file: ConfigFile = None,
) -> None:
    """Call, press keys, play and record, and print what happened; exit 1 if nobody answered."""
    from gateway.app import place_call  # loads the native library, which no other command needs

    with faults_reported():
        settings = _beside_a_node(config.load(file))
        with logs.configured("error", settings.log.format):
            result = asyncio.run(
                place_call(
                    settings,
                    uri,
                    play=play,
                    digits=digits,
                    record=record,
                    timeout_s=timeout_s,
                    on_event=_ignore if as_json else _print_event,
                )
            )
    typer.echo(to_json(result) if as_json else summary(result))
    if result.result is not CallResult.ANSWERED:
        raise typer.Exit(1)


def _beside_a_node(settings: config.Settings) -> config.Settings:
    """A test call runs beside the node that has the configured ports: it takes free ones."""
    sip = settings.sip.model_copy(update={"udp_port": 0, "tcp_port": 0})
    return settings.model_copy(update={"sip": sip})


def _ignore(_event: LegEvent) -> None:
    return


def _print_event(event: LegEvent) -> None:
    typer.echo(describe(event))


def describe(event: LegEvent) -> str:
    """An event of the leg, in words."""
    match event:
        case Ringing():
            return "ringing"
        case EarlyMedia():
            return "audio before the answer"
        case Answered():
            return "answered"
        case MediaDirectionChanged(direction):
            return f"audio is {direction.value} now"
        case DigitPressed(digit, source):
            return f"key {digit} pressed ({source.value})"
        case DigitReleased(digit, _, duration_s):
            return f"key {digit} released after {duration_s:.2f} s"
        case Ended(cause, by, sip_status, text):
            status = f", SIP {sip_status} {text}".rstrip() if sip_status else ""
            return f"ended by the {by.value} side: cause {cause.value}{status}"
        case _:
            assert_never(event)


def summary(record: CallRecord) -> str:
    """What became of the call, on a few lines."""
    lines = [f"{record.result.value}: {record.cause} {record.cause_text}".rstrip()]
    lines.append(f"lasted {record.duration_s:.1f} s")
    if (quality := record.quality) is not None:
        lines.append(
            f"{quality.codec}: {quality.packets_received} packets received, {quality.packets_sent} sent, "
            f"{quality.packets_lost} lost, jitter {quality.jitter_ms:.1f} ms"
        )
    return "\n".join(lines)
