"""The keys that sign bearer tokens. Their secrets are never shown."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field, StrictBool

from moorage.domain.access import Action
from moorage.management.routes import FromCaller, Route
from moorage.management.shapes import Sent, moment
from moorage.services.key_records import SigningKey
from moorage.services.keys import KeyService


class Rotation(Sent):
    """How to replace the key that signs."""

    forget: StrictBool = Field(
        default=False, description="End all that older keys signed, at once: everybody signs in again."
    )


class Key(BaseModel):
    """A key."""

    id: str
    created_at: datetime
    is_signing: bool = Field(description="Whether it signs; the others only verify what they signed.")


class KeyRoutes:
    """Answers for keys."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        return (
            Route("GET", "/keys", Action.ADMINISTER_SERVER, self.list_keys),
            Route("POST", "/keys", Action.ADMINISTER_SERVER, self.rotate_keys, 201),
        )

    async def list_keys(self, caller: FromCaller) -> list[Key]:
        """List the keys that sign and verify bearer tokens, the newest first."""
        return _shown(await self._keys.list(caller))

    async def rotate_keys(self, sent: Rotation, caller: FromCaller) -> list[Key]:
        """Sign with a new key from now on."""
        return _shown(await self._keys.rotate(caller, forget=sent.forget))


def _shown(keys: Sequence[SigningKey]) -> list[Key]:
    return [
        Key(id=key.id, created_at=moment(key.created_at), is_signing=number == 0) for number, key in enumerate(keys)
    ]
