"""Runs of retention: asking for one, looking how far it is, and bringing back what it let go."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Path, Response
from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.management.retention import Ran
from moorage.management.routes import FromCaller, InRegistry, Route
from moorage.management.shapes import Page, address_for, moment
from moorage.management.trash import LARGEST_ENTRY, NumberPaging
from moorage.services import retention_run_records as records
from moorage.services.retention_runs import RetentionRunService
from moorage.services.run_trash import RunTrashService

InRun = Annotated[int, Path(description="The run's number.", ge=1, le=LARGEST_ENTRY)]


class RetentionRun(BaseModel):
    """A run of a registry's rules, and what it has done so far."""

    id: int = Field(description="Its number.")
    asked_by: str | None = Field(description="Who asked for it; null where the clock began it.")
    started_at: datetime
    ended_at: datetime | None = Field(description="Null while it goes on.")
    repositories: int = Field(description="Looked at so far: those in which there could be something to do.")
    decided: int = Field(description="Tags, and images without one, that rules let go in these.")
    settled: int = Field(description="How many of these are gone by now, or stayed since something had changed.")
    total: Ran = Field(description="What went.")
    rules: dict[int, Ran] = Field(description="What went by each rule, by its number.")

    @classmethod
    def of(cls, run: records.Run) -> Self:
        """Show a record."""
        return cls(
            id=run.id,
            asked_by=run.asked_by or None,
            started_at=moment(run.started_at),
            ended_at=None if run.ended_at is None else moment(run.ended_at),
            repositories=run.repositories,
            decided=run.decided,
            settled=run.settled,
            total=Ran.of(run.total),
            rules={rule: Ran.of(ran) for rule, ran in run.by_rule.items()},
        )


class RetentionRunPage(Page[RetentionRun]):
    """Runs, the newest first; the key of a page is a number."""


class RefusedDeletion(BaseModel):
    """A deletion that was not undone."""

    entry: int = Field(description="Its number; it can be restored by itself when the reason is gone.")
    name: str = Field(description="Where it was: the repository with its registry, as `dmc/team/app`.")
    reason: str


class RestoredRun(BaseModel):
    """What came back of a run."""

    entries: int = Field(description="Deletions that were undone.")
    images: int = Field(description="Images that are there again.")
    tags: list[str] = Field(description="Tags that are there again, as `dmc/team/app:1.2`.")
    left: list[str] = Field(description="Tags that point elsewhere by now, and were left alone.")
    missing: list[str] = Field(description="Tags whose image is not there any more.")
    refused: list[RefusedDeletion] = Field(description="Deletions of which nothing could come back.")

    @classmethod
    def of(cls, done: records.RestoredRun) -> Self:
        """Show a record."""
        every = done.restored
        return cls(
            entries=len(every),
            images=sum(one.entry.images for one in every),
            tags=[f"{one.entry.name}:{tag}" for one in every for tag in one.tags],
            left=[f"{one.entry.name}:{tag}" for one in every for tag in one.left],
            missing=[f"{one.entry.name}:{tag}" for one in every for tag in one.missing],
            refused=[
                RefusedDeletion(entry=one.entry.id, name=one.entry.name, reason=one.reason) for one in done.refused
            ],
        )


class RetentionRunRoutes:
    """Answers for runs."""

    def __init__(self, runs: RetentionRunService, trash: RunTrashService) -> None:
        self._runs = runs
        self._trash = trash

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        base = "/registries/{registry}/retention"
        every, one = base + "/runs", base + "/runs/{run}"
        return (
            Route("POST", base + "/run", Action.DELETE, self.run_retention, 202),
            Route("GET", every, Action.PIN, self.list_retention_runs),
            Route("GET", one, Action.PIN, self.get_retention_run),
            Route("POST", one + "/restore", Action.DELETE, self.restore_retention_run),
        )

    async def run_retention(self, caller: FromCaller, address: InRegistry, response: Response) -> RetentionRun:
        """Begin to do what the rules say that are not paused; `location` says where to look how far it is."""
        run = await self._runs.ask(caller, address)
        response.headers["location"] = address_for("registries", address, "retention", "runs", str(run.id))
        return RetentionRun.of(run)

    async def list_retention_runs(
        self, caller: FromCaller, address: InRegistry, paging: Annotated[NumberPaging, Depends()]
    ) -> RetentionRunPage:
        """List runs of the rules, by the clock and asked for."""
        found = await self._runs.list(caller, address, paging.before, paging.limit)
        page, following = paging.cut(found, lambda run: str(run.id))
        return RetentionRunPage(items=[RetentionRun.of(run) for run in page], next=following)

    async def get_retention_run(self, caller: FromCaller, address: InRegistry, run: InRun) -> RetentionRun:
        """Show a run, and how far it is."""
        return RetentionRun.of(await self._runs.get(caller, address, run))

    async def restore_retention_run(self, caller: FromCaller, address: InRegistry, run: InRun) -> RestoredRun:
        """Bring back all that a run let go and that can still be restored."""
        return RestoredRun.of(await self._trash.restore(caller, address, run))
