"""`moorage trash`: look at what was deleted, bring it back, or free its space now."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.consent import Yes, agree, check_can_ask
from moorage.cli.image import place_of
from moorage.cli.output import Json, plain, say, say_json, say_table, when
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import address_of, parse_repository
from moorage.ui.words import number, size

app = typer.Typer(
    help="What was deleted: list it, restore it, or free its space.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

InDeleted = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The repository's name, as dmc/team/app; or the registry's that was deleted.",
        show_default=False,
    ),
]
InRegistry = Annotated[str, typer.Argument(metavar="REGISTRY", help="Its name, as DMC.", show_default=False)]
Entry = Annotated[int, typer.Argument(help="The deletion's number, as the list has it.", min=1, show_default=False)]


@command(app, "list", "moorage trash list DMC", "moorage trash list", "moorage trash list DMC --json")
def list_deleted(
    api: Api,
    registry: Annotated[
        str, typer.Argument(help="Its name, as DMC; without one, registries that were deleted.", show_default=False)
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """List what was deleted in a registry and can be restored, or which registries, the newest first."""
    found = api.items(at("registries", registry, "deleted") if registry else at("deleted-registries"))
    if as_json:
        say_json(found)
        return
    say_table(
        ("REPOSITORY" if registry else "REGISTRY", "NUMBER", "WHAT", "DELETED", "BY", "WHY", "SIZE", "UNTIL"),
        [
            (
                entry["name"],
                str(entry["id"]),
                _what(entry),
                when(entry["deleted_at"]),
                entry["deleted_by"],
                _why(entry),
                size(entry["frees"]),
                when(entry["expires_at"]),
            )
            for entry in found
        ],
    )


@command(app, "show", "moorage trash show dmc/team/app 17", "moorage trash show DMC 18")
def show(api: Api, name: InDeleted, entry: Entry, *, as_json: Json = False) -> None:
    """Show what a deletion took: images and tags, or the repositories of a registry."""
    place = _place_of(api, name, entry)
    found = api.request("GET", place)
    parts = ("repositories",) if found["kind"] == "registry" else ("tags", "images")
    of = {part: api.items(f"{place}/{part}") for part in parts}
    if as_json:
        say_json({**found, "of": of})
        return
    say(f"{_what(found)}, deleted {when(found['deleted_at'])} by {found['deleted_by']}, kept until {_until(found)}")
    if found["kind"] == "registry":
        _say_repositories(of["repositories"])
    else:
        _say_images(of["images"], of["tags"])


@command(
    app,
    "restore",
    "moorage trash restore dmc/team/app 17",
    "moorage trash restore DMC 18",
    "moorage trash restore DMC --run 3",
)
def restore(
    api: Api,
    name: InDeleted,
    entry: Annotated[
        int | None, typer.Argument(help="The deletion's number, as the list has it.", min=1, show_default=False)
    ] = None,
    *,
    run: Annotated[
        int | None, typer.Option(help="All that this run of retention let go.", min=1, show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring back what a deletion or a run took, with its tags; one that points elsewhere by now is left alone."""
    if (entry is None) is (run is None):
        raise typer.BadParameter("name a deletion by its number, or a run with --run", param_hint="ENTRY")
    if run is not None:
        _restore_run(api, name, run, as_json=as_json)
        return
    assert entry is not None  # noqa: S101  one of the two was given
    done = api.request("POST", _place_of(api, name, entry) + "/restore")
    if as_json:
        say_json(done)
        return
    if done.get("kind") == "registry":
        say(f"{done['registry']} is back with {number(done['repositories'], 'repository', 'repositories')}")
        return
    say(f"{done['name']} is back{': ' if done['tags'] else ''}{', '.join(done['tags'])}")
    _say_left(done)


def _restore_run(api: Api, registry: str, run: int, *, as_json: bool) -> None:
    """Bring back what a run let go; exit 1 where some of it could not come."""
    if "/" in registry:
        raise typer.BadParameter("a run is of a registry: name that, as DMC", param_hint="NAME")
    done = api.request("POST", at("registries", registry, "retention", "runs", str(run), "restore"))
    if as_json:
        say_json(done)
    else:
        say(f"{number(len(done['tags']), 'tag')} and {number(done['images'], 'image')} are back")
        _say_left(done)
        for one in done["refused"]:
            say(f"Not restored, deletion {one['entry']} of {one['name']}: {one['reason']}")
    if done["refused"]:
        raise typer.Exit(1)


def _say_left(done: Mapping[str, Any]) -> None:
    if done["left"]:
        say(f"Left alone, since they point elsewhere by now: {', '.join(done['left'])}")
    if done["missing"]:
        say(f"Not restored, since their images are gone: {', '.join(done['missing'])}")


@command(app, "free", "moorage trash free dmc/team/app 17", "moorage trash free DMC 18 --yes")
def free(api: Api, name: InDeleted, entry: Entry, *, yes: Yes = False, as_json: Json = False) -> None:
    """Free the space of a deletion now; it can't be restored any more."""
    check_can_ask(yes=yes)
    place = _place_of(api, name, entry)
    shown = agree(
        api, place, lambda found: f"Free {size(found['frees'])}: {_what(found)} can't be restored then?", yes=yes
    )
    _say_freed(api.request("DELETE", place, match=shown), as_json=as_json)


@command(app, "empty", "moorage trash empty DMC", "moorage trash empty DMC --yes")
def empty(api: Api, registry: InRegistry, *, yes: Yes = False, as_json: Json = False) -> None:
    """Free the space of all that was deleted in a registry; nothing of it can be restored any more."""
    check_can_ask(yes=yes)
    place = at("registries", registry, "deleted")
    if not yes:
        found = api.items(place)
        frees = size(sum(entry["frees"] for entry in found))
        question = f"Free {frees}: {number(len(found), 'deletion')} of {registry} can't be restored then?"
        typer.confirm(plain(question), abort=True)
    _say_freed(api.request("DELETE", place), as_json=as_json)


def _place_of(api: Api, name: str, entry: int) -> str:
    """Return where the API has a deletion: from a repository, or of the whole registry that had this name."""
    if "/" in name:
        return place_of(parse_repository(name), "deleted", str(entry))
    place = at("deleted-registries", str(entry))
    if api.request("GET", place)["name"] != address_of(name):
        message = f"deletion {entry} is not of {name}; moorage trash list shows the registries that were deleted"
        raise MoorageError(ErrorCode.NOT_FOUND, message)
    return place


def _say_repositories(found: Sequence[Mapping[str, Any]]) -> None:
    say_table(
        ("NAME", "TAGS", "SIZE", "LAST PUSH", "BY"),
        [
            (one["image"], str(one["tags"]), size(one["size"]), when(one["pushed_at"]), one["pushed_by"])
            for one in found
        ],
    )


def _say_images(images: Sequence[Mapping[str, Any]], tags: Sequence[Mapping[str, Any]]) -> None:
    pointing: dict[str, list[str]] = {}
    for tag in tags:
        pointing.setdefault(tag["digest"], []).append(tag["name"])
    say_table(
        ("DIGEST", "SIZE", "TAGGED"),
        [
            (image["digest"], size(image["size"]), " ".join(pointing.get(image["digest"], ())) or "-")
            for image in images
        ],
    )


def _what(entry: Mapping[str, Any]) -> str:
    parts = ["the repository"] if entry["kind"] == "repository" else []
    if entry["kind"] == "registry":
        parts = [f"the registry {entry['registry']}", number(entry["repositories"], "repository", "repositories")]
    parts += [number(entry["tags"], "tag")] if entry["tags"] else []
    parts += [number(entry["images"], "image")] if entry["images"] else []
    return ", ".join(parts)


def _why(entry: Mapping[str, Any]) -> str:
    run = entry.get("run")
    return (entry["why"] or "by hand") + ("" if run is None else f" (run {run})")


def _until(entry: Mapping[str, Any]) -> str:
    return when(entry["expires_at"])


def _say_freed(done: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(done)
    else:
        say(f"{size(done['frees'])} of {number(done['entries'], 'deletion')} come free within a minute")
