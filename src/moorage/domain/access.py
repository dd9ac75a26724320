"""Who may do what: one table and one function that decides every permission."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from moorage.domain.limits import EVERYWHERE, Limits, TokenAction, whole
from moorage.domain.pattern import WHOLE, matches


class Action(StrEnum):
    """What a route asks for. The first three are also the words of the token service's scopes."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    PIN = "pin"
    """Look at what is kept and why, and keep images that are in use."""
    DESCRIBE = "describe"
    ADMINISTER_REGISTRY = "administer-registry"
    CREATE_REGISTRY = "create-registry"
    ADMINISTER_SERVER = "administer-server"
    LIST = "list"
    """List what one may read; allowed to all, the list itself is filtered."""
    SIGNED_IN = "signed-in"
    OWN_ACCOUNT = "own-account"
    """Look after an account and its access tokens: one's own, or as an administrator anybody's."""
    ANYONE = "anyone"


class Role(StrEnum):
    """What a grant gives; each may also do what the ones before it may."""

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
_WRITER = _READER | {Action.PUSH, Action.PIN}
_MAINTAINER = _WRITER | {Action.DELETE, Action.DESCRIBE}
_OWNER = _MAINTAINER | {Action.ADMINISTER_REGISTRY}

ROLE_MAY: Mapping[Role, frozenset[Action]] = {
    Role.READER: _READER,
    Role.WRITER: _WRITER,
    Role.MAINTAINER: _MAINTAINER,
    Role.OWNER: _OWNER,
}

RANK: Mapping[Role, int] = {role: rank for rank, role in enumerate(Role)}

SOMEWHERE = frozenset({Action.PULL, Action.PUSH})
"""Asked of a registry as a whole, these mean: of any repository in it. All others take a grant on the whole."""

CATALOG = "registry:catalog"
"""What a token is granted that may list everything its account may read; no repository has a colon in its name."""

SCOPED = frozenset({Action.PULL, Action.PUSH, Action.DELETE})
"""Actions that a token's scope can hold."""

EVERYONE_MAY = frozenset({Action.ANYONE, Action.LIST})
SIGNED_IN_MAY = EVERYONE_MAY | {Action.SIGNED_IN}

TOKEN_ACTION_FOR: Mapping[Action, TokenAction] = {
    action: TokenAction(action.value) if action in SCOPED else TokenAction.MANAGE
    for action in Action
    if action not in SIGNED_IN_MAY
}
"""What an access token must be for, to be used for an action; the actions left out need nothing."""


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
class Grant:
    """A role on the repositories that match a pattern; `group` is who holds it, None where it is the account itself."""

    role: Role
    pattern: str = WHOLE
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What a machine without an account may do until `expires_at` (Unix seconds): roles by REGISTRY/PATTERN."""

    roles: tuple[tuple[str, Role], ...]
    expires_at: float

    def grants(self, address: str) -> tuple[Grant, ...]:
        """Return the grants in a registry."""
        start = address + "/"
        return tuple(Grant(role, on.removeprefix(start)) for on, role in self.roles if on.startswith(start))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an account, a machine with what its own token is given, or nobody (neither `user_id` nor `given`).

    Narrowed by the scope of a bearer token, and by the limits of an access token, whichever way that was presented.
    """

    user_id: int | None = None
    name: str = ""
    is_admin: bool = False
    scope: Scope | None = None
    given: Given | None = None
    limits: Limits | None = None

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody in particular asks."""
        return self.user_id is None and self.given is None

    @property
    def token(self) -> str:
        """The name of the access token this was asked with; empty if it was none."""
        return "" if self.limits is None else self.limits.token


ANONYMOUS = Caller()


@dataclass(frozen=True, slots=True)
class Place:
    """A registry as the decision sees it: who may pull, the grants that count for the caller there, and which it is."""

    visibility: Visibility
    grants: tuple[Grant, ...] = ()
    address: str | None = None


class Ground(StrEnum):
    """What a decision stands on."""

    ADMINISTRATOR = "administrator"
    EVERYONE = "everyone"
    """Whoever asks (signed in, if that is what the action asks for) may do it."""
    GRANT = "grant"
    VISIBILITY = "visibility"
    NOTHING = "nothing"
    """No grant and no visibility reaches there, or there is no such registry: nobody is told which."""
    DISABLED = "disabled"
    """The account is kept from signing in."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an account may do something, and why: `grant` is the highest there, where the ground is a grant."""

    is_allowed: bool
    ground: Ground
    grant: Grant | None = None


_AS_ADMINISTRATOR = Decision(is_allowed=True, ground=Ground.ADMINISTRATOR)
_AS_EVERYONE = Decision(is_allowed=True, ground=Ground.EVERYONE)
_BY_VISIBILITY = {may: Decision(is_allowed=may, ground=Ground.VISIBILITY) for may in (True, False)}
_BY_NOTHING = Decision(is_allowed=False, ground=Ground.NOTHING)


def is_allowed(caller: Caller, action: Action, place: Place | None = None, repository: str | None = None) -> bool:
    """Decide. `place` is None for the server itself or a registry that does not exist; `repository` is a full name.

    Neither scope nor limits ever widen: the account must be allowed, a bearer token must have been granted the action
    there, and an access token must reach so far.
    """
    if repository is not None and not _is_in_scope(caller.scope, action, repository):
        return False
    whole_registry = EVERYWHERE if place is None or place.address is None else whole(place.address)
    if not is_within(caller.limits, action, repository or whole_registry):
        return False
    return decide(caller, action, place, repository).is_allowed


def decide(caller: Caller, action: Action, place: Place | None = None, repository: str | None = None) -> Decision:
    """Decide what the account may do, whatever the token it shows is narrowed to; see `is_allowed`."""
    if caller.is_admin:
        return _AS_ADMINISTRATOR
    if action in (EVERYONE_MAY if caller.user_id is None else SIGNED_IN_MAY):
        return _AS_EVERYONE
    if place is None:
        return _BY_NOTHING
    highest = _highest(place.grants, action, repository)
    if highest is not None:
        return Decision(action in ROLE_MAY[highest.role], Ground.GRANT, highest)
    is_open = place.visibility is Visibility.PUBLIC or (
        place.visibility is Visibility.INTERNAL and caller.user_id is not None
    )
    return _BY_VISIBILITY[action in _READER] if is_open else _BY_NOTHING


def is_own(caller: Caller, account: str) -> bool:
    """Decide whether a caller may look after an account because it is their own."""
    return caller.user_id is not None and caller.name == account and _manages(caller.limits)


def is_within(limits: Limits | None, action: Action, place: str) -> bool:
    """Tell whether an access token reaches so far: `place` is a repository, `REGISTRY/*` or `*`."""
    needed = TOKEN_ACTION_FOR.get(action)
    return limits is None or needed is None or limits.cover(needed, place)


def _manages(limits: Limits | None) -> bool:
    return limits is None or TokenAction.MANAGE in limits.actions


def _is_in_scope(scope: Scope | None, action: Action, repository: str) -> bool:
    if scope is None or action not in SCOPED:
        return True
    return action in scope.granted.get(repository, frozenset())


def _highest(grants: tuple[Grant, ...], action: Action, repository: str | None) -> Grant | None:
    """Return the grant of the highest role that counts for a repository, or for the registry itself (None)."""
    highest: Grant | None = None
    for grant in grants:
        if _reaches(grant.pattern, action, repository) and (highest is None or RANK[grant.role] > RANK[highest.role]):
            highest = grant
    return highest


def _reaches(pattern: str, action: Action, repository: str | None) -> bool:
    if pattern == WHOLE:
        return True
    if repository is None or action is Action.ADMINISTER_REGISTRY:
        return action in SOMEWHERE
    return matches(pattern, repository.partition("/")[2])
