"""What is asked for: every list and page of the server's own tables of routes, at its beginning, middle and end."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlencode

from bench.lists.world import (
    ADMIN,
    COLLECTOR,
    LARGE,
    LARGE_PATH,
    MOVED,
    OWNER,
    PATTERNED,
    READER,
    SIGNED,
    SIGNED_PATH,
    World,
)


class Who(Enum):
    """Who asks; the value is the account's name, None for nobody in particular."""

    ADMIN = ADMIN
    OWNER = OWNER
    READER = READER
    PATTERNED = PATTERNED
    ANYBODY = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the route it goes to, as its table has it, what it shows, and who asks."""

    route: str
    title: str
    address: str
    who: Who = Who.ADMIN
    is_large: bool = False
    """Whether it asks for so much at once that it is noted apart."""


NO_LISTS = frozenset(
    {
        "/v2/",
        "/token",
        "/v1/_ping",
        "/v2/{name}/manifests/{reference}",
        "/v2/{name}/blobs/{digest}",
        "/v2/{name}/blobs/uploads/{id}",
        "/api/v1/me",
        "/api/v1/access",
        "/api/v1/keys",
        "/api/v1/storage",
        "/api/v1/storage/place",
        "/api/v1/storage/verification",
        "/api/v1/storage/damages",
        "/-/admin/storage",
        "/api/v1/activity.jsonl",
        "/-/sign-in",
        "/-/sign-in/{directory}",
        "/-/sign-in/{directory}/back",
        "/-/new",
        "/-/name-check",
        "/api/v1/registries/{registry}/retention/preview",
        "/api/v1/registries/{registry}/retention/runs/{run}",
        "/{registry}/-/policies/rule",
        "/{registry}/-/policies/preview",
        "/{registry}/-/policies/preview.csv",
        "/{registry}/{path}/-/delete",
        "/api/v1/registries/{registry}/deletion",
        "/api/v1/deleted-registries",
        "/api/v1/deleted-registries/{deleted}",
        "/api/v1/deleted-registries/{deleted}/repositories",
        "/api/v1/deleted-registries/{deleted}/repositories/{inside}/-/tags",
        "/api/v1/deleted-registries/{deleted}/repositories/{inside}/-/images",
        "/-/deleted",
        "/-/deleted/{deleted}",
        "/-/deleted/{deleted}/free",
        "/-/deleted/{deleted}/of/{inside}",
        "/{registry}/{path}/-/deleted/{entry}",
        "/api/v1/registries/{registry}/repositories/{repository}/-/deletion",
        "/api/v1/registries/{registry}/repositories/{repository}/-/deleted/{entry}",
        "/api/v1/registries/{registry}/repositories/{repository}/-/deleted/{entry}/tags",
        "/api/v1/registries/{registry}/repositories/{repository}/-/deleted/{entry}/images",
    }
)
"""Routes that list nothing, or all there is: the keys, what is stored, damages, an export, what would go.

What one has taken is listed as any repository is.
"""

RENOVATE = 10_000
"""Tags that Renovate asks for at once."""

WORDS = ("build-04", "v24.9999", "absent")
"""Parts of names of tags: of many, of one, of none."""

Places = Mapping[str, Mapping[str, str]]


def asked(world: World) -> tuple[Asked, ...]:
    """Return every request, each route's together."""
    return (*_distribution(world), *_management(world), *_pages(world))


def _distribution(world: World) -> Iterator[Asked]:
    yield from _catalog(world)
    yield from _tag_names(world)
    (signed, *_) = world.images(SIGNED)
    route, referrers = "/v2/{name}/referrers/{digest}", f"/v2/{_name(world, SIGNED)}/referrers/{signed.digest}"
    yield Asked(route, f"{world.scale.referrers:,}", referrers, is_large=True)
    yield Asked(route, "none", referrers.replace(signed.digest[-9:], "0" * 9))
    for who in (Who.ADMIN, Who.READER, Who.PATTERNED):
        for words in ("app-0", "app-09999", "absent"):
            yield Asked("/v1/search", f"“{words}”", f"/v1/search?q={words}", who)


def _catalog(world: World) -> Iterator[Asked]:
    route = "/v2/_catalog"
    middle, last = _name(world, world.scale.repositories // 4), f"reg-{world.scale.registries - 1:02d}/team-398"
    for who in Who:
        for title, after in (("first", ""), ("middle", middle), ("last", last)):
            # What the others may read ends before.
            if after != last or who in {Who.ADMIN, Who.ANYBODY}:
                yield Asked(route, f"100 names, {title}", f"{route}?{urlencode({'n': 100, 'last': after})}", who)
    yield Asked(route, "1,000 names", f"{route}?n=1000")
    yield Asked(route, "10,000 names", f"{route}?n=10000", is_large=True)


def _tag_names(world: World) -> Iterator[Asked]:
    route, large = "/v2/{name}/tags/list", f"/v2/{_name(world, LARGE)}/tags/list"
    for count in (100, 1000, RENOVATE):
        for title, after in (("first", ""), ("middle", "build-0300000"), ("last", "v24.9")):
            query = urlencode({"n": count, "last": after})
            yield Asked(route, f"{count:,} of many, {title}", f"{large}?{query}", is_large=count == RENOVATE)
    yield Asked(route, "of few", f"/v2/{_name(world, 77)}/tags/list", Who.READER)


def _management(world: World) -> Iterator[Asked]:
    api = "/api/v1"
    registries = f"{api}/registries"
    one = registries + "/{registry}"
    for who in Who:
        yield Asked(registries, "all", registries, who)
    yield Asked(one, "one", f"{registries}/reg-00")
    yield Asked(one + "/space", "one", f"{registries}/reg-00/space")
    yield Asked(one + "/deleted", "of none", f"{registries}/reg-00/deleted")
    yield from _repositories(world, registries, one + "/repositories")
    repository, large = one + "/repositories/{repository:path}", f"{registries}/reg-00/repositories/{LARGE_PATH}"
    yield from _tags(world, repository + "/-/tags", large)
    yield from _images(world, repository + "/-/images", large)
    yield from _accounts(api)
    yield from _activity(world, f"{api}/activity")
    yield Asked(f"{api}/storage/registries", "first", f"{api}/storage/registries")


def _repositories(world: World, registries: str, every: str) -> Iterator[Asked]:
    for who, address in ((Who.ADMIN, "reg-00"), (Who.READER, "reg-00"), (Who.PATTERNED, "reg-03")):
        for title, after in (("first", ""), ("middle", "team-200/"), ("last", "team-3")):
            place = f"{registries}/{address}/repositories?{urlencode({'after': after})}"
            yield Asked(every, f"50, {title}", place, who)
            yield Asked(every, f"1,000, {title}", f"{place}&n=1000", who, is_large=True)
    few = f"{registries}/{world.address(77)}/repositories/{world.path(77)}"
    yield Asked(every + "/{repository:path}", "of many tags", f"{registries}/reg-00/repositories/{LARGE_PATH}")
    yield Asked(every + "/{repository:path}", "of few", few)
    large = f"{registries}/reg-00/repositories/{LARGE_PATH}/-/space"
    yield Asked(every + "/{repository:path}/-/space", "of many tags", large)


def _tags(world: World, route: str, large: str) -> Iterator[Asked]:
    places = _places(world)
    for order in ("newest", "name"):
        for title, after in places[order].items():
            place = f"{large}/-/tags?{urlencode({'order': order, 'after': after})}"
            yield Asked(route, f"{order}, {title}", place)
        for words in WORDS:
            query = urlencode({"order": order, "matching": words})
            yield Asked(route, f"{order} with “{words}”", f"{large}/-/tags?{query}")
    yield Asked(route + "/{tag}", "one", f"{large}/-/tags/v1.0.0")
    history, moved = route + "/{tag}/history", f"{large}/-/tags/{MOVED}/history"
    for title, after in (("first", ""), ("middle", str(world.scale.moves // 2)), ("last", "10")):
        yield Asked(history, f"of many moves, {title}", f"{moved}?{urlencode({'after': after})}")


def _images(world: World, route: str, large: str) -> Iterator[Asked]:
    for title, after in _places(world)["images"].items():
        yield Asked(route, f"newest, {title}", f"{large}/-/images?{urlencode({'after': after})}")
    yield Asked(route, "untagged", f"{large}/-/images?untagged=true")
    (*_, last) = world.images(SIGNED)
    signed = f"/api/v1/registries/reg-00/repositories/{SIGNED_PATH}/-/images"
    yield Asked(route, "of many attached", signed)
    yield Asked(route + "/{reference}", "one", f"{large}/-/images/v1.0.0")
    pins = route.replace("/-/images", "/-/pins")
    yield Asked(pins, "none", f"{large}/-/pins")
    yield Asked(pins + "/{image}", "none", f"{large}/-/pins/{last.digest}")
    yield Asked(route + "/{reference}", "by digest", f"{signed}/{last.digest}")


def _accounts(api: str) -> Iterator[Asked]:
    registry = f"{api}/registries/reg-00"
    some = {
        "/users": (("first", "/users"), ("middle", "/users?after=person-01000"), ("1,000", "/users?n=1000")),
        "/users/{user}": (("one", "/users/person-00100"),),
        "/users/{user}/identities": (("none", "/users/person-00100/identities"),),
        "/users/{user}/identities/{directory}": (),
        "/users/{user}/tokens": (("200", f"/users/{COLLECTOR}/tokens"),),
        "/users/{user}/tokens/{token}": (("one", "/users/reader/tokens/token-000001"),),
        "/groups": (("first", "/groups"), ("middle", "/groups?after=group-0100")),
        "/groups/{group}": (("one", "/groups/group-0000"),),
        "/groups/{group}/members": (("first", "/groups/group-0000/members"),),
        "/groups/{group}/members/{user}": (("one", "/groups/group-0000/members/person-00100"),),
        "/robots": (("first", "/robots"),),
        "/robots/{robot}": (("one", "/robots/robot-00001"),),
        "/robots/{robot}/tokens": (("5", "/robots/robot-00001/tokens"),),
        "/robots/{robot}/tokens/{token}": (),
    }
    for route, rows in some.items():
        yield Asked(api + route, "", "") if not rows else Asked(api + route, rows[0][0], api + rows[0][1])
        yield from (Asked(api + route, title, api + address) for title, address in rows[1:])
    one = f"{api}/registries/{{registry}}"
    of_registry = {
        "/members": (("first", "/members"),),
        "/members/{user}": (("one", "/members/reader"),),
        "/quota": (("one", "/quota"),),
        "/grants": (("first", "/grants"), ("middle", "/grants?after=users/person-01000"), ("1,000", "/grants?n=1000")),
        "/grants/users/{user}/{pattern:path}": (("one", "/grants/users/reader/*"),),
        "/grants/groups/{group}/{pattern:path}": (("one", "/grants/groups/group-0000/team-000/*"),),
        "/retention/rules": (("none", "/retention/rules"),),
        "/retention/runs": (("none", "/retention/runs"),),
        "/retention/rules/{rule}": (),
        "/robots": (("first", "/robots"), ("middle", "/robots?after=robot-00200")),
        "/robots/{robot}": (("one", "/robots/robot-00000"),),
        "/robots/{robot}/tokens": (("5", "/robots/robot-00000/tokens"),),
        "/robots/{robot}/tokens/{token}": (),
    }
    for route, rows in of_registry.items():
        yield Asked(one + route, "", "") if not rows else Asked(one + route, rows[0][0], registry + rows[0][1])
        yield from (Asked(one + route, title, registry + address, Who.OWNER) for title, address in rows)


def _activity(world: World, route: str) -> Iterator[Asked]:
    for title, after in _places(world)["activity"].items():
        yield Asked(route, f"newest, {title}", f"{route}?{urlencode({'after': after})}")
    yield Asked(route, "of an owner", route, Who.OWNER)
    yield Asked(route, "of a kind", f"{route}?what=push-image")
    yield Asked(route, "of a person", f"{route}?who=person-00100")
    yield Asked(route, "of a repository", f"{route}?target={_name(world, 77)}")
    yield Asked(route, "of nobody there", f"{route}?who=nobody")


def _pages(world: World) -> Iterator[Asked]:
    for who in Who:
        yield Asked("/", "all", "/", who)
    for sort in ("repositories", "size", "last-push"):
        yield Asked("/", f"by {sort}", f"/?sort={sort}")
    yield Asked("/", "filtered", "/?q=department+1")
    yield from _pages_of_registries()
    yield from _pages_of_repositories(world, f"/{_name(world, LARGE)}")
    yield Asked("/-/account", "", "/-/account", Who.READER)


def _pages_of_registries() -> Iterator[Asked]:
    route = "/{registry}"
    for who, address in ((Who.ADMIN, "reg-00"), (Who.READER, "reg-00"), (Who.PATTERNED, "reg-03")):
        yield Asked(route, "first", f"/{address}", who)
        yield Asked(route, "middle", f"/{address}?after=team-2", who)
    yield Asked(route, "first", "/reg-01", Who.ANYBODY)
    for page in ("push", "settings", "delete", "deleted", "deleted/free", "policies"):
        # The question before it is deleted adds up all that would come free.
        yield Asked(f"{route}/-/{page}", "", f"/reg-00/-/{page}", is_large=page == "delete")


def _pages_of_repositories(world: World, large: str) -> Iterator[Asked]:
    route, places = "/{registry}/{path:path}", _places(world)
    for order in ("newest", "name"):
        for title, after in places[order].items():
            yield Asked(route, f"{order}, {title}", f"{large}?{urlencode({'sort': order, 'after': after})}")
    for words in WORDS:
        yield Asked(route, f"with “{words}”", f"{large}?q={words}")
    yield Asked(route, "200 rows", f"{large}?n=200")
    for title, after in (("first", ""), ("middle", str(world.scale.moves // 2))):
        query = urlencode({"tag": MOVED, "after": after})
        yield Asked(f"{route}/-/tags", f"of many moves, {title}", f"{large}/-/tags?{query}")
    yield Asked(route, "of few", f"/{_name(world, 77)}")
    for title, after in places["images"].items():
        yield Asked(f"{route}/-/images", f"newest, {title}", f"{large}/-/images?{urlencode({'after': after})}")
    yield Asked(f"{route}/-/images", "untagged", f"{large}/-/images?show=untagged")
    yield Asked(f"{route}/-/settings", "", f"{large}/-/settings")


def _places(world: World) -> Places:
    """Return where the first page, one in the middle and the last of lists by time begin."""
    tags = [row[3] for row in (world.tag(number) for number in (world.scale.tags_of_large // 2, 20))]
    images = [world.image(number).at for number in (world.scale.images_of_large // 2, 20)]
    activity = [world.moment(number) for number in (world.scale.activity // 2, 20)]
    return {
        "newest": {"first": "", "middle": f"{tags[0]!r}-build", "last": f"{tags[1]!r}-build"},
        "name": {"first": "", "middle": "build-0300000", "last": "v24.999"},
        "images": {"first": "", "middle": f"{images[0]!r}-sha256:0", "last": f"{images[1]!r}-sha256:0"},
        "activity": {"first": "", "middle": f"{activity[0]!r}-7", "last": f"{activity[1]!r}-7"},
    }


def _name(world: World, repository: int) -> str:
    return f"{world.address(repository)}/{world.path(repository)}"


def left_out(requests: Iterable[Asked], routes: Iterable[str]) -> list[str]:
    """Return the routes that are in the server's tables and neither asked here nor no lists."""
    known = {request.route.replace(":path", "") for request in requests} | NO_LISTS
    return sorted(set(routes) - known)
