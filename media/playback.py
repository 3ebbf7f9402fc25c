"""How playing can end. Apart from the player, so that whoever only asks doesn't load the native library."""

from __future__ import annotations

from enum import Enum


class PlaybackEnd(Enum):
    """How a playback ended."""

    COMPLETED = "completed"  # played to its last sample
    STOPPED = "stopped"  # stopped, replaced, or its player closed
    FAILED = "failed"  # it never got onto the bridge
