"""GET and POST /v1/surveys/{token}: a link to a survey, for the server of the page that asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.auth import Keyring, Role, requires
from gateway.api.problems import Responses
from gateway.dialplan.surveys import Question
from gateway.handoff.envelope import Text
from gateway.storage.database import StorageError
from gateway.switch.survey_links import Invitation, LinkRefused

Token = Annotated[str, Path(max_length=2000, pattern=r"^[A-Za-z0-9._-]+$")]
_ANSWERS: Responses = {
    404: {"description": "This is no link to a survey."},
    409: {"description": "It was answered already."},
    410: {"description": "The link has expired."},
}


class SurveyAnswer(BaseModel):
    """What the customer says; at least one of them."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"nps": 9, "csat": 5}]}
    )

    nps: int | None = Field(None, ge=0, le=10, description="How likely they are to recommend us.")
    csat: int | None = Field(None, ge=1, le=5, description="How content they were.")
    comment: Text = Field("", description="In their own words.")


class SurveyFound(BaseModel):
    """What a link asks."""

    survey: str = Field(examples=["after-call"])
    questions: list[str] = Field(examples=[["nps", "csat"]])
    expires_at: datetime
    answered: bool


class SurveyShelf(Protocol):
    """What the routes need of the node: `gateway.floor.surveys.LinkedSurveys` is one."""

    def read(self, token: str) -> tuple[Invitation, datetime]:
        """Raises LinkRefused."""
        ...

    def questions(self, survey: str) -> Sequence[Question]: ...

    async def answered(self, invitation: Invitation) -> bool:
        """Raises StorageError."""
        ...

    async def answer(self, invitation: Invitation, nps: int | None, csat: int | None, comment: str) -> bool:
        """Whether it counts, and is on disk: False for who has answered. Raises StorageError."""
        ...


@dataclass(slots=True)
class SurveySlot:
    """Filled when the node has it."""

    shelf: SurveyShelf | None = None

    def ready(self) -> SurveyShelf:
        """HTTPException 503 while the node is starting."""
        if self.shelf is None:
            raise HTTPException(503, "the node is starting: try again in a second")
        return self.shelf


def routes(slot: SurveySlot, keyring: Keyring) -> APIRouter:
    """For the server of the page that asks; the token says which call it is about."""
    asker = Depends(requires(keyring, Role.APP, Role.SUPERVISOR))
    router = APIRouter(prefix="/v1/surveys", tags=["surveys"], dependencies=[asker])

    @router.get("/{token}", summary="What a link asks.", responses={**_ANSWERS})
    async def show_survey(token: Token) -> SurveyFound:
        shelf, (invitation, expires_at) = slot.ready(), _read(slot, token)
        try:
            answered = await shelf.answered(invitation)
        except StorageError as error:
            raise HTTPException(503, "the database doesn't answer") from error
        return SurveyFound(
            survey=invitation.survey,
            questions=[question.value for question in shelf.questions(invitation.survey)],
            expires_at=expires_at,
            answered=answered,
        )

    @router.post("/{token}", summary="Answer, once.", status_code=204, responses={**_ANSWERS})
    async def answer_survey(token: Token, answer: SurveyAnswer) -> None:
        shelf, (invitation, _) = slot.ready(), _read(slot, token)
        if answer.nps is None and answer.csat is None and not answer.comment:
            raise HTTPException(422, "give nps, csat or a comment")
        try:
            counts = await shelf.answer(invitation, answer.nps, answer.csat, answer.comment)
        except StorageError as error:
            raise HTTPException(503, "the database doesn't answer: try again") from error
        if not counts:
            raise HTTPException(409, "this survey was answered already")

    return router


def _read(slot: SurveySlot, token: str) -> tuple[Invitation, datetime]:
    try:
        return slot.ready().read(token)
    except LinkRefused as refused:
        raise HTTPException(410 if refused.expired else 404, str(refused)) from refused
