"""`moorage image`: look at the images of a repository, and delete them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.consent import Override, Yes, agree, because
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.domain.name import Image, Repository, parse_image, parse_repository
from moorage.ui.words import number, size

app = typer.Typer(help="Images: list, show and delete them.", no_args_is_help=True, pretty_exceptions_enable=False)

InRepository = Annotated[
    str, typer.Argument(metavar="REPOSITORY", help="Its name, as dmc/team/app.", show_default=False)
]

COLUMNS = ("LAST PUSH", "BY", "SIZE", "PLATFORMS", "TAGGED", "DIGEST")


def place_of(repository: Repository, *rest: str) -> str:
    """Return where the API has a repository, or what is in it: `tags`, a tag, `images`, an image."""
    path = at("registries", repository.registry, "repositories", *repository.path.split("/"))
    return path + at("-", *rest) if rest else path


@command(app, "list", "moorage image list dmc/team/app", "moorage image list dmc/team/app --untagged --json")
def list_images(
    api: Api,
    repository: InRepository,
    *,
    untagged: Annotated[
        bool, typer.Option("--untagged", help="Only those that no tag, index or subject leads to.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List a repository's images, newest first."""
    asked = {"untagged": "true"} if untagged else {}
    found = api.items(place_of(parse_repository(repository), "images"), **asked)
    if as_json:
        say_json(found)
    else:
        say_table(COLUMNS, [_row(image) for image in found])


@command(app, "show", "moorage image show dmc/team/app:1.0", "moorage image show dmc/team/app@sha256:…")
def show(
    api: Api,
    name: Annotated[str, typer.Argument(help="Its name with a tag or a digest.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """Show an image, with those of an index's platforms that are here."""
    image = parse_image(name)
    reference = image.digest or image.tag or "latest"
    found = api.request("GET", place_of(image.repository, "images", reference))
    if as_json:
        say_json(found)
        return
    for word, value in _facts(found):
        say(f"{word + ':':<12} {value}")
    if found["children"]:
        say("")
        say_table(COLUMNS, [_row(child) for child in found["children"]])


@command(app, "delete", "moorage image delete dmc/team/app@sha256:…")
def delete(
    api: Api,
    name: Annotated[str, typer.Argument(help="Its name with the digest.", show_default=False)],
    *,
    yes: Yes = False,
    override: Override = None,
    as_json: Json = False,
) -> None:
    """Delete an image with all its tags, and the platforms and attachments that only it needs."""
    image = parse_image(name)
    if image.digest is None or image.tag is not None:
        message = "name the image by its digest, as dmc/team/app@sha256:…; moorage tag delete takes a tag alone"
        raise typer.BadParameter(message)
    place = place_of(image.repository, "images", image.digest)
    shown = agree(api, place, lambda found: _question(api, image, name, found), yes=yes)
    gone = api.request("DELETE", because(place, override), match=shown)
    if as_json:
        say_json(gone)
    else:
        say(f"{number(len(gone['images']), 'image')} and {number(len(gone['tags']), 'tag')} were deleted")
        say(aftermath(image.repository, gone))


def _question(api: Api, image: Image, name: str, found: Mapping[str, Any]) -> str:
    tags = (
        f" with {number(len(found['tags']), 'tag')}: {', '.join(found['tags'])}" if found["tags"] else ", without tags"
    )
    plan = api.request("GET", f"{place_of(image.repository, 'deletion')}?digest={image.digest}")
    others = len(plan["images"]) - 1
    more = f", and {number(others, 'platform or attachment', 'platforms and attachments')} of it" if others else ""
    return f"Delete {name}{tags}{more}? {outlook(plan)}"


def outlook(plan: Mapping[str, Any]) -> str:
    """Say what a deletion frees, whether it can be undone, and when somebody pulled it, or from there."""
    frees = f"That frees {size(plan['frees'])}"
    kept = (
        f" after {number(plan['trash_days'], 'day')}, till then it can be restored."
        if plan["trash_days"]
        else " for good."
    )
    if plan["pulled_at"]:
        return f"{frees}{kept} Last pull: {when(plan['pulled_at'])} by {plan['pulled_by'] or 'somebody not signed in'}."
    pulled = when(plan["last_pulled_at"]) if plan["last_pulled_at"] else "never"
    return f"{frees}{kept} Last pull from this repository: {pulled}."


def aftermath(repository: Repository, gone: Mapping[str, Any]) -> str:
    """Say how to undo a deletion, or when its space comes free."""
    if gone["entry"] is None:
        return f"{size(gone['frees'])} come free when no lease holds them"
    return f"Undo: moorage trash restore {repository} {gone['entry']}"


def _row(image: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        when(image["pushed_at"]),
        image["pushed_by"],
        size(image["size"]),
        " ".join(image["platforms"]),
        " ".join(image["tags"]) or "-",
        image["digest"],
    )


def _facts(image: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("digest", image["digest"]),
        ("type", image["artifact_type"] or image["media_type"]),
        ("size", size(image["size"])),
        ("platforms", ", ".join(image["platforms"])),
        ("tags", ", ".join(image["tags"])),
        ("pushed", f"{when(image['pushed_at'])} by {image['pushed_by']}"),
        ("attached to", image["subject"] or ""),
        ("part of", ", ".join(image["parents"])),
    ]
    facts += [(key, value) for key, value in sorted(image["annotations"].items())]
    return [(word, value) for word, value in facts if value]
