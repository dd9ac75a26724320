"""Access tokens: of people, and of robots wherever they belong."""

from datetime import datetime
from time import time
from typing import Annotated, ClassVar, Self

from fastapi import Depends, Path, Response
from pydantic import AwareDatetime, BaseModel, Field

from moorage.domain.access import Action
from moorage.domain.limits import MOST_PATTERNS, TokenAction
from moorage.management.conditions import Counting, OnMatch, ToTag
from moorage.management.grammar import A_PLACE, A_USER
from moorage.management.routes import FromCaller, InRegistry, Route
from moorage.management.shapes import Page, Paging, Sent, address_for, moment
from moorage.services import records
from moorage.services.access_tokens import USUAL_ACTIONS, AccessTokenService, Wish, usual_end
from moorage.services.robots import RobotService

InUser = Annotated[str, Path(description="The person's user name.", json_schema_extra=A_USER)]
InRobot = Annotated[str, Path(description="The robot's name.", json_schema_extra=A_USER)]
InToken = Annotated[str, Path(description="The access token's name.", json_schema_extra=A_USER)]


Place = Annotated[str, Field(json_schema_extra=A_PLACE)]

MOST_ACTIONS = 10


class NewToken(Sent):
    """An access token to make."""

    name: str = Field(description="Unique among the access tokens of its account.", json_schema_extra=A_USER)
    actions: list[TokenAction] = Field(
        list(USUAL_ACTIONS), description="What it is for.", min_length=1, max_length=MOST_ACTIONS
    )
    patterns: list[Place] = Field(
        ["*"], description="Where: dmc/team/app, dmc/team/*, dmc/* or *.", min_length=1, max_length=MOST_PATTERNS
    )
    expires_at: AwareDatetime | None = Field(
        None, description="Null is never, for robots only. 90 days from now if it is left out."
    )

    def wish(self) -> Wish:
        """Return what is wanted."""
        end = usual_end(time())
        if "expires_at" in self.model_fields_set:
            end_sent = self.expires_at
            return Wish(self.name, self.actions, self.patterns, None if end_sent is None else end_sent.timestamp())
        return Wish(self.name, self.actions, self.patterns, end)


class Token(Counting, BaseModel):
    """An access token."""

    COUNTED: ClassVar = frozenset({"last_used_at"})

    name: str
    actions: list[TokenAction] = Field(description="What it is for: never more than its account may do.")
    patterns: list[str] = Field(description="Where.")
    created_at: datetime
    created_by: str = Field(description="Who made it.")
    expires_at: datetime | None = Field(description="Null is never.")
    last_used_at: datetime | None = Field(description="To about a minute; null is never.")

    @classmethod
    def of(cls, record: records.AccessToken, **more: str) -> Self:
        """Show a record."""
        return cls(
            name=record.name,
            actions=sorted(record.actions),
            patterns=list(record.patterns),
            created_at=moment(record.created_at),
            created_by=record.created_by,
            expires_at=None if record.expires_at is None else moment(record.expires_at),
            last_used_at=None if record.last_used_at is None else moment(record.last_used_at),
            **more,
        )


class MadeToken(Token):
    """An access token that has just been made."""

    secret: str = Field(description="What to sign in with; it is never shown again.")


class TokenPage(Page[Token]):
    """Access tokens by name, which is the key of a page."""


class TokenRoutes:
    """Answers for access tokens."""

    def __init__(self, tokens: AccessTokenService, robots: RobotService) -> None:
        self._tokens = tokens
        self._robots = robots

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        person, robot, own = "/users/{user}/tokens", "/robots/{robot}/tokens", "/registries/{registry}"
        server, registry = Action.ADMINISTER_SERVER, Action.ADMINISTER_REGISTRY
        return (
            Route("POST", person, Action.OWN_ACCOUNT, self.create_token, 201),
            Route("GET", person, Action.OWN_ACCOUNT, self.list_tokens),
            Route("GET", person + "/{token}", Action.OWN_ACCOUNT, self.get_token),
            Route("DELETE", person + "/{token}", Action.OWN_ACCOUNT, self.revoke_token, 204),
            Route("POST", robot, server, self.create_robot_token, 201),
            Route("GET", robot, server, self.list_robot_tokens),
            Route("GET", robot + "/{token}", server, self.get_robot_token),
            Route("DELETE", robot + "/{token}", server, self.revoke_robot_token, 204),
            Route("POST", own + robot, registry, self.create_registry_robot_token, 201),
            Route("GET", own + robot, registry, self.list_registry_robot_tokens),
            Route("GET", own + robot + "/{token}", registry, self.get_registry_robot_token),
            Route("DELETE", own + robot + "/{token}", registry, self.revoke_registry_robot_token, 204),
        )

    async def create_token(self, caller: FromCaller, user: InUser, sent: NewToken, response: Response) -> MadeToken:
        """Make an access token for yourself, or as an administrator for anybody."""
        made, secret = await self._tokens.create(caller, user, sent.wish())
        response.headers["location"] = address_for("users", user, "tokens", made.name)
        return MadeToken.of(made, secret=secret)

    async def list_tokens(self, caller: FromCaller, user: InUser, paging: Annotated[Paging, Depends()]) -> TokenPage:
        """List a person's access tokens."""
        found = await self._tokens.list(caller, user, paging.after, paging.limit)
        return _page(paging, found)

    async def get_token(self, caller: FromCaller, user: InUser, token: InToken, tagged: ToTag) -> Token:
        """Show an access token of a person."""
        return tagged(Token.of(await self._tokens.get(caller, user, token)))

    async def revoke_token(self, caller: FromCaller, user: InUser, token: InToken, match: OnMatch) -> None:
        """Revoke an access token, at once."""
        await self._tokens.revoke(caller, user, token, check=match.on(Token.of))

    async def create_robot_token(
        self, caller: FromCaller, robot: InRobot, sent: NewToken, response: Response
    ) -> MadeToken:
        """Make an access token for a robot of the server."""
        await self._robots.get(caller, robot)
        made, secret = await self._tokens.create(caller, robot, sent.wish())
        response.headers["location"] = address_for("robots", robot, "tokens", made.name)
        return MadeToken.of(made, secret=secret)

    async def list_robot_tokens(
        self, caller: FromCaller, robot: InRobot, paging: Annotated[Paging, Depends()]
    ) -> TokenPage:
        """List the access tokens of a robot of the server."""
        await self._robots.get(caller, robot)
        found = await self._tokens.list(caller, robot, paging.after, paging.limit)
        return _page(paging, found)

    async def get_robot_token(self, caller: FromCaller, robot: InRobot, token: InToken, tagged: ToTag) -> Token:
        """Show an access token of a robot of the server."""
        await self._robots.get(caller, robot)
        return tagged(Token.of(await self._tokens.get(caller, robot, token)))

    async def revoke_robot_token(self, caller: FromCaller, robot: InRobot, token: InToken, match: OnMatch) -> None:
        """Revoke an access token of a robot of the server, at once."""
        await self._robots.get(caller, robot)
        await self._tokens.revoke(caller, robot, token, check=match.on(Token.of))

    async def create_registry_robot_token(
        self, caller: FromCaller, address: InRegistry, robot: InRobot, sent: NewToken, response: Response
    ) -> MadeToken:
        """Make an access token for a robot of a registry."""
        made, secret = await self._tokens.create(caller, robot, sent.wish(), registry=address)
        response.headers["location"] = address_for("registries", address, "robots", robot, "tokens", made.name)
        return MadeToken.of(made, secret=secret)

    async def list_registry_robot_tokens(
        self, caller: FromCaller, address: InRegistry, robot: InRobot, paging: Annotated[Paging, Depends()]
    ) -> TokenPage:
        """List the access tokens of a robot of a registry."""
        found = await self._tokens.list(caller, robot, paging.after, paging.limit, registry=address)
        return _page(paging, found)

    async def get_registry_robot_token(
        self, caller: FromCaller, address: InRegistry, robot: InRobot, token: InToken, tagged: ToTag
    ) -> Token:
        """Show an access token of a robot of a registry."""
        return tagged(Token.of(await self._tokens.get(caller, robot, token, registry=address)))

    async def revoke_registry_robot_token(
        self, caller: FromCaller, address: InRegistry, robot: InRobot, token: InToken, match: OnMatch
    ) -> None:
        """Revoke an access token of a robot of a registry, at once."""
        await self._tokens.revoke(caller, robot, token, registry=address, check=match.on(Token.of))


def _page(paging: Paging, found: tuple[records.AccessToken, ...]) -> TokenPage:
    page, following = paging.cut(found, lambda token: token.name)
    return TokenPage(items=[Token.of(token) for token in page], next=following)
