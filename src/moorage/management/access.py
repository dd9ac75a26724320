"""Access: why somebody may or may not do something."""

from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, Field

from moorage.domain import access
from moorage.domain.access import Action, Ground, Role
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository, parse_repository
from moorage.domain.pattern import WHOLE
from moorage.management.grammar import A_REGISTRY, A_USER, A_WHOLE_NAME
from moorage.management.routes import FromCaller, Route, registry_address
from moorage.services.access import WORDS, AccessService
from moorage.services.access import Explanation as Explained

ON_SERVER = {Action.CREATE_REGISTRY: "create registries", Action.ADMINISTER_SERVER: "administer this server"}

Asked = Annotated[
    str, Query(description="The user name of a person or robot.", max_length=64, json_schema_extra=A_USER)
]
AskedAction = Annotated[Action, Query(description="What they want to do.")]
AskedRegistry = Annotated[
    str | None, Query(description="The registry they want to do it to.", json_schema_extra=A_REGISTRY)
]
AskedRepository = Annotated[
    str | None,
    Query(description="The repository they want to do it to, as dmc/team/app.", json_schema_extra=A_WHOLE_NAME),
]


class HeldGrant(BaseModel):
    """The highest grant that counts there."""

    role: Role
    pattern: str = Field(description="The repositories it is on; * is the whole registry.")
    group: str | None = Field(description="The group it is held through; null where it is the account's own.")

    @classmethod
    def of(cls, grant: access.Grant) -> Self:
        """Show a grant."""
        return cls(role=grant.role, pattern=grant.pattern, group=grant.group)


class Explanation(BaseModel):
    """Whether an account may do something, and why."""

    user: str
    action: Action
    registry: str | None = Field(description="Its address.")
    repository: str | None = Field(description="Its name with its registry.")
    is_allowed: bool
    ground: Ground
    grant: HeldGrant | None = Field(description="Where the ground is a grant.")
    reason: str = Field(description="All this in a sentence.")

    @classmethod
    def of(cls, record: Explained) -> Self:
        """Show a record."""
        where, decision = record.where, record.decision
        return cls(
            user=record.user,
            action=record.action,
            registry=where.registry if isinstance(where, Repository) else where,
            repository=str(where) if isinstance(where, Repository) else None,
            is_allowed=decision.is_allowed,
            ground=decision.ground,
            grant=HeldGrant.of(decision.grant) if decision.grant else None,
            reason=_sentence(record),
        )


class AccessRoutes:
    """Answers for access."""

    def __init__(self, explanations: AccessService) -> None:
        self._explanations = explanations

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        return (Route("GET", "/access", Action.SIGNED_IN, self.explain_access),)

    async def explain_access(
        self,
        caller: FromCaller,
        user: Asked,
        action: AskedAction,
        registry: AskedRegistry = None,
        repository: AskedRepository = None,
    ) -> Explanation:
        """Say why somebody may or may not do something."""
        if registry is not None and repository is not None:
            raise MoorageError(ErrorCode.VALUE_INVALID, "a registry or a repository, not both", {"field": "registry"})
        where: str | Repository | None = None
        if repository is not None:
            where = parse_repository(repository)
        elif registry is not None:
            where = registry_address(registry)
        return Explanation.of(await self._explanations.explain(caller, user, action, where))


def _sentence(record: Explained) -> str:
    what = f"{WORDS[record.action]} {record.where}" if record.where is not None else ON_SERVER.get(record.action)
    may = "may" if record.decision.is_allowed else "may not"
    return f"{record.user} {may} {what or record.action}: {_reason(record)}"


def _reason(record: Explained) -> str:
    decision, where = record.decision, record.where
    address = where.registry if isinstance(where, Repository) else where
    if decision.grant is not None:
        grant = decision.grant
        through = f" through the group {grant.group}" if grant.group else ""
        rest = "" if decision.is_allowed else ", and no grant there gives more"
        on = address if grant.pattern == WHOLE else f"{address}/{grant.pattern}"
        return f"{record.user} is a {grant.role} of {on}{through}{rest}"
    if decision.ground is Ground.VISIBILITY:
        rest = "" if decision.is_allowed else ", and no grant there gives more"
        return f"whoever is signed in may pull from {address}{rest}"
    if where is None and decision.ground is Ground.NOTHING:
        return "only administrators of this server may"
    return {
        Ground.ADMINISTRATOR: f"{record.user} administers this server",
        Ground.DISABLED: "the account is disabled",
        Ground.EVERYONE: "everybody may",
    }.get(decision.ground, f"no grant reaches there, or there is no registry {address}")
