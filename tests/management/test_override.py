"""An owner moves an immutable tag with a reason, which stands in activity; nobody else does, and not without one."""

from typing import Any

import pytest

from moorage.app.services import SYSTEM
from moorage.domain.access import Caller, Scope
from moorage.domain.digest import Digest
from tests.management.world import World

APP = "/registries/dmc/repositories/held"
REASON = "The wrong commit was built & tagged"
WAYS = ("retag", "rollback", "tag", "image", "repository")


@pytest.fixture
async def images(world: World, people: None) -> tuple[Digest, Digest]:  # noqa: ARG001  they are to be there
    """Return the two images that the tag v1 has pointed to, in a registry where it never moves again."""
    found = [await world.image("dmc/held", "v1", layer=layer) for layer in (b"old", b"new")]
    await world.ask("PATCH", "/registries/dmc", {"immutable_tags": ["v* !*-dev @h*"]})
    return found[0], found[1]


async def go(world: World, way: str, images: tuple[Digest, Digest], reason: str | None, caller: str) -> Any:  # noqa: ANN401
    """Move the tag in a way, for a reason if there is one."""
    if way in {"retag", "rollback"}:
        body = {"digest": images[0], "how": way} | ({} if reason is None else {"override": reason})
        return await world.ask("PUT", f"{APP}/-/tags/v1", body, caller=caller)
    place = {"tag": "/-/tags/v1", "image": f"/-/images/{images[1]}", "repository": ""}[way]
    query = "" if reason is None else f"?override={reason.replace('&', '%26')}"
    return await world.ask("DELETE", f"{APP}{place}{query}", caller=caller)


async def pointed(world: World) -> str | None:
    found: str | None = (await world.ask("GET", f"{APP}/-/tags/v1")).json().get("digest")
    return found


@pytest.mark.parametrize("way", WAYS)
async def test_an_owner_overrides_a_rule_with_a_reason_alone(
    world: World, images: tuple[Digest, Digest], way: str
) -> None:
    for caller, reason, status in (
        ("owner", None, 409),
        ("admin", None, 409),
        ("owner", " ", 400),
        ("owner", "x" * 201, 400),
        ("maintainer", REASON, 403),
        ("maintainer", None, 409),
        ("stranger", REASON, 404),
    ):
        answer = await go(world, way, images, reason, caller)
        assert answer.status_code == status, (caller, reason, answer.text)
        assert await pointed(world) == images[1]
    assert "may not administer this registry" in (await go(world, way, images, REASON, "maintainer")).json()["detail"]
    assert (await go(world, way, images, REASON, "owner")).status_code == 200
    assert await pointed(world) == (images[0] if way in {"retag", "rollback"} else None)
    rows = (await world.ask("GET", "/activity?who=owner&outcome=done")).json()["items"]
    assert rows
    assert {(row["after"] or {}).get("override") for row in rows} == {REASON}


async def test_a_token_for_pushing_overrides_nothing(world: World, images: tuple[Digest, Digest]) -> None:
    whole = {"dmc/held": frozenset({"pull", "push", "delete"})}
    world.meet(Caller(SYSTEM.user_id, "scoped", is_admin=True, scope=Scope(whole, whole, 0.0, 1e12)))
    for way in WAYS:
        assert (await go(world, way, images, REASON, "scoped")).status_code == 403
    assert await pointed(world) == images[1]


async def test_a_reason_is_needed_no_more_than_a_rule_is(world: World, images: tuple[Digest, Digest]) -> None:
    for body in ({"digest": images[0]}, {"digest": images[1]}):
        assert (await world.ask("PUT", f"{APP}/-/tags/v1-dev", body, caller="writer")).status_code == 200
    assert (await world.ask("PUT", f"{APP}/-/tags/v1", {"digest": images[1]}, caller="writer")).status_code == 200
