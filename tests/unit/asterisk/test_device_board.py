"""Which devices are on calls, and whose: events of Asterisk 22, folded."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from gateway.asterisk.devices import ORPHAN_S, DeviceBoard, device_of
from gateway.asterisk.events import AmiEvent, AmiResponse

TRUNK = "PJSIP/ringback"


@dataclass
class Desk:
    """A board, and what of its devices' agents we want something."""

    wanted: set[str] = field(default_factory=set)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.board = DeviceBoard([TRUNK], self.wanted.__contains__)

    def tell(self, name: str, **fields: str) -> frozenset[str]:
        return self.board.apply(AmiEvent(name, fields), self.now)

    def channel(
        self, channel: str, uniqueid: str, linkedid: str = "", name: str = "Newchannel"
    ) -> frozenset[str]:
        return self.tell(
            name, Channel=channel, Uniqueid=uniqueid, Linkedid=linkedid or uniqueid, ChannelStateDesc="Ring"
        )

    def hangs_up(self, uniqueid: str) -> frozenset[str]:
        return self.tell("Hangup", Uniqueid=uniqueid)

    def busy(self, device: str = "PJSIP/ann") -> bool:
        return self.board.busy(device, self.now)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_device_is_busy_from_its_channel_to_the_end_of_it(desk: Desk) -> None:
    assert not desk.busy()
    assert desk.channel("PJSIP/ann-00000001", "1.1") == {"PJSIP/ann"}
    assert desk.busy()
    assert not desk.busy("PJSIP/ben")
    assert [channel.state for channel in desk.board.channels("PJSIP/ann")] == ["Ring"]

    assert desk.hangs_up("1.1") == {"PJSIP/ann"}
    assert not desk.busy()
    assert desk.hangs_up("1.1") == frozenset()


def test_a_call_of_ours_doesnt_count(desk: Desk) -> None:
    desk.wanted.add("PJSIP/ann")
    assert desk.channel(f"{TRUNK}-00000001", "1.1") == frozenset()
    desk.channel("PJSIP/ann-00000002", "1.2", "1.1")
    desk.tell("DeviceStateChange", Device="PJSIP/ann", State="RINGING")
    assert not desk.busy()

    desk.wanted.clear()  # it is over for us; the channel has some milliseconds yet
    assert not desk.busy()


def test_who_calls_an_agent_through_us_past_the_queues_keeps_them_busy(desk: Desk) -> None:
    desk.channel(f"{TRUNK}-00000001", "1.1")
    desk.channel("PJSIP/ann-00000002", "1.2", "1.1")

    assert desk.busy()


def test_a_second_call_beside_ours_counts(desk: Desk) -> None:
    desk.wanted.add("PJSIP/ann")
    desk.channel(f"{TRUNK}-00000001", "1.1")
    desk.channel("PJSIP/ann-00000002", "1.2", "1.1")
    desk.channel("PJSIP/ann-00000003", "1.3")

    assert desk.busy()


def test_a_channel_that_outlives_our_trunk_is_somebody_elses_call(desk: Desk) -> None:
    desk.wanted.add("PJSIP/ann")
    desk.channel(f"{TRUNK}-00000001", "1.1")
    desk.channel("PJSIP/ann-00000002", "1.2", "1.1")
    desk.now = 10.0
    assert desk.hangs_up("1.1") == {"PJSIP/ann"}
    assert not desk.busy()
    assert desk.board.due_at() == 10.0 + ORPHAN_S

    desk.now += ORPHAN_S
    assert desk.busy()


def test_a_channel_whose_beginning_was_missed_is_known_from_what_it_does(desk: Desk) -> None:
    desk.channel("PJSIP/ann-00000001", "1.1", name="BridgeEnter")

    assert desk.busy()


def test_a_masquerade_takes_the_call_to_another_device(desk: Desk) -> None:
    desk.channel("PJSIP/ann-00000001", "1.1")
    changed = desk.tell("Rename", Uniqueid="1.1", Channel="PJSIP/ann-00000001", Newname="PJSIP/ben-00000002")

    assert changed == {"PJSIP/ann", "PJSIP/ben"}
    assert (desk.busy("PJSIP/ann"), desk.busy("PJSIP/ben")) == (False, True)
    assert desk.tell("Rename", Uniqueid="9.9", Newname="PJSIP/ann-00000003") == frozenset()


@pytest.mark.parametrize(
    ("state", "busy"),
    [
        ("NOT_INUSE", False), ("INUSE", True), ("BUSY", True), ("RINGING", True), ("RINGINUSE", True),
        ("ONHOLD", True), ("UNAVAILABLE", False), ("INVALID", False), ("UNKNOWN", False),
    ],
)  # fmt: skip
def test_of_a_device_without_channels_its_state_says_it(desk: Desk, state: str, busy: bool) -> None:
    assert desk.tell("DeviceStateChange", Device="Custom:ann", State=state) == {"Custom:ann"}

    assert desk.busy("Custom:ann") is busy
    assert desk.board.state("Custom:ann") == state


@pytest.mark.parametrize(
    ("status", "busy", "state"),
    [
        ("0", False, "NOT_INUSE"), ("1", True, "INUSE"), ("2", True, "INUSE"), ("8", True, "INUSE"),
        ("16", True, "INUSE"), ("9", True, "INUSE"), ("4", False, "UNAVAILABLE"), ("-1", False, "INVALID"),
        ("", False, "UNKNOWN"),
    ],
)  # fmt: skip
def test_an_extensions_hint_is_a_device(desk: Desk, status: str, busy: bool, state: str) -> None:
    desk.tell("ExtensionStatus", Exten="4711", Context="internal", Status=status)

    assert desk.busy("hint:4711@internal") is busy
    assert desk.board.state("hint:4711@internal") == state


def test_the_state_that_our_own_call_makes_is_explained_by_it(desk: Desk) -> None:
    """An agent whose device has no channels we could see: on another PBX that shares its states."""
    desk.wanted.add("PJSIP/far")
    desk.tell("DeviceStateChange", Device="PJSIP/far", State="RINGING")
    assert not desk.busy("PJSIP/far")

    desk.wanted.clear()
    desk.tell("DeviceStateChange", Device="PJSIP/far", State="INUSE")
    assert desk.busy("PJSIP/far")


def test_the_end_of_the_last_channel_outdates_the_state(desk: Desk) -> None:
    desk.channel("PJSIP/ann-00000001", "1.1")
    desk.tell("DeviceStateChange", Device="PJSIP/ann", State="INUSE")
    desk.hangs_up("1.1")

    assert not desk.busy()
    assert desk.board.state("PJSIP/ann") == "UNKNOWN"


def test_a_peer_that_is_gone_cant_be_reached(desk: Desk) -> None:
    assert desk.tell("PeerStatus", Peer="PJSIP/ann", PeerStatus="Unreachable") == {"PJSIP/ann"}
    assert desk.board.state("PJSIP/ann") == "UNAVAILABLE"
    assert desk.tell("PeerStatus", Peer="PJSIP/ann", PeerStatus="Reachable") == frozenset()


def test_what_is_listed_replaces_what_was_known(desk: Desk) -> None:
    desk.channel("PJSIP/ann-00000001", "1.1")
    desk.tell("DeviceStateChange", Device="Custom:cid", State="INUSE")
    desk.board.begin_resync()
    desk.channel("PJSIP/eve-00000009", "1.9")
    desk.hangs_up("1.9")
    channels = [
        AmiEvent("CoreShowChannel", {"Channel": "PJSIP/ben-00000005", "Uniqueid": "1.5", "Linkedid": "1.5"}),
        AmiEvent("CoreShowChannel", {"Channel": "PJSIP/eve-00000009", "Uniqueid": "1.9", "Linkedid": "1.9"}),
    ]
    states = [AmiEvent("DeviceStateChange", {"Device": "Custom:dan", "State": "BUSY"})]
    desk.board.finish_resync(channels, states, desk.now)

    found = {device: desk.busy(device) for device in ("PJSIP/ann", "PJSIP/ben", "PJSIP/eve", "Custom:cid")}
    assert found == {"PJSIP/ann": False, "PJSIP/ben": True, "PJSIP/eve": False, "Custom:cid": False}
    assert desk.busy("Custom:dan")


def test_a_list_tells_calls_of_ours_from_others(desk: Desk) -> None:
    desk.wanted.update({"PJSIP/ann", "PJSIP/ben"})
    desk.board.begin_resync()
    channels = [
        AmiEvent("CoreShowChannel", {"Channel": "PJSIP/ann-00000002", "Uniqueid": "1.2", "Linkedid": "1.1"}),
        AmiEvent("CoreShowChannel", {"Channel": f"{TRUNK}-00000001", "Uniqueid": "1.1", "Linkedid": "1.1"}),
        AmiEvent("CoreShowChannel", {"Channel": "PJSIP/ben-00000003", "Uniqueid": "1.3", "Linkedid": "1.3"}),
    ]
    desk.board.finish_resync(channels, [], desk.now)

    assert (desk.busy("PJSIP/ann"), desk.busy("PJSIP/ben")) == (False, True)


def test_what_happens_while_a_list_is_made_is_newer_than_the_list(desk: Desk) -> None:
    desk.tell("DeviceStateChange", Device="Custom:cid", State="INUSE")
    desk.board.begin_resync()
    desk.wanted.add("PJSIP/ann")
    desk.channel(f"{TRUNK}-00000001", "1.1")
    desk.channel("PJSIP/ann-00000002", "1.2", "1.1")
    desk.channel("PJSIP/ben-00000003", "1.3")
    desk.tell("DeviceStateChange", Device="Custom:cid", State="NOT_INUSE")
    desk.board.finish_resync(
        [], [AmiEvent("DeviceStateChange", {"Device": "Custom:cid", "State": "INUSE"})], 0
    )

    found = {device: desk.busy(device) for device in ("PJSIP/ann", "PJSIP/ben", "Custom:cid")}
    assert found == {"PJSIP/ann": False, "PJSIP/ben": True, "Custom:cid": False}
    desk.hangs_up("1.1")
    assert desk.board.due_at() == ORPHAN_S


def test_a_device_with_two_channels_is_free_after_both(desk: Desk) -> None:
    desk.channel("PJSIP/ann-00000001", "1.1")
    desk.channel("PJSIP/ann-00000002", "1.2")
    desk.hangs_up("1.1")
    assert desk.busy()

    desk.hangs_up("1.2")
    assert not desk.busy()


def test_what_a_channel_is_stays_with_it(desk: Desk) -> None:
    desk.channel("PJSIP/ann-00000001", "1.1")
    desk.tell("Newstate", Channel="PJSIP/ann-00000001", Uniqueid="1.1", ChannelStateDesc="Up")

    assert [channel.state for channel in desk.board.channels("PJSIP/ann")] == ["Up"]


def test_events_that_say_nothing_of_devices_change_nothing(desk: Desk) -> None:
    assert desk.tell("UserEvent", UserEvent="Other") == frozenset()
    assert desk.tell("Newchannel", Channel="", Uniqueid="1.1") == frozenset()
    assert desk.tell("DeviceStateChange", Device=TRUNK, State="INUSE") == frozenset()
    assert desk.tell("DeviceStateChange", State="INUSE") == frozenset()
    assert desk.board.due_at() is None


def test_a_device_is_a_channel_without_its_number() -> None:
    assert device_of("PJSIP/ann-smith-0000002a") == "PJSIP/ann-smith"


def test_an_answer_has_its_fields() -> None:
    assert AmiResponse(True, "Pong").fields == {}
