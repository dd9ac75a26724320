"""`moorage repository`: look at repositories, and delete them."""

from typing import Annotated

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.consent import Override, Yes, agree, because, check_can_ask
from moorage.cli.image import aftermath, outlook, place_of
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.domain.name import parse_repository
from moorage.ui.words import number, size

app = typer.Typer(
    help="Repositories: list, show and delete them.", no_args_is_help=True, pretty_exceptions_enable=False
)


@command(app, "list", "moorage repository list DMC")
def list_repositories(
    api: Api,
    registry: Annotated[str, typer.Argument(help="The registry's name, as DMC.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """List a registry's repositories."""
    found = api.items(at("registries", registry, "repositories"))
    if as_json:
        say_json(found)
        return
    say_table(
        ("NAME", "TAGS", "SIZE", "DELETED", "LAST PUSH", "BY", "DESCRIPTION"),
        [
            (
                repository["image"],
                str(repository["tags"]),
                size(repository["size"]),
                size(repository["deleted"]),
                when(repository["pushed_at"]),
                repository["pushed_by"],
                repository["description"],
            )
            for repository in found
        ],
    )


@command(app, "show", "moorage repository show dmc/team/app", "moorage repository show dmc/team/app --json")
def show(
    api: Api,
    name: Annotated[str, typer.Argument(help="Its name, as dmc/team/app.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """Show a repository and the space it takes, to whoever may delete in it."""
    repository = parse_repository(name)
    found = api.request("GET", place_of(repository))
    space = api.request("GET", place_of(repository, "space"))
    if as_json:
        say_json({**found, "space": space})
        return
    say_table(
        ("NAME", "TAGS", "IN USE", "DELETED", "ON DISK", "LAST PUSH", "BY", "DESCRIPTION"),
        [
            (
                found["image"],
                str(found["tags"]),
                *(size(space[part]) for part in ("size", "deleted", "stored")),
                when(found["pushed_at"]),
                found["pushed_by"],
                found["description"],
            )
        ],
    )


@command(app, "delete", "moorage repository delete dmc/team/app --yes")
def delete(
    api: Api,
    name: Annotated[str, typer.Argument(help="Its name, as dmc/team/app.", show_default=False)],
    *,
    yes: Yes = False,
    override: Override = None,
    as_json: Json = False,
) -> None:
    """Delete a repository with all its images."""
    check_can_ask(yes=yes)
    repository = parse_repository(name)
    place = place_of(repository)

    def question(found: dict[str, int]) -> str:
        plan = api.request("GET", place_of(repository, "deletion"))
        what = f"{number(found['tags'], 'tag')} and {number(len(plan['images']), 'image')}, {size(found['size'])}"
        return f"Delete {name} with {what}? {outlook(plan)}"

    shown = agree(api, place, question, yes=yes)
    gone = api.request("DELETE", because(place, override), match=shown)
    if as_json:
        say_json(gone)
    else:
        what = f"{number(len(gone['tags']), 'tag')} and {number(len(gone['images']), 'image')}"
        say(f"{name} was deleted with {what}")
        say(aftermath(repository, gone))
