"""Permission: the one place where a caller, an action and a name meet the decision of domain/access.py.

What one may not see answers as if it did not exist: nobody in particular is asked to sign in, an account is told that
there is no such repository, whether there is none or it is somebody else's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from moorage.domain.access import Action, Caller, Decision, Grant, Ground, Place, decide, is_allowed, is_own, is_within
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import EVERYWHERE, whole
from moorage.domain.name import Repository
from moorage.services.ports import Accounts, Grants, Registries
from moorage.services.records import Registry

WORDS = {
    Action.PULL: "pull from",
    Action.PUSH: "push to",
    Action.DELETE: "delete from",
    Action.PIN: "pin images of, or look at the rules of",
    Action.DESCRIBE: "describe",
    Action.ADMINISTER_REGISTRY: "administer",
}


NO_REGISTRY = 0
"""No registry's id."""


class Access:
    """Decides whether a caller may do something, and with which error not."""

    def __init__(self, registries: Registries, grants: Grants) -> None:
        self._registries = registries
        self._grants = grants

    async def check(self, caller: Caller, action: Action, repository: Repository) -> Registry | None:
        """Return the repository's registry; None if there is none and the caller may do everything on the server."""
        name = str(repository)
        check_limits(caller, action, name)
        registry = await self._registries.find(repository.registry)
        place = await self._place(caller, registry)
        if is_allowed(caller, action, place, name):
            return registry
        if caller.is_anonymous or not _was_asked(caller, action, name):
            raise MoorageError(ErrorCode.UNAUTHORIZED, None, {"name": name, "action": action})
        if not decide(caller, Action.PULL, place, name).is_allowed:
            _refuse_unknown(repository)
        message = f"{caller.name} may not {WORDS[action]} {name}; an owner of {repository.registry} can give the right"
        raise MoorageError(ErrorCode.DENIED, message, {"name": name, "action": action})

    def would_allow(self, caller: Caller, action: Action, repository: Repository) -> bool:
        """Tell whether `check` would have passed when things were looked up last, asking nobody.

        That is good for getting ready for what a caller is likely to be let do, and never for letting them.
        """
        registry = self._registries.last(repository.registry)
        if registry is None:
            return False
        holder = _holder_of(caller)
        grants = () if holder is None else self._grants.last(registry.id, holder)
        return grants is not None and is_allowed(caller, action, _place_of(caller, registry, grants), str(repository))

    async def check_registry(self, caller: Caller, action: Action, address: str) -> Registry:
        """Return the registry at an address, or raise UNAUTHORIZED, DENIED, or NOT_FOUND."""
        check_limits(caller, action, whole(address))
        registry = await self._registries.find(address)
        place = await self._place(caller, registry)
        if registry is not None and is_allowed(caller, action, place):
            return registry
        if caller.is_anonymous:
            raise MoorageError(ErrorCode.UNAUTHORIZED)
        if place is None or not is_allowed(caller, Action.PULL, place):
            message = f"there is no registry at {address}, or you may not see it"
            raise MoorageError(ErrorCode.NOT_FOUND, message, {"registry": address}, is_hidden=True)
        message = f"{caller.name} may not {WORDS[action]} this registry; its owners can give the right"
        raise MoorageError(ErrorCode.DENIED, message, {"registry": address, "action": action})

    def check_server(self, caller: Caller, action: Action) -> None:
        """Raise UNAUTHORIZED or DENIED unless the caller may do this on the server as a whole."""
        check_limits(caller, action, EVERYWHERE)
        if is_allowed(caller, action):
            return
        if caller.is_anonymous:
            raise MoorageError(ErrorCode.UNAUTHORIZED)
        message = f"{caller.name} may not do this; an administrator of this server can"
        raise MoorageError(ErrorCode.DENIED, message, {"action": action})

    def check_account(self, caller: Caller, name: str) -> None:
        """Raise UNAUTHORIZED or DENIED unless an account is the caller's own, or they administer the server."""
        if not is_own(caller, name):
            self.check_server(caller, Action.OWN_ACCOUNT)

    async def may(self, caller: Caller, action: Action, where: str | Repository) -> bool:
        """Tell whether a caller may do something in an existing registry, or in a repository of one."""
        address, name = (where, None) if isinstance(where, str) else (where.registry, str(where))
        registry = await self._registries.find(address)
        return registry is not None and is_allowed(caller, action, await self._place(caller, registry), name)

    def check_may_own(self, caller: Caller) -> None:
        """Raise UNAUTHORIZED or DENIED unless the caller may own what was deleted, wherever that was."""
        check_limits(caller, Action.ADMINISTER_REGISTRY, EVERYWHERE)
        if caller.is_anonymous:
            raise MoorageError(ErrorCode.UNAUTHORIZED)

    async def owned(self, caller: Caller, registry: Registry, address: str) -> bool:
        """Tell whether a caller owns a registry that was deleted from an address."""
        holder = _holder_of(caller)
        grants = () if holder is None else await self._grants.of(registry.id, holder)
        return is_allowed(caller, Action.ADMINISTER_REGISTRY, Place(registry.visibility, grants, address))

    async def explain(self, caller: Caller, action: Action, where: str | Repository | None) -> Decision:
        """Say whether an account may do something in a registry, a repository or (None) on the server, and why."""
        if where is None:
            return decide(caller, action)
        address, name = (where, None) if isinstance(where, str) else (where.registry, str(where))
        return decide(caller, action, await self._place(caller, await self._registries.find(address)), name)

    async def grants(self, caller: Caller, repository: Repository, actions: Iterable[str]) -> frozenset[str]:
        """Return which of pull, push and delete a token for a repository may carry, of those asked for."""
        registry = await self._registries.find(repository.registry)
        place = await self._place(caller, registry)
        asked = set(actions)
        possible = {Action.PULL, Action.PUSH, Action.DELETE}
        if "*" not in asked:
            possible = {action for action in possible if action.value in asked}
        return frozenset(action.value for action in possible if is_allowed(caller, action, place, str(repository)))

    async def _place(self, caller: Caller, registry: Registry | None) -> Place | None:
        if registry is None:
            if caller.user_id is not None:
                # What is not there takes as long to refuse as what one may not see.
                await self._grants.of(NO_REGISTRY, caller.user_id)
            return None
        holder = _holder_of(caller)
        return _place_of(caller, registry, () if holder is None else await self._grants.of(registry.id, holder))


def _holder_of(caller: Caller) -> int | None:
    """Return the account whose grants say what a caller may do; None where something else does."""
    return None if caller.given is not None or caller.is_admin else caller.user_id


def _place_of(caller: Caller, registry: Registry, grants: tuple[Grant, ...]) -> Place:
    if caller.given is not None:
        return Place(registry.visibility, caller.given.grants(registry.address))
    return Place(registry.visibility, grants, registry.address)


def check_limits(caller: Caller, action: Action, place: str) -> None:
    """Raise DENIED when the caller's access token doesn't reach so far, before anything is looked up.

    So the answer tells nothing of what is there. Asking for another bearer token would not help, so it is no 401.
    """
    limits = caller.limits
    if limits is None or is_within(limits, action, place):
        return
    may = f"{', '.join(sorted(limits.actions))} in {', '.join(limits.patterns)}"
    message = f"the access token {limits.token} is good for {may}; this needs more"
    raise MoorageError(ErrorCode.DENIED, message, {"action": action})


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether an account may do something and why; `where` is a registry's address, a repository, or the server."""

    user: str
    action: Action
    where: str | Repository | None
    decision: Decision


class AccessService:
    """Answers why somebody may or may not do something."""

    def __init__(self, accounts: Accounts, access: Access) -> None:
        self._accounts = accounts
        self._access = access

    async def explain(self, caller: Caller, user: str, action: Action, where: str | Repository | None) -> Explanation:
        """Explain to administrators, to who administers the registry, and to the person in question.

        Raise NOT_FOUND where there is no such account, VALUE_INVALID where the action is not done to such a thing.
        """
        await self._check_may_ask(caller, user, where)
        if (where is None) is (action in WORDS):
            raise MoorageError(ErrorCode.VALUE_INVALID, _whereabouts_of(action), {"field": "action"})
        account = await self._accounts.find(user)
        if account is None:
            raise MoorageError(ErrorCode.NOT_FOUND, f"no person is called {user[:64]}", {"name": user[:64]})
        if account.is_disabled:
            decision = Decision(is_allowed=False, ground=Ground.DISABLED)
        else:
            asked = Caller(account.id, account.name, account.is_admin)
            decision = await self._access.explain(asked, action, where)
        return Explanation(user, action, where, decision)

    async def _check_may_ask(self, caller: Caller, user: str, where: str | Repository | None) -> None:
        place = EVERYWHERE if where is None else whole(where) if isinstance(where, str) else str(where)
        if is_own(caller, user) and is_within(caller.limits, Action.OWN_ACCOUNT, place):
            return
        if caller.is_admin and caller.limits is None:
            return
        if where is None:
            self._access.check_server(caller, Action.ADMINISTER_SERVER)
            return
        address = where if isinstance(where, str) else where.registry
        await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)


def _whereabouts_of(action: Action) -> str:
    return f"{action} is done to a registry or repository" if action in WORDS else f"{action} is done to the server"


def _was_asked(caller: Caller, action: Action, name: str) -> bool:
    """Tell whether a token was refused this, rather than never asked for it: then the client can ask again."""
    return caller.scope is None or bool(caller.scope.asked.get(name, frozenset()) & {action.value, "*"})


def _refuse_unknown(repository: Repository) -> NoReturn:
    message = (
        f"there is no repository {repository}, or you may not see it; a first push makes a repository in an existing "
        f"registry, and registries are created in the web page or with: moorage registry create {repository.registry}"
    )
    raise MoorageError(ErrorCode.NAME_UNKNOWN, message, {"name": str(repository)}, is_hidden=True)
