"""Who holds a grant on a pattern: what it matches is theirs, and nothing else of the registry is there for them."""

import pytest

from moorage.app.services import SYSTEM, Services
from moorage.domain.access import Role
from moorage.domain.digest import digest_of
from moorage.services.records import Holder, HolderKind
from tests.distribution.conversation import Conversation, code_of
from tests.distribution.test_access import token_for


@pytest.fixture
async def tom(services: Services, talk: Conversation, stranger: Conversation) -> Conversation:
    """Return tom, who through a group may write to `dmc/team/*`, and read `dmc/docs`."""
    for name in ("dmc/team/app", "dmc/docs", "dmc/secret"):
        await Conversation(talk.http, name, **talk.headers).push_image("v1", f"layer of {name}".encode())
    await services.groups.create(SYSTEM, "team")
    await services.groups.join(SYSTEM, "team", "tom")
    await services.grants.give(SYSTEM, "dmc", Holder(HolderKind.GROUP, "team"), "team/*", Role.WRITER)
    await services.grants.give(SYSTEM, "dmc", Holder(HolderKind.USER, "tom"), "docs", Role.READER)
    return stranger


async def test_lists_hold_what_the_patterns_match(tom: Conversation) -> None:
    assert (await tom.ask("GET", "/v2/_catalog")).json()["repositories"] == ["dmc/docs", "dmc/team/app"]
    page = await tom.ask("GET", "/v2/_catalog?n=1")
    assert page.json()["repositories"] == ["dmc/docs"]
    rest = await tom.ask("GET", "/v2/_catalog?n=1&last=dmc/docs")
    assert rest.json()["repositories"] == ["dmc/team/app"]
    assert "link" not in rest.headers
    found = (await tom.ask("GET", "/v1/search?q=dmc")).json()["results"]
    assert [result["name"] for result in found] == ["dmc/docs", "dmc/team/app"]


async def test_a_role_reaches_what_its_pattern_matches(tom: Conversation) -> None:
    for who in (tom, await token_for(tom, "repository:dmc/team/new:pull,push", "repository:dmc/docs:pull,push")):
        assert (await who.ask("POST", "/v2/dmc/team/new/blobs/uploads/")).status_code == 202
        assert (await who.ask("GET", "/v2/dmc/docs/manifests/v1")).status_code == 200
    refused = await tom.ask("POST", "/v2/dmc/docs/blobs/uploads/")
    assert (refused.status_code, code_of(refused)) == (403, "DENIED")


async def test_what_no_pattern_matches_answers_like_what_does_not_exist(tom: Conversation) -> None:
    scopes = ("repository:dmc/secret:pull,push,delete", "repository:dmc/sesame:pull,push,delete")
    for who in (tom, await token_for(tom, *scopes)):
        for method, path in (
            ("GET", "manifests/v1"),
            ("HEAD", "manifests/v1"),
            ("DELETE", "manifests/v1"),
            ("PUT", "manifests/v1"),
            ("GET", f"blobs/{digest_of(b'layer of dmc/secret')}"),
            ("GET", "tags/list"),
            ("POST", "blobs/uploads/"),
        ):
            hidden = await who.ask(method, f"/v2/dmc/secret/{path}")
            absent = await who.ask(method, f"/v2/dmc/sesame/{path}")
            assert hidden.status_code == absent.status_code == 404, (method, path)
            assert hidden.text.replace("secret", "sesame") == absent.text
            assert dict(hidden.headers) == dict(absent.headers)


async def test_nothing_is_mounted_from_where_no_pattern_reaches(tom: Conversation) -> None:
    for source, status in (("dmc/docs", 201), ("dmc/secret", 202)):
        digest = digest_of(f"layer of {source}".encode())
        answer = await tom.ask("POST", f"/v2/dmc/team/app/blobs/uploads/?mount={digest}&from={source}")
        assert answer.status_code == status, source


async def test_who_leaves_the_group_has_lost_its_role_at_once(tom: Conversation, services: Services) -> None:
    bearer = await token_for(tom, "repository:dmc/team/app:pull,push")
    assert (await bearer.ask("GET", "/v2/dmc/team/app/manifests/v1")).status_code == 200
    await services.groups.leave(SYSTEM, "team", "tom")
    assert (await bearer.ask("GET", "/v2/dmc/team/app/manifests/v1")).status_code == 404
