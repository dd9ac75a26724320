"""`moorage tag`: look at the tags of a repository, and delete them."""

from enum import StrEnum
from typing import Annotated

import typer

from moorage.cli.api import Api, command
from moorage.cli.consent import Yes, agree
from moorage.cli.image import InRepository, place_of
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.domain.name import Tag, parse_image, parse_repository
from moorage.ui.words import size

app = typer.Typer(
    help="Tags: list and delete them; a push makes and moves them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Order(StrEnum):
    """The order of a list of tags."""

    NEWEST = "newest"
    NAME = "name"


@command(app, "list", "moorage tag list dmc/ubuntu", "moorage tag list dmc/ubuntu --matching 22. --order name")
def list_tags(
    api: Api,
    repository: InRepository,
    *,
    order: Annotated[Order, typer.Option(help="Newest first, or by name.")] = Order.NEWEST,
    matching: Annotated[str, typer.Option(help="A part of the tags' names; all tags if not given.")] = "",
    as_json: Json = False,
) -> None:
    """List a repository's tags."""
    found = api.items(place_of(parse_repository(repository), "tags"), order=order.value, matching=matching)
    if as_json:
        say_json(found)
        return
    say_table(
        ("TAG", "SIZE", "LAST PUSH", "BY", "PLATFORMS", "DIGEST"),
        [
            (
                tag["name"],
                size(tag["size"]),
                when(tag["pushed_at"]),
                tag["pushed_by"],
                " ".join(tag["platforms"]),
                tag["digest"],
            )
            for tag in found
        ],
    )


@command(app, "delete", "moorage tag delete dmc/ubuntu:trusty")
def delete(
    api: Api,
    name: Annotated[str, typer.Argument(help="The tag, as dmc/ubuntu:trusty.", show_default=False)],
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete a tag; the image it points to stays, and is pulled by its digest."""
    image = parse_image(name)
    if image.tag is None or image.digest is not None:
        raise typer.BadParameter("name one tag, as dmc/ubuntu:trusty")
    tag = image.tag
    agree(
        lambda: f"Delete {name}? {_stays(api.request('GET', place_of(image.repository, 'images', tag)), tag)}", yes=yes
    )
    gone = api.request("DELETE", place_of(image.repository, "tags", tag))
    if as_json:
        say_json(gone)
    else:
        say(f"{name} was deleted; its image stays")


def _stays(image: dict[str, list[str]], tag: Tag) -> str:
    others = [other for other in image["tags"] if other != tag]
    return f"Its image stays, as {', '.join(others)}." if others else "Its image stays, without a tag."
