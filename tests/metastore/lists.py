"""Every list that the database is asked for, with parameters for it; those of repositories are of the largest."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Select

import moorage.metastore
from bench.lists.world import MOVED, World
from moorage.metastore import (
    access_tokens,
    accounts,
    activity,
    catalog,
    collect,
    grants,
    groups,
    history,
    identities,
    letting_go,
    manifests,
    names,
    pages,
    pins,
    registries,
    registry_trash,
    repositories,
    retention,
    retention_line,
    retention_runs,
    robots,
    run_trash,
    totals,
    trash,
    uploads,
    usage,
)

SOME = 51

Lists = Mapping[str, tuple[Any, Mapping[str, Any]]]

NO_LISTS = {
    ("accounts", "ADMINISTRATORS"): "looks through all people, when one of them is no administrator any more",
    ("cleanups", "ASKED"): "is one of the few runs that are remembered",
    ("cleanups", "LAST"): "is one of the few runs that are remembered",
    ("damaged", "_first_damaged"): "finds one",
    ("history", "DELETIONS"): "is for a job",
    ("history", "POINTED"): "finds one",
    ("history", "_oldest_kept"): "is for one move in many",
    ("keys", "KEYS"): "shows all of the few that there are",
    ("letting_go", "RULES"): "shows all of the few that there are",
    ("repair", "BODIES"): "is for a repair, which may look through all images",
    ("moving", "LINKED"): "is for a move, which goes through everything",
    ("moving", "NEEDED_BY"): "is for a move",
    ("pins", "LAST_OF_ALL"): "is read aside, for a deletion",
    ("registry_trash", "LAST_PULL"): "is read aside, for a deletion",
    ("retention_line", "RULED"): "shows all registries that have rules",
    ("retention_line", "RULES"): "shows all of the few that there are",
    ("rounds", "LAST"): "is one of the few rounds that are remembered",
    ("rounds", "OPEN"): "is one of the few rounds that are remembered",
    ("restoring", "ALL_TAGS"): "is of one that is brought back, with all it has",
    ("restoring", "COMING"): "likewise",
    ("emptying", "EARLIER"): "finds one",
    ("emptying", "EXPIRED"): "is for a job",
    ("emptying", "FIRST_IN"): "finds one",
    ("emptying", "LYING_IN"): "is what that is made of",
    ("emptying", "SOME_IMAGES"): "is for a job",
    ("emptying", "SOME_LINKS"): "is for a job",
    ("retention_runs", "OPEN"): "is for a job, and shows one run of a registry at most",
    ("run_trash", "RUNS"): "is read aside",
    ("registry_trash", "NAMES"): "is for the few that a deletion names",
    ("trash", "FIRST_IN"): "finds one",
    ("robots", "_robots"): "is what the lists of robots are made of",
    ("verify", "BLOBS"): "is for a verification, which goes through everything",
    ("verify", "DAMAGES"): "shows the few that are damaged",
    ("verify", "HOLDERS"): "is for what is damaged",
    ("verify", "IMAGES"): "is for a verification",
    ("verify", "NEEDED_BY"): "is for what is damaged",
    ("verify", "OTHERS"): "is for a verification",
    ("verify", "SIZES"): "is for a verification",
    ("verify", "TAGGED"): "is for what is damaged",
}


def lists(world: World) -> Lists:
    """Return each statement by a name that says what it lists."""
    image = world.image(4)
    repository = {"repository_id": image.repository, "limit": SOME}
    page = {**repository, "at": image.at + 5000.0, "after": "m", "end_at": 0.0, "end": "~"}
    spans = {"start": "reg-00/t", "end": "reg-00/u"}
    reader = {"visible": ["public", "internal"], "user_id": 1001}
    moves = {"of_repository": image.repository, "of_tag": MOVED}
    subject = {
        "repository": f"{world.address(2)}/{world.path(2)}",
        "subject": next(world.images(2)).digest,
        "after": "",
    }
    return {
        "reach": (names.REACH, reader),
        "names with some words": (names.LOOKED_THROUGH, {**spans, "limit": SOME, "words": "app"}),
        "names": (names.NAMES, {**spans, "limit": SOME}),
        "repositories": (repositories.NAMED, {"names": [f"reg-00/{world.path(9)}", ""]}),
        "registries": (registries.EVERY, {}),
        "readable registries": (registries.READABLE, reader),
        "tag names": (manifests.TAGS, {**repository, "after": "m"}),
        **{
            f"tags, {order}": (listing.page, {**page, "matching": matching})
            for order, listing in pages.TAG_LISTS.items()
            for matching in ("", "7")
        },
        **{f"images, untagged {only}": (one.page, page) for only, one in pages.IMAGE_LISTS.items()},
        **{f"a window of tags, {order}": (one.last, page) for order, one in pages.TAG_LISTS.items()},
        "a window of images": (pages.IMAGE_LISTS[True].last, page),
        "what tags point to": (pages.TARGETS, {"ids": [4, 5, 0]}),
        "images": (pages.IMAGES, {"ids": [4, 5, 0]}),
        "an index's children": (catalog.CHILDREN, {**repository, "digest": world.image(100).digest}),
        "referrers": (manifests.REFERRERS, {**subject, "last": subject["subject"]}),
        "referrers' sizes": (manifests.REFERRER_SIZES, subject),
        "what registries hold": (usage.USAGES, {"ids": [1, 2, 0]}),
        "what a total looks through": (totals.LYING_IN, spans),
        "people": (accounts.PEOPLE, {"after": "m", "limit": SOME}),
        "groups": (groups.GROUPS, {"after": "g", "limit": SOME}),
        "a group's members": (groups.MEMBERS, {"name": "group-0000", "after": "m", "limit": SOME}),
        "a directory's groups": (groups.MIRRORS, {"directory": "ldap", "user_id": 1001}),
        "robots": (robots.OF_SERVER, {"after": "m", "limit": SOME}),
        "a registry's robots": (robots.OF_REGISTRY, {"registry_id": 1, "after": "m", "limit": SOME}),
        "access tokens": (access_tokens.PAGE, {"user_id": 1001, "after": "m", "limit": SOME}),
        **{
            f"grants, {kind.plural}": (statement, {"registry_id": 1, "name": "g", "pattern": "m", "limit": SOME})
            for kind, statement in grants.PAGE.items()
        },
        "members": (grants.MEMBERS, {"registry_id": 1, "after": "m", "limit": SOME}),
        "identities": (identities.LINKED, {"user_id": 1001}),
        "uploads that ended": (uploads.EXPIRED, {"limit": SOME}),
        "a tag's history": (history.MOVES, {**moves, "before": 10**9, "limit": SOME}),
        "links whose lease has passed": (collect.EXPIRED_LINKS, {"limit": SOME}),
        "blobs whose lease has passed": (collect.EXPIRED_BLOBS, {"limit": SOME}),
        "deletions": (trash.LAST, {"registry_id": 1, "limit": SOME}),
        "further deletions": (trash.BEFORE, {"registry_id": 1, "limit": SOME, "before": 7}),
        "deleted registries": (registry_trash.PRESENT, {"limit": SOME}),
        "further deleted registries": (registry_trash.BEFORE, {"limit": SOME, "before": 7}),
        "a deleted registry by its name": (registry_trash.NAMED, {"address": "reg-00"}),
        "what a deleted registry had": (registry_trash.REPOSITORIES, {**spans, "limit": SOME}),
        "what a run let go": (run_trash.OF_RUN, {"registry_id": 1, "run": 1, "limit": SOME, "before": 7}),
        "runs of retention": (retention_runs.LAST, {"registry_id": 1, "limit": SOME}),
        "further runs of retention": (retention_runs.BEFORE, {"registry_id": 1, "limit": SOME, "before": 7}),
        "discarded places": (collect.DISCARDED, {"limit": SOME}),
        **_retention(world),
        **_activity(world),
    }


def _retention(world: World) -> Lists:
    registry = {"registry_id": 1, "after": "reg-00/t", "limit": SOME}
    half = world.moment(world.scale.activity // 2)
    image = world.image(4)
    pinned = {"repository_id": image.repository, "digest": image.digest, "by": "m", "now": half, "limit": SOME}
    return {
        "a registry's rules": (retention.EVERY, {"registry_id": 1}),
        "a repository's pins": (pins.PAGE, {**pinned, "last": "~"}),
        "an image's pins": (pins.PAGE, {**pinned, "last": image.digest}),
        "a registry's repositories, for a preview": (letting_go.NAMES, registry),
        "a registry's repositories, for the line": (retention_line.OF_REGISTRY, registry),
        "who was pushed to": (retention_line.PUSHED, {"since": half, "after": 7, "limit": SOME}),
        "tags that moved": (retention_line.MOVED, {"after": 7, "limit": SOME}),
        "who is due": (retention_line.DUE, {"now": half, "at": 0.0, "after": 0, "limit": SOME}),
    }


def _activity(world: World) -> Lists:
    place: Mapping[str, Any] = {"at": world.moment(world.scale.activity // 2), "after": 7, "limit": SOME}
    given = {"who": "person-00100", "target": "reg-00/t", "target_end": "reg-00/u", "registries": ["reg-00"]}
    asked: tuple[frozenset[str], ...] = (
        frozenset(),
        frozenset({"who"}),
        frozenset({"target"}),
        frozenset({"registries"}),
    )
    found = {}
    for bounds in (frozenset[str](), frozenset({"place"})):
        for oldest_first in (False, True):
            title = f"{'oldest' if oldest_first else 'newest'}{', further' if bounds else ''}"
            found[f"a window of activity, {title}"] = activity._last(bounds, oldest_first=oldest_first), place  # noqa: SLF001
            for filters in asked:
                statement = activity._fitting(bounds, filters, oldest_first=oldest_first)  # noqa: SLF001  made there
                found[f"activity, {title}, {sorted(filters)}"] = statement, {**place, **given}
                first = activity._fitting(bounds, filters, oldest_first=oldest_first, window=activity.FIRST)  # noqa: SLF001
                found[f"activity, {title}, {sorted(filters)}, first"] = first, {**place, **given}
    return found


def in_the_code() -> Iterator[tuple[tuple[str, str], Select[Any]]]:
    """Return every statement of a module that orders rows or takes some of them, by its module and name."""
    for found in pkgutil.iter_modules(moorage.metastore.__path__):
        if found.name != "migrations":
            module = importlib.import_module(f"moorage.metastore.{found.name}")
            for name, value in vars(module).items():
                if isinstance(value, Select) and (value._order_by_clauses or value._limit_clause is not None):  # noqa: SLF001
                    yield (found.name, name), value
