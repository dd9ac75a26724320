"""Every route, command, option and error code is documented; what exists is read out of the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from moorage.app.services import open_services
from moorage.cli import app
from moorage.distribution.blobs import BlobHandlers
from moorage.distribution.catalog import CatalogHandlers
from moorage.distribution.manifests import ManifestHandlers
from moorage.distribution.routes import table
from moorage.distribution.token import TokenHandlers
from moorage.distribution.uploads import UploadHandlers
from moorage.domain.activity import Kind, Reason
from moorage.domain.errors import ErrorCode
from moorage.management.api import ManagementServices, tables
from moorage.settings import load

DOCS = Path(__file__).parent.parent / "docs"
API = (DOCS / "api.md").read_text()
CLI = (DOCS / "cli.md").read_text()
ROUTE = re.compile(r"^\| `([A-Z]+) (/\S+)` \| ([a-z-]+) \|", re.MULTILINE)
ERROR = re.compile(r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \| ([0-9]+) \| (.+) \|$", re.MULTILINE)

# Their options are settings, and a page of their own.
ELSEWHERE = frozenset({"serve", "trust"})
EVERYWHERE = ("--server", "--ca-file", "--data", "--config", "--json")
SHARED = frozenset({*EVERYWHERE, "--help", "-h"})


def commands(found: TyperGroup, *words: str) -> Iterator[tuple[str, TyperCommand]]:
    for name, inner in found.commands.items():
        if isinstance(inner, TyperGroup):
            yield from commands(inner, *words, name)
        else:
            assert isinstance(inner, TyperCommand)
            yield " ".join((*words, name)), inner


def every_command() -> dict[str, TyperCommand]:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return dict(commands(root))


async def test_every_route_is_documented_with_its_permission(tmp_path: Path) -> None:
    async with open_services(load({"data": tmp_path / "data"}, {})) as services:
        distribution = table(
            UploadHandlers(services.uploads, services.blobs, services.registries, services.access),
            BlobHandlers(services.blobs, services.redirects),
            ManifestHandlers(services.manifests, services.tally, services.keeping.image_pulls, services.access),
            CatalogHandlers(services.catalog),
            TokenHandlers(services.issuer, services.access),
        )
        offered = ManagementServices(
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
        management = [row for rows in tables(offered).values() for row in rows]
    wanted = [(row.method, row.template, row.action.value) for row in distribution]
    wanted += [(row.method, "/api/v1" + row.path.replace(":path", ""), row.action.value) for row in management]
    assert sorted(ROUTE.findall(API)) == sorted(wanted)


def test_every_error_is_documented_as_it_is() -> None:
    documented = {name: (code, int(status), text) for name, code, status, text in ERROR.findall(API)}
    assert documented == {error.name: (error.code, error.status.value, error.message) for error in ErrorCode}


def test_every_kind_of_activity_is_documented() -> None:
    table = (DOCS / "activity.md").read_text().split("| what | target |", 1)[1].split("\n\n", 1)[0]
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == sorted(Kind)


def test_every_reason_of_a_refused_sign_in_is_documented() -> None:
    table = (DOCS / "activity.md").read_text().split("| `reason` | means |", 1)[1].split("\n\n", 1)[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(Reason)


def test_every_command_is_documented() -> None:
    titles = re.findall(r"^## moorage (.+)$", CLI, re.MULTILINE)
    listed = re.findall(r"^\| `moorage (.+?)` \|", CLI, re.MULTILINE)
    assert sorted(titles) == sorted(listed) == sorted(every_command())


@pytest.mark.parametrize("name", sorted(set(every_command()) - ELSEWHERE))
def test_every_option_is_documented_with_its_command(name: str) -> None:
    section = re.split(r"^## ", CLI.split(f"## moorage {name}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    for parameter in every_command()[name].params:
        for flag in parameter.opts:
            if flag.startswith("-") and flag not in SHARED:
                assert f"`{flag}`" in section, flag
    for flag in EVERYWHERE:
        assert f"`{flag}" in CLI.split("## ", 1)[0]
