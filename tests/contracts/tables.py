"""The ports of a database, side by side, and pushes without the bytes."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select

from moorage.domain.access import Role, Visibility
from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, parse_manifest
from moorage.domain.name import Repository
from moorage.metastore.steps import Database, Steps, one
from moorage.metastore.tables import registries, repositories
from moorage.services.account_ports import AccessTokens, Groups, Keys, Robots
from moorage.services.history_ports import TagHistory
from moorage.services.leftover_ports import Strays
from moorage.services.manifests import describe
from moorage.services.ports import (
    Accounts,
    Blobs,
    Catalog,
    Garbage,
    Grants,
    Health,
    Identities,
    Manifests,
    Registries,
    Tags,
)
from moorage.services.recording import Activity
from moorage.services.records import Account, Holder, HolderKind, Registry
from moorage.services.registry_trash_ports import RegistryTrash
from moorage.services.retention_ports import ImagePulls, Pins, Retention, RetentionLine, RetentionRules
from moorage.services.retention_run_ports import RetentionRuns, RunTrash
from moorage.services.trash_ports import Trash
from moorage.services.upload_ports import Uploads
from moorage.services.verify_ports import Contents, Damages, Rounds

LEASE = 1000.0
"""Seconds."""

Push = Awaitable[object]
APP, OTHER = Repository("dmc", "app"), Repository("dmc", "other")

_ids = itertools.count()


@dataclass(frozen=True)
class Tables:
    """One process's view of a database."""

    registries: Registries
    access_tokens: AccessTokens
    robots: Robots
    accounts: Accounts
    identities: Identities
    grants: Grants
    groups: Groups
    uploads: Uploads
    blobs: Blobs
    manifests: Manifests
    catalog: Catalog
    tags: Tags
    history: TagHistory
    rules: RetentionRules
    runs: RetentionRuns
    run_trash: RunTrash
    pins: Pins
    image_pulls: ImagePulls
    line: RetentionLine
    retention: Retention
    trash: Trash
    registry_trash: RegistryTrash
    garbage: Garbage
    activity: Activity
    health: Health
    keys: Keys
    contents: Contents
    damages: Damages
    rounds: Rounds
    strays: Strays
    database: Database
    discarded: list[Digest] = field(default_factory=list)
    """What collections took away."""

    async def generation(self) -> object:
        """Return what moves when somebody else commits, asked of the database afresh."""
        await asyncio.sleep(0)
        return await self.database.ask_generation()

    async def registry(self, name: str = "DMC", visibility: Visibility = Visibility.PRIVATE) -> Registry:
        """Create a registry; what is deleted in it is gone at once."""
        made = await self.registries.create(name, "", visibility, "root")
        await self.registries.update(made.address, {"trash_days": 0})
        return made

    async def person(self, name: str) -> Account:
        """Add an account."""
        return await self.accounts.create(name, "hash", is_admin=False)

    async def grant(self, registry_id: int, user: str, role: Role, pattern: str = "*") -> None:
        """Give an account a role in a registry."""
        assert await self.grants.give(registry_id, Holder(HolderKind.USER, user), pattern, role)

    async def blob(self, repository: Repository, content: bytes) -> Digest:
        """Push a blob."""
        digest = digest_of(content)
        upload = await self.uploads.begin(f"upload-{next(_ids)}", repository, "ann", Algorithm.SHA256)
        await self.uploads.claim(digest, len(content))
        assert await self.uploads.finish(upload, digest, len(content))
        return digest

    async def image(
        self, repository: Repository, *tags: str, layers: Sequence[bytes] = (b"layer",), subject: Digest | None = None
    ) -> Digest:
        """Push an image with its blobs; its config is as new as the image."""
        config = json.dumps({"number": next(_ids)}).encode()
        for content in (config, *layers):
            await self.blob(repository, content)
        document = {
            "schemaVersion": 2,
            "config": {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": [{"mediaType": "x", "digest": digest_of(layer), "size": len(layer)} for layer in layers],
            "subject": subject and {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
        }
        return await self.put(repository, document, OCI_MANIFEST, *tags)

    async def index(self, repository: Repository, *tags: str, children: Sequence[Digest]) -> Digest:
        """Push an index of images."""
        manifests = [{"mediaType": OCI_MANIFEST, "digest": child, "size": 1} for child in children]
        document = {"schemaVersion": 2, "manifests": manifests, "annotations": {"number": str(next(_ids))}}
        return await self.put(repository, document, OCI_INDEX, *tags)

    async def put(self, repository: Repository, document: dict[str, Any], media_type: str, *tags: str) -> Digest:
        """Push a manifest; what it names must be there."""
        return await self.push(repository, json.dumps(document).encode(), media_type, *tags)

    async def push(self, repository: Repository, body: bytes, media_type: str, *tags: str) -> Digest:
        """Push the bytes of a manifest."""
        digest = digest_of(body)
        new = describe(parse_manifest(body, media_type), digest, body, None)
        await self.manifests.put(repository, new, tags, "ann")
        return digest

    async def many_repositories(self, registry: str, number: int) -> None:
        """Make repositories that were pushed to, all at once."""
        await self.database.write(lambda: _many_repositories(registry, number))

    async def collect(self) -> None:
        """Collect as a server does it, with batches as small as they get."""
        while await self.trash.empty(1):
            pass
        while ended := await self.uploads.expired(1):
            await self.uploads.forget(ended)
        while await self.garbage.expire_links(1):
            pass
        while (await self.garbage.sweep(1, self.discarded.extend)).looked_at:
            pass

    async def pass_time(self, leases: float) -> None:
        """Let so many leases pass."""
        await self.garbage.tick(leases * LEASE)


def _many_repositories(registry: str, number: int) -> Steps[None]:
    found = yield from one(select(registries.c.id).where(registries.c.address == registry))
    assert found is not None
    usual = {"registry_id": found.id, "description": "", "created_at": 1.0, "pushed_at": 1.0, "pushed_by": "ann"}
    yield (
        insert(repositories),
        [{**usual, "name": f"{registry}/app{at:07}", "pulls": 0, "pushes": 1} for at in range(number)],
    )


OpenTables = Callable[[], Awaitable[Tables]]


async def refusal(push: Push) -> ErrorCode | None:
    """Return what somebody's push is refused with; None where it is taken."""
    try:
        await push
    except MoorageError as error:
        return error.error
    return None
