"""`moorage tag`: look at the tags of a repository and where they have pointed, move them, and delete them."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.consent import Override, Yes, agree, because
from moorage.cli.image import InRepository, aftermath, outlook, place_of
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.cli.transport import ApiError
from moorage.domain.name import Image, Tag, is_digest, parse_image, parse_repository, parse_tag
from moorage.ui.words import size

app = typer.Typer(
    help="Tags: list and move them, take them back, and delete them.",
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


@command(
    app,
    "set",
    "moorage tag set dmc/ubuntu:stable 22.04",
    "moorage tag set dmc/ubuntu:stable sha256:…",
    "moorage tag set dmc/ubuntu:22.04-final 22.04 --new",
)
def point(
    api: Api,
    name: Annotated[str, typer.Argument(help="The tag, as dmc/ubuntu:stable.", show_default=False)],
    to: Annotated[
        str, typer.Argument(metavar="TO", help="A tag or digest of the same repository.", show_default=False)
    ],
    *,
    new: Annotated[bool, typer.Option("--new", help="Only if there is no such tag yet.")] = False,
    override: Override = None,
    as_json: Json = False,
) -> None:
    """Let a tag, new or not, point to an image that is there."""
    image = _tag_in(name)
    digest = to if is_digest(to) else api.request("GET", place_of(image.repository, "tags", parse_tag(to)))["digest"]
    place = place_of(image.repository, "tags", str(image.tag))
    found = api.request("PUT", place, {"digest": digest, **_reason(override)}, new=new)
    if as_json:
        say_json(found)
    else:
        say(f"{name} points to {digest} now")


@command(app, "history", "moorage tag history dmc/ubuntu:latest", "moorage tag history dmc/ubuntu:latest --json")
def history(
    api: Api,
    name: Annotated[str, typer.Argument(help="The tag, there or deleted, as dmc/ubuntu:latest.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """List where a tag has pointed, newest first: to what, how, when, and who moved it."""
    found = api.items(_history_of(_tag_in(name)))
    if as_json:
        say_json(found)
        return
    say_table(
        ("WHEN", "HOW", "BY", "IMAGE", "DIGEST"),
        [
            (
                when(move["at"]),
                move["how"],
                move["by"],
                "-" if move["digest"] is None else "here" if move["is_here"] else "gone",
                move["digest"] or "-",
            )
            for move in found
        ],
    )


@command(
    app,
    "rollback",
    "moorage tag rollback dmc/ubuntu:latest",
    "moorage tag rollback dmc/ubuntu:latest sha256:…",
)
def rollback(
    api: Api,
    name: Annotated[str, typer.Argument(help="The tag, there or deleted, as dmc/ubuntu:latest.", show_default=False)],
    to: Annotated[
        str | None,
        typer.Argument(metavar="DIGEST", help="Where it has pointed; where it did last, if not given."),
    ] = None,
    *,
    override: Override = None,
    as_json: Json = False,
) -> None:
    """Take a tag back to an image that it has pointed to, and that is still there."""
    image = _tag_in(name)
    place = place_of(image.repository, "tags", str(image.tag))
    moves = api.items(_history_of(image))
    digest = to or _before(name, moves)
    # Whoever has moved it meanwhile has not been asked.
    now = moves[0]["digest"] if moves else None
    etag = _etag_at(api, place, now) if now else None
    sent = {"digest": digest, "how": "rollback", **_reason(override)}
    found = api.request("PUT", place, sent, match=etag, new=now is None)
    if as_json:
        say_json(found)
    else:
        say(f"{name} points to {digest} again")


@command(app, "delete", "moorage tag delete dmc/ubuntu:trusty")
def delete(
    api: Api,
    name: Annotated[str, typer.Argument(help="The tag, as dmc/ubuntu:trusty.", show_default=False)],
    *,
    yes: Yes = False,
    override: Override = None,
    as_json: Json = False,
) -> None:
    """Delete a tag; the image it points to stays, and is pulled by its digest."""
    image = _tag_in(name)
    tag = Tag(str(image.tag))

    def question(found: dict[str, str]) -> str:
        stays = _stays(api.request("GET", place_of(image.repository, "images", found["digest"])), tag)
        plan = api.request("GET", f"{place_of(image.repository, 'deletion')}?tag={tag}")
        return f"Delete {name}? {stays} {outlook(plan)}"

    place = place_of(image.repository, "tags", tag)
    shown = agree(api, place, question, yes=yes)
    gone = api.request("DELETE", because(place, override), match=shown)
    if as_json:
        say_json(gone)
    else:
        say(f"{name} was deleted; its image stays")
        if gone["entry"] is not None:
            say(aftermath(image.repository, gone))


def _tag_in(name: str) -> Image:
    image = parse_image(name)
    if image.tag is None or image.digest is not None:
        raise typer.BadParameter("name one tag, as dmc/ubuntu:trusty")
    return image


def _reason(override: str | None) -> dict[str, str]:
    return {} if override is None else {"override": override}


def _history_of(image: Image) -> str:
    return place_of(image.repository, "tags", str(image.tag)) + at("history")


def _before(name: str, moves: list[dict[str, Any]]) -> str:
    """Return the last image that a tag pointed to before, and that is still there."""
    now = moves[0]["digest"] if moves else None
    for move in moves:
        if move["is_here"] and move["digest"] != now:
            return str(move["digest"])
    raise ApiError(f"{name} has pointed to no other image that is still there; moorage tag history {name} shows where")


def _etag_at(api: Api, place: str, digest: str) -> str:
    found, etag = api.read(place)
    if found["digest"] != digest:
        raise ApiError("the tag was moved just now; have another look at its history")
    return etag


def _stays(image: dict[str, list[str]], tag: Tag) -> str:
    others = [other for other in image["tags"] if other != tag]
    return f"Its image stays, as {', '.join(others)}." if others else "Its image stays, without a tag."
