"""What happened, as a list and as an export."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from moorage.domain.access import Action
from moorage.domain.activity import Kind, Outcome
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.management.grammar import A_REGISTRY
from moorage.management.routes import FromCaller, Route, registry_address
from moorage.management.shapes import USUAL, Number, Page, Paging, key_like, moment
from moorage.services import recording
from moorage.services.activity import ActivityService

KEY = re.compile(r"([0-9]{1,11}(?:\.[0-9]{1,9})?)-([0-9]{1,18})", re.ASCII)
LONGEST_WHO = 512
"""Characters: a machine is called by its issuer and subject."""
LONGEST_NAME = 64
LONGEST_TARGET = 512
CHUNK = 64 * 1024
"""Characters of an export that are sent at once, about."""


class JsonLines(StreamingResponse):
    """An answer of JSON objects, one on each line."""

    media_type: str | None = "application/jsonl"


class Activity(BaseModel):
    """One thing that happened."""

    id: int
    at: datetime
    who: str = Field(description="User name of who did it, or whose password was tried; empty for nobody known.")
    address: str = Field(description="Where from; empty on the server's own command line.")
    token: str = Field(description="Name of the access token it was done with, if it was one.")
    what: Kind
    target: str = Field(description="As `dmc`, `dmc/team/app`, `dmc/team/app:1.0`, or a user name.")
    registry: str = Field(description="Address of the registry the target is in; empty for what is the server's.")
    before: dict[str, str | bool | int | None] | None = Field(description="What it changed, as it was.")
    after: dict[str, str | bool | int | None] | None = Field(description="What it changed, as it is now.")
    request_id: str = Field(description="By which the server's log knows the request.")
    outcome: Outcome

    @classmethod
    def of(cls, record: recording.ActivityRecord) -> Self:
        """Show a record."""
        return cls(
            id=record.id,
            at=moment(record.at),
            who=record.who,
            address=record.address,
            token=record.token,
            what=record.kind,
            target=record.target,
            registry=record.registry,
            before=None if record.before is None else dict(record.before),
            after=None if record.after is None else dict(record.after),
            request_id=record.request_id,
            outcome=record.outcome,
        )


class ActivityPage(Page[Activity]):
    """What happened, newest first.

    A page of what is asked for by more than time may have fewer than were asked for, or none, and a next one: it looks
    no further than so far.
    """


class Wanted:
    """What a request asks to be listed."""

    def __init__(
        self,
        request: Request,
        who: Annotated[str | None, Query(max_length=LONGEST_WHO, description="A user name.")] = None,
        address: Annotated[str | None, Query(max_length=LONGEST_NAME, description="Where it came from.")] = None,
        token: Annotated[str | None, Query(max_length=LONGEST_NAME, description="An access token's name.")] = None,
        request_id: Annotated[str | None, Query(max_length=LONGEST_NAME, description="One request.")] = None,
        what: Annotated[Kind | None, Query(description="One kind of activity.")] = None,
        target: Annotated[
            str | None, Query(max_length=LONGEST_TARGET, description="What it was done to, or how that begins.")
        ] = None,
        registry: Annotated[
            str | None, Query(description="A registry's address; takes an owner of it.", json_schema_extra=A_REGISTRY)
        ] = None,
        since: Annotated[datetime | None, Query(description="Not before this time.")] = None,
        until: Annotated[datetime | None, Query(description="Before this time.")] = None,
        outcome: Annotated[Outcome | None, Query(description="Whether it was done.")] = None,
    ) -> None:
        if registry is not None:
            request.state.target = registry.lower()
        self.query = recording.ActivityQuery(
            who=who,
            address=address,
            token=token,
            request_id=request_id,
            kind=what,
            target=target,
            since=_seconds(since),
            until=_seconds(until),
            outcome=outcome,
            registries=None if registry is None else (registry_address(registry),),
        )


class ActivityPaging(Paging):
    """Which page of activity a request asks for: its keys are times."""

    def __init__(
        self,
        request: Request,
        response: Response,
        after: Annotated[str, key_like(KEY.pattern)] = "",
        n: Number = USUAL,
    ) -> None:
        super().__init__(request, response, after, n)


class ActivityRoutes:
    """Answers for activity."""

    def __init__(self, activity: ActivityService) -> None:
        self._activity = activity

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        return (
            Route("GET", "/activity", Action.SIGNED_IN, self.list_activity),
            Route("GET", "/activity.jsonl", Action.SIGNED_IN, self.export_activity, response_class=JsonLines),
        )

    async def list_activity(
        self, caller: FromCaller, wanted: Annotated[Wanted, Depends()], paging: Annotated[ActivityPaging, Depends()]
    ) -> ActivityPage:
        """List what happened, newest first: all to administrators, to others what concerns registries they own."""
        found, stopped = await self._activity.page(caller, wanted.query, _place(paging.after), paging.limit)
        page, following = paging.cut(found, lambda record: _key(record.at, record.id), stopped and _key(*stopped))
        return ActivityPage(items=[Activity.of(record) for record in page], next=following)

    async def export_activity(self, caller: FromCaller, wanted: Annotated[Wanted, Depends()]) -> JsonLines:
        """Send everything of such a list, oldest first, as one JSON object a line."""
        return JsonLines(_chunks(await self._activity.export(caller, wanted.query)))


async def _chunks(rows: AsyncIterator[recording.ActivityRecord]) -> AsyncIterator[str]:
    lines, length = [], 0
    async for row in rows:
        lines.append(Activity.of(row).model_dump_json() + "\n")
        length += len(lines[-1])
        if length >= CHUNK:
            yield "".join(lines)
            lines, length = [], 0
    yield "".join(lines)


def _key(at: float, number: int) -> str:
    return f"{at!r}-{number}"


def _place(key: str) -> recording.ActivityPlace | None:
    match = KEY.fullmatch(key)
    if key and match is None:
        raise MoorageError(ErrorCode.VALUE_INVALID, "that is no key of a page before", {"field": "after"})
    return recording.ActivityPlace(float(match[1]), int(match[2])) if match else None


def _seconds(at: datetime | None) -> float | None:
    """Return Unix seconds; a time without a zone is UTC."""
    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
