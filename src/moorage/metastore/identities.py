"""Which accounts the people of directories have."""

import time
from functools import partial

from sqlalchemy import bindparam, delete, insert, select

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.accounts import ACCOUNTS, CLOSE_ALL, GET, account_of, create_account
from moorage.metastore.steps import Database, Steps, one
from moorage.metastore.tables import identities, users
from moorage.services.ports import Check
from moorage.services.records import Account, LinkedIdentity, Parting

FIND = ACCOUNTS.join(identities, identities.c.user_id == users.c.id).where(
    identities.c.directory == bindparam("directory"), identities.c.subject == bindparam("subject")
)
ADD = insert(identities)
FORGET = delete(identities).where(
    identities.c.user_id == bindparam("of_user"), identities.c.directory == bindparam("of_directory")
)
LINKED = (
    select(identities.c.directory, identities.c.subject)
    .where(identities.c.user_id == bindparam("user_id"))
    .order_by(identities.c.directory, identities.c.subject)
)


class IdentityTable:
    """The port `Identities` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def account(self, directory: str, subject: str) -> Account | None:
        """See `Identities`."""
        return await self._database.read(_account(directory, subject))

    async def admit(self, directory: str, subject: str, name: str) -> Account:
        """See `Identities`."""
        return await self._database.write(partial(_admit, directory, subject, name, time.time()))

    async def link(self, user_id: int, directory: str, subject: str) -> None:
        """See `Identities`."""
        await self._database.write(partial(_link, user_id, directory, subject))

    async def unlink(self, user_id: int, directory: str, check: Check[Parting] | None = None) -> bool:
        """See `Identities`."""
        return await self._database.write(partial(_unlink, user_id, directory, check))

    async def linked(self, user_id: int) -> tuple[LinkedIdentity, ...]:
        """See `Identities`."""
        return await self._database.read(_linked(user_id))


def _account(directory: str, subject: str) -> Steps[Account | None]:
    row = yield from one(FIND, {"directory": directory, "subject": subject})
    return account_of(row) if row else None


def _admit(directory: str, subject: str, name: str, now: float) -> Steps[Account]:
    # Two first sign-ins at once: the second finds what the first has made.
    known = yield from _account(directory, subject)
    if known is not None:
        return known
    row = {"name": name, "password_hash": "", "is_admin": False, "is_disabled": False}
    made = yield from create_account(row, now)
    yield ADD, {"directory": directory, "subject": subject, "user_id": made.id}
    return made


def _link(user_id: int, directory: str, subject: str) -> Steps[None]:
    known = yield from _account(directory, subject)
    if known is None:
        yield ADD, {"directory": directory, "subject": subject, "user_id": user_id}
    elif known.id != user_id:
        message = f"{directory} knows {known.name} by this subject already"
        raise MoorageError(ErrorCode.CONFLICT, message, {"name": known.name})


def _unlink(user_id: int, directory: str, check: Check[Parting] | None) -> Steps[bool]:
    account = yield from one(GET, {"id": user_id})
    linked = yield from _linked(user_id)
    gone = tuple(identity for identity in linked if identity.directory == directory)
    if account is None or not gone:
        return False
    if check is not None:
        left = tuple(identity for identity in linked if identity.directory != directory)
        check(Parting(account_of(account), gone, left))
    yield FORGET, {"of_user": user_id, "of_directory": directory}
    yield CLOSE_ALL, {"of_user": user_id}
    return True


def _linked(user_id: int) -> Steps[tuple[LinkedIdentity, ...]]:
    rows = yield LINKED, {"user_id": user_id}
    return tuple(LinkedIdentity(row.directory, row.subject) for row in rows)
