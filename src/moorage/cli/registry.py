"""`moorage registry`: create, list and delete registries, and say who may do what in them."""

from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli.folder import Config, Data, work
from moorage.cli.output import Json, day, examples, moment, say, say_json, say_table
from moorage.domain.access import Caller, Role, Visibility
from moorage.domain.name import address_of
from moorage.services import records
from moorage.ui.words import size

if TYPE_CHECKING:
    from moorage.app.services import Services

app = typer.Typer(
    help="Registries: create, list and delete them, and say who may do what in them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Registry = Annotated[str, typer.Argument(help="The registry's name, as DMC.", show_default=False)]
User = Annotated[str, typer.Argument(help="The person's user name.", show_default=False)]


def _fields(registry: records.Registry) -> dict[str, object]:
    return {
        "name": registry.name,
        "address": registry.address,
        "description": registry.description,
        "visibility": registry.visibility.value,
        "created_at": moment(registry.created_at),
        "created_by": registry.created_by,
    }


@app.command(
    "create", epilog=examples("moorage registry create DMC --description 'Images of the DMC' --visibility internal")
)
def create(
    name: Registry,
    description: Annotated[str, typer.Option(help="What it is for; at most 200 characters.")] = "",
    visibility: Annotated[
        Visibility, typer.Option(help="Who may pull: members, everyone signed in, or anyone.")
    ] = Visibility.PRIVATE,
    data: Data = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Create a registry."""

    async def story(services: "Services", caller: Caller) -> records.Registry:
        return await services.registries.create(caller, name, description, visibility)

    made = work(data, config, story)
    if as_json:
        say_json(_fields(made))
    else:
        say(f"{made.name} was created; its images are named SERVER/{made.address}/REPOSITORY")


@app.command("list", epilog=examples("moorage registry list --json"))
def list_registries(data: Data = None, config: Config = None, *, as_json: Json = False) -> None:
    """List registries."""

    async def story(services: "Services", caller: Caller) -> tuple[records.RegistrySummary, ...]:
        return await services.registries.list(caller)

    found = work(data, config, story)
    if as_json:
        say_json(
            [
                {
                    **_fields(summary.registry),
                    "repositories": summary.repositories,
                    "size": summary.size,
                    "pushed_at": moment(summary.pushed_at),
                }
                for summary in found
            ]
        )
        return
    say_table(
        ("NAME", "VISIBILITY", "REPOSITORIES", "SIZE", "LAST PUSH", "DESCRIPTION"),
        [
            (
                summary.registry.name,
                summary.registry.visibility.value,
                str(summary.repositories),
                size(summary.size),
                day(summary.pushed_at),
                summary.registry.description,
            )
            for summary in found
        ],
    )


@app.command("delete", epilog=examples("moorage registry delete DMC"))
def delete(name: Registry, data: Data = None, config: Config = None, *, as_json: Json = False) -> None:
    """Delete a registry that holds no images."""

    async def story(services: "Services", caller: Caller) -> None:
        await services.registries.delete(caller, address_of(name))

    work(data, config, story)
    if as_json:
        say_json({"deleted": address_of(name)})
    else:
        say(f"{name} was deleted")


@app.command("grant", epilog=examples("moorage registry grant DMC mara writer"))
def grant(
    registry: Registry,
    user: User,
    role: Annotated[Role, typer.Argument(help="Each may also do what the ones before it may.", show_default=False)],
    data: Data = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Give a person a role in a registry, in place of the one they had."""
    _set_role(registry, user, role, data, config)
    if as_json:
        say_json({"name": user, "role": role.value})
    else:
        say(f"{user} is a {role} of {registry} now")


@app.command("revoke", epilog=examples("moorage registry revoke DMC mara"))
def revoke(registry: Registry, user: User, data: Data = None, config: Config = None, *, as_json: Json = False) -> None:
    """Take a person's role in a registry away."""
    _set_role(registry, user, None, data, config)
    if as_json:
        say_json({"name": user, "role": None})
    else:
        say(f"{user} has no role in {registry} now")


def _set_role(registry: str, user: str, role: Role | None, data: Data, config: Config) -> None:
    async def story(services: "Services", caller: Caller) -> None:
        await services.registries.set_member(caller, address_of(registry), user, role)

    work(data, config, story)
