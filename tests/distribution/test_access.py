"""Who gets what answer: nobody in particular, a member, a stranger, and tokens that cover too little."""

import asyncio
import time

import httpx
import pytest

from moorage.app.services import SYSTEM, Services
from moorage.domain.digest import digest_of
from tests.distribution.conversation import ADMIN_PASSWORD, Conversation, basic, code_of

CHALLENGE = 'Bearer realm="https://proget:5443/token",service="moorage"'


async def token_for(talk: Conversation, *scopes: str) -> Conversation:
    """Return the same person with a token of these scopes."""
    query = "&".join(f"scope={scope}" for scope in scopes)
    answer = await talk.ask("GET", f"/token?service=moorage&{query}")
    assert answer.status_code == 200
    assert answer.json()["token"] == answer.json()["access_token"]
    return Conversation(talk.http, talk.repository, Authorization=f"Bearer {answer.json()['token']}")


async def test_whoever_shows_nothing_is_challenged(nobody: Conversation) -> None:
    answer = await nobody.ask("GET", "/v2/")
    assert (answer.status_code, code_of(answer)) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


async def test_basic_and_bearer_both_open_the_door(talk: Conversation) -> None:
    assert (await talk.ask("GET", "/v2/")).status_code == 200
    assert (await (await token_for(talk)).ask("GET", "/v2/")).status_code == 200


@pytest.mark.parametrize("password", ["wrong", ""])
async def test_a_wrong_password_is_refused_everywhere(nobody: Conversation, password: str) -> None:
    wrong = Conversation(nobody.http, **basic("admin", password))
    for path in ("/v2/", "/token?service=moorage", "/v2/_catalog", "tags/list"):
        answer = await wrong.ask("GET", path)
        assert (answer.status_code, code_of(answer)) == (401, "UNAUTHORIZED")
    form = f"grant_type=password&service=moorage&client_id=docker&username=admin&password={password}"
    answer = await nobody.ask("POST", "/token", form.encode(), content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 401


async def test_the_challenge_names_what_to_ask_for(nobody: Conversation) -> None:
    for method, path, actions in (
        ("GET", "manifests/v1", "pull"),
        ("POST", "blobs/uploads/", "pull,push"),
        ("DELETE", "manifests/v1", "delete"),
    ):
        answer = await nobody.ask(method, path)
        assert answer.headers["www-authenticate"] == f'{CHALLENGE},scope="repository:dmc/ubuntu:{actions}"'


async def test_a_token_covers_what_it_was_asked_for_and_says_when_that_is_too_little(talk: Conversation) -> None:
    await talk.push_image("v1")
    pull = await token_for(talk, "repository:dmc/ubuntu:pull")
    assert (await pull.ask("GET", "manifests/v1")).status_code == 200
    answer = await pull.ask("POST", "blobs/uploads/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].endswith(',error="insufficient_scope"')
    both = await token_for(talk, "repository:dmc/ubuntu:pull repository:dmc/other:pull,push")
    assert (await both.ask("POST", "/v2/dmc/other/blobs/uploads/")).status_code == 202


async def test_a_stranger_s_answer_is_that_for_what_does_not_exist(talk: Conversation, stranger: Conversation) -> None:
    digest = await talk.push_image("v1", b"layer")
    for who in (stranger, await token_for(stranger, "repository:dmc/ubuntu:pull,push,delete repository:dmc/nil:pull")):
        for method, path in (
            ("GET", "manifests/v1"),
            ("HEAD", f"manifests/{digest}"),
            ("GET", f"blobs/{digest_of(b'layer')}"),
            ("GET", "tags/list"),
            ("GET", f"referrers/{digest}"),
        ):
            real = await who.ask(method, f"/v2/dmc/ubuntu/{path}")
            absent = await who.ask(method, f"/v2/dmc/nil/{path}")
            assert real.status_code == absent.status_code == 404
            assert real.text.replace("ubuntu", "nil") == absent.text
            assert set(real.headers) == set(absent.headers)


async def test_a_stranger_s_push_says_what_to_do(stranger: Conversation) -> None:
    for name in ("dmc/new", "nowhere/new"):
        answer = await stranger.ask("POST", f"/v2/{name}/blobs/uploads/")
        assert (answer.status_code, code_of(answer)) == (404, "NAME_UNKNOWN")
        assert "moorage registry create" in answer.json()["errors"][0]["message"]


async def test_a_writer_pushes_and_may_not_delete(writer: Conversation) -> None:
    digest = await writer.push_image("v1")
    answer = await writer.ask("DELETE", f"manifests/{digest}")
    assert (answer.status_code, code_of(answer)) == (403, "DENIED")
    assert "mara may not delete from dmc/ubuntu" in answer.json()["errors"][0]["message"]


async def test_an_administrator_s_push_makes_the_registry(talk: Conversation) -> None:
    new = Conversation(talk.http, "fresh/app")
    await new.push_image("v1")
    assert (await new.ask("GET", "tags/list")).json()["tags"] == ["v1"]


async def test_a_name_of_one_part_is_explained(talk: Conversation) -> None:
    answer = await talk.ask("POST", "/v2/ubuntu/blobs/uploads/")
    assert (answer.status_code, code_of(answer)) == (404, "NAME_UNKNOWN")
    assert "server/registry/repository" in answer.json()["errors"][0]["message"]


async def test_anyone_pulls_what_is_public_and_nobody_pushes(
    talk: Conversation, nobody: Conversation, services: Services
) -> None:
    await talk.push_image("v1")
    await services.registries.update(SYSTEM, "dmc", {"visibility": "public"})
    anonymous = await token_for(nobody, "repository:dmc/ubuntu:pull,push")
    for who in (nobody, anonymous):
        assert (await who.ask("GET", "manifests/v1")).status_code == 200
        assert (await who.ask("POST", "blobs/uploads/")).status_code == 401


async def test_the_signed_in_pull_what_is_internal(
    talk: Conversation, nobody: Conversation, stranger: Conversation, services: Services
) -> None:
    await talk.push_image("v1")
    await services.registries.update(SYSTEM, "dmc", {"visibility": "internal"})
    assert (await stranger.ask("GET", "/v2/dmc/ubuntu/manifests/v1")).status_code == 200
    assert (await nobody.ask("GET", "manifests/v1")).status_code == 401
    assert (await stranger.ask("POST", "/v2/dmc/ubuntu/blobs/uploads/")).status_code == 403


async def test_a_token_lists_only_when_it_was_asked_to(talk: Conversation) -> None:
    await talk.push_image("v1")
    narrow = await token_for(talk, "repository:dmc/other:pull")
    refused = await narrow.ask("GET", "/v2/_catalog")
    assert refused.status_code == 401
    assert 'scope="registry:catalog:*"' in refused.headers["www-authenticate"]
    assert (await narrow.ask("GET", "/v1/search?q=ubuntu")).json()["results"] == []
    wide = await token_for(talk, "registry:catalog:*")
    assert (await wide.ask("GET", "/v2/_catalog")).json()["repositories"] == ["dmc/ubuntu"]


async def test_the_catalog_holds_what_one_may_read(
    talk: Conversation, stranger: Conversation, writer: Conversation
) -> None:
    await talk.push_image("v1")
    for who, names in ((talk, ["dmc/ubuntu"]), (writer, ["dmc/ubuntu"]), (stranger, [])):
        assert (await who.ask("GET", "/v2/_catalog")).json()["repositories"] == names


async def test_a_form_gets_a_token_and_a_refresh_token_gets_another(http: httpx.AsyncClient) -> None:
    form = {"grant_type": "password", "service": "moorage", "client_id": "docker", "access_type": "offline"}
    answer = await http.post("/token", data={**form, "username": "admin", "password": ADMIN_PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 300
    refresh = answer.json()["refresh_token"]
    form = {"grant_type": "refresh_token", "service": "moorage", "client_id": "docker", "refresh_token": refresh}
    again = await http.post("/token", data={**form, "scope": "repository:dmc/ubuntu:pull"})
    assert again.status_code == 200
    talk = Conversation(http, Authorization=f"Bearer {again.json()['access_token']}")
    assert code_of(await talk.ask("GET", "manifests/none")) == "MANIFEST_UNKNOWN"


async def test_a_disabled_account_s_token_dies_at_once(writer: Conversation, services: Services) -> None:
    bearer = await token_for(writer, "repository:dmc/ubuntu:pull")
    assert (await bearer.ask("GET", "/v2/")).status_code == 200
    await services.accounts.disable(SYSTEM, "mara", disabled=True)
    for who in (bearer, writer):
        assert (await who.ask("GET", "/v2/")).status_code == 401


async def test_a_role_taken_away_is_gone_at_once(writer: Conversation, services: Services) -> None:
    bearer = await token_for(writer, "repository:dmc/ubuntu:pull,push")
    await services.registries.set_member(SYSTEM, "dmc", "mara", None)
    assert (await bearer.ask("POST", "blobs/uploads/")).status_code == 404


async def test_an_upload_outlives_the_token_that_began_it_and_nothing_else_does(
    talk: Conversation, services: Services
) -> None:
    caller = await services.callers.of(talk.headers["Authorization"].encode(), time.time())
    scope = {"dmc/ubuntu": frozenset({"pull", "push"})}
    token, lifetime = await services.issuer.issue(caller, scope, scope, time.time() - 299)
    assert lifetime == 300
    short = Conversation(talk.http, Authorization=f"Bearer {token}")
    location = await short.begin()
    await asyncio.sleep(2.1)
    later = await talk.begin()
    for method, path in (("GET", "manifests/v1"), ("POST", "blobs/uploads/"), ("PATCH", later)):
        answer = await short.ask(method, path, b"x" if method == "PATCH" else None)
        assert (answer.status_code, code_of(answer)) == (401, "UNAUTHORIZED"), (method, path)
    assert (await short.ask("PATCH", location, b"layer")).status_code == 202
    assert (await short.ask("PUT", f"{location}?digest={digest_of(b'layer')}")).status_code == 201
