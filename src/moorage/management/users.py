"""People's accounts."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Path, Response
from pydantic import AwareDatetime, BaseModel, Field, StrictBool

from moorage.domain.access import Action, Caller
from moorage.management.conditions import OnMatch, ToTag
from moorage.management.grammar import A_PASSWORD, A_USER
from moorage.management.routes import FromCaller, Route
from moorage.management.shapes import Page, Paging, Sent, address_for, moment
from moorage.services import records
from moorage.services.accounts import AccountService

END = "When this password expires unless its owner changes it; null is never."

InUser = Annotated[str, Path(description="The person's user name.", json_schema_extra=A_USER)]


class NewUser(Sent):
    """An account to make."""

    name: str = Field(description="The user name.", json_schema_extra=A_USER)
    password: str = Field(json_schema_extra=A_PASSWORD)
    is_admin: StrictBool = Field(default=False, description="Whether they administer the whole server.")
    password_expires_at: AwareDatetime | None = Field(None, description=END)


class UserChanges(Sent):
    """What to change of an account; what is left out stays as it is. Any change ends the person's sessions."""

    password: str | None = Field(None, json_schema_extra=A_PASSWORD)
    password_expires_at: AwareDatetime | None = Field(None, description=END + " Goes with a password.")
    is_disabled: StrictBool | None = Field(None, description="Whether they are kept from signing in.")
    is_admin: StrictBool | None = Field(None, description="Whether they administer the whole server.")


class User(BaseModel):
    """A person's account."""

    name: str
    is_admin: bool
    is_disabled: bool
    created_at: datetime
    password_expires_at: datetime | None = Field(description="Null is never.")

    @classmethod
    def of(cls, account: records.Account) -> Self:
        """Show a record."""
        return cls(
            name=account.name,
            is_admin=account.is_admin,
            is_disabled=account.is_disabled,
            created_at=moment(account.created_at),
            password_expires_at=None if account.password_expires_at is None else moment(account.password_expires_at),
        )


class UserPage(Page[User]):
    """Accounts by name, which is the key of a page."""


class Me(BaseModel):
    """Who you are here."""

    name: str
    is_admin: bool


class UserRoutes:
    """Answers for accounts."""

    def __init__(self, accounts: AccountService) -> None:
        self._accounts = accounts

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        return (
            Route("POST", "/users", Action.ADMINISTER_SERVER, self.add_user, 201),
            Route("GET", "/users", Action.ADMINISTER_SERVER, self.list_users),
            Route("GET", "/users/{user}", Action.ADMINISTER_SERVER, self.get_user),
            Route("PATCH", "/users/{user}", Action.ADMINISTER_SERVER, self.change_user),
            Route("DELETE", "/users/{user}", Action.ADMINISTER_SERVER, self.delete_user, 204),
            Route("GET", "/me", Action.SIGNED_IN, self.get_me),
        )

    async def add_user(self, caller: FromCaller, sent: NewUser, response: Response) -> User:
        """Add a person."""
        end = _seconds(sent.password_expires_at)
        made = await self._accounts.add(
            caller, sent.name, sent.password, is_admin=sent.is_admin, password_expires_at=end
        )
        response.headers["location"] = address_for("users", made.name)
        return User.of(made)

    async def list_users(self, caller: FromCaller, paging: Annotated[Paging, Depends()]) -> UserPage:
        """List people."""
        found = await self._accounts.list(caller, paging.after, paging.limit)
        page, following = paging.cut(found, lambda account: account.name)
        return UserPage(items=[User.of(account) for account in page], next=following)

    async def get_user(self, caller: FromCaller, user: InUser, tagged: ToTag) -> User:
        """Show a person's account."""
        return tagged(await self._show(caller, user))

    async def change_user(
        self, caller: FromCaller, user: InUser, sent: UserChanges, match: OnMatch, tagged: ToTag
    ) -> User:
        """Set a person's password, keep them from signing in, or make them an administrator."""
        end = _seconds(sent.password_expires_at)
        await self._accounts.change(
            caller,
            user,
            password=sent.password,
            password_expires_at=end,
            is_disabled=sent.is_disabled,
            is_admin=sent.is_admin,
            check=match.on(User.of),
        )
        return tagged(await self._show(caller, user))

    async def delete_user(self, caller: FromCaller, user: InUser, match: OnMatch) -> None:
        """Delete a person's account with its access tokens and roles; what they pushed stays."""
        await self._accounts.delete(caller, user, check=match.on(User.of))

    async def get_me(self, caller: FromCaller) -> Me:
        """Show who you are signed in as."""
        return Me(name=caller.name, is_admin=caller.is_admin)

    async def _show(self, caller: Caller, user: str) -> User:
        return User.of(await self._accounts.get(caller, user))


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
