"""The token service: a password for a token, and never more rights than the account has."""

import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.app.services import SYSTEM, Services
from moorage.distribution.token import ACTIONS, MOST_SCOPES, parse_scopes
from moorage.domain.access import Visibility
from moorage.domain.name import Repository
from tests.distribution.conversation import ADMIN_PASSWORD, basic

MARA = basic("mara", "password of mara")
TOM = basic("tom", "password of tom")
ADMIN = basic("admin", ADMIN_PASSWORD)
UBUNTU = Repository("dmc", "ubuntu")
PULL, PUSH = frozenset({"pull"}), frozenset({"pull", "push"})


@pytest.mark.parametrize(
    ("texts", "asked"),
    [
        ([], {}),
        (["repository:dmc/ubuntu:pull"], {UBUNTU: PULL}),
        (["repository:dmc/ubuntu:pull,push"], {UBUNTU: PUSH}),
        (["repository:dmc/ubuntu:push repository:dmc/ubuntu:pull"], {UBUNTU: PUSH}),
        (["repository:dmc/ubuntu:push", "repository:dmc/ubuntu:pull"], {UBUNTU: PUSH}),
        (["repository:dmc/a/b:*"], {Repository("dmc", "a/b"): frozenset({"*"})}),
        (["repository(plugin):dmc/ubuntu:pull"], {UBUNTU: PULL}),
        (["repository:dmc/ubuntu:pull,metadata_read"], {UBUNTU: PULL}),
        (["repository:dmc/ubuntu:pull,fly"], {UBUNTU: PULL}),
        (["registry:catalog:*"], {}),
        (["registry:catalog:* repository:dmc/ubuntu:pull"], {UBUNTU: PULL}),
        (["repository:ubuntu:pull"], {}),
        (["repository:DMC/ubuntu:pull"], {}),
        (["repository:dmc/../etc:pull"], {}),
        (["repository:host:5443/dmc/ubuntu:pull"], {}),
        (["repository:dmc/ubuntu"], {}),
        (["repository:dmc/ubuntu:"], {}),
        (["::", ":", "", " ", "repository", "repository::pull", "repository():a/b:pull"], {}),
    ],
)
def test_a_scope_names_repositories_and_actions(texts: list[str], asked: dict[Repository, frozenset[str]]) -> None:
    assert parse_scopes(texts) == asked


@given(st.lists(st.text() | st.text().map("repository:dmc/{}:pull".format) | st.text().map("repository:a/b:{}".format)))
def test_any_scope_asks_for_known_actions_in_repositories_or_for_nothing(texts: list[str]) -> None:
    for repository, actions in parse_scopes(texts).items():
        assert re.fullmatch(r"[a-z0-9._-]+(/[a-z0-9._-]+)+", str(repository))
        assert actions <= ACTIONS


def test_a_token_does_not_outgrow_its_header() -> None:
    assert len(parse_scopes([f"repository:dmc/r{number}:pull" for number in range(1000)])) == MOST_SCOPES


async def token(http: httpx.AsyncClient, *scopes: str, **headers: str) -> dict[str, Any]:
    answer = await http.get("/token", params={"service": "moorage", "scope": list(scopes)}, headers=headers)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def bearing(document: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {document['token']}"}


async def may(http: httpx.AsyncClient, document: dict[str, Any], method: str, path: str) -> bool:
    answer = await http.request(method, path, headers=bearing(document))
    return answer.status_code not in {401, 403}


PUSHES, PULLS = ("POST", "/v2/dmc/ubuntu/blobs/uploads/"), ("GET", "/v2/dmc/ubuntu/manifests/latest")


async def test_docker_login_asks_for_no_scope_and_gets_a_token(http: httpx.AsyncClient) -> None:
    document = await token(http, **MARA)
    assert document["token"] == document["access_token"]
    assert document["expires_in"] == 300
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["issued_at"])
    assert "refresh_token" not in document
    assert (await http.get("/v2/", headers=bearing(document))).status_code == 200


async def test_a_token_may_do_what_was_asked_and_no_more(http: httpx.AsyncClient) -> None:
    reads = await token(http, "repository:dmc/ubuntu:pull", **MARA)
    writes = await token(http, "repository:dmc/ubuntu:pull,push", **MARA)
    assert (await may(http, reads, *PULLS), await may(http, reads, *PUSHES)) == (True, False)
    assert (await may(http, writes, *PULLS), await may(http, writes, *PUSHES)) == (True, True)
    assert not await may(http, writes, "GET", "/v2/dmc/other/manifests/latest")


async def test_asking_for_more_than_one_may_is_no_error_and_tells_nothing(http: httpx.AsyncClient) -> None:
    document = await token(http, "repository:dmc/ubuntu:pull,push,delete", "repository:no/such:*", **TOM)
    for method, path in (PULLS, PUSHES):
        theirs = await http.request(method, path, headers=bearing(document))
        missing = await http.request(method, path.replace("dmc/ubuntu", "no/such"), headers=bearing(document))
        assert theirs.status_code == missing.status_code == 404
        assert theirs.text.replace("dmc/ubuntu", "no/such").replace("create dmc", "create no") == missing.text


async def test_several_scopes_come_repeated_or_divided_by_spaces(http: httpx.AsyncClient) -> None:
    one, other = "repository:dmc/ubuntu:push", "repository:dmc/other:push"
    for document in (await token(http, one, other, **MARA), await token(http, f"{one} {other}", **MARA)):
        assert await may(http, document, *PUSHES)
        assert await may(http, document, "POST", "/v2/dmc/other/blobs/uploads/")


async def test_the_anonymous_get_a_token_that_pulls_what_is_public(http: httpx.AsyncClient, services: Services) -> None:
    private = await token(http, "repository:dmc/ubuntu:pull,push")
    assert not await may(http, private, *PULLS)
    await services.registries.update(SYSTEM, "dmc", {"visibility": Visibility.PUBLIC.value})
    public = await token(http, "repository:dmc/ubuntu:pull,push")
    assert (await may(http, public, *PULLS), await may(http, public, *PUSHES)) == (True, False)


async def test_an_administrator_gets_push_for_a_registry_that_is_still_to_come(http: httpx.AsyncClient) -> None:
    document = await token(http, "repository:fresh/app:pull,push", **ADMIN)
    answer = await http.post("/v2/fresh/app/blobs/uploads/", headers=bearing(document))
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("headers", [basic("mara", "wrong"), basic("nobody", "wrong"), {"Authorization": "Basic x"}])
async def test_a_wrong_password_is_refused_in_the_envelope(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await http.get("/token", headers=headers)
    assert answer.status_code == 401
    assert [error["code"] for error in answer.json()["errors"]] == ["UNAUTHORIZED"]


async def test_a_token_buys_no_wider_token(http: httpx.AsyncClient) -> None:
    narrow = await token(http, "repository:dmc/ubuntu:pull", **MARA)
    answer = await http.get("/token", params={"scope": "repository:dmc/ubuntu:push"}, headers=bearing(narrow))
    assert answer.status_code == 401


async def test_whoever_guesses_is_told_to_wait(http: httpx.AsyncClient) -> None:
    answers = [await http.get("/token", headers=basic("mara", f"guess {number}")) for number in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["errors"][0]["code"] == "TOOMANYREQUESTS"
    assert (await http.get("/token", headers=TOM)).status_code == 200


async def test_a_form_takes_a_password_or_the_refresh_token_it_gave(http: httpx.AsyncClient) -> None:
    form = {"service": "moorage", "client_id": "containerd", "scope": "repository:dmc/ubuntu:pull,push"}
    signed_in = {"grant_type": "password", "username": "mara", "password": "password of mara"}
    first = (await http.post("/token", data={**form, **signed_in, "access_type": "offline"})).json()
    assert await may(http, first, *PUSHES)
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await http.post("/token", data={**form, **again})).json()
    assert await may(http, second, *PUSHES)
    assert "refresh_token" not in second
    third = (await http.post("/token", data={**form, **again, "access_type": "offline"})).json()
    assert third["refresh_token"] == first["refresh_token"]


async def test_a_refresh_token_is_given_only_to_who_asks_and_is_somebody(http: httpx.AsyncClient) -> None:
    offline = {"offline_token": "true"}
    assert "refresh_token" in (await http.get("/token", params=offline, headers=MARA)).json()
    assert "refresh_token" not in (await http.get("/token", params=offline)).json()
    assert "refresh_token" not in (await http.get("/token", headers=MARA)).json()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"grant_type=client_credentials", 400),
        (b"grant_type=password", 401),
        (b"grant_type=password&username=mara&password=wrong", 401),
        (b"grant_type=refresh_token", 401),
        (b"grant_type=refresh_token&refresh_token=x.y.z", 401),
        (b"\xff\xfe", 400),
        (b"a=1&" * 200, 400),
        (b"grant_type=password&username=%ff%00&password=%ed%a0%80", 401),
        (b"x" * 100_000, 413),
    ],
)
async def test_any_other_form_is_refused(http: httpx.AsyncClient, content: bytes, status: int) -> None:
    answer = await http.post("/token", content=content)
    assert answer.status_code == status, answer.text
    assert len(answer.json()["errors"]) == 1


async def test_no_answer_is_kept_by_anything_between(http: httpx.AsyncClient) -> None:
    assert (await http.get("/token", headers=MARA)).headers["cache-control"] == "no-store"
