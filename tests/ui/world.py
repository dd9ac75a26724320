"""A server's content for the pages: the real services over a real database, and pushes without the bytes."""

import hashlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from moorage.auth.passwords import Passwords
from moorage.blobstore.filesystem import FileBlobStore
from moorage.domain.access import Caller, Role, Visibility
from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST, parse_manifest
from moorage.domain.name import Repository, parse_repository
from moorage.domain.room import Room
from moorage.metastore.accounts import AccountTable
from moorage.metastore.blobs import BlobTable
from moorage.metastore.catalog import CatalogTable
from moorage.metastore.cleanups import CleanupTable
from moorage.metastore.collect import GarbageTable
from moorage.metastore.grants import GrantTable
from moorage.metastore.groups import GroupTable
from moorage.metastore.history import TagHistoryTable
from moorage.metastore.identities import IdentityTable
from moorage.metastore.letting_go import RetentionTable
from moorage.metastore.manifests import ManifestTable
from moorage.metastore.migrations import migrate
from moorage.metastore.pins import ImagePullTable
from moorage.metastore.registries import RegistryTable
from moorage.metastore.registry_trash import RegistryTrashTable
from moorage.metastore.retention import RetentionRuleTable
from moorage.metastore.retention_line import RetentionLineTable
from moorage.metastore.retention_runs import RetentionRunTable
from moorage.metastore.rounds import RoundTable
from moorage.metastore.run_trash import RunTrashTable
from moorage.metastore.sqlite import SQLite
from moorage.metastore.steps import Steps
from moorage.metastore.tags import TagTable
from moorage.metastore.trash import TrashTable
from moorage.metastore.uploads import UploadTable
from moorage.metastore.usage import ServerUsageTable
from moorage.metastore.verify import ContentsTable, DamageTable
from moorage.services.access import Access
from moorage.services.accounts import AccountService
from moorage.services.catalog import CatalogService
from moorage.services.cleanup import CleanupService
from moorage.services.collect import CollectService
from moorage.services.directories import DirectoryService
from moorage.services.disk import DiskService
from moorage.services.immutable import ImmutableTagService
from moorage.services.letting_go import LettingGoService
from moorage.services.manifests import ManifestService, describe
from moorage.services.records import Holder, Registry
from moorage.services.registries import RegistryService
from moorage.services.registry_trash import RegistryTrashService
from moorage.services.retention import RetentionService
from moorage.services.retention_runs import RetentionRunService
from moorage.services.run_trash import RunTrashService
from moorage.services.server_quota import ServerQuotaService
from moorage.services.tags import TagService
from moorage.services.tally import Tally
from moorage.services.trash import TrashService
from moorage.services.verify import Parts, VerifyService
from moorage.services.web_sign_in import Arrival, Departure, Offer, WebSignInService
from moorage.ui.pages import SafeHeaders, build
from moorage.ui.visit import UiServices, UiSettings
from tests.services.known import Known

ADMIN = Caller(user_id=0, name="admin", is_admin=True)
PASSWORD = "correct horse battery"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64"}
SERVER_QUOTA = 1_000_000
UNKNOWN = {"os": "unknown", "architecture": "unknown"}


T = TypeVar("T")


class CountingDatabase(SQLite):
    """A database that counts the statements it is asked to read by."""

    statements = 0

    async def read(self, steps: Steps[T]) -> T:
        return await super().read(self._counted(steps))

    def _counted(self, steps: Steps[T]) -> Steps[T]:
        try:
            step = next(steps)
            while True:
                self.statements += 1
                step = steps.send((yield step))
        except StopIteration as end:
            answer: T = end.value
            return answer


class Doors:
    """Directories to sign in at, none of which there are; a test puts others in their place."""

    offers: tuple[Offer, ...] = ()
    arrival: Arrival | MoorageError | None = None
    departed: tuple[str, str, int | None] = ("", "", None)

    async def depart(self, name: str, back: str, target: str, user_id: int | None, now: float) -> Departure:
        assert now > 0
        self.departed = (back, target, user_id)
        return Departure(f"https://id.example.org/ask?{name}", "kept")

    async def arrive(self, name: str, back: str, kept: str, answer: Mapping[str, str], now: float) -> Arrival:
        assert (name, kept, answer) == ("corp", "kept", {"code": "c"})
        assert back.endswith("/-/sign-in/corp/back")
        assert now > 0
        if not isinstance(self.arrival, Arrival):
            raise self.arrival or MoorageError(ErrorCode.NOT_FOUND)
        return self.arrival


class World:
    """A server with nothing in it but the account `admin`."""

    def __init__(self, database: CountingDatabase, store: FileBlobStore) -> None:
        self.database = database
        registries, accounts, grants = RegistryTable(database), AccountTable(database), GrantTable(database)
        self.registries, self.grants = registries, grants
        self.uploads = UploadTable(database, 3600.0)
        self.manifests = ManifestTable(database)
        self.image_pulls = ImagePullTable(database)
        access = Access(registries, grants)
        self.tally = Tally()
        people = AccountService(accounts, Passwords(), access, tally=self.tally)
        identities = IdentityTable(database)
        self.accounts, self.identities = accounts, identities
        self.doors = Doors()
        self.asked = list[Known]()
        names, groups = ("corp", "ldap"), GroupTable(database)
        self.directories = DirectoryService(accounts, identities, groups, access, names, self.asked)
        catalog, owned = CatalogTable(database), RegistryService(registries, grants, access)
        self.verified = Parts(ContentsTable(database), DamageTable(database), RoundTable(database), store)
        runs = RetentionRunTable(database)
        cleanups = CleanupTable(database)
        self.room = Room(500_000_000_000, 379_800_000_000)
        self.disk = DiskService("/var/lib/moorage", lambda: self.room, access)
        letting_go = LettingGoService(
            RetentionRuleTable(database), RetentionLineTable(database), RetentionTable(database), runs, ADMIN
        )
        self.services = UiServices(
            access=access,
            accounts=people,
            registries=owned,
            catalog=CatalogService(catalog, self.manifests, self.image_pulls, access),
            tags=TagService(TagTable(database), TagHistoryTable(database), access),
            immutable=ImmutableTagService(owned, catalog, self.manifests),
            manifests=ManifestService(self.manifests, BlobTable(database, 3600.0), store),
            trash=TrashService(TrashTable(database), CatalogTable(database), access),
            registry_trash=RegistryTrashService(RegistryTrashTable(database), CatalogTable(database), access),
            collect=CollectService(GarbageTable(database), TrashTable(database), self.uploads, store, access, cleanups),
            cleanup=CleanupService(cleanups, 3600, access),
            disk=self.disk,
            elsewhere=WebSignInService(self.doors, self.directories, people, accounts, identities, self.tally),
            verify=VerifyService(self.verified, access, ADMIN, 30),
            retention=RetentionService(RetentionRuleTable(database), RetentionTable(database), access),
            retention_runs=RetentionRunService(runs, letting_go, access),
            run_trash=RunTrashService(RunTrashTable(database), access),
            server_quota=ServerQuotaService(ServerUsageTable(database), SERVER_QUOTA, access),
            retention_at="02:00",
        )
        self._ids = itertools.count()

    def pages(self, external_url: str | None = None) -> SafeHeaders:
        """Return the web interface of this server."""
        settings = UiSettings("1.2.3", time.time, external_url, has_own_authority=True, room=self.disk.last)
        return build(self.services, settings)

    async def person(self, name: str, *, is_admin: bool = False) -> None:
        """Add an account."""
        await self.services.accounts.add(ADMIN, name, PASSWORD, is_admin=is_admin)

    async def registry(
        self, name: str, description: str = "", visibility: Visibility = Visibility.PRIVATE, **roles: Role
    ) -> Registry:
        """Create a registry with members."""
        made = await self.services.registries.create(ADMIN, name, description, visibility)
        for user, role in roles.items():
            await self.services.registries.set_member(ADMIN, made.address, user, role)
        return made

    async def grant(self, address: str, holder: Holder, role: Role, pattern: str) -> None:
        """Give a role on repositories."""
        registry = await self.registries.find(address)
        assert registry is not None
        assert await self.grants.give(registry.id, holder, pattern, role)

    async def image(
        self,
        name: str,
        *tags: str,
        layers: Sequence[int] = (1_000,),
        platform: Mapping[str, str] | None = AMD64,
        config_type: str = CONFIG,
        shared: str = "",
        by: str = "admin",
    ) -> Digest:
        """Push an image whose layers have these sizes; images with the same `shared` share them."""
        repository = parse_repository(name)
        salt = shared or f"{name} {next(self._ids)}"
        blobs = [await self._blob(repository, f"{salt} {place} {size}", size, by) for place, size in enumerate(layers)]
        config = await self._blob(repository, f"config {next(self._ids)}", 100, by)
        body = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {**config, "mediaType": config_type},
            "layers": [{**blob, "mediaType": LAYER} for blob in blobs],
        }
        return await self._manifest(repository, body, OCI_MANIFEST, tags, by, platform)

    async def index(
        self,
        name: str,
        *tags: str,
        by: str = "admin",
        layers: Sequence[int] = (1_000,),
        more: Sequence[Mapping[str, Any]] = (),
    ) -> Digest:
        """Push an index of two platforms, and of what these descriptors name."""
        platforms = (AMD64, ARM64)
        children = [await self.image(name, layers=layers, platform=platform, by=by) for platform in platforms]
        found = [
            {"mediaType": OCI_MANIFEST, "digest": digest, "size": 500, "platform": platform}
            for digest, platform in zip(children, platforms, strict=True)
        ]
        body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*found, *more]}
        return await self._manifest(parse_repository(name), body, OCI_INDEX, tags, by, None)

    async def attestation(self, name: str, *predicates: str) -> Digest:
        """Push a manifest of statements about an image, as BuildKit writes it."""
        repository = parse_repository(name)
        config = await self._blob(repository, f"config {next(self._ids)}", 100, "admin")
        layers = [
            {
                **await self._blob(repository, f"statement {next(self._ids)}", 100, "admin"),
                "mediaType": "application/vnd.in-toto+json",
                "annotations": {"in-toto.io/predicate-type": predicate},
            }
            for predicate in predicates
        ]
        body = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {**config, "mediaType": CONFIG}}
        return await self._manifest(repository, {**body, "layers": layers}, OCI_MANIFEST, (), "admin", UNKNOWN)

    async def _blob(self, repository: Repository, content: str, size: int, by: str) -> dict[str, Any]:
        digest = Digest(f"sha256:{hashlib.sha256(content.encode()).hexdigest()}")
        upload = await self.uploads.begin(f"upload-{next(self._ids)}", repository, by, Algorithm.SHA256)
        await self.uploads.claim(digest, size)
        assert await self.uploads.finish(upload, digest, size)
        return {"digest": digest, "size": size}

    async def _manifest(
        self,
        repository: Repository,
        document: Mapping[str, Any],
        media_type: str,
        tags: Sequence[str],
        by: str,
        config: Mapping[str, str] | None,
    ) -> Digest:
        body = json.dumps(document).encode()
        digest = Digest(f"sha256:{hashlib.sha256(body).hexdigest()}")
        await self.manifests.put(repository, describe(parse_manifest(body, media_type), digest, body, config), tags, by)
        return digest


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    """Make a server in an empty folder."""
    migrate(folder / "moorage.db")
    database = CountingDatabase(folder / "moorage.db")
    store = FileBlobStore(folder / "blobs")
    await database.start()
    try:
        world = World(database, store)
        await world.person("admin", is_admin=True)
        yield world
    finally:
        await database.close()
        store.close()
