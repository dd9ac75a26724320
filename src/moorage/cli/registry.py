"""`moorage registry`: create, list and delete registries, and say who may do what in them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.consent import Override, Yes, agree_by_name, because, check_can_ask
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.domain.access import Role, Visibility
from moorage.domain.name import address_of
from moorage.domain.pattern import WHOLE
from moorage.domain.redirect import Redirects
from moorage.domain.sizes import parse_size
from moorage.services.registries import MOST_DAYS
from moorage.ui.words import number, size

app = typer.Typer(
    help="Registries: create, list and delete them, and say who may do what in them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Registry = Annotated[str, typer.Argument(help="The registry's name, as DMC.", show_default=False)]
Holder = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The user name of a person or robot, or a group's name.", show_default=False),
]
Pattern = Annotated[str, typer.Option(help="Repositories of the registry, as team/*; all of them if not given.")]
SAID = {"warning": "is nearly full", "full": "is full"}
IsGroup = Annotated[bool, typer.Option("--group", help="NAME is a group's.")]


@command(app, "create", "moorage registry create DMC --description 'Images of the DMC' --visibility internal")
def create(
    api: Api,
    name: Registry,
    description: Annotated[str, typer.Option(help="What it is for; at most 200 characters.")] = "",
    visibility: Annotated[
        Visibility, typer.Option(help="Who may pull: members, everyone signed in, or anyone.")
    ] = Visibility.PRIVATE,
    *,
    as_json: Json = False,
) -> None:
    """Create a registry."""
    sent = {"name": name, "description": description, "visibility": visibility.value}
    made = api.request("POST", at("registries"), sent)
    if as_json:
        say_json(made)
    else:
        say(f"{made['name']} was created; its images are named SERVER/{made['address']}/REPOSITORY")


@command(app, "list", "moorage registry list --json")
def list_registries(api: Api, *, as_json: Json = False) -> None:
    """List registries."""
    found = api.items(at("registries"))
    if as_json:
        say_json(found)
        return
    say_table(
        ("NAME", "VISIBILITY", "REPOSITORIES", "SIZE", "DELETED", "QUOTA", "LAST PUSH", "DESCRIPTION"),
        [
            (
                registry["name"],
                registry["visibility"],
                str(registry["repositories"]),
                size(registry["size"]),
                "" if registry.get("deleted") is None else size(registry["deleted"]),
                _quota(registry),
                when(registry["pushed_at"]),
                registry["description"],
            )
            for registry in found
        ],
    )


@command(app, "show", "moorage registry show DMC", "moorage registry show DMC --json")
def show(api: Api, name: Registry, *, as_json: Json = False) -> None:
    """Show a registry, the space it takes and what that is of its quota, to its owners."""
    found = api.request("GET", at("registries", name))
    quota = api.request("GET", at("registries", name, "quota"))
    space = api.request("GET", at("registries", name, "space"))
    if as_json:
        say_json({**found, "quota_use": quota, "space": space})
        return
    say_table(
        ("NAME", "VISIBILITY", "IN USE", "DELETED", "ON DISK", "QUOTA", "LEFT", "WARNS AT", "DESCRIPTION"),
        [
            (
                found["name"],
                found["visibility"],
                size(quota["used"]),
                size(space["deleted"]),
                size(space["stored"]),
                "none" if quota["quota"] is None else size(quota["quota"]),
                "" if quota["left"] is None else size(quota["left"]),
                f"{quota['quota_warning']} %" if quota["quota_warning"] else "never",
                found["description"],
            )
        ],
    )
    if quota["level"] in SAID:
        say(f"{found['name']} {SAID[quota['level']]}. {quota['note']}".rstrip())


@command(
    app,
    "change",
    "moorage registry change DMC --visibility public",
    "moorage registry change DMC --immutable-tags 'v* !*-dev' --immutable-tags 'release-* @shop/*'",
    "moorage registry change DMC --immutable-tags ''",
    "moorage registry change DMC --redirects off",
    "moorage registry change DMC --quota 50GB --quota-warning 90",
    "moorage registry change DMC --quota none",
    "moorage registry change DMC --trash-days 30",
)
def change(
    api: Api,
    name: Registry,
    description: Annotated[str | None, typer.Option(help="What it is for; at most 200 characters.")] = None,
    visibility: Annotated[
        Visibility | None, typer.Option(help="Who may pull: members, everyone signed in, or anyone.")
    ] = None,
    immutable_tags: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="Tags that can't be moved or deleted once they are there, as 'v* !*-dev @team/*'; '' for none.",
        ),
    ] = None,
    redirects: Annotated[
        Redirects | None,
        typer.Option(help="Whether pulls are redirected to the bucket: as the server's settings say, on, or off."),
    ] = None,
    quota: Annotated[
        str | None,
        typer.Option(help="How much it may hold, as 50GB, or none; for administrators of the server."),
    ] = None,
    quota_warning: Annotated[
        int | None, typer.Option(help="Percent of the quota from which it counts as nearly full, 0 for never.")
    ] = None,
    trash_days: Annotated[
        int | None,
        typer.Option(help="For how many days what is deleted can be restored; 0 is not at all.", min=0, max=MOST_DAYS),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Change a registry; what is not given stays as it is."""
    given = {
        "description": description,
        "visibility": visibility and visibility.value,
        "immutable_tags": immutable_tags and [rule for rule in immutable_tags if rule],
        "redirects": redirects and redirects.value,
        "quota_warning": quota_warning,
        "trash_days": trash_days,
    }
    sent: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if quota is not None:
        sent["quota"] = None if quota == "none" else parse_size(quota)
    changed = api.request("PATCH", at("registries", name), sent)
    if as_json:
        say_json(changed)
        return
    said = api.request("GET", at("registries", name, "quota"))["note"] if sent.get("quota") else ""
    say(f"{changed['name']} was changed")
    if said:
        say(said)


@command(app, "delete", "moorage registry delete DMC", "moorage registry delete DMC --yes")
def delete(api: Api, name: Registry, *, yes: Yes = False, override: Override = None, as_json: Json = False) -> None:
    """Delete a registry with all it has; one that is empty without a question."""
    place = at("registries", name)
    found, shown = api.read(place)
    plan = api.request("GET", at("registries", name, "deletion"))
    if not yes and (plan["repositories"] or plan["deletions"]):
        check_can_ask(yes=yes)
        agree_by_name(_question(found["name"], plan), found["name"])
    gone = api.request("DELETE", because(place, override), match=shown)
    if as_json:
        say_json(gone)
        return
    say(f"{name} was deleted with {_contents(gone)}")
    if gone["entry"] is None:
        say(f"{size(gone['frees'])} come free when no lease holds them")
    else:
        say(f"Undo: moorage trash restore {address_of(name)} {gone['entry']}")


def _contents(plan: Mapping[str, Any]) -> str:
    counted = ("repositories", "repository"), ("tags", "tag"), ("images", "image")
    repositories, tags, images = (number(plan[key], one, key) for key, one in counted)
    return f"{repositories}, {tags} and {images}"


def _question(name: str, plan: Mapping[str, Any]) -> str:
    """Say what goes with a registry, what that frees, and when somebody pulled from it."""
    others = [
        number(plan[key], one)
        for key, one in (("grants", "role"), ("robots", "robot"), ("deletions", "deletion"))
        if plan[key]
    ]
    more = f", and with {', '.join(others)} in it" if others else ""
    kept = (
        f" after {number(plan['trash_days'], 'day')}, till then it can be restored."
        if plan["trash_days"]
        else " for good."
    )
    pulled = when(plan["last_pulled_at"]) if plan["last_pulled_at"] else "never"
    if plan["pulled_by"] is not None:
        pulled += f" by {plan['pulled_by'] or 'somebody not signed in'}"
    return (
        f"{name} goes with {_contents(plan)}{more}. That frees {size(plan['frees'])}{kept} Last pull from it: {pulled}."
    )


@command(
    app,
    "grant",
    "moorage registry grant DMC mara writer",
    "moorage registry grant DMC kim reader --pattern 'team/*'",
    "moorage registry grant DMC ops maintainer --group",
)
def grant(
    api: Api,
    registry: Registry,
    holder: Holder,
    role: Annotated[Role, typer.Argument(help="Each may also do what the ones before it may.", show_default=False)],
    *,
    pattern: Pattern = WHOLE,
    group: IsGroup = False,
    as_json: Json = False,
) -> None:
    """Give a role in a registry, in place of the one held on that pattern."""
    given = api.request("PUT", _grant_at(registry, holder, pattern, group=group), {"role": role.value})
    if as_json:
        say_json(given)
    else:
        say(f"{holder} is a {role} of {_whereabouts(registry, pattern)} now")


@command(
    app,
    "revoke",
    "moorage registry revoke DMC mara",
    "moorage registry revoke DMC ops --group --pattern 'team/*'",
)
def revoke(
    api: Api,
    registry: Registry,
    holder: Holder,
    *,
    pattern: Pattern = WHOLE,
    group: IsGroup = False,
    as_json: Json = False,
) -> None:
    """Take a role in a registry away; what is held on other patterns stays."""
    api.request("DELETE", _grant_at(registry, holder, pattern, group=group))
    if as_json:
        held_by = {"user": None, "group": holder} if group else {"user": holder, "group": None}
        say_json({**held_by, "pattern": pattern, "role": None})
    else:
        say(f"{holder} has no role on {_whereabouts(registry, pattern)} now")


@command(app, "grants", "moorage registry grants DMC")
def list_grants(api: Api, registry: Registry, *, as_json: Json = False) -> None:
    """List who has which role in a registry."""
    found = api.items(at("registries", registry, "grants"))
    if as_json:
        say_json(found)
        return
    rows = [
        (each["group"] or each["user"], "group" if each["group"] else "user", each["role"], each["pattern"])
        for each in found
    ]
    say_table(("NAME", "KIND", "ROLE", "PATTERN"), rows)


def _quota(registry: Mapping[str, Any]) -> str:
    """Return what of its quota a registry uses; a server that is older doesn't say."""
    percent = registry.get("quota_percent")
    return "" if percent is None else f"{percent:g} % of {size(registry['quota'])}"


def _grant_at(registry: str, holder: str, pattern: str, *, group: bool) -> str:
    return at("registries", registry, "grants", "groups" if group else "users", holder, *pattern.split("/"))


def _whereabouts(registry: str, pattern: str) -> str:
    return registry if pattern == WHOLE else f"{address_of(registry)}/{pattern}"
