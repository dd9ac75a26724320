"""More ports, beside ports.py and under its rules: robots and access tokens."""

from collections.abc import Mapping
from typing import Protocol

from moorage.services.ports import Check
from moorage.services.records import AccessToken, Account, NewAccessToken


class Robots(Protocol):
    """Accounts of programs; `Accounts` finds them too, and changes them."""

    async def create(self, name: str, registry_id: int | None) -> Account:
        """Make a robot of a registry, or of the server (None); raise CONFLICT when the name is taken."""

    async def of(self, registry_id: int | None) -> tuple[Account, ...]:
        """List the robots of a registry, or of the server (None), by name."""

    async def delete(self, user_id: int, check: Check[Account] | None = None) -> bool:
        """Delete a robot with its access tokens and roles; False when there is no robot of that id."""


class AccessTokens(Protocol):
    """Access tokens; an id is never given twice, so that what was issued for one that is gone stays dead."""

    async def create(self, user_id: int, token: NewAccessToken, by: str) -> AccessToken:
        """Make an access token; raise CONFLICT when the account has one of that name, NOT_FOUND without the account."""

    async def of(self, user_id: int) -> tuple[AccessToken, ...]:
        """List an account's access tokens by name."""

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
