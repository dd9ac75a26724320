"""`moorage keys`: the keys that sign bearer tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli.folder import Config, Data, work
from moorage.cli.output import Json, day, examples, moment, say, say_json, say_table
from moorage.domain.access import Caller
from moorage.services.records import SigningKey

if TYPE_CHECKING:
    from moorage.app.services import Services

app = typer.Typer(help="The keys that sign bearer tokens.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.command("list", epilog=examples("moorage keys list"))
def list_keys(data: Data = None, config: Config = None, *, as_json: Json = False) -> None:
    """List the keys, without their secrets."""

    async def story(services: "Services", caller: Caller) -> Sequence[SigningKey]:
        return await services.keys.list(caller)

    found = work(data, config, story)
    if as_json:
        say_json(_fields(found))
        return
    rows = [(key.id, "signs" if place == 0 else "verifies", day(key.created_at)) for place, key in enumerate(found)]
    say_table(("KEY", "USE", "MADE"), rows)


@app.command("rotate", epilog=examples("moorage keys rotate", "moorage keys rotate --forget"))
def rotate(
    data: Data = None,
    config: Config = None,
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="End all that older keys signed, at once: everybody signs in again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign with a new key from now on; what older keys signed is good until it expires. Servers need no restart."""

    async def story(services: "Services", caller: Caller) -> Sequence[SigningKey]:
        return await services.keys.rotate(caller, forget=forget)

    found = work(data, config, story)
    if as_json:
        say_json(_fields(found))
    elif forget:
        say(f"{found[0].id} signs now; what older keys signed has ended")
    else:
        say(f"{found[0].id} signs now; what older keys signed is good until it expires")


def _fields(keys: Sequence[SigningKey]) -> list[dict[str, object]]:
    return [
        {"id": key.id, "created_at": moment(key.created_at), "is_signing": place == 0} for place, key in enumerate(keys)
    ]
