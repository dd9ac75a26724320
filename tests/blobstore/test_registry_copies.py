"""Copies from another registry: asked for as clients do, and credentials go to whom was named alone."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from moorage.blobstore.registry_copies import RegistryCopies, Upstream
from moorage.domain.digest import digest_of
from moorage.domain.errors import ErrorCode, MoorageError

CONTENT = b"layer"
DIGEST = digest_of(CONTENT)
BASIC = "Basic bWFyYTpzZWNyZXQ="


class Registry:
    """A registry that has one blob, or sends whoever asks for it to another place; it notes who asks for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.leads_to: str | None = None
        self.realm: str | None = None
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        authorization = request.headers.get("authorization")
        self.asked.append((request.path, authorization))
        if request.path == "/token":
            is_right = authorization == BASIC
            token = json.dumps({"token": request.query.get("scope", "none")})
            return web.Response(status=200 if is_right else 401, text=token)
        if self.realm is not None and not (authorization or "").startswith("Bearer "):
            return web.Response(status=401, headers={"www-authenticate": f'Bearer realm="{self.realm}",service="x"'})
        if request.path.startswith("/v2/dmc/app/") and self.leads_to is not None:
            return web.Response(status=307, headers={"location": self.leads_to})
        is_there = request.path in {"/v2/", "/elsewhere", f"/v2/dmc/app/blobs/{DIGEST}"}
        return web.Response(status=200 if is_there else 404, body=CONTENT)


@asynccontextmanager
async def opened() -> AsyncIterator[Registry]:
    registry = Registry()
    application = web.Application()
    application.router.add_get("/{path:.*}", registry.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    registry.port = runner.addresses[0][1]
    try:
        yield registry
    finally:
        await runner.cleanup()


async def fetched(registry: Registry, *repositories: str, name: str | None = None, authorization: str = BASIC) -> bytes:
    upstream = Upstream(f"http://127.0.0.1:{registry.port}", name, None, authorization)
    async with RegistryCopies(upstream) as copies:
        await copies.check()
        return b"".join([piece async for piece in copies.blob(DIGEST, repositories)])


async def test_a_blob_is_looked_for_in_all_repositories_that_have_it() -> None:
    async with opened() as registry:
        assert await fetched(registry, "dmc/other", "dmc/app") == CONTENT
        assert await fetched(registry, "acme/app", name="dmc") == CONTENT
        with pytest.raises(MoorageError) as missing:
            await fetched(registry, "dmc/other")
    assert missing.value.error is ErrorCode.BLOB_UNKNOWN


async def test_a_token_is_fetched_where_the_registry_says() -> None:
    async with opened() as registry:
        registry.realm = f"http://127.0.0.1:{registry.port}/token"
        upstream = Upstream(f"http://127.0.0.1:{registry.port}", None, None, BASIC)
        async with RegistryCopies(upstream) as copies:
            assert b"".join([piece async for piece in copies.blob(DIGEST, ["dmc/app"])]) == CONTENT
        assert [word for path, word in registry.asked if path == "/token"] == [BASIC]
        assert registry.asked[-1][1] == "Bearer repository:dmc/app:pull"


async def test_a_realm_elsewhere_is_shown_no_credentials() -> None:
    async with opened() as registry, opened() as other:
        # The same host, but not the origin that was named: only HTTPS may be elsewhere.
        registry.realm = f"http://127.0.0.1:{other.port}/token"
        with pytest.raises(MoorageError, match="not https"):
            await fetched(registry, "dmc/app")
        assert other.asked == []


async def test_where_a_registry_leads_to_is_no_private_address_and_https() -> None:
    async with opened() as registry, opened() as other:
        for url, why in (
            (f"http://127.0.0.1:{other.port}/elsewhere", "not https"),
            (f"https://localhost:{other.port}/elsewhere", "private address"),
            ("https://169.254.169.254/elsewhere", "private address"),
            ("/v2/dmc/app/again", "redirects"),
        ):
            registry.leads_to = url
            with pytest.raises(MoorageError, match=why) as refused:
                await fetched(registry, "dmc/app")
            assert refused.value.error is ErrorCode.UNAVAILABLE
        assert other.asked == []
        registry.leads_to = "/elsewhere"
        assert await fetched(registry, "dmc/app") == CONTENT


async def test_who_is_no_registry_or_answers_nothing_is_told_at_once() -> None:
    async with opened() as registry:
        port = registry.port
        registry.realm = f"http://127.0.0.1:{port}/token"
        assert await fetched(registry, "dmc/app") == CONTENT
        with pytest.raises(MoorageError, match="refuses the credentials"):
            await fetched(registry, "dmc/app", authorization=BASIC[:-4])
    with pytest.raises(MoorageError, match="could not be asked"):
        await fetched(registry, "dmc/app")
