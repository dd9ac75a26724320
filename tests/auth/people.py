"""Everything that knows people, over a real database, with two of them in it."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from moorage.auth.callers import Callers
from moorage.auth.issuer import Issuer
from moorage.auth.keyring import Keyring
from moorage.auth.machines import Machines
from moorage.auth.passwords import Passwords
from moorage.auth.tokens import Tokens
from moorage.domain.access import Caller
from moorage.domain.errors import ErrorCode
from moorage.metastore.access_tokens import AccessTokenTable
from moorage.metastore.accounts import AccountTable
from moorage.metastore.grants import GrantTable
from moorage.metastore.identities import IdentityTable
from moorage.metastore.keys import KeyTable
from moorage.metastore.migrations import migrate
from moorage.metastore.registries import RegistryTable
from moorage.metastore.sqlite import SQLite
from moorage.services.access import Access
from moorage.services.access_tokens import AccessTokenService
from moorage.services.accounts import AccountService
from moorage.services.asking import PasswordDirectory
from moorage.services.directories import DirectoryService
from moorage.services.records import Account
from moorage.services.tally import Tally
from tests.services.known import Mirror

NOW = 1_800_000_000.0
KEYS = {"new": b"n" * 32, "old": b"o" * 32}
ROOT = Caller(user_id=0, name="root", is_admin=True)
ANN = "ann's long password"
BOB = "bob's: long password"


class CountingPasswords(Passwords):
    """Passwords that tell how often one was verified."""

    def __init__(self) -> None:
        super().__init__()
        self.verified = 0

    async def verify(self, password_hash: str | None, password: str) -> bool:
        self.verified += 1
        return await super().verify(password_hash, password)


@dataclass(frozen=True)
class People:
    """The parts; `ann` is an administrator, `bob` is not."""

    table: AccountTable
    keys: KeyTable
    passwords: CountingPasswords
    service: AccountService
    directories: DirectoryService
    access_tokens: AccessTokenService
    tokens: Tokens
    callers: Callers
    issuer: Issuer
    tally: Tally
    ann: Account
    bob: Account


def access_of(database: SQLite) -> Access:
    """Return the decision over a database."""
    return Access(RegistryTable(database), GrantTable(database))


@asynccontextmanager
async def open_database(folder: Path) -> AsyncIterator[SQLite]:
    """Make a database with nobody in it."""
    file = folder / "moorage.db"
    migrate(file)
    database = SQLite(file)
    await database.start()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_empty(folder: Path) -> AsyncIterator[AccountService]:
    """Make the service of a server that starts for the first time."""
    async with open_database(folder) as database:
        yield AccountService(AccountTable(database), Passwords(), access_of(database))


@asynccontextmanager
async def open_people(folder: Path, directory: PasswordDirectory | None = None) -> AsyncIterator[People]:
    """Make a database with two people in it, and maybe others in a directory."""
    async with open_database(folder) as database:
        table, passwords, keys = AccountTable(database), CountingPasswords(), KeyTable(database)
        for key in reversed(KEYS.items()):
            await keys.rotate(key, 1000)
        keyring = Keyring(keys)
        access, asked = access_of(database), (directory,) if directory else ()
        names = [directory.name for directory in asked]
        identities, tally = IdentityTable(database), Tally()
        directories = DirectoryService(table, identities, Mirror(), access, names, asked)
        service = AccountService(table, passwords, access, directories, tally)
        token_table = AccessTokenTable(database)
        access_tokens = AccessTokenService(token_table, table, access)
        callers = Callers(table, token_table, service, keyring, Machines({}, tally), access_tokens.note_use, tally)
        ann = await service.add(ROOT, "ann", ANN, is_admin=True)
        bob = await service.add(ROOT, "bob", BOB)
        issuer = Issuer(table, identities, callers, keyring, tally)
        yield People(
            table,
            keys,
            passwords,
            service,
            directories,
            access_tokens,
            await keyring.tokens(),
            callers,
            issuer,
            tally,
            ann,
            bob,
        )


def basic(name: str, password: str) -> bytes:
    """Return an Authorization header."""
    return b"Basic " + base64.b64encode(f"{name}:{password}".encode())


def bearer(token: str) -> bytes:
    """Return an Authorization header."""
    return b"Bearer " + token.encode()


UNAUTHORIZED = ErrorCode.UNAUTHORIZED
TOO_MANY = ErrorCode.TOO_MANY
