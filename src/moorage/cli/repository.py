"""`moorage repository`: look at repositories, and delete them."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli.folder import Config, Data, work
from moorage.cli.output import Json, day, examples, moment, say, say_json, say_table
from moorage.domain.access import Caller
from moorage.domain.name import address_of, parse_repository
from moorage.services import records
from moorage.ui.words import number, size

if TYPE_CHECKING:
    from moorage.app.services import Services

app = typer.Typer(help="Repositories: list and delete them.", no_args_is_help=True, pretty_exceptions_enable=False)

ROWS = 500


@app.command("list", epilog=examples("moorage repository list DMC"))
def list_repositories(
    registry: Annotated[str, typer.Argument(help="The registry's name, as DMC.", show_default=False)],
    data: Data = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """List a registry's repositories."""

    async def story(services: "Services", caller: Caller) -> list[records.RepositoryRecord]:
        found: list[records.RepositoryRecord] = []
        after = ""
        while page := await services.catalog.repositories(caller, address_of(registry), after, ROWS):
            found.extend(page)
            after = page[-1].name.path
        return found

    found = work(data, config, story)
    if as_json:
        say_json([_fields(record) for record in found])
        return
    say_table(
        ("NAME", "TAGS", "SIZE", "LAST PUSH", "BY", "DESCRIPTION"),
        [
            (
                str(record.name),
                str(record.tags),
                size(record.size),
                day(record.pushed_at),
                record.pushed_by,
                record.description,
            )
            for record in found
        ],
    )


@app.command("delete", epilog=examples("moorage repository delete dmc/team/app --yes"))
def delete(
    name: Annotated[str, typer.Argument(help="Its name, as dmc/team/app.", show_default=False)],
    data: Data = None,
    config: Config = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a repository with all its images."""
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask on; use --yes")

    async def look(services: "Services", caller: Caller) -> records.RepositoryRecord:
        return await services.catalog.repository(caller, parse_repository(name))

    async def story(services: "Services", caller: Caller) -> records.Deletion:
        return await services.catalog.delete_repository(caller, parse_repository(name))

    if not yes:
        found = work(data, config, look)
        typer.confirm(f"Delete {name} with {number(found.tags, 'tag')}, {size(found.size)}?", abort=True)
    gone = work(data, config, story)
    if as_json:
        say_json({"tags": gone.tags, "images": gone.images, "frees": gone.frees})
    else:
        what = f"{number(len(gone.tags), 'tag')} and {number(len(gone.images), 'image')}"
        say(f"{name} was deleted with {what}; {size(gone.frees)} come free when no lease holds them")


def _fields(record: records.RepositoryRecord) -> dict[str, object]:
    return {
        "name": record.name.path,
        "image": str(record.name),
        "description": record.description,
        "created_at": moment(record.created_at),
        "pushed_at": moment(record.pushed_at),
        "pushed_by": record.pushed_by,
        "tags": record.tags,
        "size": record.size,
    }
