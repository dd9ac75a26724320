"""`moorage robot`: accounts of programs."""

from typing import Annotated

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.domain.name import address_of

app = typer.Typer(
    help="Robots: accounts of programs, which sign in with access tokens only.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(help="The robot's name.", show_default=False)]
Registry = Annotated[
    str | None, typer.Option(help="The registry it belongs to; the server if not given.", show_default=False)
]


@command(app, "create", "moorage robot create dmc-ci --registry DMC", "moorage robot create mirror")
def create(api: Api, name: Name, registry: Registry = None, *, as_json: Json = False) -> None:
    """Make a robot; it may do nothing until it is given a role and an access token."""
    made = api.request("POST", at(*_robots(registry)), {"name": name})
    if as_json:
        say_json(made)
        return
    say(f"{name} was made; give it a role: moorage registry grant {registry or 'REGISTRY'} {name} writer")
    of_registry = f" --registry {registry}" if registry else ""
    say(f"and an access token: moorage token create {name} NAME{of_registry}")


@command(app, "list", "moorage robot list --registry DMC --json")
def list_robots(api: Api, registry: Registry = None, *, as_json: Json = False) -> None:
    """List robots of the server, or of a registry."""
    found = api.items(at(*_robots(registry)))
    if as_json:
        say_json(found)
        return
    rows = [(one["name"], "disabled" if one["is_disabled"] else "active", when(one["created_at"])) for one in found]
    say_table(("NAME", "STATE", "ADDED"), rows)


@command(app, "disable", "moorage robot disable dmc-ci --registry DMC")
def disable(api: Api, name: Name, registry: Registry = None, *, as_json: Json = False) -> None:
    """Keep a robot from signing in, at once."""
    robot = api.request("PATCH", at(*_robots(registry), name), {"is_disabled": True})
    if as_json:
        say_json(robot)
    else:
        say(f"{name} can't sign in now")


@command(app, "enable", "moorage robot enable dmc-ci --registry DMC")
def enable(api: Api, name: Name, registry: Registry = None, *, as_json: Json = False) -> None:
    """Let a disabled robot sign in again."""
    robot = api.request("PATCH", at(*_robots(registry), name), {"is_disabled": False})
    if as_json:
        say_json(robot)
    else:
        say(f"{name} can sign in again")


@command(app, "delete", "moorage robot delete dmc-ci --registry DMC")
def delete(api: Api, name: Name, registry: Registry = None, *, as_json: Json = False) -> None:
    """Delete a robot with its access tokens and roles, at once."""
    api.request("DELETE", at(*_robots(registry), name))
    if as_json:
        say_json({"deleted": name})
    else:
        say(f"{name} was deleted")


def _robots(registry: str | None) -> tuple[str, ...]:
    """Return where the robots are."""
    return ("robots",) if registry is None else ("registries", address_of(registry), "robots")
