"""Activity: what somebody did or tried, in one table of words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from moorage.domain.name import Repository


class Kind(StrEnum):
    """What was done, or tried; docs/activity.md says of each what its row holds."""

    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    ACCESS = "access"
    """Asked for something; only refusals of it are kept."""
    CREATE_REGISTRY = "create-registry"
    CHANGE_REGISTRY = "change-registry"
    DELETE_REGISTRY = "delete-registry"
    SET_ROLE = "set-role"
    CREATE_REPOSITORY = "create-repository"
    DESCRIBE_REPOSITORY = "describe-repository"
    DELETE_REPOSITORY = "delete-repository"
    PUSH_IMAGE = "push-image"
    DELETE_IMAGE = "delete-image"
    MOVE_TAG = "move-tag"
    DELETE_TAG = "delete-tag"
    DELETE_BLOB = "delete-blob"
    PIN_IMAGE = "pin-image"
    UNPIN_IMAGE = "unpin-image"
    ADD_RETENTION_RULE = "add-retention-rule"
    CHANGE_RETENTION_RULE = "change-retention-rule"
    DELETE_RETENTION_RULE = "delete-retention-rule"
    RUN_RETENTION = "run-retention"
    RESTORE = "restore"
    FREE = "free"
    ADD_USER = "add-user"
    CHANGE_USER = "change-user"
    DELETE_USER = "delete-user"
    SET_PASSWORD = "set-password"  # noqa: S105  a word, no secret
    LINK_USER = "link-user"
    UNLINK_USER = "unlink-user"
    CREATE_GROUP = "create-group"
    DELETE_GROUP = "delete-group"
    JOIN_GROUP = "join-group"
    LEAVE_GROUP = "leave-group"
    CREATE_ROBOT = "create-robot"
    CHANGE_ROBOT = "change-robot"
    DELETE_ROBOT = "delete-robot"
    CREATE_TOKEN = "create-token"  # noqa: S105  a word, no secret
    REVOKE_TOKEN = "revoke-token"  # noqa: S105  likewise
    ROTATE_KEYS = "rotate-keys"
    COLLECT = "collect"
    VERIFY = "verify"
    DAMAGE = "damage"
    REPAIR = "repair"


class Outcome(StrEnum):
    """Whether it happened."""

    DONE = "done"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why a sign-in was refused; docs/activity.md says of each what it means."""

    WRONG = "wrong"
    TOO_MANY = "too-many"
    EXPIRED = "expired"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    ANOTHERS = "anothers"
    NAME_TAKEN = "name-taken"
    NO_RULE = "no-rule"


class Who(NamedTuple):
    """Whose sign-in it is: the name, the name of the access token, and the address of the registry a robot is of."""

    name: str = ""
    token: str = ""
    registry: str | None = None


NOBODY = Who()

OF_SERVER = frozenset(
    {
        Kind.SIGN_IN,
        Kind.SIGN_OUT,
        Kind.ADD_USER,
        Kind.CHANGE_USER,
        Kind.DELETE_USER,
        Kind.SET_PASSWORD,
        Kind.LINK_USER,
        Kind.UNLINK_USER,
        Kind.CREATE_GROUP,
        Kind.DELETE_GROUP,
        Kind.JOIN_GROUP,
        Kind.LEAVE_GROUP,
        Kind.CREATE_ROBOT,
        Kind.CHANGE_ROBOT,
        Kind.DELETE_ROBOT,
        Kind.CREATE_TOKEN,
        Kind.REVOKE_TOKEN,
        Kind.ROTATE_KEYS,
        Kind.COLLECT,
        Kind.VERIFY,
        Kind.DAMAGE,
        Kind.REPAIR,
    }
)
"""Kinds whose target is no registry, nor anything in one: the server's, unless it is a robot of a registry."""

Facts = Mapping[str, str | bool | int | None]
"""A few plain values, for JSON; never a secret, nor what one could be made of."""


class Origin(NamedTuple):
    """Where a request came from: the client's address, and the id by which the server's log knows it; else empty."""

    address: str = ""
    request_id: str = ""


NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to what; `before` and `after` hold only what changes, and are None where there was or is nothing.

    A target is a registry's address, a repository's full name, an image or tag behind it, or somebody's name.
    `registry` is the address of the registry it belongs to, where the target doesn't say so: that of a robot.
    """

    kind: Kind
    target: str
    before: Facts | None = None
    after: Facts | None = None
    registry: str | None = None


def registry_of(change: Change) -> str:
    """Return the address of the registry a change belongs to; empty for what is the server's."""
    if change.kind in OF_SERVER:
        return change.registry or ""
    return change.target.partition("/")[0]


def tag_name(repository: Repository, tag: str) -> str:
    """Return a tag's full name."""
    return f"{repository}:{tag}"


def image_name(repository: Repository, digest: str) -> str:
    """Return an image's full name."""
    return f"{repository}@{digest}"
