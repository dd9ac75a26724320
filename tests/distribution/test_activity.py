"""What pushes, deletions and refusals leave behind, and how pulls are counted."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from moorage.app.services import SYSTEM, Services
from moorage.app.worker import distribution
from moorage.domain.activity import Kind, Outcome
from moorage.domain.digest import digest_of
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.domain.name import Repository
from moorage.services.recording import ActivityQuery
from moorage.settings import Settings
from tests.distribution.conversation import ADMIN_PASSWORD, Conversation, basic
from tests.distribution.log import Log, watched
from tests.distribution.test_access import token_for

UNSEEN = "an upload is nobody's business before an image names what it brought"
LEAVES_NO_ROW = {
    ("POST", "/v2/{name}/blobs/uploads/"): UNSEEN,
    ("PATCH", "/v2/{name}/blobs/uploads/{id}"): UNSEEN,
    ("PUT", "/v2/{name}/blobs/uploads/{id}"): UNSEEN,
    ("DELETE", "/v2/{name}/blobs/uploads/{id}"): UNSEEN,
}


@pytest.fixture
async def http(settings: Settings, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the API behind the outermost application, which sees refusals."""
    async with watched(settings, services) as client:
        yield client


@pytest.fixture
async def log(services: Services) -> Log:
    log = Log(services)
    await log.new()
    return log


async def pulls_of(services: Services, path: str = "ubuntu") -> int:
    await services.activity.flush()
    return (await services.catalog.repository(SYSTEM, Repository("dmc", path))).pulls


async def test_every_route_that_changes_something_leaves_a_row(
    settings: Settings, services: Services, talk: Conversation, log: Log
) -> None:
    digest = await talk.push_image("v1", b"layer")
    extra = await talk.push_blob(b"extra")
    routes = {
        ("PUT", "/v2/{name}/manifests/{reference}"): ("PUT", "manifests/v2"),
        ("DELETE", "/v2/{name}/manifests/{reference}"): ("DELETE", "manifests/v2"),
        ("DELETE", "/v2/{name}/blobs/{digest}"): ("DELETE", f"blobs/{extra}"),
        ("POST", "/token"): ("POST", "/token"),
    }
    body = (await talk.ask("GET", f"manifests/{digest}")).content
    form = f"grant_type=password&username=mara&password={'password of mara'.replace(' ', '+')}&client_id=x"
    for row in distribution(settings, services).routes:
        if row.method in {"GET", "HEAD"} or (row.method, row.template) in LEAVES_NO_ROW:
            continue
        method, path = routes[row.method, row.template]
        await log.new()
        content = {"PUT": body, "POST": form.encode()}.get(method)
        kind = OCI_MANIFEST if method == "PUT" else "application/x-www-form-urlencoded"
        answer = await talk.ask(method, path, content, content_type=kind)
        assert answer.status_code in {200, 201, 202}, answer.text
        await services.activity.flush()
        query = ActivityQuery(who="mara" if method == "POST" else "admin")
        ((newest,), _) = await services.activity.page(SYSTEM, query, None, 1)
        assert newest.address == "10.0.0.7"
        assert newest.request_id == answer.headers["x-request-id"]


async def test_a_push_tells_of_the_repository_the_image_and_the_tags_that_moved(writer: Conversation, log: Log) -> None:
    first = await writer.push_image("v1", b"one")
    rows = await log.new()
    assert [(row.kind.value, row.target) for row in rows] == [
        ("create-repository", "dmc/ubuntu"),
        ("push-image", f"dmc/ubuntu@{first}"),
        ("move-tag", "dmc/ubuntu:v1"),
    ]
    assert {row.who for row in rows} == {"mara"}
    assert (rows[-1].before, rows[-1].after) == (None, {"digest": first})
    second = await writer.push_image("v1", b"two")
    moved = (await log.new())[-1]
    assert (moved.before, moved.after) == ({"digest": first}, {"digest": second})
    await writer.push_image("v1", b"two")
    assert await log.words() == [("push-image", f"dmc/ubuntu@{second}")]


async def test_deletions_tell_what_went(talk: Conversation, log: Log) -> None:
    digest = await talk.push_image("v1", b"layer")
    await talk.push_image("v2", b"layer")
    await log.new()
    assert (await talk.ask("DELETE", "manifests/v1")).status_code == 202
    (gone,) = await log.new()
    assert (gone.kind, gone.target, gone.before) == (Kind.DELETE_TAG, "dmc/ubuntu:v1", {"digest": digest})
    assert (await talk.ask("DELETE", f"manifests/{digest}")).status_code == 202
    assert await log.words() == [("delete-tag", "dmc/ubuntu:v2"), ("delete-image", f"dmc/ubuntu@{digest}")]
    assert (await talk.ask("DELETE", f"manifests/{digest}")).status_code == 404
    assert await log.words() == []


async def test_an_administrator_s_push_tells_of_the_registry_it_made(talk: Conversation, log: Log) -> None:
    await Conversation(talk.http, "fresh/app").push_image("v1")
    assert (await log.words())[:2] == [("create-registry", "fresh"), ("create-repository", "fresh/app")]


async def test_every_refusal_of_somebody_known_leaves_a_row(
    settings: Settings, services: Services, writer: Conversation, log: Log
) -> None:
    """Mara may write; her token may only pull from elsewhere, so that all it is shown for here is refused."""
    narrow = await token_for(writer, "repository:dmc/other:pull")
    await log.new()
    asked = 0
    for row in distribution(settings, services).routes:
        if "{name}" not in row.template:
            continue
        path = row.template.format(name=f"dmc/refused-{asked}", reference="v1", digest=digest_of(b""), id="x")
        answer = await narrow.ask(row.method, path)
        assert answer.status_code in {401, 403}, (row.method, path)
        asked += 1
        (refusal,) = await log.new()
        assert (refusal.kind, refusal.outcome, refusal.who) == (Kind.ACCESS, Outcome.REFUSED, "mara")
        assert (refusal.target, refusal.registry) == (path.split("/", 2)[2].rsplit("/", path.count("/") - 3)[0], "dmc")
        assert refusal.after == {"method": row.method, "status": answer.status_code}
        assert refusal.request_id == answer.headers["x-request-id"]
    assert asked


async def test_a_wrong_password_leaves_a_row_and_many_leave_hardly_more(nobody: Conversation, log: Log) -> None:
    wrong = Conversation(nobody.http, **basic("admin", "not the password"))
    for _ in range(14):
        assert (await wrong.ask("GET", "/v2/")).status_code in {401, 429}
    wrong_ones, too_many = await log.new()
    for row in (wrong_ones, too_many):
        assert (row.kind, row.outcome, row.who, row.address) == (Kind.SIGN_IN, Outcome.REFUSED, "admin", "10.0.0.7")
    assert wrong_ones.after == {"reason": "wrong", "times": 10}
    assert too_many.after == {"reason": "too-many", "times": 4}


async def test_a_password_typed_as_the_name_is_not_kept(nobody: Conversation, log: Log) -> None:
    for name in ("my-secret-password", "My Secret Password!", ""):
        wrong = Conversation(nobody.http, **basic(name, "return"))
        assert (await wrong.ask("GET", "/v2/")).status_code == 401
    rows = await log.new()
    assert {(row.who, row.target) for row in rows} == {("", "")}
    assert "ecret" not in repr(rows)


async def test_being_asked_to_sign_in_is_no_refusal(nobody: Conversation, log: Log) -> None:
    for path in ("/v2/", "manifests/v1", "/v2/_catalog"):
        assert (await nobody.ask("GET", path)).status_code == 401
    assert await log.words() == []


async def test_a_right_password_is_a_row_once_while_it_is_believed(services: Services, writer: Conversation) -> None:
    for _ in range(3):
        assert (await writer.ask("GET", "/v2/")).status_code == 200
    await services.activity.flush()
    ((row,), _) = await services.activity.page(SYSTEM, ActivityQuery(who="mara", kind=Kind.SIGN_IN), None, 10)
    assert (row.target, row.outcome, row.after) == ("mara", Outcome.DONE, None)


async def test_a_pull_is_a_get_of_an_image_by_tag_or_digest(services: Services, talk: Conversation) -> None:
    digest = await talk.push_image("v1", b"layer")
    for method, path in (
        ("HEAD", "manifests/v1"),
        ("HEAD", f"manifests/{digest}"),
        ("GET", "manifests/none"),
        ("GET", f"blobs/{digest_of(b'layer')}"),
    ):
        await talk.ask(method, path)
    assert (await talk.ask("GET", "manifests/v1", if_none_match=f'"{digest}"')).status_code == 304
    assert await pulls_of(services) == 0
    await talk.ask("GET", "manifests/v1")
    await talk.ask("GET", f"manifests/{digest}")
    assert await pulls_of(services) == 2


async def test_an_image_of_many_platforms_is_one_pull(services: Services, talk: Conversation) -> None:
    child = await talk.push_image("", b"layer")
    descriptor = {"mediaType": OCI_MANIFEST, "digest": child, "size": 1}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]}
    digest = await talk.push_manifest("v1", index)
    for path in ("manifests/v1", f"manifests/{digest}", f"manifests/{child}"):
        await talk.ask("HEAD", path)
    for path in (f"manifests/{digest}", f"manifests/{child}"):
        assert (await talk.ask("GET", path)).status_code == 200
    assert await pulls_of(services) == 1
    assert (await services.catalog.repository(SYSTEM, Repository("dmc", "ubuntu"))).pushes == 2


async def test_no_row_holds_a_secret(services: Services, talk: Conversation, writer: Conversation, log: Log) -> None:
    await talk.push_image("v1")
    await writer.ask("DELETE", "manifests/v1")
    bearer = await token_for(writer, "repository:dmc/ubuntu:pull")
    await bearer.ask("POST", "blobs/uploads/")
    await services.accounts.set_password(SYSTEM, "mara", "a third long password")
    await log.new()
    rows = [row async for row in await services.activity.export(SYSTEM, ActivityQuery())]
    text = json.dumps([[str(row.before), str(row.after), row.who, row.target] for row in rows])
    for secret in (ADMIN_PASSWORD, "password of mara", "a third long password", "Bearer", "eyJ"):
        assert secret not in text
