"""What the stores keep and the services hand out: plain, frozen rows. Times are Unix seconds, sizes are bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from moorage.domain.access import Role, Visibility
from moorage.domain.digest import Digest
from moorage.domain.immutable import Rule
from moorage.domain.limits import TokenAction
from moorage.domain.name import Repository
from moorage.domain.place import Place
from moorage.domain.quota import Allowance
from moorage.domain.redirect import Redirects


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry; `name` as typed, `address` its lower-case form; for `trash_days` what is deleted can be restored."""

    id: int
    name: str
    address: str
    description: str
    visibility: Visibility
    immutable_tags: tuple[Rule, ...]
    redirects: Redirects
    created_at: float
    created_by: str
    quota: int | None
    """Bytes it may hold."""
    quota_warning: int
    """Percent of the quota from which it counts as nearly full, 0 for never."""
    trash_days: int = 14


@dataclass(frozen=True, slots=True)
class RegistrySummary:
    """A registry in a list: shared layers are counted once."""

    registry: Registry
    repositories: int
    size: int
    pushed_at: float | None
    allowance: Allowance | None = None
    """For whoever may read the whole registry, where it has a quota."""
    deleted: int | None = None
    """Bytes that come free with what can be restored; for whoever may delete everywhere in it, as is `stored`."""
    stored: int | None = None
    """Bytes of all that it has, what was deleted as well, every blob once."""


@dataclass(frozen=True, slots=True)
class RepositoryRecord:
    """A repository that images have been pushed to; `size` counts each blob once, the types are of its newest tag.

    `deleted` comes free with what can be restored.
    """

    id: int
    name: Repository
    description: str
    created_at: float
    pushed_at: float
    pushed_by: str
    tags: int
    size: int
    pulls: int
    pushes: int
    last_pulled_at: float | None
    artifact_type: str | None = None
    config_type: str | None = None
    is_index: bool = False
    deleted: int = 0


class AccountKind(StrEnum):
    """Whose an account is: a person's, or a program's, which has no password and comes by access tokens only."""

    PERSON = "person"
    ROBOT = "robot"


@dataclass(frozen=True, slots=True)
class Account:
    """An account; one without a password of its own, as every robot, has an empty `password_hash`.

    `registry_id` and `registry` (its address) are those of the registry a robot belongs to, None for the server's and
    for people. A password that somebody else has made up may expire.
    """

    id: int
    name: str
    password_hash: str
    is_admin: bool
    is_disabled: bool
    created_at: float
    kind: AccountKind = AccountKind.PERSON
    registry_id: int | None = None
    registry: str | None = None
    password_expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class NewAccessToken:
    """An access token to make; `secret_hash` is SHA-256 of its secret, in hexadecimal."""

    name: str
    secret_hash: str
    actions: frozenset[TokenAction]
    patterns: tuple[str, ...]
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token of an account; nothing that is kept of it opens anything."""

    id: int
    user_id: int
    name: str
    actions: frozenset[TokenAction]
    patterns: tuple[str, ...]
    created_at: float
    created_by: str
    expires_at: float | None
    last_used_at: float | None


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """Whom a directory knows by this account; see `Identity`."""

    directory: str
    subject: str


@dataclass(frozen=True, slots=True)
class Parting:
    """An account that is parted from a directory: whom it forgets, and who stays linked."""

    account: Account
    gone: tuple[LinkedIdentity, ...]
    left: tuple[LinkedIdentity, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A person's role in a registry."""

    name: str
    role: Role


class HolderKind(StrEnum):
    """What can hold a grant: an account, of a person or a machine, or a group of them."""

    USER = "user"
    GROUP = "group"

    @property
    def plural(self) -> str:
        """As addresses and keys have it."""
        return f"{self.value}s"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a grant, by name."""

    kind: HolderKind
    name: str


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """A role given to somebody on the repositories of a registry that match a pattern."""

    holder: Holder
    pattern: str
    role: Role

    @property
    def key(self) -> str:
        """What one registry has once; grants are listed by it."""
        return f"{self.holder.kind.plural}/{self.holder.name}/{self.pattern}"


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A directory's group, by the directory's name and the group's name in it."""

    directory: str
    external: str


class Moves(NamedTuple):
    """The names of groups that somebody was put into, and of those they were taken out of."""

    joined: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A group, and how many accounts are in it; one that mirrors a directory's group has its members from there."""

    id: int
    name: str
    mirrored: Mirrored | None
    created_at: float
    members: int


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser; `token_hash` is SHA-256 of the cookie, in hexadecimal."""

    token_hash: str
    user_id: int
    csrf: str
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class BlobRecord:
    """A blob as seen through a repository's link; `needs_lease` when a HEAD or mount must renew its lease.

    One that `is_damaged` is there for no client: its bytes are none to hand out, and a push brings them anew.
    """

    repository_id: int
    digest: Digest
    size: int
    needs_lease: bool
    place: str
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """A stored manifest, as a pull needs it; `pushed_at` is the tag's where it was asked for by tag.

    `is_part` where it was asked for by digest and an index of the repository names it: whoever asks pulls the index.
    `is_damaged` where a push should bring it anew: itself, or an image or a blob that it needs.
    """

    digest: Digest
    media_type: str
    body: bytes
    pushed_at: float
    is_part: bool = False
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class NewManifest:
    """A manifest that has been read and may be stored, with everything that is later listed or searched."""

    digest: Digest
    media_type: str
    artifact_type: str | None
    config_type: str | None
    is_index: bool
    subject: Digest | None
    annotations: Mapping[str, str]
    platforms: tuple[str, ...]
    body: bytes
    own_size: int
    """The manifest and the config and layers it names, each blob once."""
    needed: tuple[Digest, ...]
    """Blobs that must be linked to the repository."""
    named: tuple[Digest, ...]
    """Everything that must live as long as this manifest: blobs and children."""
    expires_after: int | None = None
    """Seconds that its label, or annotation, says."""


@dataclass(frozen=True, slots=True)
class TagMove:
    """A tag that now points to another image than before; `previous` is None where it is new."""

    tag: str
    previous: Digest | None


@dataclass(frozen=True, slots=True)
class Dropped:
    """What went when an image or a tag was deleted: the tags, and where they pointed; `entry` as in `Deletion`."""

    tags: tuple[str, ...]
    digest: Digest
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What storing an image did beside: the tags it moved, and whether the repository had none before."""

    moved: tuple[TagMove, ...]
    is_first: bool


@dataclass(frozen=True, slots=True)
class TagRecord:
    """A tag in a list, with the image it points to; `size` of an index is that of all its platforms."""

    name: str
    digest: Digest
    media_type: str
    artifact_type: str | None
    config_type: str | None
    is_index: bool
    platforms: tuple[str, ...]
    size: int
    pushed_at: float
    pushed_by: str

    @property
    def place(self) -> Place:
        """Where it is in a list by time."""
        return Place(self.pushed_at, self.name)

    def key(self, order: str) -> str:
        """Return what the next page goes on from in a list by `newest` or `name`."""
        return self.place.within(order)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image in a list: `tags` that point to it, `parents` indexes that name it, `subject` it is attached to."""

    digest: Digest
    media_type: str
    artifact_type: str | None
    config_type: str | None
    is_index: bool
    platforms: tuple[str, ...]
    annotations: Mapping[str, str]
    size: int
    pushed_at: float
    pushed_by: str
    subject: Digest | None
    tags: tuple[str, ...]
    parents: tuple[Digest, ...]

    @property
    def place(self) -> Place:
        """Where it is in a list by time."""
        return Place(self.pushed_at, self.digest)


@dataclass(frozen=True, slots=True)
class ReferrerRecord:
    """An image that refers to another, as the referrers list describes it."""

    digest: Digest
    media_type: str
    size: int
    artifact_type: str | None
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a deletion takes: tags by name, images by digest, and the bytes that nothing else in the server needs.

    `entry` is its number in the trash; None where nothing has gone yet, or has gone at once.
    """

    tags: tuple[str, ...]
    images: tuple[Digest, ...]
    frees: int
    entry: int | None = None
