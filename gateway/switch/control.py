"""CallControl on a leg and a player: what a dialplan's effects come down to."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.call.cause import Cause
from gateway.call.leg import CallLeg
from gateway.dialplan.model import Prompt
from gateway.dialplan.ports import PromptUnavailable
from gateway.dialplan.prompts import PlanPrompts
from gateway.switch.ports import KeepsPrivate, OpenPlayer, Playback, Player
from media.clip import Clip
from media.playback import PlaybackEnd


class LegControl:
    """Acts on one leg. `close` gives back what it has opened."""

    def __init__(self, leg: CallLeg, prompts: PlanPrompts, open_player: OpenPlayer) -> None:
        self._leg = leg
        self._prompts = prompts
        self._open_player = open_player
        self._player: Player | None = None
        self._private = False

    @property
    def player(self) -> Player | None:
        """What plays the prompts; None before the first."""
        return self._player

    async def answer(self) -> None:
        await self._leg.answer()

    async def open_early_media(self) -> None:
        await self._leg.progress()

    async def play(self, prompts: Sequence[Prompt]) -> None:
        clips = await self._prompts.clips(prompts)
        end = await self.play_clips(clips).finished()
        if end is PlaybackEnd.FAILED:
            raise PromptUnavailable(prompts)

    def play_clips(self, clips: Sequence[Clip]) -> Playback:
        """Play `clips` in place of what plays now."""
        if self._player is None:
            # Not before the first audio: a call that is turned away takes no place on the bridge.
            self._player = self._open_player(self._leg)
            self._apply_privacy()
        return self._player.play(clips)

    def stop_audio(self) -> None:
        if self._player is not None:
            self._player.stop()

    def pause_recording(self) -> None:
        self._private = True
        self._apply_privacy()

    def resume_recording(self) -> None:
        self._private = False
        self._apply_privacy()

    def _apply_privacy(self) -> None:
        player: object = self._player
        if isinstance(player, KeepsPrivate):
            player.keep_private(self._private)

    async def hang_up(self, cause: Cause) -> None:
        await self._leg.hang_up(cause)

    def close(self) -> None:
        if self._player is not None:
            player, self._player = self._player, None
            player.close()
