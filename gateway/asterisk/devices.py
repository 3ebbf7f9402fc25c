"""Which devices of the PBX are on calls, and whose calls those are. Pure.

A device is what agents of a plan name as `pbx_device`: "PJSIP/ann", whose channels are "PJSIP/ann-0000002a";
or something without channels, "Custom:ann" or "hint:4711@internal", of which only a state is known.

Calls of ours must not count: when a queue rings an agent at the PBX, that device rings, and it would take
the offer back that it was rung for. Such a channel hangs on one of the trunk that leads to us: its Linkedid
is the Uniqueid of that one. It is ours when it appears while we want something of its agent, and as long as
the trunk's channel is there; who called an agent through us, past the queues, is another call like any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.asterisk.events import AmiEvent

ORPHAN_S: Final = 1.0
"""So long a channel of ours may outlive the trunk's, which ends first."""

BUSY_STATES: Final = frozenset({"INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"})
_HINT_BUSY: Final = 1 | 2 | 8 | 16  # include/asterisk/pbx.h: in use, busy, ringing, on hold
_HINT_GONE: Final = 4

IsOurs = Callable[[str], bool]
"""Whether we want something of the agent of this device just now: an offer, a call."""


@dataclass(slots=True)
class Channel:
    """One channel of a device. `root`: the trunk's channel it hangs on, "" when it isn't a call of ours."""

    uniqueid: str
    device: str
    name: str
    state: str = ""  # as Asterisk describes it: Ring, Ringing, Up
    root: str = ""
    orphaned_at: float | None = None


@dataclass(slots=True)
class _News:
    """What has happened since a list was asked for: newer than anything in it."""

    hung_up: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)


class DeviceBoard:
    """Folds events. `trunks`: devices that lead to us, such as "PJSIP/ringback"; `now` is in seconds."""

    def __init__(self, trunks: Iterable[str], is_ours: IsOurs) -> None:
        self._trunks = frozenset(trunks)
        self._is_ours = is_ours
        self._roots: set[str] = set()  # Uniqueids of the trunks' channels
        self._channels: dict[str, Channel] = {}
        self._states: dict[str, str] = {}
        self._explained: set[str] = set()  # devices whose present state is a call of ours
        self._news: _News | None = None  # since the list was asked for

    # ---- what is to be seen

    def busy(self, device: str, now: float) -> bool:
        """Whether it is on a call that isn't ours."""
        channels = self.channels(device)
        if channels:
            return any(_foreign(channel, now) for channel in channels)
        return self._states.get(device) in BUSY_STATES and device not in self._explained

    def state(self, device: str) -> str:
        """As Asterisk says: NOT_INUSE, INUSE …; "UNKNOWN" when it hasn't."""
        return self._states.get(device, "UNKNOWN")

    def channels(self, device: str) -> list[Channel]:
        return [channel for channel in self._channels.values() if channel.device == device]

    def due_at(self) -> float | None:
        """When a device may be busy though nothing is heard: look again then."""
        waiting = [c.orphaned_at for c in self._channels.values() if c.orphaned_at is not None]
        return min(waiting) + ORPHAN_S if waiting else None

    # ---- what happens

    def apply(self, event: AmiEvent, now: float) -> frozenset[str]:
        """The devices for which it changes something."""
        match event.name:
            case "Newchannel" | "Newstate" | "BridgeEnter":
                return self._seen(event)
            case "Rename":
                return self._renamed(event)
            case "Hangup":
                return self._gone(event, now)
            case "DeviceStateChange":
                return self._told(_subject(event), event.get("State"))
            case "ExtensionStatus":
                return self._told(_subject(event), _hint_state(event.get("Status")))
            case "PeerStatus" if event.get("PeerStatus") in ("Unregistered", "Unreachable", "Rejected"):
                return self._told(event.get("Peer"), "UNAVAILABLE")
            case _:
                return frozenset()

    def begin_resync(self) -> None:
        """A list of everything is asked for; what ends before it has come isn't in it any more."""
        self._news = _News()

    def finish_resync(self, listed: Iterable[AmiEvent], states: Iterable[AmiEvent], now: float) -> None:
        """`listed`: CoreShowChannel of each channel; `states`: DeviceStateChange and ExtensionStatus."""
        news, self._news = self._news or _News(), None
        alive = [event for event in listed if event.get("Uniqueid") not in news.hung_up]
        present = {event.get("Uniqueid") for event in alive} | news.seen
        roots = {e.get("Uniqueid") for e in alive if device_of(e.get("Channel")) in self._trunks}
        self._roots = roots | (self._roots & news.seen)
        for gone in self._channels.keys() - present:
            del self._channels[gone]
        for event in alive:
            self._seen(event)
        for device in self._states.keys() - news.told:
            del self._states[device]
        self._explained &= news.told
        for event in states:
            if _subject(event) not in news.told:
                self.apply(event, now)

    # ---- of the events

    def _seen(self, event: AmiEvent) -> frozenset[str]:
        """A channel, new or (should its first event have been missed) not known yet."""
        name, uniqueid = event.get("Channel"), event.get("Uniqueid")
        device = device_of(name)
        if not uniqueid or not device:
            return frozenset()
        if self._news is not None:
            self._news.seen.add(uniqueid)
        if device in self._trunks:
            self._roots.add(uniqueid)
            return frozenset()
        channel = self._channels.get(uniqueid)
        if channel is None:
            root = event.get("Linkedid")
            ours = root in self._roots and self._is_ours(device)
            channel = self._channels[uniqueid] = Channel(uniqueid, device, name, root=root if ours else "")
        channel.state = event.get("ChannelStateDesc")
        return frozenset({device})

    def _renamed(self, event: AmiEvent) -> frozenset[str]:
        """A masquerade: the call goes on at another device."""
        channel = self._channels.get(event.get("Uniqueid"))
        if channel is None:
            return frozenset()
        before, channel.name = channel.device, event.get("Newname")
        channel.device = device_of(channel.name)
        return frozenset({before, channel.device})

    def _gone(self, event: AmiEvent, now: float) -> frozenset[str]:
        uniqueid = event.get("Uniqueid")
        if self._news is not None:
            self._news.hung_up.add(uniqueid)
            self._news.seen.discard(uniqueid)
        if uniqueid in self._roots:
            self._roots.discard(uniqueid)
            orphans = [channel for channel in self._channels.values() if channel.root == uniqueid]
            for channel in orphans:
                channel.orphaned_at = now
            return frozenset(channel.device for channel in orphans)
        if uniqueid not in self._channels:
            return frozenset()
        channel = self._channels.pop(uniqueid)
        if not self.channels(channel.device):
            # The state of before was that of this channel; the next event says what it is now.
            self._states.pop(channel.device, None)
        return frozenset({channel.device})

    def _told(self, device: str, state: str) -> frozenset[str]:
        if not device or device in self._trunks:
            return frozenset()
        self._states[device] = state
        if self._news is not None:
            self._news.told.add(device)
        if state in BUSY_STATES and not self.channels(device) and self._is_ours(device):
            self._explained.add(device)
        else:
            self._explained.discard(device)
        return frozenset({device})


def device_of(channel: str) -> str:
    """PJSIP/ann of PJSIP/ann-0000002a; "" of what has no number."""
    return channel.rpartition("-")[0]


def _subject(event: AmiEvent) -> str:
    """Whose state it tells."""
    if event.name == "ExtensionStatus":
        return f"hint:{event.get('Exten')}@{event.get('Context')}"
    return event.get("Device")


def _foreign(channel: Channel, now: float) -> bool:
    if not channel.root:
        return True
    return channel.orphaned_at is not None and now - channel.orphaned_at >= ORPHAN_S


def _hint_state(status: str) -> str:
    try:
        bits = int(status)
    except ValueError:
        return "UNKNOWN"
    if bits < 0:  # removed, or deactivated
        return "INVALID"
    if bits & _HINT_GONE:
        return "UNAVAILABLE"
    return "INUSE" if bits & _HINT_BUSY else "NOT_INUSE"
