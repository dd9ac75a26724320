"""What a request costs the database, counted on the wire, while others write all the time.

docs/scaling.md says how much; here it is read from there.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from moorage.app.services import SYSTEM, Services, open_services
from moorage.app.worker import distribution
from moorage.distribution.http import Receive, Scope, Send
from moorage.domain.activity import Origin
from moorage.domain.digest import digest_of
from moorage.domain.manifest import OCI_MANIFEST
from moorage.metastore.postgres import PostgreSQL
from moorage.metastore.steps import Steps
from moorage.services.recording import ORIGIN
from moorage.settings import load
from tests.distribution.conversation import ADMIN_PASSWORD, Conversation, basic
from tests.line import line_to
from tests.postgres import Cluster
from tests.wire import Wire

pytestmark = pytest.mark.servers

DOCUMENT = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()
ROW = re.compile(r"\| (?P<request>[^|]+) \| (?P<queries>\d+) \| (?P<writes>[^|]*) \| (?P<trips>\d+) \|")


class Cost(NamedTuple):
    """What a request costs: queries by themselves, the statements of each transaction, round trips."""

    queries: int
    writes: tuple[int, ...]
    round_trips: int


COSTS = {
    row["request"]: Cost(int(row["queries"]), tuple(map(int, re.findall(r"\d+", row["writes"]))), int(row["trips"]))
    for row in ROW.finditer(DOCUMENT)
}


def cost_of(wire: Wire) -> Cost:
    """Count; BEGIN, the gate and COMMIT belong to each transaction, and are not among its statements."""
    queries, writes = 0, []
    is_open = False
    for sql in wire.statements:
        if sql.startswith("BEGIN"):
            assert not is_open
            is_open = True
            writes.append(0)
        elif sql == "COMMIT":
            is_open = False
        elif is_open:
            writes[-1] += not sql.startswith("LOCK")
        else:
            queries += 1
    assert not is_open
    return Cost(queries, tuple(writes), wire.round_trips)


@dataclass
class House:
    """A server whose line to the database is watched, and another one that writes before each request to it."""

    near: Conversation
    far: Conversation
    services: Services
    wire: Wire
    costs: list[Cost] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)

    async def ask(
        self, method: str, path: str, content: bytes | None = None, *, status: int, **headers: str
    ) -> httpx.Response:
        """Ask the watched server, right after others have written, and note what it cost."""
        await self.far.push_image(f"other-{next(self.numbers)}", b"written")
        self.wire.clear()
        answer = await self.near.ask(method, path, content, **headers)
        assert answer.status_code == status, answer.text
        self.costs.append(cost_of(self.wire))
        return answer


@pytest.fixture
async def house(postgres: Cluster, tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as opened:
        line, port = await opened.enter_async_context(line_to(postgres.port))
        wire = Wire()
        wire.watch(line)
        url = postgres.database()
        far, services = await server(opened, tmp_path, "far", url)
        near, _ = await server(opened, tmp_path, "near", url.replace(f":{postgres.port}/", f":{port}/"))
        await services.registries.create(SYSTEM, "DMC")
        await services.registries.create(SYSTEM, "Theirs")
        await services.accounts.add(SYSTEM, "tom", "password of tom")
        yield House(near, far, services, wire)


async def server(opened: AsyncExitStack, folder: Path, name: str, url: str) -> tuple[Conversation, Services]:
    """Start a server; all share the database and the blobs, and nothing else."""
    settings = load({"data": folder / name, "database_url": url, "storage_url": f"file://{folder / 'blobs'}"}, {})
    services = await opened.enter_async_context(open_services(settings))
    await services.accounts.ensure_admin(ADMIN_PASSWORD)
    api = distribution(settings, services)

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"request_id": "test"}
        ORIGIN.set(Origin("127.0.0.1", "test"))
        await api(scope, receive, send)

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="https://proget:5443")
    return Conversation(await opened.enter_async_context(client)), services


Work = Callable[[House], Awaitable[object]]


async def pull_manifests(house: House) -> None:
    for number in range(2):
        digest = await house.far.push_image("latest", b"layer %d" % number)
        for method in ("HEAD", "GET", "GET"):
            for reference in ("latest", digest):
                await house.ask(method, f"manifests/{reference}", status=200)
    await house.ask("GET", "manifests/nothing", status=404)


async def pull_blobs(house: House) -> None:
    for number in range(2):
        content = b"layer %d" % number
        await house.far.push_image("latest", content)
        for method in ("HEAD", "GET"):
            await house.ask(method, f"blobs/{digest_of(content)}", status=200)
    await house.ask("HEAD", f"blobs/{digest_of(b'nothing')}", status=404)


async def begin(house: House) -> None:
    await house.ask("POST", "blobs/uploads/", status=202)


async def send(house: House) -> None:
    for _ in range(2):
        await house.ask("PATCH", await house.far.begin(), b"all of it", status=202)


async def finish(house: House) -> None:
    for number in range(2):
        content = b"content %d" % number
        location = await house.far.begin()
        await house.far.ask("PATCH", location, content)
        await house.ask("PUT", f"{location}?digest={digest_of(content)}", status=201)


async def push_manifest(house: House) -> None:
    await house.far.push_image("latest", b"layer")
    body = (await house.far.ask("GET", "manifests/latest")).content
    for number in range(2):
        another = body + b" " * (number + 1)
        await house.ask("PUT", f"manifests/v{number}", another, status=201, content_type=OCI_MANIFEST)


@pytest.mark.parametrize(
    ("request_", "work"),
    [
        ("GET or HEAD of an image's manifest", pull_manifests),
        ("GET or HEAD of a blob", pull_blobs),
        ("POST that begins an upload", begin),
        ("PATCH of an upload", send),
        ("PUT that ends an upload", finish),
        ("PUT of a manifest with two blobs and a tag", push_manifest),
    ],
)
async def test_a_request_costs_what_the_document_says_whatever_others_write(
    house: House, request_: str, work: Work
) -> None:
    # Their credentials and what they may do there have been seen before, and nothing else of what follows.
    await house.near.push_image("seen", b"seen")
    await house.near.ask("HEAD", "manifests/seen")
    await work(house)
    assert set(house.costs) == {COSTS[request_]}


async def test_a_request_costs_the_same_with_a_token_and_an_access_token_as_with_a_password(house: House) -> None:
    await house.far.push_image("latest", b"layer")
    answer = await house.near.ask("GET", "/token?scope=repository:dmc/ubuntu:pull")
    for headers in (house.near.headers, {"Authorization": f"Bearer {answer.json()['token']}"}):
        house.near.headers = headers
        await house.near.ask("GET", "manifests/latest")
        await house.ask("GET", "manifests/latest", status=200)
    assert set(house.costs) == {Cost(1, (), 1)}


async def test_who_changes_what_somebody_may_do_is_heeded_at_once_and_costs_once(house: House) -> None:
    await house.far.push_image("latest", b"layer")
    house.near.headers = basic("tom", "password of tom")
    await house.services.registries.update(SYSTEM, "dmc", {"visibility": "internal"})
    for _ in range(2):
        await house.near.ask("GET", "manifests/latest")
    await house.services.registries.update(SYSTEM, "dmc", {"visibility": "private"})
    await house.ask("GET", "manifests/latest", status=404)
    await house.ask("GET", "manifests/latest", status=404)
    assert house.costs[0].queries > 1
    assert house.costs[1] == Cost(1, (), 1)


async def test_what_is_hidden_costs_what_is_absent_costs(house: House) -> None:
    await house.far.push_image("latest", b"layer")
    house.near.headers = basic("tom", "password of tom")
    paths = ("manifests/latest", "manifests/nothing", f"blobs/{digest_of(b'layer')}", f"blobs/{digest_of(b'nothing')}")
    for path in paths:
        await house.near.ask("GET", path)
    seen = []
    for path in paths:
        await house.ask("GET", path, status=404)
        seen.append(list(house.wire.statements))
    assert all(statements == seen[0] for statements in seen)
    assert len(seen[0]) == 1


async def test_a_row_and_who_may_see_it_are_never_of_two_moments(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = await house.far.push_image("latest", b"secret")
    house.near.headers = basic("tom", "password of tom")
    await house.services.registries.update(SYSTEM, "dmc", {"visibility": "internal"})
    for _ in range(2):
        assert (await house.near.ask("GET", "manifests/latest")).status_code == 200
    await house.services.registries.update(SYSTEM, "dmc", {"visibility": "private"})
    read = PostgreSQL.read

    async def delete_and_open() -> None:
        await house.far.ask("DELETE", f"manifests/{secret}")
        await house.services.registries.update(SYSTEM, "dmc", {"visibility": "internal"})

    async def slow(self: PostgreSQL, steps: Steps[Any]) -> Any:  # noqa: ANN401  what the story returns
        """Read, after the image is gone and the registry open again; what was looked up before is the image."""
        monkeypatch.undo()
        # A task of its own: these are requests of somebody else.
        await asyncio.create_task(delete_and_open())
        return await read(self, steps)

    monkeypatch.setattr(PostgreSQL, "read", slow)
    assert (await house.near.ask("GET", "manifests/latest")).status_code == 404
    assert PostgreSQL.read is read
