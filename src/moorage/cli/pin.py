"""`moorage pin`: images that are in use, which retention leaves alone."""

import time
from typing import Annotated
from urllib.parse import quote

import typer

from moorage.cli.api import Api, command
from moorage.cli.image import InRepository, place_of
from moorage.cli.output import Json, moment, say, say_json, say_table, when
from moorage.domain.name import parse_image, parse_repository
from moorage.domain.retention import parse_span

app = typer.Typer(
    help="Pins: images in use, which rules of retention leave alone.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Name = Annotated[
    str, typer.Argument(metavar="IMAGE", help="Its name with a tag or a digest, as dmc/app:1.0.", show_default=False)
]


@command(
    app,
    "add",
    "moorage pin add dmc/team/app:1.0 --why 'runs at the customer'",
    "moorage pin add dmc/team/app@sha256:… --for 2h --why 'runs in the cluster prod'",
)
def add(
    api: Api,
    name: Name,
    *,
    why: Annotated[str, typer.Option(help="What it is needed for.")] = "",
    lasting: Annotated[
        str | None, typer.Option("--for", help="How long, as 2h or 7d; until it is removed if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Keep an image from retention, in place of your pin on it."""
    seconds = None if lasting is None else parse_span(lasting)
    if lasting is not None and seconds is None:
        raise typer.BadParameter("say how long as 90m, 2h, 7d or 4w", param_hint="--for")
    until = None if seconds is None else moment(time.time() + seconds)
    pin = api.request("PUT", _pin_on(api, name), {"why": why, "until": until})
    if as_json:
        say_json(pin)
    else:
        say(f"{name} stays" + (f" until {when(pin['until'])} UTC" if pin["until"] else ""))


@command(app, "list", "moorage pin list dmc/team/app")
def list_pins(api: Api, repository: InRepository, *, as_json: Json = False) -> None:
    """List a repository's pins that have not ended."""
    found = api.items(place_of(parse_repository(repository), "pins"))
    if as_json:
        say_json(found)
        return
    rows = [(pin["digest"], pin["by"], when(pin["pinned_at"]), when(pin["until"]), pin["why"]) for pin in found]
    say_table(("DIGEST", "BY", "SINCE", "UNTIL", "WHY"), rows)


@command(app, "remove", "moorage pin remove dmc/team/app:1.0", "moorage pin remove dmc/team/app:1.0 --by agent")
def remove(
    api: Api,
    name: Name,
    *,
    by: Annotated[str | None, typer.Option(help="Whose pin; your own if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Take a pin away; taking somebody else's away takes who may delete there."""
    place = _pin_on(api, name)
    api.request("DELETE", place if by is None else f"{place}?by={quote(by, safe='')}")
    if as_json:
        say_json({"removed": place.rpartition("/")[2]})
    else:
        say(f"the pin on {name} was removed")


def _pin_on(api: Api, name: str) -> str:
    image = parse_image(name)
    if image.digest is not None:
        return place_of(image.repository, "pins", image.digest)
    found = api.request("GET", place_of(image.repository, "images", image.tag or "latest"))
    return place_of(image.repository, "pins", found["digest"])
