"""GETs of blobs that are redirected, over HTTP: what is decided before, and what the client reads."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest

from moorage.app.proxies import BehindProxies
from moorage.app.services import SYSTEM, Services
from moorage.app.worker import distribution
from moorage.distribution.http import Receive, Scope, Send
from moorage.domain.redirect import RedirectRule
from moorage.services.kept_blobs import SMALLEST
from moorage.services.redirects import RedirectService
from moorage.settings import Settings
from moorage.settings.address import networks_in
from tests.distribution.conversation import Conversation, basic

CONTENT = b"a layer" * SMALLEST
CLUSTER = networks_in("10.0.0.0/8")

Talk = Callable[..., Conversation]


class Shop:
    """A signer of which one sees what it signed."""

    def url_of(self, place: str) -> str:
        return f"https://s3.example.org/{place}?signed"


@pytest.fixture
async def talk_from(settings: Settings, services: Services) -> AsyncIterator[Talk]:
    """Return what makes somebody at an address talk to a server with a rule of redirects."""
    clients: list[httpx.AsyncClient] = []

    def talk(rule: RedirectRule, address: str = "10.1.2.3", **headers: str) -> Conversation:
        api = distribution(settings, replace(services, redirects=RedirectService(rule, Shop())))

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = {"request_id": "test"}
            await api(scope, receive, send)

        outer = BehindProxies(front, networks_in("192.0.2.7"))
        transport = httpx.ASGITransport(app=outer, client=(address, 1))
        clients.append(httpx.AsyncClient(transport=transport, base_url="https://proget:5443"))
        return Conversation(clients[-1], **headers)

    yield talk
    for client in clients:
        await client.aclose()


@pytest.mark.parametrize("part", ["", "bytes=0-", "bytes=2-4", "bytes=100-"])
async def test_a_get_is_told_where_the_blob_is(talk_from: Talk, part: str) -> None:
    talk = talk_from(RedirectRule(is_on=True))
    digest = await talk.push_blob(CONTENT)
    answer = await talk.ask("GET", f"blobs/{digest}", range=part)
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["location"] == f"https://s3.example.org/{digest}?signed"
    assert answer.headers["docker-content-digest"] == digest
    assert answer.headers["content-length"] == "0"
    # The next one may be somebody else, or somebody no more.
    assert answer.headers["cache-control"] == "private, no-store"


async def test_what_needs_no_bytes_of_the_store_is_answered_here(talk_from: Talk) -> None:
    talk = talk_from(RedirectRule(is_on=True))
    image = await talk.push_image("v1", CONTENT)
    digest = await talk.push_blob(CONTENT)
    head = await talk.ask("HEAD", f"blobs/{digest}")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))
    assert (await talk.ask("GET", f"blobs/{digest}", if_none_match=f'"{digest}"')).status_code == 304
    manifest = await talk.ask("GET", "manifests/v1")
    assert (manifest.status_code, manifest.headers["docker-content-digest"]) == (200, image)


async def test_what_is_no_longer_than_its_redirect_is_sent(talk_from: Talk) -> None:
    talk = talk_from(RedirectRule(is_on=True))
    for size, status in ((SMALLEST, 200), (SMALLEST + 1, 307)):
        digest = await talk.push_blob(b"x" * size)
        assert (await talk.ask("GET", f"blobs/{digest}")).status_code == status


async def test_who_may_not_read_is_told_what_they_are_told_without_redirects(talk_from: Talk) -> None:
    digest = await talk_from(RedirectRule(is_on=True)).push_blob(CONTENT)
    tom = basic("tom", "password of tom")
    for rule in (RedirectRule(is_on=True), RedirectRule(is_on=False)):
        answers = [
            await talk_from(rule, **tom).ask("GET", f"blobs/{digest}"),
            await talk_from(rule, user_agent="curl").ask("GET", f"blobs/{digest}"),
            await talk_from(rule).ask("GET", f"/v2/dmc/another/blobs/{digest}"),
            await talk_from(rule).ask("GET", f"blobs/sha256:{'0' * 64}"),
        ]
        assert [answer.status_code for answer in answers] == [404, 401, 404, 404]
        assert all("location" not in answer.headers for answer in answers)


@pytest.mark.parametrize(
    ("address", "forwarded", "status"),
    [
        ("10.1.2.3", "", 307),
        ("198.51.100.1", "", 200),
        # Only the proxy is believed.
        ("198.51.100.1", "10.1.2.3", 200),
        ("192.0.2.7", "10.1.2.3", 307),
        ("192.0.2.7", "198.51.100.1", 200),
    ],
)
async def test_the_network_is_the_client_s_and_not_the_proxy_s(
    talk_from: Talk, address: str, forwarded: str, status: int
) -> None:
    talk = talk_from(RedirectRule(is_on=True, networks=CLUSTER), address)
    digest = await talk.push_blob(CONTENT)
    answer = await talk.ask("GET", f"blobs/{digest}", x_forwarded_for=forwarded)
    assert answer.status_code == status
    assert answer.content == (CONTENT if status == 200 else b"")


async def test_a_registry_s_own_word_counts_at_once(talk_from: Talk, services: Services) -> None:
    on, off = talk_from(RedirectRule(is_on=True)), talk_from(RedirectRule(is_on=False))
    digest = await on.push_blob(CONTENT)
    for word, expected in (("server", [307, 200]), ("off", [200, 200]), ("on", [307, 307]), ("server", [307, 200])):
        await services.registries.update(SYSTEM, "dmc", {"redirects": word})
        assert [(await talk.ask("GET", f"blobs/{digest}")).status_code for talk in (on, off)] == expected


async def test_files_are_never_redirected_to(talk: Conversation, services: Services) -> None:
    digest = await talk.push_blob(CONTENT)
    await services.registries.update(SYSTEM, "dmc", {"redirects": "on"})
    assert (await talk.ask("GET", f"blobs/{digest}")).content == CONTENT
