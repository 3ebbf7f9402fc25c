"""A phone that leaves one network for another: real interfaces, in network namespaces of the test's own.

This thread, and every process that it starts, moves into a namespace; the phone is another one, joined with
it by two cables. Nothing of the machine's own network is touched, and all of it is gone with the test.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.browser.chromium import executable

_CLONE_NEWNET: Final = 0x40000000
GATEWAY: Final = "192.0.2.1"  # RFC 5737: addresses for documentation, which nobody has
WIFI: Final = "192.0.2.2"
MOBILE: Final = "198.51.100.2"
_MOBILE_SIDE: Final = "198.51.100.1"


def possible() -> bool:
    """Whether this process may make networks: root in a container usually may."""
    needed = all(shutil.which(tool) for tool in ("ip", "nsenter", "unshare"))
    return needed and subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0


@dataclass(frozen=True, slots=True)
class Phone:
    """`chromium`: a command that starts the browser on the phone."""

    chromium: str
    namespace: str

    def connect(self, network: str, ours: str) -> None:
        """Up with this interface, whose other end has the address `ours`."""
        self._ip("link", "set", network, "up")
        self._ip("route", "add", "default", "via", ours, "dev", network)

    def walk_out_of_the_wifi(self) -> None:
        """The interface is gone, and another one is there."""
        self._ip("link", "set", "wifi", "down")
        self.connect("mobile", _MOBILE_SIDE)

    def _ip(self, *arguments: str) -> None:
        _run("nsenter", f"--net={self.namespace}", "ip", *arguments)


@contextmanager
def phone_with_two_networks(directory: Path) -> Iterator[Phone]:
    """Until its end this thread sees GATEWAY on one end of two cables, and the phone has the other ends."""
    with _namespace_of_our_own():
        _run("ip", "link", "set", "lo", "up")
        anchor = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 600"],
            stdout=subprocess.PIPE,
        )
        try:
            assert anchor.stdout is not None
            assert anchor.stdout.readline() == b"up\n"
            namespace = f"/proc/{anchor.pid}/ns/net"
            for name, ours, theirs in (("wifi", GATEWAY, WIFI), ("mobile", _MOBILE_SIDE, MOBILE)):
                far = f"to-{name}"
                peer = ("type", "veth", "peer", "name", name, "netns", str(anchor.pid))
                _run("ip", "link", "add", far, *peer)
                _run("ip", "address", "add", f"{ours}/30", "dev", far)
                _run("ip", "link", "set", far, "up")
                _run("nsenter", f"--net={namespace}", "ip", "address", "add", f"{theirs}/30", "dev", name)
            command = directory / "chromium-on-the-phone"
            command.write_text(f'#!/bin/sh\nexec nsenter --net={namespace} {executable()} "$@"\n')
            command.chmod(0o755)
            phone = Phone(str(command), namespace)
            phone.connect("wifi", GATEWAY)
            yield phone
        finally:
            anchor.terminate()
            anchor.wait()
            if anchor.stdout is not None:
                anchor.stdout.close()


@contextmanager
def _namespace_of_our_own() -> Iterator[None]:
    library = ctypes.CDLL(None, use_errno=True)
    former = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if library.unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no network namespace")
        yield
    finally:
        library.setns(former, _CLONE_NEWNET)
        os.close(former)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
