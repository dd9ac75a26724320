"""`moorage group`: groups of people and robots."""

from typing import Annotated

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.output import Json, say, say_json, say_table, when

app = typer.Typer(
    help="Groups of people and robots; roles are given to them with: moorage registry grant --group.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(help="The group's name.", show_default=False)]
User = Annotated[str, typer.Argument(help="The user name of a person or robot.", show_default=False)]


@command(app, "add", "moorage group add ops", "moorage group add dev --directory corp --external 'cn=dev,dc=example'")
def add(
    api: Api,
    name: Name,
    *,
    directory: Annotated[str | None, typer.Option(help="The directory that decides who is in it.")] = None,
    external: Annotated[str | None, typer.Option(help="The group's name in that directory.")] = None,
    as_json: Json = False,
) -> None:
    """Make a group, empty or as the mirror of a directory's group."""
    if (directory is None) is not (external is None):
        raise typer.BadParameter("--directory and --external are given together")
    made = api.request("POST", at("groups"), {"name": name, "directory": directory, "external": external})
    _tell(f"{name} was added", made, as_json=as_json)


@command(app, "list", "moorage group list", "moorage group list ops")
def list_groups(
    api: Api,
    name: Annotated[str | None, typer.Argument(help="A group, to list who is in it.", show_default=False)] = None,
    *,
    as_json: Json = False,
) -> None:
    """List groups, or who is in one."""
    found = api.items(at("groups") if name is None else at("groups", name, "members"))
    if as_json:
        say_json(found)
    elif name is None:
        say_table(("NAME", "MEMBERS", "FROM", "ADDED"), [_row(group) for group in found])
    else:
        say_table(("NAME",), [(member["name"],) for member in found])


@command(app, "delete", "moorage group delete ops")
def delete(api: Api, name: Name, *, as_json: Json = False) -> None:
    """Delete a group, and the roles it holds."""
    api.request("DELETE", at("groups", name))
    _tell(f"{name} was deleted", {"deleted": name}, as_json=as_json)


@command(app, "join", "moorage group join ops mara")
def join(api: Api, name: Name, user: User, *, as_json: Json = False) -> None:
    """Put a person or robot into a group."""
    api.request("PUT", at("groups", name, "members", user))
    _tell(f"{user} is in {name} now", {"group": name, "name": user}, as_json=as_json)


@command(app, "leave", "moorage group leave ops mara")
def leave(api: Api, name: Name, user: User, *, as_json: Json = False) -> None:
    """Take a person or robot out of a group."""
    api.request("DELETE", at("groups", name, "members", user))
    _tell(f"{user} is not in {name} now", {"group": name, "name": user}, as_json=as_json)


def _row(group: dict[str, str | int | None]) -> tuple[str, ...]:
    source = f"{group['directory']}: {group['external']}" if group["directory"] else "-"
    return str(group["name"]), str(group["members"]), source, when(str(group["created_at"]))


def _tell(text: str, fields: object, *, as_json: bool) -> None:
    if as_json:
        say_json(fields)
    else:
        say(text)
