"""Whoever counts what happens to WebRTC legs, in memory."""

from __future__ import annotations

from gateway.webrtc.takeover import Path


class RecordingObserver:
    """A VoiceObserver that keeps what it is told."""

    def __init__(self) -> None:
        self.sessions = 0
        self.paths: list[Path] = []
        self.faults: list[str] = []
        self.internal_errors = 0

    def session_count(self, sessions: int) -> None:
        self.sessions = sessions

    def transport_connected(self, path: Path) -> None:
        self.paths.append(path)

    def fault(self, code: str) -> None:
        self.faults.append(code)

    def internal_error(self) -> None:
        self.internal_errors += 1
