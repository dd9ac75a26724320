"""Sign-ins and refusals are rows that name what was shown: a password, an access token, or the token of a CI job."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from moorage.app.services import SYSTEM, Services
from moorage.domain.activity import Kind, Outcome
from moorage.domain.limits import TokenAction
from moorage.services.access_tokens import DAY, Wish
from moorage.services.recording import ActivityRecord
from moorage.services.token_secrets import make_secret
from moorage.settings import Settings
from tests.distribution.conversation import Conversation, basic
from tests.distribution.log import ADDRESS, Log, watched
from tests.distribution.test_access import token_for

ELSEWHERE = "10.0.0.8"


@pytest.fixture
async def http(settings: Settings, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with watched(settings, services) as client:
        yield client


@pytest.fixture
async def log(services: Services) -> Log:
    log = Log(services)
    await log.every()
    return log


async def secret_of(services: Services, account: str = "mara", name: str = "laptop") -> str:
    wish = Wish(name, (TokenAction.PULL,), ("dmc/*",), time.time() + DAY)
    return (await services.access_tokens.create(SYSTEM, account, wish))[1]


async def robot(services: Services, name: str = "ci", registry: str = "dmc") -> str:
    """Make a robot with an access token; return its secret."""
    await services.robots.create(SYSTEM, name, registry)
    wish = Wish("deploy", (TokenAction.PULL,), ("*",), None)
    return (await services.access_tokens.create(SYSTEM, name, wish, registry=registry))[1]


def told(row: ActivityRecord) -> tuple[str, str, str, str, object]:
    return row.kind.value, row.outcome.value, row.who, row.token, row.after


def refused(who: str, token: str, reason: str) -> tuple[str, str, str, str, object]:
    return "sign-in", "refused", who, token, {"reason": reason}


async def test_a_refusal_names_the_access_token_however_it_is_shown(
    http: httpx.AsyncClient, services: Services, log: Log
) -> None:
    secret = await secret_of(services)
    shown = Conversation(http, **basic("mara", secret))
    for talk in (
        shown,
        Conversation(http, Authorization=f"Bearer {secret}"),
        await token_for(shown, "repository:dmc/ubuntu:push"),
    ):
        await log.every()
        assert (await talk.ask("POST", "blobs/uploads/")).status_code == 403
        (row,) = await log.new()
        assert told(row) == ("access", "refused", "mara", "laptop", {"method": "POST", "status": 403})
        assert secret not in repr(row)
        # The next refusal would be added to this one, and written when its minute is over.
        services.tally.take(time.time() + DAY)


async def test_an_access_token_is_one_sign_in_from_each_address(
    settings: Settings, http: httpx.AsyncClient, services: Services, log: Log
) -> None:
    secret = await secret_of(services)
    await log.every()
    async with watched(settings, services, ELSEWHERE) as other:
        for client in (http, http, other, other):
            for way in (basic("mara", secret), {"Authorization": f"Bearer {secret}"}):
                assert (await Conversation(client, **way).ask("GET", "/v2/")).status_code == 200
    rows = await log.every()
    assert [(row.who, row.token, row.address, row.outcome) for row in rows] == [
        ("mara", "laptop", address, Outcome.DONE) for address in (ADDRESS, ELSEWHERE)
    ]


async def test_a_password_that_is_believed_is_a_sign_in_from_another_address(
    settings: Settings, services: Services, writer: Conversation, log: Log
) -> None:
    async with watched(settings, services, ELSEWHERE) as other:
        for client in (writer.http, other, other):
            answer = await client.get("/v2/", headers=writer.headers)
            assert answer.status_code == 200
    assert [(row.who, row.address, row.token) for row in await log.every()] == [
        ("mara", ADDRESS, ""),
        ("mara", ELSEWHERE, ""),
    ]


async def test_an_account_that_was_closed_is_refused_with_a_row_whatever_it_shows(
    http: httpx.AsyncClient, services: Services, writer: Conversation, log: Log
) -> None:
    secret = await secret_of(services)
    shown = Conversation(http, **basic("mara", secret))
    ways = {
        "": [writer, await token_for(writer, "repository:dmc/ubuntu:pull")],
        "laptop": [shown, await token_for(shown, "repository:dmc/ubuntu:pull")],
    }
    await services.accounts.disable(SYSTEM, "mara", disabled=True)
    for token, talks in ways.items():
        for talk in talks:
            await log.every()
            assert (await talk.ask("GET", "manifests/v1")).status_code == 401
            assert [told(row) for row in await log.new()] == [refused("mara", token, "closed")]
            services.tally.take(time.time() + DAY)


async def test_what_was_issued_for_a_robot_that_is_gone_is_refused_with_a_row(
    http: httpx.AsyncClient, services: Services, log: Log
) -> None:
    secret = await robot(services)
    shown = Conversation(http, **basic("ci", secret))
    bearer = await token_for(shown, "repository:dmc/ubuntu:pull")
    await services.robots.delete(SYSTEM, "ci", "dmc")
    await log.every()
    for talk in (shown, bearer, Conversation(http, Authorization=f"Bearer {secret}")):
        assert (await talk.ask("GET", "manifests/v1")).status_code == 401
    rows = [told(row) for row in await log.new()]
    assert rows == [
        refused("ci", "deploy", "revoked"),
        refused("ci", "", "revoked"),
        refused("", "", "unknown"),
    ]


async def test_an_access_token_that_is_revoked_expired_unknown_or_somebody_elses_is_refused_with_a_row(
    http: httpx.AsyncClient, services: Services, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = await secret_of(services)
    for name, shown, wanted in (
        ("tom", secret, refused("mara", "laptop", "anothers")),
        ("tom", make_secret(), refused("tom", "", "unknown")),
        ("some password", make_secret(), refused("", "", "unknown")),
    ):
        await log.every()
        assert (await Conversation(http, **basic(name, shown)).ask("GET", "/v2/")).status_code == 401
        assert [told(row) for row in await log.new()] == [wanted]
        services.tally.take(time.time() + DAY)
    now = time.time()
    with monkeypatch.context() as later:
        later.setattr("moorage.distribution.routes.time.time", lambda: now + 2 * DAY)
        assert (await Conversation(http, **basic("mara", secret)).ask("GET", "/v2/")).status_code == 401
    assert refused("mara", "laptop", "expired") in [told(row) for row in await log.new()]
    await services.access_tokens.revoke(SYSTEM, "mara", "laptop")
    await log.every()
    assert (await Conversation(http, **basic("mara", secret)).ask("GET", "/v2/")).status_code == 401
    assert [told(row) for row in await log.new()] == [refused("mara", "", "unknown")]


async def test_a_bearer_that_expired_is_a_row_that_names_what_it_was_issued_for(
    http: httpx.AsyncClient, services: Services, writer: Conversation, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, own = await robot(services), "repository:dmc/ubuntu:pull"
    bearers = [
        await token_for(talk, own)
        for talk in (writer, Conversation(http, **basic("ci", secret)), Conversation(http, user_agent="nobody"))
    ]
    await log.every()
    now = time.time()
    monkeypatch.setattr("moorage.distribution.routes.time.time", lambda: now + DAY)
    for bearer in bearers:
        assert (await bearer.ask("GET", "manifests/v1")).status_code == 401
    rows = await log.new()
    assert [told(row) for row in rows] == [refused("mara", "", "expired"), refused("ci", "deploy", "expired")]
    assert [row.registry for row in rows] == ["", "dmc"]


async def test_a_forged_bearer_is_a_row_of_nobody(http: httpx.AsyncClient, log: Log) -> None:
    forged = Conversation(http, Authorization="Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYXJhIn0.")
    assert (await forged.ask("GET", "/v2/")).status_code == 401
    rows = await log.new()
    assert [told(row) for row in rows] == [refused("", "", "unknown")]
    assert "eyJ" not in repr(rows)


async def test_what_is_hidden_from_somebody_is_a_refusal_and_what_is_not_there_is_none(
    stranger: Conversation, writer: Conversation, log: Log
) -> None:
    await writer.push_image("v1")
    await log.every()
    hidden = Conversation(stranger.http, "dmc/ubuntu", **stranger.headers)
    absent = Conversation(stranger.http, "nil/ubuntu", **stranger.headers)
    for talk in (hidden, absent):
        assert (await talk.ask("GET", "manifests/v1")).status_code == 404
        (row,) = await log.new()
        assert told(row) == ("access", "refused", "tom", "", {"method": "GET", "status": 404})
        assert (row.target, row.registry) == (talk.repository, talk.repository.partition("/")[0])
    assert (await writer.ask("GET", "manifests/none")).status_code == 404
    assert await log.new() == []


async def test_a_refresh_token_is_a_sign_in_until_it_is_refused(
    http: httpx.AsyncClient, services: Services, writer: Conversation, log: Log
) -> None:
    made = await writer.ask("GET", "/token?offline_token=true")
    form = {"grant_type": "refresh_token", "refresh_token": made.json()["refresh_token"]}
    await log.every()
    services.tally.take(time.time() + DAY)
    assert (await http.post("/token", data=form)).status_code == 200
    assert [told(row) for row in await log.every()] == [("sign-in", "done", "mara", "", None)]
    await services.accounts.set_password(SYSTEM, "mara", "another long password")
    assert (await http.post("/token", data=form)).status_code == 401
    assert (await http.post("/token", data={**form, "refresh_token": "x.y.z"})).status_code == 401
    rows = [told(row) for row in await log.new() if row.kind is Kind.SIGN_IN]
    assert rows == [refused("mara", "", "revoked"), refused("", "", "unknown")]


async def test_sign_ins_of_a_registrys_robot_belong_to_the_registry(
    http: httpx.AsyncClient, services: Services, log: Log
) -> None:
    secret = await robot(services)
    shown = Conversation(http, "theirs/app", **basic("ci", secret))
    assert (await shown.ask("GET", "/v2/")).status_code == 200
    await services.robots.disable(SYSTEM, "ci", "dmc", disabled=True)
    assert (await shown.ask("GET", "/v2/")).status_code == 401
    await services.access_tokens.revoke(SYSTEM, "ci", "deploy")
    await services.robots.delete(SYSTEM, "ci", "dmc")
    rows = [row for row in await log.every() if row.target == "ci"]
    assert {(row.kind.value, row.outcome.value) for row in rows} == {
        ("create-robot", "done"),
        ("create-token", "done"),
        ("sign-in", "done"),
        ("sign-in", "refused"),
        ("change-robot", "done"),
        ("revoke-token", "done"),
        ("delete-robot", "done"),
    }
    assert {row.registry for row in rows} == {"dmc"}
