"""Access tokens: made, listed and revoked, and known by their secret when one is presented."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from moorage.domain.access import Action, Caller, is_within
from moorage.domain.activity import Change, Facts, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import MOST_PATTERNS, TokenAction, parse_place
from moorage.services.access import Access
from moorage.services.account_ports import AccessTokens
from moorage.services.names import check_name, is_name
from moorage.services.ports import Accounts, Check
from moorage.services.recording import recorded
from moorage.services.records import AccessToken, Account, AccountKind, NewAccessToken
from moorage.services.token_secrets import hash_of, make_secret

DAY = 86400
USUAL_DAYS = 90
MOST_DAYS = 365
MOST_ROBOT_DAYS = 3650
MOST_TOKENS = 200
USUAL_ACTIONS = (TokenAction.PULL, TokenAction.PUSH)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of an access token; `expires_at` is in Unix seconds, None for never."""

    name: str
    actions: Sequence[TokenAction]
    patterns: Sequence[str]
    expires_at: float | None


class AccessTokenService:
    """The use cases of access tokens.

    Whose they are is an account's name; for robots of a registry also its address, None for all other accounts.
    """

    def __init__(self, tokens: AccessTokens, accounts: Accounts, access: Access) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._access = access
        self._uses: dict[int, float] = {}

    async def create(
        self, caller: Caller, account: str, wish: Wish, *, registry: str | None = None
    ) -> tuple[AccessToken, str]:
        """Make an access token; return it with its secret, which nobody will see again.

        Raise NAME_INVALID, VALUE_INVALID, CONFLICT, DENIED when the caller's own token is narrower, NOT_FOUND.
        """
        owner = await self._owner(caller, account, registry)
        check_name(wish.name)
        actions = frozenset(wish.actions)
        patterns = tuple(sorted({parse_place(text) for text in wish.patterns}))
        if not actions or not 1 <= len(patterns) <= MOST_PATTERNS:
            message = f"an access token has an action or more, and 1 to {MOST_PATTERNS} patterns"
            raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "patterns" if actions else "actions"})
        _check_end(owner, wish.expires_at)
        if caller.user_id == owner.id:
            _check_given(owner, wish.expires_at)
        if caller.limits is not None and not caller.limits.include(actions, patterns, wish.expires_at):
            message = f"the access token {caller.limits.token} makes none that is wider or lasts longer than itself"
            raise MoorageError(ErrorCode.DENIED, message)
        if len(await self._tokens.page(owner.id, "", MOST_TOKENS)) >= MOST_TOKENS:
            message = f"{owner.name} has {MOST_TOKENS} access tokens; revoke one first"
            raise MoorageError(ErrorCode.IN_USE, message)
        secret = make_secret()
        new = NewAccessToken(wish.name, hash_of(secret), actions, patterns, wish.expires_at)
        with recorded(caller, Change(Kind.CREATE_TOKEN, owner.name, None, _facts(new), owner.registry)):
            return await self._tokens.create(owner.id, new, caller.name), secret

    async def list(
        self, caller: Caller, account: str, after: str, limit: int, *, registry: str | None = None
    ) -> tuple[AccessToken, ...]:
        """List an account's access tokens by name, past one, without those for places the caller's own is not for."""
        owner = await self._owner(caller, account, registry)
        found: list[AccessToken] = []
        is_more = True
        while is_more and len(found) < limit:
            page = await self._tokens.page(owner.id, after, limit)
            found += (token for token in page if _reaches(caller, owner, token))
            is_more = len(page) == limit
            after = page[-1].name if page else after
        return tuple(found[:limit])

    async def get(self, caller: Caller, account: str, name: str, *, registry: str | None = None) -> AccessToken:
        """Return an account's access token of that name, or raise NOT_FOUND where the caller's own doesn't reach it."""
        return await self._named(caller, await self._owner(caller, account, registry), name)

    async def revoke(
        self,
        caller: Caller,
        account: str,
        name: str,
        *,
        registry: str | None = None,
        check: Check[AccessToken] | None = None,
    ) -> None:
        """Delete an access token, unless `check` raises; it opens nothing any more, nor does what was issued for it."""
        owner = await self._owner(caller, account, registry)
        await self._named(caller, owner, name)
        with recorded(caller, Change(Kind.REVOKE_TOKEN, owner.name, {"token": name}, None, owner.registry)):
            is_revoked = await self._tokens.delete(owner.id, name, check)
        if not is_revoked:
            raise _no_token(owner, name)

    def note_use(self, token_id: int, now: float) -> None:
        """Remember that an access token was used, until the next `flush`."""
        self._uses[token_id] = now

    async def flush(self) -> None:
        """Record when access tokens were last used, in one write."""
        uses, self._uses = self._uses, {}
        try:
            await self._tokens.used(uses)
        except Exception:
            self._uses = uses | self._uses
            raise

    async def _named(self, caller: Caller, owner: Account, name: str) -> AccessToken:
        found = await self._tokens.named(owner.id, name) if is_name(name) else None
        if found is None or not _reaches(caller, owner, found):
            raise _no_token(owner, name)
        return found

    async def _owner(self, caller: Caller, name: str, registry: str | None) -> Account:
        """Return the account whose tokens the caller may look after, or raise NOT_FOUND or DENIED."""
        registry_id = None
        if registry is None:
            self._access.check_account(caller, name)
        else:
            registry_id = (await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, registry)).id
        account = await self._accounts.find(name) if is_name(name) else None
        if account is None or (registry is not None and account.registry_id != registry_id):
            message = f"there is no account named {name[:64]}" + ("" if registry is None else f" of {registry}")
            raise MoorageError(ErrorCode.NOT_FOUND, message, {"name": name[:64]})
        return account


def _reaches(caller: Caller, owner: Account, token: AccessToken) -> bool:
    """Tell whether the access token that somebody looks after an account with is for all the places of another.

    Those of a registry's robots are good in that registry only, whatever they say.
    """
    return owner.registry_id is not None or all(
        is_within(caller.limits, Action.OWN_ACCOUNT, pattern) for pattern in token.patterns
    )


def _no_token(owner: Account, name: str) -> MoorageError:
    message = f"{owner.name} has no access token named {name[:64]}"
    return MoorageError(ErrorCode.NOT_FOUND, message, {"name": name[:64]})


def _facts(token: NewAccessToken) -> Facts:
    """Return what is told of an access token: nothing of its secret."""
    return {
        "token": token.name,
        "actions": " ".join(sorted(token.actions)),
        "patterns": " ".join(token.patterns),
        "expires_at": None if token.expires_at is None else int(token.expires_at),
    }


def usual_end(now: float) -> float:
    """Return when an access token expires of which nobody says it."""
    return now + USUAL_DAYS * DAY


def _check_end(owner: Account, expires_at: float | None) -> None:
    now, is_robot = time.time(), owner.kind is AccountKind.ROBOT
    days = MOST_ROBOT_DAYS if is_robot else MOST_DAYS
    # A minute more: whoever says "in a year" has begun to count before us.
    if (expires_at is None and is_robot) or (expires_at is not None and now < expires_at <= now + days * DAY + 60):
        return
    never = ", or never" if is_robot else ""
    message = f"an access token of {owner.name} expires within {days} days{never}, and not before now"
    raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "expires_at"})


def _check_given(owner: Account, expires_at: float | None) -> None:
    """Let nobody outlast a password that was made up for somebody: who else has seen it, could go on after its end."""
    now, end = time.time(), owner.password_expires_at
    if end is not None and end > now and (expires_at is None or expires_at > end):
        message = (
            f"the password of {owner.name} was given for a time: choose your own first, or a token that ends before"
        )
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "expires_at"})
