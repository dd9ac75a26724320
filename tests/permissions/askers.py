"""Everybody who may ask something, how they show who they are, and what docs/ lets them do.

An expectation is the set of outcomes that are right: None where they get through, else the status of a refusal.
"""

import base64
import time
from collections.abc import AsyncIterator, Callable, Container, Iterable
from dataclasses import dataclass, replace

from moorage.app.services import SYSTEM
from moorage.domain.access import Caller, Given, Role
from moorage.domain.limits import TokenAction
from moorage.services.access_tokens import Wish
from tests.management.world import PASSWORD
from tests.permissions.house import Asker, Cell, House, earlier
from tests.permissions.rules import FOR_ACCOUNTS, FOR_ALL, OF_CONTENT, roles

Outcomes = set[int | None]
THROUGH: Outcomes = {None}
Expectation = Callable[[Cell], Outcomes]

NOBODY = Asker("nobody")
DAY = 86400
HERE = "repository:dmc/team/app:pull,push,delete"
NARROWER = {"repository:dmc/team/app:pull": {"pull"}, "repository:dmc/own/app:pull,push,delete": set()}
"""Other scopes, and what they are for in `dmc/team/app`."""
WITHOUT_CREDENTIALS = ("POST", "/token")
"""Here they would stand in the body."""


@dataclass(frozen=True)
class Token:
    """An access token: whose, for what, where, and which of a place's kinds in DMC that reaches."""

    account: str
    actions: frozenset[str]
    pattern: str
    reaches: frozenset[str]


def token(account: str, actions: str, pattern: str, reaches: str) -> Token:
    """Return one, of words with spaces between."""
    return Token(account, frozenset(actions.split()), pattern, frozenset(reaches.split()))


TOKENS = (
    token("owner", "pull", "*", "repository registry server"),
    token("owner", "push", "dmc/team/*", "repository"),
    token("owner", "pull push delete", "dmc/team/app", "repository"),
    token("owner", "pull push delete manage", "dmc/*", "repository registry"),
    token("owner", "pull push delete manage", "alt/*", ""),
    token("owner", "pull push delete manage", "dmc/own/*", ""),
    token("admin", "pull", "*", "repository registry server"),
    token("admin", "manage", "dmc/*", "repository registry"),
    token("stranger", "pull push delete manage", "*", "repository registry server"),
)


def of_nobody(cell: Cell) -> Outcomes:
    """Expect what is right for those who show nothing."""
    if cell.path in {"/v2/", "/v2/_catalog"}:
        # Docker sends credentials only where it is asked for them.
        return {401}
    if cell.needs in FOR_ALL:
        return THROUGH
    return {401, 404} if cell.is_page else {401}


def of_account(name: str, role: str | None = None) -> Expectation:
    """Expect what is right for an account of a role in DMC, None for those who have none."""
    may = FOR_ACCOUNTS | (roles()[role] if role else set())

    def expect(cell: Cell) -> Outcomes:
        if cell.needs in may or (cell.needs == "own-account" and name == "reader"):
            return THROUGH
        # Who does not own what was deleted is not told that it was there.
        is_hidden = cell.place == "deleted registry" or (role is None and cell.place != "server")
        return {404 if is_hidden else 403}

    return expect


def of_role(name: str) -> Expectation:
    """Expect what is right for the account named like its role."""
    role = {"admin": "administrator", "stranger": None}.get(name, name)
    return of_account(name, role)


def of_session(name: str) -> Expectation:
    """Expect what is right for the session of an account: container clients have none."""
    account = of_role(name)
    return lambda cell: of_nobody(cell) if cell.part == "distribution" else account(cell)


def of_token(shown: Token) -> Expectation:
    """Expect what is right for an access token: no more than its account may, and no further than it reaches."""
    account = of_role(shown.account)

    def expect(cell: Cell) -> Outcomes:
        if cell.is_page:
            return of_nobody(cell)
        needed = cell.needs if cell.needs in OF_CONTENT else "manage"
        # What was deleted can have been anywhere.
        place = "server" if cell.place == "deleted registry" else cell.place
        reaches = needed in shown.actions and place in shown.reaches
        return account(cell) if reaches or cell.needs in FOR_ACCOUNTS else {403}

    return expect


def of_bearer(account: Expectation, scope: Container[str] = OF_CONTENT) -> Expectation:
    """Expect what is right for a token of the token service that is for these actions in `dmc/team/app`."""

    def expect(cell: Cell) -> Outcomes:
        if cell.is_page:
            return of_nobody(cell)
        if cell.place == "repository" and cell.needs in OF_CONTENT:
            return account(cell) if cell.needs in scope else {401}
        if cell.part == "management":
            return {403}
        # It buys no other one, and lists nothing, unless it was asked for that.
        return {401} if (cell.method, cell.path) in {("GET", "/token"), ("GET", "/v2/_catalog")} else THROUGH

    return expect


def of_dead(cell: Cell) -> Outcomes:
    """Expect what is right for credentials that are good for nothing any more: even what anybody may is refused."""
    if cell.is_page:
        return of_nobody(cell)
    return THROUGH if (cell.method, cell.path) == WITHOUT_CREDENTIALS else {401}


def of_guess(cell: Cell) -> Outcomes:
    """Expect what is right for a password that is wrong by now: who goes on with it has to wait."""
    return of_dead(cell) | ({429} if of_dead(cell) == {401} and not cell.is_page else set())


def basic(name: str, password: str) -> str:
    """Return the header of a name and password."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def secret_of(house: House, account: str, name: str, given: Token, lasts: float = DAY) -> str:
    """Make an access token."""
    registry = "dmc" if account == "ci" else None
    wish = Wish(name, [TokenAction(action) for action in given.actions], [given.pattern], time.time() + lasts)
    return (await house.services.access_tokens.create(SYSTEM, account, wish, registry=registry))[1]


async def bearer_for(house: House, authorization: str, scope: str = HERE) -> str:
    """Ask the token service for a token, for all content of `dmc/team/app` if nothing else is said."""
    answer = await house.http.get("/token", params={"scope": scope}, headers={"authorization": authorization})
    return f"Bearer {answer.json()['token']}"


async def people(house: House, names: Iterable[str]) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through accounts: with a password, with a session, and with a bearer token."""
    for name in names:
        session, header, upload = await house.session(name), basic(name, PASSWORD), await house.upload(name)
        yield Asker(name, header, session.cookie, session.csrf, upload), of_role(name)
        bearer = await bearer_for(house, header)
        yield Asker(f"a bearer of {name}", bearer, upload=await house.upload(name)), of_bearer(of_role(name))
        for scope, granted in NARROWER.items():
            yield Asker(f"{name}: {scope}", await bearer_for(house, header, scope)), of_bearer(of_role(name), granted)
        yield session, of_session(name)


async def with_token(house: House, shown: Token) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through the ways an access token can be presented."""
    name = " ".join((shown.account, *sorted(shown.actions), shown.pattern))
    secret, expect = await secret_of(house, shown.account, "shown", shown), of_token(shown)
    by_name = basic(shown.account, secret)
    bearer = await bearer_for(house, by_name)

    def of_its_bearer(cell: Cell) -> Outcomes:
        # Whatever the access token does not reach, what was issued for it does not either.
        wider = of_bearer(of_role(shown.account))(cell)
        return wider if None not in wider or cell.place != "repository" or cell.is_page else expect(cell)

    yield Asker(f"a session of the secret: {name}", cookie=secret, csrf=secret), of_nobody
    for form, header, right in (
        ("a bearer of", bearer, of_its_bearer),
        ("Bearer", f"Bearer {secret}", expect),
        ("Basic", by_name, expect),
    ):
        yield Asker(f"{form}: {name}", header, upload=await house.upload(shown.account)), right


async def machine(house: House) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through what the rules of a trusted issuer make of a machine: a writer of `dmc/team/*` here."""
    now, here = time.time(), {"dmc/team/app": OF_CONTENT}
    given = Given((("dmc/team/*", Role.WRITER),), now + DAY)
    caller = Caller(name="oidc:ci:job", given=given)
    issued, _ = await house.services.issuer.issue(caller, here, {"dmc/team/app": frozenset({"pull", "push"})}, now)
    upload = await house.upload(caller.name)
    yield Asker("a machine's bearer", f"Bearer {issued}", upload=upload), of_bearer(of_account("", "writer"))


async def dead(house: House) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through credentials that were good once; all have been used, so that they may be remembered somewhere."""
    for gone in (expired, revoked, suspended, deleted, signed_out, parted):
        async for asker, expect in gone(house):
            yield asker, expect


WIDE = token("owner", "pull push delete manage", "*", "")


async def _used(house: House, account: str, name: str) -> list[Asker]:
    """Return an access token in all its forms, each used once."""
    secret = await secret_of(house, account, name, WIDE)
    by_name, upload = basic(account, secret), await house.upload(account)
    shown = {"Basic": by_name, "Bearer": f"Bearer {secret}", "a bearer of it": await bearer_for(house, by_name)}
    for header in shown.values():
        answer = await house.http.get("/v2/dmc/team/app/manifests/1", headers={"authorization": header})
        assert answer.status_code == 200
    return [Asker(f"{name}, {form}", header, upload=upload) for form, header in shown.items()]


async def expired(house: House) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through what has had its time."""
    upload = await house.upload("owner")
    with earlier(2 * DAY):
        secret = await secret_of(house, "owner", "expired", WIDE)
        await house.services.accounts.set_password(SYSTEM, "late", PASSWORD, password_expires_at=time.time() + DAY)
        cookie = (await house.session("late")).cookie
    for header in (basic("owner", secret), f"Bearer {secret}"):
        yield Asker("an expired access token", header, upload=upload), of_dead
    yield Asker("an expired password", basic("late", PASSWORD)), of_dead
    yield Asker("a session of an expired password", cookie=cookie), of_nobody
    with earlier(600):
        header = await bearer_for(house, basic("owner", PASSWORD))
    # It may still end an upload that it has begun, and this one is newer.
    yield Asker("an expired bearer", header, upload=upload), of_dead


async def revoked(house: House) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through an access token that was taken back."""
    shown = await _used(house, "owner", "revoked")
    await house.services.access_tokens.revoke(SYSTEM, "owner", "revoked")
    # It has no heir: neither one of its name nor the next of any.
    await secret_of(house, "owner", "revoked", WIDE)
    for asker in shown:
        yield asker, of_dead


async def suspended(house: House) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through an account that was closed."""
    shown, session = await _used(house, "suspended", "suspended"), await house.session("suspended")
    header = basic("suspended", PASSWORD)
    shown.append(Asker("its bearer", await bearer_for(house, header)))
    await house.services.accounts.disable(SYSTEM, "suspended", disabled=True)
    yield session, of_nobody
    yield Asker("a suspended account", header), of_guess
    for asker in shown:
        yield asker, of_dead


async def deleted(house: House) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through accounts that are gone, a robot's and a person's, and whose names others have now."""
    shown, session = await _used(house, "ci", "of-deleted-robot"), await house.session("deleted")
    shown += await _used(house, "deleted", "of-deleted-person")
    await house.services.robots.delete(SYSTEM, "ci", "dmc")
    await house.services.accounts.delete(SYSTEM, "deleted")
    await house.services.robots.create(SYSTEM, "ci", "dmc")
    await house.world.person("deleted")
    for name in ("ci", "deleted"):
        await house.services.registries.set_member(SYSTEM, "dmc", name, Role.OWNER)
    await secret_of(house, "ci", "one", WIDE)
    yield session, of_nobody
    for asker in shown:
        yield asker, of_dead


async def signed_out(house: House) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through sessions that have ended, and a password that was changed."""
    session = await house.session("owner")
    assert session.cookie is not None
    await house.services.accounts.sign_out(session.cookie)
    yield session, of_nobody
    ended, header = await house.session("changed"), basic("changed", PASSWORD)
    assert (await house.http.get("/v2/", headers={"authorization": header})).status_code == 200
    await house.services.accounts.set_password(SYSTEM, "changed", PASSWORD + "!")
    yield ended, of_nobody
    yield Asker("an old password", header), of_guess


async def parted(house: House) -> AsyncIterator[tuple[Asker, Expectation]]:
    """Go through somebody whose role was taken away: nobody but a stranger now."""
    header, upload = basic("parted", PASSWORD), await house.upload("parted")
    bearer, session = await bearer_for(house, header), await house.session("parted")
    shown = await _used(house, "parted", "parted")
    await house.services.registries.set_member(SYSTEM, "dmc", "parted", None)
    stranger = of_account("parted")
    yield Asker("a password without its role", header, session.cookie, session.csrf, upload), stranger
    yield Asker("a bearer without its role", bearer, upload=upload), of_bearer(stranger)
    yield replace(shown[0], cookie=session.cookie, csrf=session.csrf), stranger
    yield shown[2], of_bearer(stranger)
