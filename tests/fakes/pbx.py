"""A link to a PBX that a test plays: what it answers, what it tells, whether it is there."""

from __future__ import annotations

from gateway.asterisk.actions import Action
from gateway.asterisk.connection import PbxUnavailable
from gateway.asterisk.events import AmiEvent, AmiResponse
from gateway.asterisk.link import PbxAccount, PbxLink


class FakePbxLink(PbxLink):
    """`lists`: what an action lists. `asked`: every action. `echoes`: pauses come back as events at once."""

    def __init__(self) -> None:
        super().__init__(PbxAccount("pbx.example", 5038, "ringback", "secret", "test"), lambda: 0.0)
        self.up = True
        self.echoes = True
        self.lists: dict[str, list[AmiEvent]] = {}
        self.asked: list[Action] = []

    @property
    def connected(self) -> bool:
        return self.up

    async def request(self, action: Action) -> AmiResponse:
        if not self.up:
            raise PbxUnavailable("it is down")
        self.asked.append(action)
        if action.name == "QueuePause" and self.echoes:
            paused = "1" if action.fields["Paused"] == "true" else "0"
            self.tell(
                "QueueMemberPause",
                Queue=action.fields["Queue"],
                Interface=action.fields["Interface"],
                Paused=paused,
            )
        return AmiResponse(True, "")

    async def listing(self, action: Action) -> list[AmiEvent]:
        await self.request(action)
        return self.lists.get(action.name, [])

    def tell(self, name: str, **fields: str) -> None:
        """The PBX says so."""
        self._heard(AmiEvent(name, fields))

    async def connect(self) -> None:
        """A new connection, with everything anew."""
        self.up = True
        for resync in self._resyncs:
            await resync()

    def lose(self) -> None:
        """The connection is gone."""
        self.up = False
        for handler in self._losses:
            handler()
