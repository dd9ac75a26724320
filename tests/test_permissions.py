"""Every route of the three interfaces lets through whom the table of permissions lets through, and nobody else."""

import re
import runpy
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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
from moorage.domain.access import ROLE_MAY, Action, Caller, Grant, Place, Role, Visibility, is_allowed
from moorage.domain.errors import ErrorCode, MoorageError
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

TOOL = Path(__file__).parent.parent / "tools" / "permissions.py"
EVERYBODY = ("nobody", *PEOPLE, "admin")
SITE = "https://proget:5443"
NAMES = {
    "name": "dmc/team/app",
    "registry": "dmc",
    "repository": "team/app",
    "path": "team/app",
    "user": "reader",
    "group": "ops",
    "pattern": "team/*",
    "reference": "1",
    "tag": "1",
    "digest": "sha256:" + "0" * 64,
    "id": "0",
    "directory": "corp",
    "token": "one",
}


class Doors:
    """One directory to sign in at, where nobody comes back from as who they say they are."""

    offers = (Offer("corp", "Corp"),)

    async def depart(self, *_: object) -> Departure:
        return Departure("https://id.example.org/", "kept")

    async def arrive(self, *_: object) -> Arrival:
        raise MoorageError(ErrorCode.CONFLICT)


@dataclass(frozen=True)
class Cell:
    """A row of one of the three tables."""

    method: str
    path: str
    action: Action

    def of(self, **other: str) -> str:
        """Return the path filled with the names of what there is, or of other things."""
        robot = "ci" if "{registry}" in self.path else "mirror"
        return re.sub(r"{(\w+)(?::path)?}", lambda name: {"robot": robot, **NAMES, **other}[name[1]], self.path)


@dataclass(frozen=True)
class House:
    """A server whose registry DMC is private, and everybody who may ask it something."""

    services: Services
    http: httpx.AsyncClient

    async def ask(self, cell: Cell, who: str, /, **other: str) -> httpx.Response:
        """Send the request of a cell, with a password or, for pages, with a session."""
        is_page = cell in self.pages
        headers, cookies, form = {}, {}, {}
        if is_page:
            headers["origin"] = SITE
            opened = None if who == "nobody" else await self.services.accounts.sign_in(who, PASSWORD)
            if opened is not None:
                cookies["__Host-moorage"], form["csrf"] = opened[0], opened[1].csrf
        auth = None if is_page or who == "nobody" else (who, PASSWORD)
        self.http.cookies = httpx.Cookies(cookies)
        data = form if cell.method == "POST" and is_page else None
        return await self.http.request(cell.method, cell.of(**other), headers=headers, auth=auth, data=data)

    @property
    def distribution(self) -> list[Cell]:
        """Return the rows of `/v2/` and the token service."""
        services = self.services
        rows = distribution_table(
            UploadHandlers(services.uploads, services.blobs, services.registries, services.access),
            BlobHandlers(services.blobs),
            ManifestHandlers(services.manifests, services.tally),
            CatalogHandlers(services.catalog),
            TokenHandlers(services.issuer, services.access),
        )
        return [Cell(row.method, row.template, row.action) for row in rows]

    @property
    def management(self) -> list[Cell]:
        """Return the rows of `/api/v1/`."""
        rows = [row for table in management_tables(World(self.services).offered).values() for row in table]
        return [Cell(row.method, "/api/v1" + row.path, row.action) for row in rows]

    @property
    def pages(self) -> list[Cell]:
        """Return the rows of the web interface."""
        services, settings = self.services, UiSettings("1.2.3", lambda: 0.0)
        parts = UiServices(
            services.access,
            services.accounts,
            services.registries,
            services.catalog,
            services.manifests,
            services.elsewhere,
        )
        return [Cell(row.method, row.path, row.action) for row in page_table(parts, View(settings, Assets()))]

    @property
    def cells(self) -> list[Cell]:
        """Return all rows; what deletes comes last, the innermost first, so that all find something to answer with."""
        every = [*self.distribution, *self.pages, *self.management]
        return sorted(every, key=lambda cell: (cell.method == "DELETE", -cell.path.count("/")))


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    (tmp_path / "directories.toml").write_text(
        '[oidc.corp]\nissuer = "https://id.example.org"\nclient_id = "moorage"\n'
    )
    settings = load({"data": tmp_path / "data", "directories": tmp_path / "directories.toml"}, {})
    async with open_services(settings) as services:
        monkeypatch.setattr(services.elsewhere, "_doors", Doors())
        world = World(services)
        await services.accounts.ensure_admin(PASSWORD)
        await services.registries.create(SYSTEM, "DMC")
        await services.registries.create(SYSTEM, "Open", visibility=Visibility.PUBLIC)
        await services.groups.create(SYSTEM, "ops")
        await world.image("dmc/team/app", "1")
        for name, role in PEOPLE.items():
            await world.person(name)
            if role is not None:
                await services.registries.set_member(SYSTEM, "dmc", name, role)
        await services.groups.join(SYSTEM, "ops", "reader")
        for holder in (Holder(HolderKind.USER, "reader"), Holder(HolderKind.GROUP, "ops")):
            await services.grants.give(SYSTEM, "dmc", holder, NAMES["pattern"], Role.READER)
        await services.directories.link_named(SYSTEM, "reader", "corp", "1")
        await services.robots.create(SYSTEM, "ci", "dmc")
        await services.robots.create(SYSTEM, "mirror")
        for name in ("ci", "mirror", "reader"):
            await services.access_tokens.create(SYSTEM, name, Wish("one", USUAL_ACTIONS, ["*"], usual_end(time.time())))
        web = build(settings, services, Metrics(), None)

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            await web({**scope, "state": {"request_id": "request-7"}}, receive, send)

        transport = httpx.ASGITransport(app=front, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=SITE) as http, world.http:
            yield House(services, http)


def may(name: str, action: Action) -> bool:
    if action is Action.OWN_ACCOUNT and name == NAMES["user"]:
        return True
    if name == "nobody":
        return is_allowed(Caller(), action, Place(Visibility.PRIVATE))
    role = PEOPLE.get(name)
    place = Place(Visibility.PRIVATE, () if role is None else (Grant(role),))
    return is_allowed(Caller(1, name, name == "admin"), action, place)


def code_of(answer: httpx.Response) -> str:
    if "json" not in answer.headers.get("content-type", ""):
        return ""
    document = answer.json()
    return str(document["errors"][0]["code"] if "detail" not in document else document["code"])


def refusal_of(answer: httpx.Response) -> int | None:
    """Return with which status it was refused, None if it was not; being sent to sign in is 401."""
    if answer.status_code == 303 and answer.headers["location"].startswith("/-/sign-in?next="):
        return 401
    is_absent = answer.status_code == 404 and code_of(answer) in {"", "NAME_UNKNOWN", "NOT_FOUND"}
    return answer.status_code if is_absent or answer.status_code in {401, 403} else None


def expected(house: House, cell: Cell, name: str) -> set[int | None]:
    if name == "nobody" and cell.path in {"/v2/", "/v2/_catalog"}:
        # Docker sends credentials only where it is asked for them.
        return {401}
    if may(name, cell.action):
        return {None}
    if name == "nobody":
        return {401, 404} if cell in house.pages else {401}
    return {404 if name == "stranger" and {"{name}", "{registry}"} & set(re.findall(r"{\w+}", cell.path)) else 403}


@pytest.mark.parametrize("name", EVERYBODY)
async def test_only_those_who_may_get_through(house: House, name: str) -> None:
    for cell in house.cells:
        answer = await house.ask(cell, name)
        assert answer.status_code < 500, (cell, answer.text)
        if answer.request.method == "HEAD" and answer.status_code == 404:
            continue
        assert refusal_of(answer) in expected(house, cell, name), (cell, answer.status_code, answer.text)


def seen(answer: httpx.Response, other: str) -> tuple[int, Mapping[str, str], str]:
    """Return what a stranger sees, without what differs between two answers for the same thing."""
    text = re.sub(r'(data-now|name="csrf" value)="[^"]*"', "", answer.text.replace(other, "dmc"))
    headers = {name: value.replace(other, "dmc") for name, value in answer.headers.items() if name != "content-length"}
    return answer.status_code, headers, text


@pytest.mark.parametrize("who", ["nobody", "stranger"])
async def test_what_one_may_not_see_answers_like_what_does_not_exist(house: House, who: str) -> None:
    for cell in house.cells:
        if "{registry}" not in cell.path and "{name}" not in cell.path:
            continue
        hidden = await house.ask(cell, who)
        missing = await house.ask(cell, who, registry="xyz", name="xyz/team/app")
        assert seen(hidden, "dmc") == seen(missing, "xyz"), cell
        if "{name}" in cell.path or "path}" in cell.path or "repository" in cell.path:
            absent = await house.ask(cell, who, name="dmc/team/nil", repository="team/nil", path="team/nil")
            assert seen(hidden, "dmc")[0] == absent.status_code, cell


def test_the_documented_table_is_the_one_that_decides() -> None:
    tool = runpy.run_path(str(TOOL))
    page = tool["PAGE"].read_text()
    assert page == tool["written"](), f"write the table anew: .venv/bin/python {TOOL.parent.name}/{TOOL.name}"
    rows = {line.split(" | ")[0].strip("| "): line.split("|")[2:-1] for line in tool["table"]().splitlines()}
    actions = [cell.strip(" `") for cell in next(iter(rows.values()))]
    for role in Role:
        marked = {action for action, mark in zip(actions, rows[role.value], strict=True) if mark.strip()}
        assert marked == {action.value for action in ROLE_MAY[role]}
