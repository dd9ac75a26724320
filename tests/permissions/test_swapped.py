"""The name of something that is elsewhere, in another registry or of another account, is no name here."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

import httpx
import pytest

from moorage.app.services import SYSTEM
from moorage.domain.access import Role
from moorage.domain.digest import digest_of
from moorage.domain.limits import TokenAction
from moorage.services.access_tokens import Wish, usual_end
from moorage.services.records import Holder, HolderKind
from tests.management.world import PASSWORD
from tests.permissions.askers import basic
from tests.permissions.house import LAYER, Asker, Cell, House

MAKES = frozenset({("PUT", "user"), ("PUT", "group"), ("PUT", "pattern"), ("PUT", "tag"), ("POST", "repository")})
"""Where it is right to name what is not there yet, if it is not another's robot."""

LISTS = frozenset(
    {
        "/v2/{name}/referrers/{digest}",
        "/api/v1/registries/{registry}/repositories/{repository}/-/pins/{image}",
    }
)
"""What answers with a list, which is empty for whatever is not there."""

ASKED = (
    Cell("GET", "/{registry}/{path}/-/images?digest={digest}", "pages"),
    Cell("GET", "/{registry}/{path}/-/images?digest={reference}", "pages"),
    Cell("GET", "/{registry}/{path}/-/images?after={digest}", "pages"),
    Cell("GET", "/{registry}/{path}/-/delete?tag={tag}", "pages"),
    Cell("GET", "/{registry}/{path}/-/delete?digest={digest}", "pages"),
    Cell("GET", "/{registry}/{path}?after={tag}", "pages"),
    Cell("GET", "/{registry}/{path}?open={tag}", "pages"),
    Cell("GET", "/{registry}?after={path}", "pages"),
    Cell("GET", "/v2/{name}/tags/list?last={tag}", "distribution"),
    Cell("GET", "/v2/{name}/referrers/{digest}?last={digest}", "distribution"),
    Cell("GET", "/api/v1/registries/{registry}/repositories/{repository}/-/tags?order=name&after={tag}", "management"),
)
"""Other places where a request names something."""


@dataclass(frozen=True)
class Swap:
    """A part of a path, what is called so elsewhere, and what is called so nowhere."""

    part: str
    there: str
    nowhere: str


class Block:
    """A server on which somebody owns two registries, and each has what the other has not."""

    def __init__(self, house: House, owner: Asker, admin: Asker, swaps: Iterable[Swap]) -> None:
        self.house = house
        self.owner = owner
        self.admin = admin
        self.swaps = tuple(swaps)

    def who(self, cell: Cell) -> Asker:
        """Return somebody who may do all this, here and there."""
        return self.admin if cell.place == "server" else self.owner

    async def ask(self, cell: Cell, part: str, value: str) -> httpx.Response:
        """Send a request that names something else in one place."""
        body = {"role": "writer"} if cell.method == "PUT" and "{user}" in cell.path else None
        more = {"name": f"dmc/{value}"} if part == "repository" else {}
        return await self.house.ask(cell, self.who(cell), body=body, **{part: value}, **more)


@pytest.fixture
async def block(house: House) -> Block:
    services, world = house.services, house.world
    for name in ("both", "theirs"):
        await world.person(name)
    for registry in ("dmc", "alt"):
        await services.registries.set_member(SYSTEM, registry, "both", Role.OWNER)
    await world.image("alt/only", "1")
    image = await world.image("alt/team/app", "image", layer=b"another")
    await services.registries.set_member(SYSTEM, "alt", "theirs", Role.READER)
    await services.grants.give(SYSTEM, "alt", Holder(HolderKind.USER, "reader"), "theirs/*", Role.READER)
    await services.groups.create(SYSTEM, "theirs")
    await services.grants.give(SYSTEM, "alt", Holder(HolderKind.GROUP, "theirs"), "team/*", Role.READER)
    await services.groups.join(SYSTEM, "theirs", "theirs")
    await services.robots.create(SYSTEM, "alt-ci", "alt")
    for name, home in (("theirs", None), ("alt-ci", "alt")):
        wish = Wish("theirs", [TokenAction.PULL], ["*"], usual_end(time.time()))
        await services.access_tokens.create(SYSTEM, name, wish, registry=home)
    nil = digest_of(b"nil")
    swaps = [
        *(Swap("id", upload, "0" * len(upload)) for upload in [await house.upload("both", "alt/team/app")]),
        *(Swap("id", upload, "0" * len(upload)) for upload in [await house.upload("theirs")]),
        Swap("digest", digest_of(LAYER % b"alt/team/app"), nil),
        Swap("reference", image, nil),
        Swap("reference", "of-alt", "of-als"),
        *(Swap("entry", str(entry.id), "333333") for entry in await services.keeping.trash.list(SYSTEM, "alt")),
        Swap("tag", "of-alt", "of-als"),
        Swap("image", image, nil),
        Swap("rule", "2", "9"),
        Swap("run", "2", "9"),
        Swap("repository", "only", "none"),
        Swap("path", "only", "none"),
        Swap("robot", "alt-ci", "nil-ci"),
        Swap("token", "theirs", "nobody"),
        Swap("user", "theirs", "nobody"),
        Swap("user", "alt-ci", "nil-ci"),
        Swap("group", "theirs", "nobody"),
        Swap("pattern", "theirs/*", "nobody/*"),
    ]
    session = await house.session("both")
    owner = replace(session, authorization=basic("both", PASSWORD))
    return Block(house, owner, Asker("admin", basic("admin", PASSWORD)), swaps)


def is_elsewhere(cell: Cell, swap: Swap) -> bool:
    """Tell whether a part of a path stands for something that its beginning contains."""
    if cell.path.startswith(f"/api/v1/{swap.part}s/"):
        # People and groups are the server's, and robots of it another test's.
        return False
    if (cell.method, swap.part) in MAKES and swap.there != "alt-ci":
        return False
    return swap.part in cell.names or (swap.part == "repository" and "name" in cell.names)


def seen(answer: httpx.Response, swap: Swap) -> tuple[int, str]:
    before, _, after = answer.text.partition('data-now="')
    text = before + after[20:]
    text = text.replace(swap.there, swap.nowhere).replace(swap.there.replace("/", "%2F"), swap.nowhere)
    return answer.status_code, text


async def test_what_is_elsewhere_is_not_there_and_nothing_changes(block: Block) -> None:
    before, tried = block.house.state(), set()
    for cell in block.house.cells:
        for swap in block.swaps:
            if is_elsewhere(cell, swap):
                answer = await block.ask(cell, swap.part, swap.there)
                tried.add(swap)
                if cell.path not in LISTS:
                    assert answer.status_code in {400, 404}, (cell, swap, answer.status_code, answer.text)
                missing = await block.ask(cell, swap.part, swap.nowhere)
                # Who is a person or a group on this server is no secret to owners.
                is_known = swap.part in {"user", "group"}
                assert seen(answer, swap)[: 1 if is_known else 2] == seen(missing, swap)[: 1 if is_known else 2], cell
    assert tried == set(block.swaps)
    assert block.house.state() == before


async def test_what_is_elsewhere_is_not_found_by_asking_for_it(block: Block) -> None:
    for cell in ASKED:
        for swap in block.swaps:
            if swap.part in cell.names and swap.part in {"tag", "digest", "reference", "path"}:
                answer = await block.ask(cell, swap.part, swap.there)
                missing = await block.ask(cell, swap.part, swap.nowhere)
                assert seen(answer, swap) == seen(missing, swap), (cell, swap)


async def test_a_server_is_a_place_too(block: Block) -> None:
    house, admin = block.house, block.admin
    before = house.state()
    for cell in house.cells:
        if cell.part == "management" and "robot" in cell.names:
            other = "mirror" if "registry" in cell.names else "ci"
            assert (await house.ask(cell, admin, robot=other)).status_code in {400, 404}, cell
        if "directory" in cell.names and "user" in cell.names:
            assert (await house.ask(cell, admin, user="writer")).status_code in {400, 404}, cell
        if cell.path == "/api/v1/users/{user}":
            assert (await house.ask(cell, admin, user="ci", body={"is_disabled": True})).status_code in {400, 404}, cell
    assert house.state() == before
