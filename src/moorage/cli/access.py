"""`moorage access`: why somebody may or may not do something."""

from typing import Annotated
from urllib.parse import urlencode

import typer

from moorage.cli.api import Api, command
from moorage.cli.output import Json, say, say_json
from moorage.domain.access import Action

app = typer.Typer(help="Who may do what, and why.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def access() -> None:
    """Who may do what, and why."""


@command(
    app,
    "explain",
    "moorage access explain mara dmc/team/app push",
    "moorage access explain mara dmc administer-registry",
)
def explain(
    api: Api,
    who: Annotated[str, typer.Argument(help="The user name of a person or robot.", show_default=False)],
    what: Annotated[str, typer.Argument(help="A registry, or a repository, as dmc/team/app.", show_default=False)],
    action: Annotated[Action, typer.Argument(help="What they want to do.")] = Action.PULL,
    *,
    as_json: Json = False,
) -> None:
    """Say why somebody may or may not do something to a registry or repository."""
    kind = "repository" if "/" in what else "registry"
    query = urlencode({"user": who, "action": action.value, kind: what})
    found = api.request("GET", f"/access?{query}")
    if as_json:
        say_json(found)
    else:
        say(found["reason"])
