"""More ports, beside ports.py and under its rules: groups, robots, access tokens and keys."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from moorage.services.key_records import SigningKey
from moorage.services.ports import Check
from moorage.services.records import AccessToken, Account, Group, Mirrored, Moves, NewAccessToken


class Groups(Protocol):
    """Groups of accounts. A group takes its grants with it."""

    async def create(self, name: str, mirrored: Mirrored | None = None) -> Group:
        """Make a group; raise CONFLICT when the name is taken."""

    async def find(self, name: str) -> Group | None:
        """Return the group of that name."""

    async def page(self, after: str, limit: int) -> tuple[Group, ...]:
        """List groups by name, past `after`."""

    async def delete(self, name: str, check: Check[Group] | None = None) -> bool:
        """Delete a group; False when there is none."""

    async def members(self, name: str, after: str, limit: int) -> tuple[str, ...]:
        """List the names of a group's members past a name."""

    async def holds(self, name: str, user: str) -> bool:
        """Tell whether an account is in a group."""

    async def join(self, name: str, user: str, check: Check[str | None] | None = None) -> bool:
        """Put an account into a group; False when there is no such group or account.

        The check is shown the account's name if it is in the group.
        """

    async def leave(self, name: str, user: str, check: Check[str | None] | None = None) -> bool:
        """Take an account out of a group; False when it is not in there. See `join`."""

    async def mirror(self, directory: str, user_id: int, externals: Collection[str]) -> Moves:
        """Put an account into exactly those of the groups that mirror a directory whose `external` is among these.

        Return what that changed; nothing is written where it changes nothing. Groups of no directory and of others stay
        as they are; externals that no group mirrors mean nothing.
        """


class Robots(Protocol):
    """Accounts of programs; `Accounts` finds them too, and changes them."""

    async def create(self, name: str, registry_id: int | None) -> Account:
        """Make a robot of a registry, or of the server (None); raise CONFLICT when the name is taken."""

    async def page(self, registry_id: int | None, after: str, limit: int) -> tuple[Account, ...]:
        """List the robots of a registry, or of the server (None), by name, past `after`."""

    async def delete(self, user_id: int, check: Check[Account] | None = None) -> bool:
        """Delete a robot with its access tokens and roles; False when there is no robot of that id."""


class AccessTokens(Protocol):
    """Access tokens; an id is never given twice, so that what was issued for one that is gone stays dead."""

    async def create(self, user_id: int, token: NewAccessToken, by: str) -> AccessToken:
        """Make an access token; raise CONFLICT when the account has one of that name, NOT_FOUND without the account."""

    async def page(self, user_id: int, after: str, limit: int) -> tuple[AccessToken, ...]:
        """List an account's access tokens by name, past one."""

    async def find(self, secret_hash: str) -> AccessToken | None:
        """Return the access token of a secret."""

    async def named(self, user_id: int, name: str) -> AccessToken | None:
        """Return an account's access token of that name."""

    async def get(self, token_id: int) -> AccessToken | None:
        """Return the access token of that id."""

    async def delete(self, user_id: int, name: str, check: Check[AccessToken] | None = None) -> bool:
        """Delete an access token; False when there is none."""

    async def used(self, last: Mapping[int, float]) -> None:
        """Record when access tokens were last used, by id; what is gone, or was used later, stays as it is."""


class Keys(Protocol):
    """The keys that sign bearer tokens. A `fresh` one is an id and a secret."""

    async def every(self) -> Sequence[SigningKey]:
        """Return the keys, the newest first; the same object while nothing was written."""

    async def ensure(self, fresh: tuple[str, bytes]) -> None:
        """Keep a first key, unless there is one."""

    async def rotate(self, fresh: tuple[str, bytes], forget_after: float) -> Sequence[SigningKey]:
        """Make a new key the newest, and forget those that were replaced that many seconds ago; 0 forgets all others.

        Return the keys that there are then.
        """
