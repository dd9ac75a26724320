"""The ports: what the use cases need of a database. What they need of a place for bytes: store_port.py.

Every implementation runs the suites in tests/contracts/. Where a method says nothing else, what is missing is answered
with None or an empty tuple, doing a thing twice is the same as doing it once, and a write is durable when it returns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from moorage.domain.access import Grant, Role, Visibility
from moorage.domain.digest import Digest
from moorage.domain.history import How
from moorage.domain.name import Repository
from moorage.domain.place import Place
from moorage.domain.reach import EVERYTHING, Reach
from moorage.services.page_records import Part
from moorage.services.records import (
    Account,
    BlobRecord,
    Deletion,
    Dropped,
    GrantRecord,
    Holder,
    ImageRecord,
    LinkedIdentity,
    ManifestRecord,
    NewManifest,
    Parting,
    Pushed,
    ReferrerRecord,
    Registry,
    RegistrySummary,
    RepositoryRecord,
    Session,
    TagMove,
    TagRecord,
)
from moorage.services.storage_records import Collected, Usage

R = TypeVar("R")

Check = Callable[[R], None]
"""Is shown a record in the transaction that is about to change it, and raises to leave everything as it is."""


class Registries(Protocol):
    """Registries."""

    async def create(self, name: str, description: str, visibility: Visibility, by: str) -> Registry:
        """Make a registry; raise CONFLICT when its address is taken."""

    async def find(self, address: str) -> Registry | None:
        """Return the registry at an address (lower case)."""

    def last(self, address: str) -> Registry | None:
        """Return what `find` answered last, which may not be so any more; None where that isn't at hand."""

    async def summaries(self, user_id: int | None, *, sees_all: bool) -> tuple[RegistrySummary, ...]:
        """List what an account (None: anybody) may read, by address, adding up the repositories it may read."""

    async def summary(self, address: str, user_id: int | None, *, sees_all: bool) -> RegistrySummary | None:
        """Return one registry as the list has it."""

    async def update(
        self, address: str, changes: Mapping[str, str | int | None], check: Check[Registry] | None = None
    ) -> Registry | None:
        """Change what is set of it: `Registry` has the names, immutable_tags are a rule a line."""


class Grants(Protocol):
    """Who has which role in a registry; a holder has one for each pattern. A registry takes its grants with it."""

    async def of(self, registry_id: int, user_id: int) -> tuple[Grant, ...]:
        """Return the grants that count for an account: its own, and those of the groups it is in."""

    def last(self, registry_id: int, user_id: int) -> tuple[Grant, ...] | None:
        """Return what `of` answered last, which may not be so any more; None where that isn't at hand."""

    async def page(self, registry_id: int, after: str, limit: int) -> tuple[GrantRecord, ...]:
        """List grants past a key, which need not be one: those of groups, then of accounts, by name and pattern."""

    async def members(self, registry_id: int, after: str, limit: int) -> tuple[GrantRecord, ...]:
        """List the grants of accounts on the whole registry, by the account's name, past one."""

    async def find(self, registry_id: int, holder: Holder, pattern: str) -> GrantRecord | None:
        """Return what a holder has on a pattern."""

    async def give(
        self,
        registry_id: int,
        holder: Holder,
        pattern: str,
        role: Role,
        check: Check[GrantRecord | None] | None = None,
    ) -> bool:
        """Give a role, in place of the one the holder had for that pattern; False when there is no such holder."""

    async def take(
        self, registry_id: int, holder: Holder, pattern: str, check: Check[GrantRecord | None] | None = None
    ) -> bool:
        """Take a role away; False when no such holder has one on that very pattern."""


class Accounts(Protocol):
    """Accounts, and the sessions of people."""

    async def create(
        self, name: str, password_hash: str, *, is_admin: bool, password_expires_at: float | None = None
    ) -> Account:
        """Make a person's account; raise CONFLICT when the name is taken."""

    async def find(self, name: str) -> Account | None:
        """Return the account of that name."""

    async def get(self, user_id: int) -> Account | None:
        """Return the account of that id."""

    async def page(self, after: str, limit: int) -> tuple[Account, ...]:
        """List people by name, past `after`."""

    async def change(
        self,
        name: str,
        *,
        password_hash: str | None = None,
        password_expires_at: float | None = None,
        is_disabled: bool | None = None,
        is_admin: bool | None = None,
        check: Check[Account] | None = None,
    ) -> bool:
        """Change an account and end its sessions; False when there is none.

        When a password expires is said with each new one: one that nothing is said of never does. Raise IN_USE where no
        administrator would be left who is not disabled.
        """

    async def delete(self, name: str, check: Check[Account] | None = None) -> bool:
        """Delete a person's account with all it holds; False when there is none; raise IN_USE as `change` does."""

    async def open_session(self, session: Session, password_hash: str) -> bool:
        """Keep a new session; False where the account is disabled, or has another password hash by now."""

    async def session(self, token_hash: str) -> Session | None:
        """Return a session that has not expired."""

    async def close_session(self, token_hash: str) -> None:
        """End a session."""


class Identities(Protocol):
    """Which account somebody known to a directory has: one at most for each directory and subject."""

    async def account(self, directory: str, subject: str) -> Account | None:
        """Return the account of somebody."""

    async def admit(self, directory: str, subject: str, name: str) -> Account:
        """Return somebody's account; make it, without a password, if there is none; CONFLICT when the name is taken."""

    async def link(self, user_id: int, directory: str, subject: str) -> None:
        """Give somebody an existing account; raise CONFLICT when they have another one."""

    async def unlink(self, user_id: int, directory: str, check: Check[Parting] | None = None) -> bool:
        """Forget whom a directory knows by an account, ending its sessions; False when that is nobody."""

    async def linked(self, user_id: int) -> tuple[LinkedIdentity, ...]:
        """List who has an account, by directory and subject."""


class Blobs(Protocol):
    """Blobs, seen only through the links of repositories."""

    async def find(self, repository: Repository, digest: Digest) -> BlobRecord | None:
        """Return the blob if the repository has a link to it."""

    def foresee(self, repository: Repository, digest: Digest) -> None:
        """Begin to find a blob, for a request that will ask for it."""

    async def renew(self, blob: BlobRecord) -> bool:
        """Renew the lease of a link; False if it is gone."""

    async def mount(self, source: BlobRecord, target: Repository) -> bool:
        """Link a blob of one repository to another, with a lease; False if the source's link is gone.

        Raise as `Uploads` do where the target's registry has no room.
        """

    async def unlink(self, repository: Repository, digest: Digest) -> bool:
        """Take a link away; raise IN_USE while an image needs it; False when there is none."""


class Manifests(Protocol):
    """Images and tags."""

    async def put(self, repository: Repository, manifest: NewManifest, tags: Sequence[str], by: str) -> Pushed:
        """Store an image and point tags at it.

        Raise MANIFEST_BLOB_UNKNOWN unless all it needs is linked there, TAG_IMMUTABLE where a tag may not be moved, and
        as `Uploads` do where a new one has no room.
        """

    async def find(self, repository: Repository, reference: str) -> ManifestRecord | None:
        """Return an image by tag or digest."""

    def foresee(self, repository: Repository, reference: str) -> None:
        """Begin to find an image, for a request that will ask for it."""

    async def delete(self, repository: Repository, digest: Digest, by: str) -> Dropped | None:
        """Delete an image and its tags; None when there is none; raise TAG_IMMUTABLE where a tag may not go."""

    async def delete_tag(self, repository: Repository, tag: str, by: str) -> Dropped | None:
        """Delete a tag alone; None when there is none; raise TAG_IMMUTABLE where it may not go."""

    async def tags(self, repository: Repository, after: str, limit: int) -> tuple[str, ...] | None:
        """List tag names in byte order, past `after`; None when there is no such repository."""

    async def referrers(
        self, repository: Repository, subject: Digest, after: str
    ) -> tuple[tuple[ReferrerRecord, ...], Digest | None]:
        """List what refers to an image, whether or not it exists, in order of digest, past `after`.

        At most some megabytes of them; then also the digest to go on from.
        """


class Tags(Protocol):
    """Tags, one at a time. What `overrides` moves tags that rules hold, too."""

    async def find(self, repository: Repository, tag: str) -> TagRecord | None:
        """Return a tag with what it points to."""

    async def point(
        self,
        repository: Repository,
        tag: str,
        digest: Digest,
        by: str,
        check: Check[TagRecord | None] | None = None,
        *,
        how: How = How.RETAG,
        overrides: bool = False,
    ) -> tuple[TagMove, ...] | None:
        """Let a tag point to an image of the repository, and return how it moved; None when there is no such image.

        Raise TAG_IMMUTABLE where a tag may not be moved, VALUE_INVALID for a rollback to what it never pointed to.
        """

    async def delete(
        self,
        repository: Repository,
        tag: str,
        by: str,
        check: Check[TagRecord] | None = None,
        *,
        overrides: bool = False,
    ) -> Dropped | None:
        """Delete a tag alone; None when there is none; raise TAG_IMMUTABLE where it may not go."""


class Catalog(Protocol):
    """Lists for people: what the pages and the management API show."""

    async def names(
        self,
        user_id: int | None,
        after: str,
        limit: int,
        *,
        sees_all: bool,
        within: Reach = EVERYTHING,
        words: str = "",
    ) -> tuple[str, ...]:
        """List full repository names that an account may read within a reach, in byte order, past `after`.

        Those that contain some `words` are looked for among the first 10,000.
        """

    async def repositories(
        self, registry_id: int, user_id: int | None, after: str, limit: int, *, sees_all: bool
    ) -> tuple[RepositoryRecord, ...]:
        """List those of a registry's repositories that an account may read by path, past `after`."""

    async def repository(self, repository: Repository) -> RepositoryRecord | None:
        """Return a repository that has or had images."""

    async def describe(
        self, repository: Repository, description: str, check: Check[RepositoryRecord] | None = None
    ) -> bool:
        """Change a repository's description; False when there is none."""

    async def tags(
        self, repository: Repository, *, order: str, after: Place | None, limit: int, matching: str = ""
    ) -> Part[TagRecord]:
        """List tags, `order` newest or name, past a place, whose name contains `matching`.

        What was at the place may be gone by now. By name the time of a place means nothing.
        """

    async def images(
        self, repository: Repository, *, untagged: bool, after: Place | None, limit: int
    ) -> Part[ImageRecord]:
        """List images, newest first, past a place: all, or only those without a tag.

        What has no tag and belongs to another image, as an index's child or by its subject, is not listed by itself.
        """

    async def image(self, repository: Repository, digest: Digest) -> tuple[ImageRecord, ...]:
        """Return one image, followed by those of its children that are here."""

    async def deletion(self, repository: Repository, digests: Sequence[Digest] | None, tags: Sequence[str]) -> Deletion:
        """Say what deleting these images (with all their tags) and tags, or everything (None), takes and frees."""

    async def delete(
        self,
        repository: Repository,
        digests: Sequence[Digest] | None,
        tags: Sequence[str],
        by: str,
        check: Check[RepositoryRecord] | None = None,
        *,
        check_image: Check[tuple[ImageRecord, ...]] | None = None,
        overrides: bool = False,
        why: str = "",
    ) -> Deletion | None:
        """Delete what `deletion` says, or the whole repository (digests None); None when there is none.

        It goes into the trash, with `why` if not by hand, unless the registry keeps nothing of what is deleted there.
        A whole repository is shown to `check`, the first image, as `image` returns it, to `check_image` if it is there.
        Raise TAG_IMMUTABLE where a tag may not go, unless this `overrides` what holds it; then nothing goes.
        """


class Garbage(Protocol):
    """What nothing needs any more. Time here is the server's own (see `tick`), never the wall clock."""

    async def tick(self, seconds: float) -> None:
        """Let the leases' clock advance by seconds that really passed while a server ran."""

    async def expire_links(self, limit: int) -> int:
        """Drop links whose lease has passed and which no image needs; return how many links were looked at.

        A repository that was never more than begun goes when nothing is left of it.
        """

    async def sweep(self, limit: int, discard: Callable[[Sequence[Digest]], None]) -> Collected:
        """Drop blobs without link or lease.

        The bytes of those at the address that is their digest are taken by `discard` before the transaction ends; a
        place of its own is discarded.
        """

    async def discarded(self, limit: int) -> tuple[str, ...]:
        """Return places whose bytes nothing leads to any more: uploads' ids, and what `finish` was told."""

    async def forget(self, places: Sequence[str]) -> None:
        """Forget discarded places: their bytes are gone."""

    async def usage(self) -> Usage:
        """Add up what is stored; `uploads` are bytes of open sessions."""


class Duty(Protocol):
    """Who runs the jobs, of all the servers on one database."""

    async def is_ours(self) -> bool:
        """Tell whether this process does now: once it does, until it ends or loses the database."""


class Health(Protocol):
    """Whether a store answers."""

    async def check(self) -> None:
        """Return when the store can read and write; raise UNAVAILABLE or DISK_FULL."""
