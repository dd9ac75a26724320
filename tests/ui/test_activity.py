"""Every page that changes something leaves a row of activity."""

import pytest
from starlette.routing import Route

from moorage.domain.activity import Kind
from moorage.domain.identity import Identity
from moorage.domain.name import Repository
from moorage.metastore.activity import ActivityTable
from moorage.services.recording import ActivityQuery, ActivityRecord
from tests.services.known import Known
from tests.ui.visitor import Fields, Visitor
from tests.ui.world import ADMIN, PASSWORD, World

LEAVES_NO_ROW = frozenset({"/-/theme", "/-/account/link/{directory}"})
"""What only the browser keeps, and what sends somebody to a directory: the way back is what links, and is recorded."""

FORMS = {
    "/-/sign-out": "/-/sign-out",
    "/-/account/link/{directory}/password": "/-/account/link/ldap/password",
    "/-/account/unlink/{directory}": "/-/account/unlink/corp",
    "/-/admin/storage/clean": "/-/admin/storage/clean",
    "/{registry}/-/policies": "/dmc/-/policies",
    "/{registry}/-/policies/remove": "/dmc/-/policies/remove",
    "/{registry}/-/policies/retention": "/dmc/-/policies/retention",
    "/{registry}/-/policies/quota": "/dmc/-/policies/quota",
    "/{registry}/-/policies/run": "/dmc/-/policies/run",
}
"""Which of a page's forms is meant, where it has several."""

RULE = {"name": "Newest", "of": "tags", "repositories": "app", "tags": "*", "newest": "10", "rest": "remove"}
EARLIER = "the digest of the image that dmc/app:1.0 pointed to before"
NEW = "a longer new password"
CHANGES: list[tuple[str, str, Fields, set[Kind]]] = [
    ("/-/sign-in", "/-/sign-in", {"user": "admin", "password": PASSWORD}, {Kind.SIGN_IN, Kind.SIGN_OUT}),
    ("/-/sign-out", "/", {}, {Kind.SIGN_OUT}),
    ("/-/account", "/-/account", {"present": PASSWORD, "new": NEW}, {Kind.SET_PASSWORD, Kind.SIGN_IN}),
    (
        "/-/account/link/{directory}/password",
        "/-/account",
        {"user": "zoe", "password": "zoe's password"},
        {Kind.LINK_USER},
    ),
    ("/-/account/unlink/{directory}", "/-/account", {}, {Kind.UNLINK_USER, Kind.SIGN_IN}),
    ("/-/new", "/-/new", {"name": "New"}, {Kind.CREATE_REGISTRY}),
    ("/-/admin/storage", "/-/admin/storage", {}, {Kind.VERIFY}),
    ("/-/admin/storage/clean", "/-/admin/storage", {}, {Kind.COLLECT}),
    ("/{registry}/-/settings", "/dmc/-/settings", {"description": "Ours"}, {Kind.CHANGE_REGISTRY}),
    ("/{registry}/-/policies/quota", "/dmc/-/policies", {"quota": "50"}, {Kind.CHANGE_REGISTRY}),
    ("/{registry}/-/delete", "/empty/-/delete", {"typed": "empty"}, {Kind.DELETE_REGISTRY}),
    ("/-/deleted", "/-/deleted", {"restore": "2"}, {Kind.RESTORE}),
    ("/-/deleted/{deleted}/free", "/-/deleted/2/free", {"typed": "Old"}, {Kind.FREE}),
    ("/{registry}/-/deleted", "/dmc/-/deleted", {"restore": "1 gone"}, {Kind.RESTORE}),
    ("/{registry}/-/deleted/free", "/dmc/-/deleted/free", {"typed": "DMC"}, {Kind.FREE}),
    ("/{registry}/-/policies", "/dmc/-/policies", {"tags": "v*"}, {Kind.CHANGE_REGISTRY}),
    ("/{registry}/-/policies/remove", "/dmc/-/policies", {"rule": "never-*"}, {Kind.CHANGE_REGISTRY}),
    ("/{registry}/-/policies/rule", "/dmc/-/policies/rule", {**RULE, "name": "Another"}, {Kind.ADD_RETENTION_RULE}),
    ("/{registry}/-/policies/retention", "/dmc/-/policies/rule?rule=1", {"do": "delete"}, {Kind.DELETE_RETENTION_RULE}),
    ("/{registry}/-/policies/run", "/dmc/-/policies", {}, {Kind.RUN_RETENTION}),
    ("/{registry}/{path:path}/-/tags", "/dmc/app/-/tags?tag=1.0", {"digest": EARLIER}, {Kind.MOVE_TAG}),
    (
        "/{registry}/{path:path}/-/settings",
        "/dmc/app/-/settings",
        {"description": "The application"},
        {Kind.DESCRIBE_REPOSITORY},
    ),
    (
        "/{registry}/{path:path}/-/delete",
        "/dmc/app/-/delete?tag=1.0",
        {"what": "images"},
        {Kind.DELETE_TAG, Kind.DELETE_IMAGE},
    ),
    ("/{registry}/{path:path}/-/delete", "/dmc/app/-/delete?all=1", {"all": "1"}, {Kind.DELETE_REPOSITORY}),
]


async def rows_of(world: World) -> tuple[ActivityRecord, ...]:
    rows, _ = await ActivityTable(world.database).page(ActivityQuery(), None, 1000, oldest_first=True)
    return rows


@pytest.mark.parametrize(("template", "page", "fields", "kinds"), CHANGES)
async def test_a_change_leaves_a_row(
    admin: Visitor, world: World, template: str, page: str, fields: Fields, kinds: set[Kind]
) -> None:
    await world.registry("DMC")
    await world.registry("empty")
    earlier = await world.image("dmc/app", "1.0")
    await world.image("dmc/app", "1.0")
    await world.image("dmc/gone", "1.0")
    await world.services.catalog.delete_repository(ADMIN, Repository("dmc", "gone"))
    await world.registry("Old")
    await world.services.registry_trash.delete(ADMIN, "old")
    await world.services.immutable.add(ADMIN, "dmc", "never-*")
    await admin.fill("/dmc/-/policies/rule", RULE)
    world.asked.append(Known("ldap", {"zoe": Identity("ldap", "1", "zoe")}))
    await world.directories.link_named(ADMIN, "admin", "corp", "1")
    before = len(await rows_of(world))
    form = FORMS.get(template)
    given = {name: earlier if value == EARLIER else value for name, value in fields.items()}
    answer = await admin.fill(page, given, form)
    assert answer.status_code == 303, answer.text
    new = (await rows_of(world))[before:]
    assert {row.kind for row in new} == kinds
    assert {row.who for row in new} == {"admin"}
    assert PASSWORD not in repr(new)
    assert NEW not in repr(new)


async def test_no_page_that_changes_something_is_left_out(world: World) -> None:
    routes = [route for route in world.pages().routes if isinstance(route, Route)]
    changing = {route.path for route in routes if "POST" in (route.methods or ())}
    assert changing == {template for template, *_ in CHANGES} | LEAVES_NO_ROW
