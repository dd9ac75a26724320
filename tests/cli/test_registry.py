"""`moorage registry` and `moorage repository`."""

import re

from moorage.app.services import SYSTEM, Services
from moorage.domain.access import Role
from tests.cli.conftest import Terminal
from tests.management.world import World

LAYER = b"x" * 50_000
LONGER_THAN_A_LEASE = 2 * 86_400.0


async def push(services: Services) -> None:
    await World(services).image("dmc/team/app", "1", "2", layer=LAYER)


def test_a_registry_is_created_and_listed(moorage: Terminal) -> None:
    assert moorage("registry", "create", "DMC", "--description", "images of\nall", "--visibility", "internal") == 0
    assert "SERVER/dmc/REPOSITORY" in moorage.out
    assert moorage("registry", "list") == 0
    head, row = moorage.out.splitlines()
    assert head.split()[:2] == ["NAME", "VISIBILITY"]
    assert row.split() == ["DMC", "internal", "0", "0", "B", "0", "B", "-", "images", "of", "all"]


def test_a_table_that_is_piped_is_not_cut(moorage: Terminal) -> None:
    words = "w" * 200
    moorage("registry", "create", "DMC", "--description", words)
    moorage("registry", "list")
    assert moorage.out.splitlines()[1].endswith(words)


def test_what_others_wrote_does_not_move_the_cursor(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC", "--description", "\x1b[2J\u202eevil [bold]")
    moorage("registry", "list")
    assert "\x1b" not in moorage.out
    assert r"\u001b[2J\u202eevil [bold]" in moorage.out


def test_a_name_taken_is_told(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    assert moorage("registry", "create", "dmc") == 1
    assert "DMC" in moorage.err


def test_json_is_that_of_the_management_api(moorage: Terminal) -> None:
    created = moorage.json("registry", "create", "DMC")
    moorage.do(push)
    listed = moorage.json("registry", "list")
    repositories = moorage.json("repository", "list", "DMC")
    moorage("user", "add", "mara", "--generate")
    people = moorage.json("user", "list")

    async def compare(services: Services) -> None:
        api = World(services)
        assert (await api.ask("GET", "/registries/dmc")).json() == created
        assert (await api.ask("GET", "/registries")).json()["items"] == listed
        assert (await api.ask("GET", "/registries/dmc/repositories")).json()["items"] == repositories
        assert (await api.ask("GET", "/users")).json()["items"] == people

    moorage.do(compare)


def test_a_role_is_granted_and_revoked(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage("user", "add", "mara", "--generate")
    assert moorage.json("registry", "grant", "DMC", "mara", "writer") == {
        "user": "mara",
        "group": None,
        "pattern": "*",
        "role": "writer",
    }

    async def is_writer(services: Services) -> None:
        (member,) = await services.registries.members(SYSTEM, "dmc", "", 50)
        assert (member.name, member.role) == ("mara", Role.WRITER)

    moorage.do(is_writer)
    assert moorage("registry", "revoke", "dmc", "mara") == 0

    async def is_nobody(services: Services) -> None:
        assert await services.registries.members(SYSTEM, "dmc", "", 50) == ()

    moorage.do(is_nobody)


def test_a_pattern_s_role_is_told_with_its_repositories(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage("user", "add", "mara", "--generate")
    moorage("group", "add", "ops")
    assert moorage("registry", "grant", "DMC", "mara", "reader") == 0
    assert moorage.out == "mara is a reader of DMC now\n"
    assert moorage("registry", "grant", "DMC", "ops", "writer", "--group", "--pattern", "team/*") == 0
    assert moorage.out == "ops is a writer of dmc/team/* now\n"
    assert moorage("registry", "grants", "DMC") == 0
    assert [line.split() for line in moorage.out.splitlines()] == [
        ["NAME", "KIND", "ROLE", "PATTERN"],
        ["ops", "group", "writer", "team/*"],
        ["mara", "user", "reader", "*"],
    ]
    listed = moorage.json("registry", "grants", "DMC")

    async def compare(services: Services) -> None:
        assert (await World(services).ask("GET", "/registries/dmc/grants")).json()["items"] == listed

    moorage.do(compare)
    assert moorage.json("registry", "revoke", "DMC", "ops", "--group", "--pattern", "team/*")["role"] is None
    assert [grant["user"] for grant in moorage.json("registry", "grants", "DMC")] == ["mara"]


def test_a_registry_is_deleted_with_all_it_has_and_comes_back(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage.do(push)
    tags = moorage.json("tag", "list", "dmc/team/app")
    assert moorage("registry", "delete", "DMC") == 2, "nobody is there to be asked"
    assert moorage("registry", "delete", "DMC", "--yes") == 0
    said, undo = moorage.out.splitlines()
    assert said == "DMC was deleted with 1 repository, 2 tags and 1 image"
    assert undo == "Undo: moorage trash restore dmc 1"
    assert moorage.json("registry", "list") == []
    (listed,) = moorage.json("trash", "list")
    assert (listed["registry"], listed["repositories"], listed["some"]) == ("DMC", 1, ["team/app"])
    assert moorage("trash", "list") == 0
    assert "the registry DMC, 1 repository, 2 tags, 1 image" in moorage.out
    assert moorage("trash", "show", "DMC", "1") == 0
    assert "dmc/team/app" in moorage.out
    assert moorage("trash", "restore", "other", "1") == 1
    assert moorage("trash", "restore", "DMC", "1") == 0
    assert moorage.out == "DMC is back with 1 repository\n"
    assert moorage.json("tag", "list", "dmc/team/app") == tags


def test_an_empty_registry_is_deleted_without_a_question(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    assert moorage("registry", "delete", "DMC") == 0
    assert moorage.json("registry", "list") == []


def test_the_space_of_a_deleted_registry_is_freed(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage.do(push)
    gone = moorage.json("registry", "delete", "DMC", "--yes")
    assert moorage.json("trash", "free", "DMC", str(gone["entry"]), "--yes")["frees"] == gone["frees"] > 0
    assert moorage("trash", "restore", "DMC", str(gone["entry"])) == 1
    assert moorage.json("gc")["usage"]["linked"] == 0


def test_a_registry_with_an_immutable_tag_takes_a_reason(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage.do(push)
    moorage("registry", "change", "DMC", "--immutable-tags", "*")
    assert moorage("registry", "delete", "DMC", "--yes") == 1
    assert "immutable" in moorage.err
    assert moorage("registry", "delete", "DMC", "--yes", "--override", "moved to another server") == 0


def test_repositories_are_listed_with_what_they_hold(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage.do(push)
    assert moorage("repository", "list", "DMC") == 0
    assert moorage.out.splitlines()[1].split()[:4] == ["dmc/team/app", "2", "50.4", "KB"]


def test_gc_says_what_it_freed_and_what_waits(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage.do(push)
    moorage("repository", "delete", "dmc/team/app", "--yes")
    moorage("trash", "empty", "DMC", "--yes")
    early = moorage.json("gc")
    assert (early["blobs"], early["usage"]["waiting"]) == (0, len(LAYER) + len(b"{}"))

    async def wait(services: Services) -> None:
        await services.collect.tick(LONGER_THAN_A_LEASE)

    moorage.do(wait)
    assert moorage("gc") == 0
    assert moorage.out.splitlines()[0] == "Freed 50.0 KB: 2 blobs and 0 abandoned uploads"
    assert moorage.json("gc") == {
        "blobs": 0,
        "freed": 0,
        "uploads": 0,
        "usage": {
            "stored": 0,
            "linked": 0,
            "trash": 0,
            "waiting": 0,
            "uploads": 0,
            "quota": {"quota": None, "used": 0, "left": None, "level": "free", "note": ""},
        },
    }


def test_a_change_leaves_what_is_not_given(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC", "--description", "first")
    assert (
        moorage("registry", "change", "dmc", "--immutable-tags", "v* latest", "--immutable-tags", "r* !*-dev @x/*") == 0
    )
    changed = moorage.json("registry", "change", "DMC", "--visibility", "public")
    assert changed["description"] == "first"
    assert (changed["visibility"], changed["immutable_tags"]) == ("public", ["v*", "latest", "r* !*-dev @x/*"])
    assert moorage.json("registry", "change", "DMC", "--immutable-tags", "")["immutable_tags"] == []


def test_a_registry_says_whether_pulls_are_redirected(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    assert moorage("registry", "change", "DMC", "--redirects", "off") == 0
    assert moorage.json("registry", "change", "DMC", "--description", "still")["redirects"] == "off"
    assert moorage("registry", "change", "DMC", "--redirects", "perhaps") == 2


def test_a_rule_that_is_none_is_told(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    assert moorage("registry", "change", "DMC", "--immutable-tags", "[a]") == 1
    assert "immutable tags are" in moorage.err


def test_a_quota_is_set_shown_and_taken_away(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    assert moorage("registry", "change", "DMC", "--quota", "50GB", "--quota-warning", "90") == 0
    assert moorage.out.splitlines() == ["DMC was changed"]
    assert moorage("registry", "list") == 0
    assert "0 % of 50.0 GB" in moorage.out
    assert moorage("registry", "show", "DMC") == 0
    assert "50.0 GB" in moorage.out
    assert "90 %" in moorage.out
    shown = moorage.json("registry", "show", "DMC")
    assert (shown["quota"], shown["quota_use"]["left"]) == (50_000_000_000, 50_000_000_000)
    assert moorage.json("registry", "change", "DMC", "--quota", "none")["quota"] is None
    assert moorage("registry", "change", "DMC", "--quota", "much") == 1
    assert "as 500GB" in moorage.err


def test_a_quota_below_use_says_what_has_to_go(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage.do(push)
    assert moorage("registry", "change", "DMC", "--quota", "10KB") == 0
    told, note = moorage.out.splitlines()
    assert told == "DMC was changed"
    assert re.fullmatch(r"Pushes are refused until 40\.\d KB is freed", note)
    assert moorage("registry", "show", "DMC") == 0
    assert f"DMC is full. {note}" in moorage.out
