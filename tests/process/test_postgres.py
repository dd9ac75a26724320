"""Servers on one PostgreSQL and one folder of blobs: any of them goes on where another stopped."""

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from moorage.app.services import SYSTEM, Services, open_services
from moorage.app.worker import build, distribution
from moorage.distribution.http import Receive, Scope, Send
from moorage.domain.activity import Origin
from moorage.domain.digest import digest_of
from moorage.domain.errors import MoorageError
from moorage.domain.limits import TokenAction
from moorage.services.access_tokens import Wish
from moorage.services.recording import ORIGIN
from moorage.settings import load
from moorage.telemetry import Metrics
from tests.distribution.conversation import ADMIN_PASSWORD, Conversation
from tests.line import line_to
from tests.postgres import Cluster
from tests.process.server import Launcher

pytestmark = pytest.mark.servers

GONE = [
    ("GET", "manifests/latest"),
    ("GET", f"blobs/{digest_of(b'layer')}"),
    ("POST", "blobs/uploads/"),
    ("GET", "/api/v1/registries"),
]

OpenServer = Callable[[str], Awaitable[tuple[Conversation, Services]]]


@pytest.fixture
async def open_server(postgres: Cluster, tmp_path: Path) -> AsyncIterator[OpenServer]:
    """Return what starts a server of a name; they share the database and the blobs, and nothing else."""
    url = postgres.empty()
    async with AsyncExitStack() as opened:

        async def open_one(name: str) -> tuple[Conversation, Services]:
            shared = {"database_url": url, "storage_url": f"file://{tmp_path / 'blobs'}"}
            settings = load({"data": tmp_path / name, **shared}, {})
            services = await opened.enter_async_context(open_services(settings))
            await services.accounts.ensure_admin(ADMIN_PASSWORD)
            api = distribution(settings, services)

            async def front(scope: Scope, receive: Receive, send: Send) -> None:
                scope["state"] = {"request_id": "test"}
                ORIGIN.set(Origin("127.0.0.1", "test"))
                await api(scope, receive, send)

            transport = httpx.ASGITransport(app=front)
            client = httpx.AsyncClient(transport=transport, base_url="https://proget:5443")
            return Conversation(await opened.enter_async_context(client)), services

        yield open_one


async def test_images_are_pushed_pulled_moved_and_deleted(open_server: OpenServer) -> None:
    talk, services = await open_server("a")
    await services.registries.create(SYSTEM, "DMC")
    first = await talk.push_image("latest", b"layer")
    assert (await talk.ask("GET", "manifests/latest")).headers["docker-content-digest"] == first
    second = await talk.push_image("latest", b"another layer")
    assert (await talk.ask("GET", "manifests/latest")).headers["docker-content-digest"] == second
    assert (await talk.ask("GET", f"blobs/{digest_of(b'layer')}")).content == b"layer"
    assert (await talk.ask("GET", "tags/list")).json()["tags"] == ["latest"]
    assert (await talk.ask("DELETE", f"manifests/{second}")).status_code == 202
    assert (await talk.ask("GET", "manifests/latest")).status_code == 404
    assert (await talk.ask("GET", f"manifests/{first}")).status_code == 200


async def test_an_upload_goes_on_at_any_server(open_server: OpenServer) -> None:
    (one, services), (two, _), (three, _) = [await open_server(name) for name in "abc"]
    await services.registries.create(SYSTEM, "DMC")
    location = await one.begin()
    answer = await two.ask("PATCH", location, b"begun here, ")
    assert answer.status_code == 202
    answer = await three.ask("PUT", f"{location}?digest={digest_of(b'begun here, finished there')}", b"finished there")
    assert answer.status_code == 201
    blob = await one.ask("GET", f"blobs/{digest_of(b'begun here, finished there')}")
    assert blob.content == b"begun here, finished there"


async def test_what_one_server_acknowledged_every_other_serves(open_server: OpenServer) -> None:
    (one, services), (two, _) = [await open_server(name) for name in "ab"]
    await services.registries.create(SYSTEM, "DMC")
    for number in range(5):
        assert (await two.ask("GET", f"manifests/v{number}")).status_code == 404
        pushed = await one.push_image("latest", b"layer %d" % number)
        assert (await two.ask("GET", "manifests/latest")).headers["docker-content-digest"] == pushed


async def test_an_access_token_revoked_at_one_server_is_refused_by_every_other(open_server: OpenServer) -> None:
    (one, services), (two, _) = [await open_server(name) for name in "ab"]
    await services.registries.create(SYSTEM, "DMC")
    await one.push_image("latest", b"layer")
    wish = Wish("ci", (TokenAction.PULL,), ("dmc/*",), time.time() + 3600)
    _, secret = await services.access_tokens.create(SYSTEM, "admin", wish)
    two.headers = {"Authorization": f"Bearer {secret}"}
    assert (await two.ask("GET", "manifests/latest")).status_code == 200
    await services.access_tokens.revoke(SYSTEM, "admin", "ci")
    assert (await two.ask("GET", "manifests/latest")).status_code == 401


async def test_a_database_that_is_gone_is_an_answer_to_try_again(
    postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as opened:
        line, port = await opened.enter_async_context(line_to(postgres.port))
        url = postgres.empty().replace(f":{postgres.port}/", f":{port}/")
        settings = load({"data": tmp_path, "database_url": url}, {})
        services = await opened.enter_async_context(open_services(settings))
        await services.accounts.ensure_admin(ADMIN_PASSWORD)
        await services.registries.create(SYSTEM, "DMC")
        web = build(settings, services, Metrics(), None)

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = {"request_id": "test"}
            await web(scope, receive, send)

        transport = httpx.ASGITransport(app=front)
        client = httpx.AsyncClient(transport=transport, base_url="https://proget:5443")
        talk = Conversation(await opened.enter_async_context(client))
        await talk.push_image("latest", b"layer")
        monkeypatch.setattr("moorage.metastore.postgres.ANSWER_SECONDS", 0.2)
        line.is_moving.clear()
        for method, path in GONE:
            answer = await talk.ask(method, path, b"{}" if method == "POST" else None)
            assert (path, answer.status_code) == (path, 503)
            assert answer.headers["retry-after"] == "1"
        assert (await talk.ask("GET", "/readyz")).status_code == 503
        assert (await talk.ask("GET", "/livez")).status_code == 200
        monkeypatch.undo()
        line.is_moving.set()
        assert (await talk.ask("GET", "manifests/latest")).status_code == 200


async def test_without_its_driver_the_start_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    settings = load({"data": tmp_path, "database_url": "postgresql://moorage:canary@db/moorage"}, {})
    with pytest.raises(MoorageError) as refused:
        await open_services(settings).__aenter__()
    assert "moorage[postgres]" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_servers_started_together_make_the_tables_and_the_first_account_once(
    postgres: Cluster, launch: Launcher, tmp_path: Path, bytecode: Path
) -> None:
    shared = ("--database-url", postgres.empty(), "--storage-url", f"file://{tmp_path / 'blobs'}")
    other = Launcher(tmp_path / "other", bytecode)
    other.folder.mkdir()
    try:
        both = [launch.begin(*shared), other.begin(*shared)]
        for running in both:
            running.wait()
        for running in both:
            with running.client() as client:
                assert client.ask("GET", "/v2/").status == 200
        assert [running.stop() for running in both] == [0, 0]
    finally:
        other.close()


def test_a_start_without_its_database_says_so_in_one_line(postgres: Cluster, launch: Launcher) -> None:
    running = launch.begin("--database-url", postgres.url("nowhere"))
    assert running.ended() == 1
    (line,) = running.err.read_text().splitlines()
    assert 'database "nowhere" does not exist' in line
    assert "secret" not in line
