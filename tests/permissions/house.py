"""A server with private registries, and everything in them that a route can name."""

import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from moorage.app.services import SYSTEM, Services, open_services
from moorage.app.worker import build
from moorage.distribution.blobs import BlobHandlers
from moorage.distribution.catalog import CatalogHandlers
from moorage.distribution.http import Receive, Scope, Send
from moorage.distribution.manifests import ManifestHandlers
from moorage.distribution.routes import table as distribution_table
from moorage.distribution.token import TokenHandlers
from moorage.distribution.uploads import UploadHandlers
from moorage.domain.access import Caller, Role, Visibility
from moorage.domain.digest import Algorithm, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Tag, parse_repository
from moorage.domain.retention import Rule
from moorage.management.api import tables as management_tables
from moorage.services.access_tokens import USUAL_ACTIONS, Wish, usual_end
from moorage.services.records import Holder, HolderKind
from moorage.services.web_sign_in import Arrival, Departure, Offer
from moorage.settings import load
from moorage.telemetry import Metrics
from moorage.ui.pages import table as page_table
from moorage.ui.view import Assets, View
from moorage.ui.visit import UiServices, UiSettings
from tests.management.world import PASSWORD, PEOPLE, World
from tests.permissions.rules import routes

SITE = "https://proget:5443"
LAYER = b"the layer of %s"


class Doors:
    """One directory to sign in at, where nobody comes back from as who they say they are."""

    offers = (Offer("corp", "Corp"),)

    async def depart(self, *_: object) -> Departure:
        return Departure("https://id.example.org/", "kept")

    async def arrive(self, *_: object) -> Arrival:
        raise MoorageError(ErrorCode.CONFLICT)


@dataclass(frozen=True)
class Cell:
    """A row of one of the three tables, and what docs/ says that it needs."""

    method: str
    path: str
    part: str

    @property
    def needs(self) -> str:
        """The action; a route that docs/ doesn't have fails here."""
        method = "GET" if self.method == "HEAD" and self.part != "distribution" else self.method
        return routes()[method, self.path]

    @property
    def names(self) -> list[str]:
        """The parts of the path that stand for something."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def place(self) -> str:
        """What it is done to: a repository, a registry as a whole or one that was deleted, or the server."""
        if "deleted" in self.names:
            return "deleted registry"
        if {"name", "repository", "path"} & set(self.names):
            return "repository"
        return "registry" if "registry" in self.names else "server"

    @property
    def ends(self) -> bool:
        """Whether something is gone after it, without a word more."""
        return self.method == "DELETE" or self.ends_session or self.path.endswith("/restore")

    @property
    def ends_session(self) -> bool:
        """Whether who asks may have to sign in again."""
        return self.path in {"/-/sign-out", "/-/account/unlink/{directory}"}

    @property
    def is_page(self) -> bool:
        """Whether people see it."""
        return self.part == "pages"


@dataclass(frozen=True)
class Asker:
    """Somebody, as requests show them: by the header that programs send, or by the cookie of a session."""

    name: str
    authorization: str | None = None
    cookie: str | None = None
    csrf: str = ""
    upload: str = "0"
    account: str = ""
    """Whose session it is."""


@dataclass
class House:
    """The server."""

    services: Services
    world: World
    http: httpx.AsyncClient
    database: Path
    names: dict[str, str] = field(default_factory=dict)

    def filled(self, path: str, /, **other: str) -> str:
        """Return a path that names what there is, or other things."""
        robot = "ci" if "{registry}" in path else "mirror"
        names = {**self.names, "robot": robot, **other}
        return re.sub(r"{(\w+)}", lambda name: names[name[1]], path)

    async def ask(
        self, cell: Cell, who: Asker, /, *, body: object = None, query: str = "", **other: str
    ) -> httpx.Response:
        """Send the request of a cell."""
        headers, cookies = {"origin": SITE}, {}
        if who.authorization is not None:
            headers["authorization"] = who.authorization
        if who.cookie is not None:
            cookies["__Host-moorage"] = who.cookie
            headers["x-csrf-token"] = who.csrf
        self.http.cookies = httpx.Cookies(cookies)
        # What is brought back is another deletion than what is freed.
        entry = self.names["entry"] if cell.method == "DELETE" else self.names["restored"]
        deleted = self.names["freed"] if cell.method == "DELETE" else self.names["back"]
        path = self.filled(cell.path, **{"id": who.upload, "entry": entry, "deleted": deleted, **other})
        sent: dict[str, Any] = {} if body is None or cell.method in {"GET", "HEAD"} else {"json": body}
        if "{id}" in cell.path:
            query += f"&digest={self.names['digest']}"
        if cell.is_page and cell.method == "POST":
            sent = {"data": {"csrf": who.csrf}}
        return await self.http.request(
            cell.method, f"{path}{'&' if '?' in path else '?'}{query}".rstrip("?&"), headers=headers, **sent
        )

    async def session(self, name: str) -> Asker:
        """Let somebody sign in."""
        opened = await self.services.accounts.sign_in(name, PASSWORD)
        assert opened is not None
        return Asker(
            f"the session of {name}",
            cookie=opened[0],
            csrf=opened[1].csrf,
            upload=await self.upload(name),
            account=name,
        )

    async def upload(self, name: str, repository: str = "dmc/team/app") -> str:
        """Begin an upload in somebody's name."""
        begun = await self.services.uploads.begin(Caller(name=name), parse_repository(repository), Algorithm.SHA256)
        return begun.id

    async def empty(self, registry: str) -> None:
        """Delete all repositories of a registry for good."""
        for found in await self.services.catalog.repositories(SYSTEM, registry):
            await self.services.catalog.delete_repository(SYSTEM, found.name)
        await self.services.keeping.trash.free_all(SYSTEM, registry)

    def state(self) -> list[str]:
        """Return all there is, to compare with."""
        with closing(sqlite3.connect(self.database)) as database:
            return list(database.iterdump())

    @cached_property
    def cells(self) -> list[Cell]:
        """Return all rows of the three tables; HEAD is a row of its own wherever GET is."""
        every = [*self._distribution(), *self._pages(), *self._management()]
        # What ends things comes last, the innermost first, so that all find something to answer with.
        return sorted(every, key=lambda cell: (cell.ends, cell.path.endswith("s/{registry}"), -cell.path.count("/")))

    def _distribution(self) -> Iterator[Cell]:
        services = self.services
        rows = distribution_table(
            UploadHandlers(services.uploads, services.blobs, services.registries, services.access),
            BlobHandlers(services.blobs, services.redirects),
            ManifestHandlers(services.manifests, services.tally, services.keeping.image_pulls, services.access),
            CatalogHandlers(services.catalog),
            TokenHandlers(services.issuer, services.access),
        )
        yield from (Cell(row.method, row.template, "distribution") for row in rows)

    def _management(self) -> Iterator[Cell]:
        for row in (row for table in management_tables(self.world.offered).values() for row in table):
            yield from _with_head(row.method, "/api/v1" + row.path.replace(":path", ""), "management")

    def _pages(self) -> Iterator[Cell]:
        services, settings = self.services, UiSettings("1.2.3", lambda: 0.0)
        parts = UiServices(
            services.access,
            services.accounts,
            services.registries,
            services.catalog,
            services.manifests,
            services.tags,
            services.immutable,
            services.elsewhere,
            services.keeping.verify,
            services.keeping.trash,
            services.keeping.registry_trash,
            services.collect,
            services.keeping.retention,
            services.keeping.server_quota,
            services.keeping.retention_runs,
            services.keeping.run_trash,
            services.keeping.cleanup,
            services.keeping.disk,
        )
        for row in page_table(parts, View(settings, Assets())):
            yield from _with_head(row.method, row.path.replace(":path", ""), "pages")


def _with_head(method: str, path: str, part: str) -> Iterator[Cell]:
    yield Cell(method, path, part)
    if method == "GET":
        yield Cell("HEAD", path, part)


@contextmanager
def earlier(seconds: float) -> Iterator[None]:
    """Let things happen some time ago."""
    then = time.time() - seconds
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: then)
        yield


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    """Open a server on a folder: registry DMC has people in each role, ALT is as full, and nobody is a member."""
    directories = folder / "directories.toml"
    directories.write_text('[oidc.corp]\nissuer = "https://id.example.org"\nclient_id = "moorage"\n')
    settings = load({"data": folder / "data", "directories": directories}, {})
    with pytest.MonkeyPatch.context() as patch:
        # What a hash costs is another test's matter.
        patch.setattr("moorage.auth.passwords.MEMORY_KIB", 8)
        patch.setattr("moorage.auth.passwords.PASSES", 1)
        async with open_services(settings) as services:
            patch.setattr(services.elsewhere, "_doors", Doors())
            web = build(settings, services, Metrics(), None)

            async def front(scope: Scope, receive: Receive, send: Send) -> None:
                await web({**scope, "state": {"request_id": "request-7"}}, receive, send)

            transport = httpx.ASGITransport(app=front, raise_app_exceptions=False)
            world = World(services)
            async with httpx.AsyncClient(transport=transport, base_url=SITE) as http, world.http:
                assert settings.database_file is not None
                house = House(services, world, http, settings.database_file)
                await _fill(house)
                yield house


async def _fill(house: House) -> None:
    services, world = house.services, house.world
    entries: list[str] = []
    await services.accounts.ensure_admin(PASSWORD)
    await services.registries.create(SYSTEM, "Open", visibility=Visibility.PUBLIC)
    images: dict[str, str] = {}
    for name in ("DMC", "ALT"):
        await services.registries.create(SYSTEM, name)
        for path in ("team/app", "own/app"):
            image = f"{name.lower()}/{path}"
            digest = images[image] = await world.image(image, "1", f"of-{name.lower()}", layer=LAYER % image.encode())
            for _ in range(2):
                await world.image(image, "deleted")
                gone = await services.tags.delete(SYSTEM, parse_repository(image), Tag("deleted"))
                entries.append(str(gone.entry))
            await world.image(image, subject={"mediaType": "application/x", "digest": digest, "size": 1})
    await services.groups.create(SYSTEM, "ops")
    for name, role in {**PEOPLE, "narrow": None}.items():
        await world.person(name)
        if role is not None:
            await services.registries.set_member(SYSTEM, "dmc", name, role)
    await services.grants.give(SYSTEM, "dmc", Holder(HolderKind.USER, "narrow"), "own/*", Role.MAINTAINER)
    await services.grants.give(SYSTEM, "dmc", Holder(HolderKind.USER, "reader"), "team/*", Role.READER)
    await services.grants.give(SYSTEM, "dmc", Holder(HolderKind.GROUP, "ops"), "team/*", Role.READER)
    await services.groups.join(SYSTEM, "ops", "reader")
    await services.directories.link_named(SYSTEM, "reader", "corp", "1")
    await services.robots.create(SYSTEM, "ci", "dmc")
    await services.robots.create(SYSTEM, "mirror")
    for name in ("ci", "mirror", "reader"):
        await services.access_tokens.create(SYSTEM, name, Wish("one", USUAL_ACTIONS, ["*"], usual_end(time.time())))
    freed, back = [await _deleted_registry(house, name) for name in ("Freed", "Back")]
    for address in ("dmc", "alt"):
        await services.keeping.retention.create(SYSTEM, address, "Ten", Rule(newest=10))
    run = await world.let_go()
    await services.keeping.retention_runs.ask(SYSTEM, "alt")
    house.names |= {
        "name": "dmc/team/app",
        "registry": "dmc",
        "repository": "team/app",
        "path": "team/app",
        "user": "reader",
        "group": "ops",
        "pattern": "team/*",
        "reference": "1",
        "tag": "1",
        "digest": digest_of(LAYER % b"dmc/team/app"),
        "id": "0",
        "entry": entries[0],
        "restored": entries[1],
        "freed": freed,
        "back": back,
        "inside": "team/app",
        "directory": "corp",
        "token": "one",
        "rule": "1",
        "run": str(run),
        "image": images["dmc/team/app"],
    }


async def _deleted_registry(house: House, name: str) -> str:
    """Delete a registry in which people have the roles that they have in DMC, and return its deletion's number."""
    services, world = house.services, house.world
    await services.registries.create(SYSTEM, name)
    await world.image(f"{name.lower()}/team/app", "1")
    for person, role in PEOPLE.items():
        if role is not None:
            await services.registries.set_member(SYSTEM, name.lower(), person, role)
    return str((await services.keeping.registry_trash.delete(SYSTEM, name.lower())).entry.id)
