"""`moorage registry`: create, list and delete registries, and say who may do what in them."""

from typing import Annotated

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.domain.access import Role, Visibility
from moorage.domain.name import address_of
from moorage.ui.words import size

app = typer.Typer(
    help="Registries: create, list and delete them, and say who may do what in them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Registry = Annotated[str, typer.Argument(help="The registry's name, as DMC.", show_default=False)]
User = Annotated[str, typer.Argument(help="The person's user name.", show_default=False)]


@command(app, "create", "moorage registry create DMC --description 'Images of the DMC' --visibility internal")
def create(
    api: Api,
    name: Registry,
    description: Annotated[str, typer.Option(help="What it is for; at most 200 characters.")] = "",
    visibility: Annotated[
        Visibility, typer.Option(help="Who may pull: members, everyone signed in, or anyone.")
    ] = Visibility.PRIVATE,
    *,
    as_json: Json = False,
) -> None:
    """Create a registry."""
    sent = {"name": name, "description": description, "visibility": visibility.value}
    made = api.request("POST", at("registries"), sent)
    if as_json:
        say_json(made)
    else:
        say(f"{made['name']} was created; its images are named SERVER/{made['address']}/REPOSITORY")


@command(app, "list", "moorage registry list --json")
def list_registries(api: Api, *, as_json: Json = False) -> None:
    """List registries."""
    found = api.items(at("registries"))
    if as_json:
        say_json(found)
        return
    say_table(
        ("NAME", "VISIBILITY", "REPOSITORIES", "SIZE", "LAST PUSH", "DESCRIPTION"),
        [
            (
                registry["name"],
                registry["visibility"],
                str(registry["repositories"]),
                size(registry["size"]),
                when(registry["pushed_at"]),
                registry["description"],
            )
            for registry in found
        ],
    )


@command(app, "delete", "moorage registry delete DMC")
def delete(api: Api, name: Registry, *, as_json: Json = False) -> None:
    """Delete a registry that holds no images."""
    api.request("DELETE", at("registries", name))
    if as_json:
        say_json({"deleted": address_of(name)})
    else:
        say(f"{name} was deleted")


@command(app, "grant", "moorage registry grant DMC mara writer")
def grant(
    api: Api,
    registry: Registry,
    user: User,
    role: Annotated[Role, typer.Argument(help="Each may also do what the ones before it may.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """Give a person a role in a registry, in place of the one they had."""
    given = api.request("PUT", at("registries", registry, "members", user), {"role": role.value})
    if as_json:
        say_json(given)
    else:
        say(f"{user} is a {role} of {registry} now")


@command(app, "revoke", "moorage registry revoke DMC mara")
def revoke(api: Api, registry: Registry, user: User, *, as_json: Json = False) -> None:
    """Take a person's role in a registry away."""
    api.request("DELETE", at("registries", registry, "members", user))
    if as_json:
        say_json({"name": user, "role": None})
    else:
        say(f"{user} has no role in {registry} now")
