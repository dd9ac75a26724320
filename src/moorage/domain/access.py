"""Who may do what: one table and one function that decides every permission."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a route asks for. The first three are also the words of the token service's scopes."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    DESCRIBE = "describe"
    ADMINISTER_REGISTRY = "administer-registry"
    CREATE_REGISTRY = "create-registry"
    ADMINISTER_SERVER = "administer-server"
    LIST = "list"
    """List what one may read; allowed to all, the list itself is filtered."""
    SIGNED_IN = "signed-in"
    ANYONE = "anyone"


class Role(StrEnum):
    """A member's role in a registry; each may also do what the ones before it may."""

    READER = "reader"
    WRITER = "writer"
    MAINTAINER = "maintainer"
    OWNER = "owner"


class Visibility(StrEnum):
    """Who may pull from a registry: its members, everyone signed in, anyone."""

    PRIVATE = "private"
    INTERNAL = "internal"
    PUBLIC = "public"


_READER = frozenset({Action.PULL})
_WRITER = _READER | {Action.PUSH}
_MAINTAINER = _WRITER | {Action.DELETE, Action.DESCRIBE}
_OWNER = _MAINTAINER | {Action.ADMINISTER_REGISTRY}

ROLE_MAY: Mapping[Role, frozenset[Action]] = {
    Role.READER: _READER,
    Role.WRITER: _WRITER,
    Role.MAINTAINER: _MAINTAINER,
    Role.OWNER: _OWNER,
}

CATALOG = "registry:catalog"
"""What a token is granted that may list everything its account may read; no repository has a colon in its name."""

SCOPED = frozenset({Action.PULL, Action.PUSH, Action.DELETE})
"""Actions that a token's scope can hold."""

EVERYONE_MAY = frozenset({Action.ANYONE, Action.LIST})
SIGNED_IN_MAY = EVERYONE_MAY | {Action.SIGNED_IN}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a bearer token is narrowed to.

    `asked` maps each repository the client named to the actions it asked for, `granted` to those it got. `issued_at`
    and `expires_at` are Unix seconds.
    """

    asked: Mapping[str, frozenset[str]]
    granted: Mapping[str, frozenset[str]]
    issued_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an account, or nobody (`user_id` None); narrowed by a token's scope if one was presented."""

    user_id: int | None = None
    name: str = ""
    is_admin: bool = False
    scope: Scope | None = None

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody in particular asks."""
        return self.user_id is None


ANONYMOUS = Caller()


@dataclass(frozen=True, slots=True)
class Place:
    """A registry as the decision sees it: who may pull, and the caller's own role there."""

    visibility: Visibility
    role: Role | None


def is_allowed(caller: Caller, action: Action, place: Place | None = None, repository: str | None = None) -> bool:
    """Decide. `place` is None for the server itself or a registry that does not exist; `repository` is a full name.

    A scope never widens: the account must be allowed, and the token must have been granted the action there.
    """
    if repository is not None and not _is_in_scope(caller.scope, action, repository):
        return False
    if caller.is_admin or action in (EVERYONE_MAY if caller.is_anonymous else SIGNED_IN_MAY):
        return True
    return place is not None and action in _allowed_in(place, caller)


def _is_in_scope(scope: Scope | None, action: Action, repository: str) -> bool:
    if scope is None or action not in SCOPED:
        return True
    return action in scope.granted.get(repository, frozenset())


def _allowed_in(place: Place, caller: Caller) -> frozenset[Action]:
    if place.role is not None:
        return ROLE_MAY[place.role]
    is_open = place.visibility is Visibility.PUBLIC or (
        place.visibility is Visibility.INTERNAL and not caller.is_anonymous
    )
    return _READER if is_open else frozenset()
