"""What one may not see answers like what does not exist: byte for byte, with the same status and headers."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import httpx

from moorage.app.services import SYSTEM
from moorage.domain.access import Caller, Given, Role
from moorage.domain.name import parse_repository
from tests.management.world import PASSWORD
from tests.permissions.askers import HERE, NOBODY, TOKENS, basic, bearer_for, secret_of
from tests.permissions.house import Asker, Cell, House
from tests.permissions.rules import OF_CONTENT

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BESIDE = (
    Cell("GET", "/{registry}/", "pages"),
    Cell("GET", "/{registry}/{path}:1", "pages"),
    Cell("GET", "/{registry}/{path}/-/images?digest={digest}", "pages"),
    Cell("GET", "/{registry}/{path}/-/delete?tag=1", "pages"),
    Cell("GET", "/v2/{name}", "distribution"),
    Cell("GET", "/api/v1/registries/{registry}/repositories/{repository}/-/nothing", "management"),
    Cell("GET", "/api/v1/activity?registry={registry}", "management"),
    Cell("GET", "/api/v1/activity.jsonl?registry={registry}", "management"),
    Cell("GET", "/api/v1/access?user=stranger&action=pull&registry={registry}", "management"),
    Cell("GET", "/api/v1/access?user=narrow&action=pull&repository={name}", "management"),
)
"""Other addresses that name things."""

Answers = Mapping[tuple[str, str, str], tuple[int, Mapping[str, str], str]]


def asked(house: House) -> list[Cell]:
    """Return every method at every address that names a registry or a repository, and all lists of the server."""
    named = {cell.path: cell for cell in house.cells if cell.place != "server"}
    every = [replace(cell, method=method) for cell in named.values() for method in METHODS]
    lists = [cell for cell in house.cells if cell.place == "server" and cell.method in {"GET", "HEAD"}]
    # A token is another one each time.
    return [*every, *BESIDE, *(cell for cell in lists if cell.path != "/token")]


async def ask_all(house: House, askers: list[Asker]) -> Answers:
    found = {}
    for asker in askers:
        for cell in asked(house):
            # A condition is heeded, and a body read, only for those who may see what they are about.
            answer = await house.ask(cell, asker, body={})
            found[asker.name, cell.method, cell.path] = seen(answer)
    return found


def seen(answer: httpx.Response) -> tuple[int, Mapping[str, str], str]:
    text = re.sub(r'data-now="[^"]*"', "", answer.text)
    return answer.status_code, dict(answer.headers), text


async def account(house: House, name: str) -> AsyncIterator[Asker]:
    """Go through the ways in which somebody can ask; for containers with what a token grants them."""
    upload = await house.upload("owner")
    header, session = basic(name, PASSWORD), await house.session(name)
    secret = await secret_of(house, name, "all", replace(TOKENS[-1], account=name))
    yield replace(session, name=name, authorization=header, upload=upload)
    yield replace(session, upload=upload)
    yield Asker(f"{name}'s access token", f"Bearer {secret}", upload=upload)
    yield Asker(f"{name}'s bearer", await bearer_for(house, header), upload=upload)


async def outsiders(house: House) -> list[Asker]:
    upload = await house.upload("owner")
    given = Given((("alt/*", Role.OWNER),), 10**11)
    here = {"dmc/team/app": OF_CONTENT}
    issued, _ = await house.services.issuer.issue(Caller(name="oidc:ci:job", given=given), here, here, time.time())
    anonymous = (await house.http.get("/token", params={"scope": HERE})).json()["token"]
    return [
        replace(NOBODY, upload=upload),
        Asker("nobody's bearer", f"Bearer {anonymous}", upload=upload),
        Asker("a machine's bearer", f"Bearer {issued}", upload=upload),
        *[asker async for asker in account(house, "stranger")],
    ]


async def test_a_registry_one_may_not_see_answers_as_if_it_were_gone(house: House) -> None:
    askers = await outsiders(house)
    hidden = await ask_all(house, askers)
    await house.empty("dmc")
    await house.services.keeping.registry_trash.delete(SYSTEM, "dmc")
    missing = await ask_all(house, askers)
    assert len(hidden) > 1000
    for key, answer in hidden.items():
        assert answer == missing[key], key


async def test_a_repository_one_may_not_see_answers_as_if_it_were_gone(house: House) -> None:
    askers = [asker async for asker in account(house, "narrow")]
    hidden = await ask_all(house, askers)
    await house.services.catalog.delete_repository(SYSTEM, parse_repository("dmc/team/app"))
    missing = await ask_all(house, askers)
    for key, answer in hidden.items():
        assert answer == missing[key], key
