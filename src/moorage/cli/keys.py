"""`moorage keys`: the keys that sign bearer tokens."""

from typing import Annotated

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.output import Json, say, say_json, say_table, when

app = typer.Typer(help="The keys that sign bearer tokens.", no_args_is_help=True, pretty_exceptions_enable=False)


@command(app, "list", "moorage keys list")
def list_keys(api: Api, *, as_json: Json = False) -> None:
    """List the keys, without their secrets."""
    found = api.request("GET", at("keys"))
    if as_json:
        say_json(found)
        return
    rows = [(key["id"], "signs" if key["is_signing"] else "verifies", when(key["created_at"])) for key in found]
    say_table(("KEY", "USE", "MADE"), rows)


@command(app, "rotate", "moorage keys rotate", "moorage keys rotate --forget")
def rotate(
    api: Api,
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="End all that older keys signed, at once: everybody signs in again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign with a new key from now on; what older keys signed is good until it expires. Servers need no restart."""
    found = api.request("POST", at("keys"), {"forget": forget})
    if as_json:
        say_json(found)
    elif forget:
        say(f"{found[0]['id']} signs now; what older keys signed has ended")
    else:
        say(f"{found[0]['id']} signs now; what older keys signed is good until it expires")
