"""The services over a data folder: what a server, a worker and a command of the command line all work with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from moorage.app.databases import Opened, open_database
from moorage.app.keeping import Keeping, keeping_of
from moorage.app.stores import Store, open_store, signer_of
from moorage.auth.callers import Callers
from moorage.auth.issuer import Issuer
from moorage.auth.keyring import Keyring
from moorage.auth.machines import Machines
from moorage.auth.oidc import WebDirectories
from moorage.auth.passwords import Passwords
from moorage.directories import Directories, read_directories
from moorage.domain.access import Caller
from moorage.domain.redirect import RedirectRule
from moorage.metastore.access_tokens import AccessTokenTable
from moorage.metastore.accounts import AccountTable
from moorage.metastore.activity import ActivityTable
from moorage.metastore.blobs import BlobTable
from moorage.metastore.catalog import CatalogTable
from moorage.metastore.cleanups import CleanupTable
from moorage.metastore.collect import GarbageTable
from moorage.metastore.grants import GrantTable
from moorage.metastore.groups import GroupTable
from moorage.metastore.history import TagHistoryTable
from moorage.metastore.identities import IdentityTable
from moorage.metastore.keys import KeyTable
from moorage.metastore.leases import granted
from moorage.metastore.manifests import ManifestTable
from moorage.metastore.pins import ImagePullTable
from moorage.metastore.registries import RegistryTable
from moorage.metastore.robots import RobotTable
from moorage.metastore.tags import TagTable
from moorage.metastore.trash import TrashTable
from moorage.metastore.uploads import UploadTable
from moorage.services.access import Access, AccessService
from moorage.services.access_tokens import AccessTokenService
from moorage.services.accounts import AccountService
from moorage.services.activity import ActivityService
from moorage.services.asking import PasswordDirectory
from moorage.services.blobs import BlobService
from moorage.services.catalog import CatalogService
from moorage.services.collect import CollectService
from moorage.services.directories import DirectoryService
from moorage.services.grants import GrantService
from moorage.services.groups import GroupService
from moorage.services.immutable import ImmutableTagService
from moorage.services.keys import KeyService
from moorage.services.manifests import ManifestService
from moorage.services.open_uploads import UploadLimit
from moorage.services.ports import Duty, Health
from moorage.services.redirects import RedirectService
from moorage.services.registries import RegistryService
from moorage.services.robots import RobotService
from moorage.services.tags import TagService
from moorage.services.tally import Tally
from moorage.services.uploads import UploadService
from moorage.services.web_sign_in import WebSignInService
from moorage.settings import Settings

SYSTEM = Caller(user_id=0, name="moorage", is_admin=True)
"""Who acts on the command line: whoever may read the data folder may do everything."""


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case, over one database and one blob store."""

    access: Access
    access_tokens: AccessTokenService
    accounts: AccountService
    activity: ActivityService
    blobs: BlobService
    callers: Callers
    catalog: CatalogService
    collect: CollectService
    directories: DirectoryService
    duty: Duty
    elsewhere: WebSignInService
    explanations: AccessService
    grants: GrantService
    groups: GroupService
    health: Health
    immutable: ImmutableTagService
    keeping: Keeping
    keys: KeyService
    manifests: ManifestService
    redirects: RedirectService
    registries: RegistryService
    issuer: Issuer
    tags: TagService
    tally: Tally
    robots: RobotService
    uploads: UploadService


def _asked(known: Directories) -> tuple[PasswordDirectory, ...]:
    """Return the directories that verify passwords, in the order of the file."""
    if not known.ldap:
        return ()
    # Imported here: most servers and commands ask none.
    from moorage.auth.ldap import LdapDirectory  # noqa: PLC0415

    return tuple(LdapDirectory(name, options) for name, options in known.ldap.items())


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open the data folder, bringing its schema up to date, and close it again."""
    known = read_directories(settings.directories, settings.data / "directories.toml")
    settings.data.mkdir(parents=True, exist_ok=True)
    async with open_database(settings) as opened, open_store(settings) as store:
        yield await _compose(settings, opened, store, known)


async def _compose(settings: Settings, opened: Opened, store: Store, known: Directories) -> Services:
    database, lease = opened.database, granted(settings.lease)
    registry_table, account_table = RegistryTable(database), AccountTable(database)
    upload_table, blob_table = UploadTable(database, lease, settings.quota), BlobTable(database, lease)
    manifest_table = ManifestTable(database)
    grant_table, group_table = GrantTable(database), GroupTable(database)
    access, tally = Access(registry_table, grant_table), Tally()
    registries = RegistryService(registry_table, grant_table, access)
    key_table, trash_table = KeyTable(database), TrashTable(database)
    keys = KeyService(key_table, access)
    await keys.ensure()
    keyring = Keyring(key_table)
    identities = IdentityTable(database)
    names = (*known.ldap, *known.oidc)
    directories = DirectoryService(account_table, identities, group_table, access, names, _asked(known))
    accounts = AccountService(account_table, Passwords(), access, directories, tally)
    doors = WebDirectories(known.oidc, keyring)
    token_table = AccessTokenTable(database)
    access_tokens = AccessTokenService(token_table, account_table, access)
    callers = Callers(
        account_table, token_table, accounts, keyring, Machines(known.trust, tally), access_tokens.note_use, tally
    )
    keeping = keeping_of(settings, database, store, access, SYSTEM)
    return Services(
        access=access,
        access_tokens=access_tokens,
        accounts=accounts,
        activity=ActivityService(ActivityTable(database), registry_table, access, tally),
        blobs=BlobService(blob_table, store, keeping.sound),
        callers=callers,
        catalog=CatalogService(CatalogTable(database), manifest_table, ImagePullTable(database), access),
        collect=CollectService(
            GarbageTable(database), trash_table, upload_table, store, access, CleanupTable(database)
        ),
        directories=directories,
        duty=opened.duty,
        elsewhere=WebSignInService(doors, directories, accounts, account_table, identities, tally),
        explanations=AccessService(account_table, access),
        grants=GrantService(grant_table, access),
        groups=GroupService(group_table, access),
        health=database,
        immutable=ImmutableTagService(registries, CatalogTable(database), manifest_table),
        keys=keys,
        manifests=ManifestService(manifest_table, blob_table, store),
        redirects=RedirectService(RedirectRule(settings.redirects, settings.redirect_networks), signer_of(settings)),
        registries=registries,
        issuer=Issuer(account_table, identities, callers, keyring, tally),
        keeping=keeping,
        tags=TagService(TagTable(database), TagHistoryTable(database), access),
        tally=tally,
        robots=RobotService(RobotTable(database), account_table, access),
        uploads=UploadService(upload_table, store, UploadLimit(upload_table), keeping.sound),
    )
