"""A CI job or a pod signs in with its own platform's token, and may do what the rules that match give; no more."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from moorage.app.services import SYSTEM, Services
from moorage.domain.access import Visibility
from moorage.domain.activity import Kind, Outcome
from moorage.domain.digest import Algorithm, digest_of
from moorage.settings import Settings, load
from tests.auth.issuing import AUDIENCE, Issuer, open_issuer
from tests.distribution.conversation import Conversation, basic, code_of
from tests.distribution.log import Log, watched

SCOPES = ["repository:dmc/acme/app:pull,push,delete", "repository:dmc/other:pull,push"]
PUSH, PULL = ("POST", "/v2/dmc/acme/app/blobs/uploads/"), ("GET", "/v2/dmc/acme/app/manifests/latest")


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with open_issuer() as issuer:
        yield issuer


@pytest.fixture
def settings(tmp_path: Path, issuer: Issuer) -> Settings:
    data = tmp_path / "data"
    data.mkdir()
    (data / "directories.toml").write_text(
        f"""
        [trust.gha]
        issuer = "{issuer.url}"
        audience = "{AUDIENCE}"
        allow_private = true

        [[trust.gha.rules]]
        claims = {{ repository = "acme/app", ref = "refs/heads/main" }}
        role = "writer"
        on = "dmc/acme/*"

        [[trust.gha.rules]]
        claims = {{ repository = "acme/*" }}
        role = "reader"
        on = "dmc/acme/*"
        """
    )
    return load({"data": data}, {})


async def token(http: httpx.AsyncClient, jwt: str, **more: str) -> httpx.Response:
    return await http.get("/token", params={"scope": SCOPES, **more}, headers=basic("oidc", jwt))


async def may(http: httpx.AsyncClient, answer: httpx.Response, method: str, path: str) -> int:
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    return (await http.request(method, path, headers=bearer)).status_code


async def test_a_job_pushes_and_pulls_where_its_rule_says(http: httpx.AsyncClient, issuer: Issuer) -> None:
    answer = await token(http, issuer.token())
    assert answer.status_code == 200, answer.text
    assert await may(http, answer, *PUSH) == 202
    talk = Conversation(http, "dmc/acme/app", Authorization=f"Bearer {answer.json()['token']}")
    digest = await talk.push_image("1.0", b"layer")
    assert (await talk.ask("GET", f"manifests/{digest}")).status_code == 200
    assert (await talk.ask("DELETE", f"manifests/{digest}")).status_code == 403
    assert await may(http, answer, "POST", "/v2/dmc/other/blobs/uploads/") == 404
    assert await may(http, answer, "GET", "/v2/dmc/other/manifests/latest") == 404


async def test_a_branch_that_only_the_second_rule_fits_pulls_only(http: httpx.AsyncClient, issuer: Issuer) -> None:
    answer = await token(http, issuer.token(ref="refs/heads/patch"))
    assert (await may(http, answer, *PULL), await may(http, answer, *PUSH)) == (404, 403)


async def test_a_job_is_told_that_no_rule_fits_it(http: httpx.AsyncClient, issuer: Issuer) -> None:
    answer = await token(http, issuer.token(repository="evil/app"))
    assert (answer.status_code, code_of(answer)) == (401, "UNAUTHORIZED")
    assert "matches no rule of the trusted issuer gha" in answer.text


@pytest.mark.parametrize("path", ["/v2/theirs/acme/app/manifests/latest", "/v2/no/acme/app/manifests/latest"])
async def test_other_registries_are_not_there_for_a_job(
    http: httpx.AsyncClient, services: Services, issuer: Issuer, path: str
) -> None:
    await services.registries.update(SYSTEM, "theirs", {"visibility": Visibility.INTERNAL.value})
    answer = await http.get(path, headers=basic("oidc", issuer.token()))
    assert (answer.status_code, code_of(answer)) == (404, "NAME_UNKNOWN")


async def test_the_bearer_ends_with_the_jobs_token_and_none_outlives_it(
    http: httpx.AsyncClient, issuer: Issuer
) -> None:
    jwt = issuer.token(exp=int(time.time()) + 100)
    answer = await token(http, jwt, offline_token="true", access_type="offline")
    assert 90 <= answer.json()["expires_in"] <= 100
    assert "refresh_token" not in answer.json()
    lasting = await token(http, issuer.token(exp=int(time.time()) + 7200))
    assert lasting.json()["expires_in"] == 300


async def test_what_a_job_began_is_finished_though_its_token_dies_and_nothing_new_is_begun(
    http: httpx.AsyncClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    jwt = issuer.token(exp=int(now) + 100)
    talk = Conversation(http, "dmc/acme/app", Authorization=f"Bearer {(await token(http, jwt)).json()['token']}")
    location = await talk.begin()
    monkeypatch.setattr(time, "time", lambda: now + 200)
    sent = await talk.ask("PATCH", location, b"layer", content_type="application/octet-stream")
    assert sent.status_code == 202
    done = await talk.ask("PUT", f"{sent.headers['location']}?digest={digest_of(b'layer', Algorithm.SHA256)}")
    assert done.status_code == 201
    assert (await talk.ask("POST", "blobs/uploads/")).status_code == 401
    again = await token(http, jwt)
    assert (again.status_code, again.json()["errors"][0]["message"]) == (401, "this token has expired")


async def test_a_form_takes_it_too(http: httpx.AsyncClient, issuer: Issuer) -> None:
    form = {"grant_type": "password", "username": "oidc", "password": issuer.token(), "access_type": "offline"}
    answer = await http.post("/token", data={**form, "scope": SCOPES})
    assert answer.status_code == 200, answer.text
    assert "refresh_token" not in answer.json()
    assert await may(http, answer, *PUSH) == 202


async def test_a_token_that_is_not_right_is_401_and_an_issuer_that_is_down_503(
    http: httpx.AsyncClient, issuer: Issuer
) -> None:
    issuer.broken = web.Response(status=502)
    down = await token(http, issuer.token())
    assert (down.status_code, code_of(down)) == (503, "UNAVAILABLE")
    assert "gha can't be asked now" in down.json()["errors"][0]["message"]
    assert (await http.get("/token", headers=basic("mara", "password of mara"))).status_code == 200


@pytest.mark.parametrize(
    "more",
    [{"exp": int(time.time()) - 1}, {"aud": "https://elsewhere.example"}, {"iss": "https://evil.example"}, {"iss": 7}],
)
async def test_a_token_for_another_time_or_place_is_refused(
    http: httpx.AsyncClient, issuer: Issuer, more: dict[str, Any]
) -> None:
    assert (await token(http, issuer.token(**more))).status_code == 401


@pytest.mark.parametrize("path", ["/v2/_catalog", "/v1/search?q=a"])
async def test_a_job_lists_only_what_is_public(
    http: httpx.AsyncClient, services: Services, issuer: Issuer, path: str
) -> None:
    await services.registries.update(SYSTEM, "dmc", {"visibility": Visibility.INTERNAL.value})
    await Conversation(http, "dmc/acme/app").push_image("1.0", b"layer")
    answer = await http.get(path, headers=basic("oidc", issuer.token()))
    assert answer.status_code == 200
    assert "acme/app" not in answer.text.replace("acme/app:ref", "")


async def test_a_jobs_sign_in_tells_issuer_subject_and_rules_and_its_refusal_does_too(
    http: httpx.AsyncClient, services: Services, issuer: Issuer
) -> None:
    subject = "repo:acme/app:ref:refs/heads/main"
    log, verified = Log(services), {"issuer": "gha", "subject": subject}
    await log.every()
    jwts = [issuer.token(), issuer.token(repository="evil/app"), issuer.token(exp=1), "not.a.token"]
    for jwt in jwts:
        await token(http, jwt)
    rows = await log.every()
    given = {"rules": "1 2", "given": "writer on dmc/acme/*, reader on dmc/acme/*"}
    assert [(row.kind, row.outcome, row.who, row.registry, row.after) for row in rows] == [
        (Kind.SIGN_IN, Outcome.DONE, f"oidc:gha:{subject}", "dmc", {**verified, **given}),
        (Kind.SIGN_IN, Outcome.REFUSED, f"oidc:gha:{subject}", "", {"reason": "no-rule", **verified}),
        (Kind.SIGN_IN, Outcome.REFUSED, "", "", {"reason": "unknown", "times": 2}),
    ]
    assert not any(part in repr(rows) for jwt in jwts for part in jwt.split(".") if len(part) > len("token"))


async def test_what_a_job_is_refused_names_its_issuer_and_subject(
    settings: Settings, services: Services, issuer: Issuer
) -> None:
    log = Log(services)
    async with watched(settings, services) as http:
        bearer = (await token(http, issuer.token())).json()["token"]
        await log.every()
        talk = Conversation(http, "dmc/acme/app", Authorization=f"Bearer {bearer}")
        assert (await talk.ask("DELETE", "manifests/latest")).status_code == 403
    (row,) = await log.every()
    assert (row.kind, row.outcome, row.registry) == (Kind.ACCESS, Outcome.REFUSED, "dmc")
    assert row.who == "oidc:gha:repo:acme/app:ref:refs/heads/main"
