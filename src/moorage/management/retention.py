"""Retention: the rules of a registry, what they would do, and doing it now."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, ClassVar, Self

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.domain.pattern import WHOLE
from moorage.domain.retention import LABEL, LONGEST_NAME, MOST_DAYS, MOST_KEPT, MOST_PATTERNS, Of, Rest, words
from moorage.domain.retention import Rule as Said
from moorage.management.conditions import Counting, OnMatch, ToTag
from moorage.management.grammar import A_PATTERN, AN_IMMUTABLE_TAG
from moorage.management.routes import FromCaller, InRegistry, Route
from moorage.management.shapes import USUAL, Number, Page, Paging, Sent, address_for, key_like, moment
from moorage.services import retention_records as records
from moorage.services.retention import RetentionService, key_of

LARGEST_ID = 2**63 - 1
KEY = r"[a-z0-9._/-]+[:@][A-Za-z0-9_.:-]+"

InRule = Annotated[int, Path(description="The rule's number.", ge=1, le=LARGEST_ID)]
LikeTag = Annotated[str, Field(json_schema_extra=AN_IMMUTABLE_TAG)]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]

ABOUT = (
    "Tags; images that no tag, index or subject leads to (untagged); or whatever has the label or annotation "
    f"{LABEL}, as 7d, which says all else (labelled)."
)
REST = "What no clause keeps goes (remove), or the next rules decide about it (pass)."


class Clauses(Sent):
    """What a rule is about, and what of it stays: whatever any clause keeps."""

    of: Of = Field(Of.TAGS, description=ABOUT)
    repositories: str = Field(WHOLE, description="Which repositories, as team/*.", json_schema_extra=A_PATTERN)
    tags: list[LikeTag] = Field([WHOLE], description="Which tags; * is any characters.", max_length=MOST_PATTERNS)
    but_not: list[LikeTag] = Field([], description="Which of these not.", max_length=MOST_PATTERNS)
    newest: Annotated[int, Field(ge=1, le=MOST_KEPT)] | None = Field(None, description="Keep so many, the newest.")
    pushed_days: Days | None = Field(
        None, description="Keep what was pushed in so many days, or lost its last tag in them."
    )
    pulled_days: Days | None = Field(None, description="Keep what was pulled in so many days.")
    minors: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Keep the versions of so many minor releases, the highest; is about versions only."
    )
    rest: Rest = Field(Rest.REMOVE, description=REST)

    @classmethod
    def saying(cls, rule: Said) -> Self:
        """Show a rule."""
        return cls.model_validate(asdict(rule))

    def said(self) -> Said:
        """Return the rule."""
        return Said(
            of=self.of,
            repositories=self.repositories,
            tags=tuple(self.tags),
            but_not=tuple(self.but_not),
            newest=self.newest,
            pushed_days=self.pushed_days,
            pulled_days=self.pulled_days,
            minors=self.minors,
            rest=self.rest,
        )


class NewRule(Sent):
    """A rule to add."""

    name: str = Field(description="What it is called.", min_length=1, max_length=LONGEST_NAME)
    rule: Clauses


class RuleChanges(Sent):
    """What to change of a rule; what is left out stays as it is."""

    name: str | None = Field(None, min_length=1, max_length=LONGEST_NAME)
    rule: Clauses | None = Field(None, description="All of what it says, in place of what it said.")
    position: int | None = Field(None, description="Its place among the registry's rules, from 1.", ge=1, le=1000)
    is_paused: bool | None = Field(None, description="Whether it waits; one that was not previewed as it is must.")


class Ran(BaseModel):
    """What went."""

    tags: int
    images: int
    frees: int = Field(description="Bytes that nothing needs any more.")

    @classmethod
    def of(cls, ran: records.Ran) -> Self:
        """Show a record."""
        return cls(tags=ran.tags, images=ran.images, frees=ran.frees)


class RetentionRule(Counting, BaseModel):
    """A rule of a registry."""

    COUNTED: ClassVar = frozenset({"ran_at", "ran"})

    id: int
    position: int = Field(description="Its place: the first rule that is about something decides.")
    name: str
    words: str = Field(description="What it says, in words.")
    rule: Clauses
    is_paused: bool
    is_previewed: bool = Field(description="Whether a preview was looked at since it is as it is.")
    created_at: datetime
    created_by: str
    ran_at: datetime | None = Field(description="When it ran last.")
    ran: Ran = Field(description="What it let go then.")

    @classmethod
    def of(cls, record: records.RuleRecord) -> Self:
        """Show a record."""
        rule = record.rule
        return cls(
            id=record.id,
            position=record.position,
            name=record.name,
            words=words(rule),
            rule=Clauses.saying(rule),
            is_paused=record.is_paused,
            is_previewed=record.is_previewed,
            created_at=moment(record.created_at),
            created_by=record.created_by,
            ran_at=None if record.ran_at is None else moment(record.ran_at),
            ran=Ran.of(record.ran),
        )


class RetentionRulePage(Page[RetentionRule]):
    """Rules in their order; the key of a page is a place in it, of four digits."""


class PreviewedThing(BaseModel):
    """What would become of a tag, or of an image without one."""

    repository: str
    tag: str | None = Field(description="Null where it is an image that no tag leads to.")
    digest: str
    goes: bool
    rule: int | None = Field(description="The rule that decided; null where none did.")
    reason: str
    frees: int = Field(description="Bytes that nothing needs any more; what several need counts with the first.")

    @classmethod
    def of(cls, row: records.PreviewRow) -> Self:
        """Show a row."""
        decision = row.decision
        return cls(
            repository=row.repository.path,
            tag=decision.tag,
            digest=decision.digest,
            goes=decision.goes,
            rule=decision.rule.id if decision.rule else None,
            reason=decision.reason,
            frees=row.frees,
        )


class PreviewPage(Page[PreviewedThing]):
    """By repository, tags before images without one; the key of a page is as `team/app:1.2`."""


class PreviewPaging(Paging):
    """Which page of a preview a request asks for."""

    def __init__(
        self, request: Request, response: Response, after: Annotated[str, key_like(KEY)] = "", n: Number = USUAL
    ) -> None:
        super().__init__(request, response, after, n)


AskedRule = Annotated[int | None, Query(description="A paused rule to look at as if it ran.", ge=1, le=LARGEST_ID)]


class RetentionRoutes:
    """Answers for rules of retention."""

    def __init__(self, retention: RetentionService) -> None:
        self._retention = retention

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        base = "/registries/{registry}/retention"
        every, one = base + "/rules", base + "/rules/{rule}"
        return (
            Route("GET", every, Action.PIN, self.list_retention_rules),
            Route("POST", every, Action.DESCRIBE, self.add_retention_rule, 201),
            Route("GET", one, Action.PIN, self.get_retention_rule),
            Route("PATCH", one, Action.DESCRIBE, self.change_retention_rule),
            Route("DELETE", one, Action.DESCRIBE, self.delete_retention_rule, 204),
            Route("GET", base + "/preview", Action.PIN, self.preview_retention),
        )

    async def list_retention_rules(
        self, caller: FromCaller, address: InRegistry, paging: Annotated[Paging, Depends()]
    ) -> RetentionRulePage:
        """List a registry's rules of retention."""
        found = await self._retention.list(caller, address)
        page, following = paging.of(found, lambda rule: f"{rule.position:04}")
        return RetentionRulePage(items=[RetentionRule.of(rule) for rule in page], next=following)

    async def add_retention_rule(
        self, caller: FromCaller, address: InRegistry, sent: NewRule, response: Response
    ) -> RetentionRule:
        """Add a rule behind the others; it is paused."""
        made = await self._retention.create(caller, address, sent.name, sent.rule.said())
        response.headers["location"] = address_for("registries", address, "retention", "rules", str(made.id))
        return RetentionRule.of(made)

    async def get_retention_rule(
        self, caller: FromCaller, address: InRegistry, rule: InRule, tagged: ToTag
    ) -> RetentionRule:
        """Show a rule."""
        return tagged(RetentionRule.of(await self._retention.get(caller, address, rule)))

    async def change_retention_rule(
        self, caller: FromCaller, address: InRegistry, rule: InRule, sent: RuleChanges, match: OnMatch, tagged: ToTag
    ) -> RetentionRule:
        """Change a rule, pause it or start it; changed in what it does, or its place, it must be previewed anew."""
        rule_sent = None if sent.rule is None else sent.rule.said()
        changes = records.RuleChanges(sent.name, rule_sent, sent.position, sent.is_paused)
        changed = await self._retention.change(caller, address, rule, changes, match.on(RetentionRule.of))
        return tagged(RetentionRule.of(changed))

    async def delete_retention_rule(
        self, caller: FromCaller, address: InRegistry, rule: InRule, match: OnMatch
    ) -> None:
        """Delete a rule."""
        await self._retention.delete(caller, address, rule, match.on(RetentionRule.of))

    async def preview_retention(
        self,
        caller: FromCaller,
        address: InRegistry,
        paging: Annotated[PreviewPaging, Depends()],
        rule: AskedRule = None,
    ) -> PreviewPage:
        """Say what the rules would do now, for each tag and each image without one; nothing goes by it."""
        rows: list[records.PreviewRow] = []
        async for row in await self._retention.preview(caller, address, rule, paging.after):
            rows.append(row)
            if len(rows) == paging.limit:
                break
        page, following = paging.cut(rows, lambda row: str(key_of(row)))
        return PreviewPage(items=[PreviewedThing.of(row) for row in page], next=following)
