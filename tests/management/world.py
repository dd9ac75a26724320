"""A server with people, registries and images, and its management API in process."""

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import httpx
from sqlalchemy import update
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from moorage.app.services import SYSTEM, Services
from moorage.domain.access import ANONYMOUS, Caller, Role
from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.domain.name import Tag, parse_repository
from moorage.domain.upload import Piece
from moorage.management.api import ManagementServices, build
from moorage.metastore.steps import Database, Steps
from moorage.metastore.tables import deletions

PASSWORD = "correct horse battery"
CSRF = "token-of-the-session"
PEOPLE: Mapping[str, Role | None] = {
    "stranger": None,
    "reader": Role.READER,
    "writer": Role.WRITER,
    "maintainer": Role.MAINTAINER,
    "owner": Role.OWNER,
}

_numbers = itertools.count()


class World:
    """The API over real services; who asks is told by the header `x-caller`, or by the cookie `session`."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.offered = ManagementServices(
            access=services.access,
            access_tokens=services.access_tokens,
            accounts=services.accounts,
            activity=services.activity,
            catalog=services.catalog,
            cleanup=services.keeping.cleanup,
            collect=services.collect,
            disk=services.keeping.disk,
            directories=services.directories,
            explanations=services.explanations,
            grants=services.grants,
            groups=services.groups,
            keys=services.keys,
            retention_runs=services.keeping.retention_runs,
            run_trash=services.keeping.run_trash,
            pins=services.keeping.pins,
            registries=services.registries,
            retention=services.keeping.retention,
            server_quota=services.keeping.server_quota,
            robots=services.robots,
            tags=services.tags,
            repair=services.keeping.repair,
            verify=services.keeping.verify,
            trash=services.keeping.trash,
            registry_trash=services.keeping.registry_trash,
        )
        self._callers: dict[str, Caller] = {"admin": SYSTEM}
        app = build(self.offered, self._who, "1.2.3", csrf=_csrf, asset=lambda name: f"/-/static/{name}")
        transport = httpx.ASGITransport(_front(app))
        self.http = httpx.AsyncClient(transport=transport, base_url="https://proget:5443")

    async def _who(self, request: Request) -> Caller:
        name = request.headers.get("x-caller") or request.cookies.get("session", "")
        if name == "wrong":
            raise MoorageError(ErrorCode.UNAUTHORIZED, "wrong user name or password")
        return self._callers.get(name, ANONYMOUS)

    def meet(self, caller: Caller) -> None:
        """Let requests be made in a caller's name."""
        self._callers[caller.name] = caller

    async def person(self, name: str) -> None:
        """Add an account."""
        account = await self.services.accounts.add(SYSTEM, name, PASSWORD)
        self.meet(Caller(account.id, account.name))

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        caller: str = "admin",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request to a path below `/api/v1`."""
        sent = {"x-caller": caller, **(headers or {})}
        return await self.http.request(method, f"/api/v1{path}", json=body, headers=sent)

    async def image(self, name: str, *tags: str, layer: bytes = b"a layer", **members: Any) -> Digest:  # noqa: ANN401  JSON
        """Push an image."""
        blobs = [await self._blob(name, content) for content in (b"{}", layer)]
        config, above = ({"mediaType": "application/x", "digest": digest, "size": size} for digest, size in blobs)
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [above], **members}
        return await self._manifest(name, document, tags)

    async def delete_tag(self) -> int:
        """Delete a tag of `dmc/team/app` and return the number of its deletion."""
        await self.image("dmc/team/app", "deleted")
        gone = await self.services.tags.delete(SYSTEM, parse_repository("dmc/team/app"), Tag("deleted"))
        assert gone.entry is not None
        return gone.entry

    async def let_go(self) -> int:
        """Delete a tag as a run of retention does, and return the run's number."""
        entry = await self.delete_tag()
        run = await self.services.keeping.retention_runs.ask(SYSTEM, "dmc")

        def story() -> Steps[None]:
            yield update(deletions).where(deletions.c.id == entry).values(run_id=run.id), {}

        await cast("Database", self.services.health).write(story)
        return run.id

    async def delete_registry(self) -> int:
        """Make a registry with an image, delete it, and return the number of its deletion."""
        made = await self.services.registries.create(SYSTEM, f"Old{next(_numbers)}")
        await self.image(f"{made.address}/team/app", "1")
        return (await self.services.keeping.registry_trash.delete(SYSTEM, made.address)).entry.id

    async def index(self, name: str, *tags: str, children: Mapping[str, Digest]) -> Digest:
        """Push an index of images by architecture."""
        manifests = [
            {
                "mediaType": OCI_MANIFEST,
                "digest": digest,
                "size": 1,
                "platform": {"os": "linux", "architecture": architecture},
            }
            for architecture, digest in children.items()
        ]
        return await self._manifest(name, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}, tags)

    async def _blob(self, name: str, content: bytes) -> tuple[Digest, int]:
        async def body() -> AsyncIterator[bytes]:
            yield content

        repository, digest = parse_repository(name), digest_of(content)
        upload = await self.services.uploads.begin(SYSTEM, repository, Algorithm.SHA256)
        await self.services.uploads.finish(SYSTEM, repository, upload.id, digest, Piece(0, len(content)), body())
        return digest, len(content)

    async def _manifest(self, name: str, document: Mapping[str, Any], tags: tuple[str, ...]) -> Digest:
        content = json.dumps(document).encode()
        names = [Tag(tag) for tag in tags]
        made = await self.services.manifests.put(
            SYSTEM, parse_repository(name), None, names, content, document["mediaType"]
        )
        return made.digest


async def _csrf(request: Request) -> str | None:
    return CSRF if "session" in request.cookies and not request.headers.get("x-caller") else None


def _front(app: ASGIApp) -> ASGIApp:
    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {"request_id": "request-7"}}, receive, send)

    return front
