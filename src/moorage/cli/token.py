"""`moorage token`: access tokens of people and robots."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.domain.limits import TokenAction
from moorage.domain.name import address_of

app = typer.Typer(help="Access tokens of people and robots.", no_args_is_help=True, pretty_exceptions_enable=False)

Account = Annotated[str, typer.Argument(help="Whose: a user name, or a robot's.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The access token's name.", show_default=False)]
Registry = Annotated[
    str | None, typer.Option(help="The registry that the robot belongs to; for its owners.", show_default=False)
]


@command(
    app,
    "create",
    "moorage token create mara laptop",
    "moorage token create dmc-ci pipeline --pattern 'dmc/team/*' --days 30",
    "moorage token create dmc-ci nightly --action pull --never",
)
def create(
    api: Api,
    account: Account,
    name: Name,
    action: Annotated[
        list[TokenAction] | None,
        typer.Option(help="What it is for; again for more. pull and push if not given.", show_default=False),
    ] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(help="Where: dmc/team/app, dmc/team/*, dmc/* or *; again for more.", show_default="*"),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="How long it lasts.", show_default="90")] = None,
    registry: Registry = None,
    *,
    never: Annotated[bool, typer.Option("--never", help="It never expires; for robots only.")] = False,
    as_json: Json = False,
) -> None:
    """Make an access token and print its secret, once."""
    if never and days is not None:
        raise typer.BadParameter("--never and --days exclude each other")
    sent: dict[str, object] = {"name": name}
    if action:
        sent["actions"] = action
    if pattern:
        sent["patterns"] = pattern
    if never:
        sent["expires_at"] = None
    elif days is not None:
        sent["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    made = api.request("POST", at(*_tokens(account, registry)), sent)
    if as_json:
        say_json(made)
        return
    say(f"{made['name']} was made; it is shown this once, and is {account}'s password for docker login:")
    say(made["secret"])


@command(app, "list", "moorage token list mara --json")
def list_tokens(api: Api, account: Account, registry: Registry = None, *, as_json: Json = False) -> None:
    """List access tokens."""
    found = api.items(at(*_tokens(account, registry)))
    if as_json:
        say_json(found)
        return
    say_table(("NAME", "ACTIONS", "PATTERNS", "EXPIRES", "LAST USED"), [_row(token) for token in found])


@command(app, "revoke", "moorage token revoke mara laptop")
def revoke(api: Api, account: Account, name: Name, registry: Registry = None, *, as_json: Json = False) -> None:
    """Revoke an access token, at once."""
    api.request("DELETE", at(*_tokens(account, registry), name))
    if as_json:
        say_json({"revoked": name})
    else:
        say(f"{name} opens nothing any more")


def _tokens(account: str, registry: str | None) -> tuple[str, ...]:
    """Return where the access tokens of an account are."""
    if registry is None:
        return "users", account, "tokens"
    return "registries", address_of(registry), "robots", account, "tokens"


def _row(token: Mapping[str, Any]) -> tuple[str, ...]:
    end = "never" if token["expires_at"] is None else when(token["expires_at"])
    return token["name"], " ".join(token["actions"]), " ".join(token["patterns"]), end, when(token["last_used_at"])
