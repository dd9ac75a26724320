"""The keys that sign bearer tokens: replaced when somebody says so."""

import secrets
from collections.abc import Sequence

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.services.access import Access
from moorage.services.account_ports import Keys
from moorage.services.key_records import SigningKey
from moorage.services.recording import recorded

FORGET_AFTER = 366 * 24 * 3600
"""Seconds: longer than anything that a key has signed lasts."""


class KeyService:
    """The use cases of signing keys."""

    def __init__(self, keys: Keys, access: Access) -> None:
        self._keys = keys
        self._access = access

    async def ensure(self) -> None:
        """Make the first key of a new server."""
        await self._keys.ensure(_fresh())

    async def list(self, caller: Caller) -> Sequence[SigningKey]:
        """List the keys, the one that signs first."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        return await self._keys.every()

    async def rotate(self, caller: Caller, *, forget: bool = False) -> Sequence[SigningKey]:
        """Sign with a new key from now on, and return all keys.

        What the old ones signed is good until it expires; with `forget` it ends now, and everybody signs in again.
        """
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        with recorded(caller, Change(Kind.ROTATE_KEYS, "keys", None, {"forget": forget})):
            return await self._keys.rotate(_fresh(), 0 if forget else FORGET_AFTER)


def _fresh() -> tuple[str, bytes]:
    return secrets.token_hex(8), secrets.token_bytes(32)
