"""`moorage image` and `moorage tag`."""

import pytest

from moorage.app.services import Services
from tests.cli.conftest import Terminal
from tests.management.world import World

LAYER = b"x" * 50_000


@pytest.fixture
def pushed(moorage: Terminal) -> Terminal:
    """Return a terminal on a server with one image, which three tags point to."""

    async def push(services: Services) -> None:
        await World(services).image("dmc/team/app", "1.0", "1.1", "dev", layer=LAYER)

    moorage("registry", "create", "DMC")
    moorage.do(push)
    return moorage


async def push_anew(services: Services) -> None:
    await World(services).image("dmc/team/app", "dev", layer=b"newer")


def digest_in(terminal: Terminal) -> str:
    (image,) = terminal.json("image", "list", "dmc/team/app")
    return str(image["digest"])


def test_tags_are_listed_with_what_they_point_to(pushed: Terminal) -> None:
    digest = digest_in(pushed)
    assert pushed("tag", "list", "dmc/team/app", "--order", "name") == 0
    head, *rows = pushed.out.splitlines()
    assert head.split()[0] == "TAG"
    assert [(row.split()[0], row.split()[-1]) for row in rows] == [(tag, digest) for tag in ("1.0", "1.1", "dev")]
    assert [tag["name"] for tag in pushed.json("tag", "list", "dmc/team/app", "--matching", "de")] == ["dev"]


def test_a_tag_is_deleted_and_its_image_stays(pushed: Terminal) -> None:
    digest = digest_in(pushed)
    assert pushed("tag", "delete", "dmc/team/app:1.1", "--yes") == 0
    assert pushed.out.splitlines() == [
        "dmc/team/app:1.1 was deleted; its image stays",
        "Undo: moorage trash restore dmc/team/app 1",
    ]
    assert pushed.json("image", "show", f"dmc/team/app@{digest}")["tags"] == ["1.0", "dev"]
    assert pushed("tag", "delete", "dmc/team/app:1.1", "--yes") == 1


def test_a_tag_is_set_to_an_image_that_is_there(pushed: Terminal) -> None:
    digest = digest_in(pushed)
    assert pushed("tag", "set", "dmc/team/app:stable", "1.0", "--new") == 0
    assert pushed.out == f"dmc/team/app:stable points to {digest} now\n"
    assert pushed.json("tag", "set", "dmc/team/app:stable", digest)["name"] == "stable"
    assert pushed("tag", "set", "dmc/team/app:stable", "1.0", "--new") == 1
    assert pushed.err == "moorage: this is there already\n"
    for unknown in ("none", "sha256:" + "0" * 64):
        assert pushed("tag", "set", "dmc/team/app:other", unknown) == 1
    assert pushed.json("image", "show", "dmc/team/app:stable")["tags"] == ["1.0", "1.1", "dev", "stable"]


def test_an_image_is_shown_by_tag_or_digest(pushed: Terminal) -> None:
    digest = digest_in(pushed)
    for name in ("dmc/team/app:dev", f"dmc/team/app@{digest}"):
        assert pushed("image", "show", name) == 0
        facts = dict(line.split(":", 1) for line in pushed.out.splitlines())
        assert facts["digest"].strip() == digest
        assert facts["tags"].strip() == "1.0, 1.1, dev"
    assert pushed("image", "show", "dmc/team/app") == 1, "there is no tag latest"


def test_an_image_goes_with_all_its_tags(pushed: Terminal) -> None:
    digest = digest_in(pushed)
    assert pushed("image", "delete", f"dmc/team/app@{digest}", "--yes") == 0
    assert pushed.out.splitlines() == [
        "1 image and 3 tags were deleted",
        "Undo: moorage trash restore dmc/team/app 1",
    ]
    assert pushed.json("tag", "list", "dmc/team/app") == []
    assert pushed.json("image", "list", "dmc/team/app", "--untagged") == []


@pytest.mark.parametrize(
    "words",
    [
        ("image", "delete", "dmc/team/app:dev", "--yes"),
        ("image", "delete", "dmc/team/app", "--yes"),
        ("tag", "delete", "dmc/team/app", "--yes"),
        ("tag", "delete", "dmc/team/app:dev"),
    ],
)
def test_what_names_no_one_thing_or_cannot_be_asked_about_deletes_nothing(
    pushed: Terminal, words: tuple[str, ...]
) -> None:
    assert pushed(*words) == 2
    assert len(pushed.json("tag", "list", "dmc/team/app")) == 3


@pytest.mark.parametrize("answer", ["n", "y"])
def test_whoever_is_asked_is_told_what_goes(pushed: Terminal, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    digest = digest_in(pushed)
    monkeypatch.setattr("moorage.cli.consent.is_terminal", lambda: True)
    assert pushed("tag", "delete", "dmc/team/app:dev", given=answer) == int(answer == "n")
    assert "Its image stays, as 1.0, 1.1." in pushed.out
    tags = ["1.0", "1.1"] if answer == "y" else ["1.0", "1.1", "dev"]
    assert pushed("image", "delete", f"dmc/team/app@{digest}", given=answer) == int(answer == "n")
    assert f"with {len(tags)} tags: {', '.join(tags)}?" in pushed.out
    left = [tag["name"] for tag in pushed.json("tag", "list", "dmc/team/app", "--order", "name")]
    assert left == ([] if answer == "y" else tags)


def test_a_tag_is_taken_back_to_where_it_has_pointed(pushed: Terminal) -> None:
    async def push(services: Services) -> None:
        await World(services).image("dmc/team/app", "dev", layer=b"newer")

    first = digest_in(pushed)
    assert pushed("tag", "rollback", "dmc/team/app:dev") == 1
    assert "has pointed to no other image that is still there" in pushed.err
    pushed.do(push)
    second = pushed.json("tag", "history", "dmc/team/app:dev")[0]["digest"]
    assert pushed("tag", "rollback", "dmc/team/app:dev") == 0
    assert pushed.out == f"dmc/team/app:dev points to {first} again\n"
    assert pushed.json("tag", "rollback", "dmc/team/app:dev", second)["digest"] == second
    assert pushed("tag", "delete", "dmc/team/app:dev", "--yes") == 0
    assert pushed.json("tag", "rollback", "dmc/team/app:dev")["digest"] == second, "the newest that is still there"
    assert pushed("tag", "history", "dmc/team/app:dev") == 0
    head, *rows = [line.split() for line in pushed.out.splitlines()]
    assert head == ["WHEN", "HOW", "BY", "IMAGE", "DIGEST"]
    assert [row[2] for row in rows] == ["rollback", "deletion", "rollback", "rollback", "push", "push"]
    assert rows[1][-2:] == ["-", "-"]
    assert pushed("tag", "history", "dmc/team/app:never") == 1
    assert pushed("tag", "rollback", "dmc/team/app:never") == 1


def test_an_immutable_tag_moves_for_a_reason(pushed: Terminal) -> None:
    assert pushed("registry", "change", "DMC", "--immutable-tags", "1.* dev") == 0
    commands = (
        ("tag", "delete", "dmc/team/app:1.0", "--yes"),
        ("image", "delete", f"dmc/team/app@{digest_in(pushed)}", "--yes"),
        ("repository", "delete", "dmc/team/app", "--yes"),
    )
    for command in commands:
        assert pushed(*command) == 1
        assert "immutable here" in pushed.err
    assert pushed(*commands[0], "--override", "it was & is wrong") == 0
    assert pushed("activity", "--what", "delete-tag") == 0
    assert pushed.json("activity", "--what", "delete-tag")[0]["after"] == {"override": "it was & is wrong"}
    for command in commands[1:]:
        assert pushed(*command, "--override", "") == 1
        assert "say in at most" in pushed.err
    assert pushed(*commands[2], "--override", "all of it") == 0


def test_an_immutable_tag_is_pointed_elsewhere_for_a_reason(pushed: Terminal) -> None:
    pushed.do(push_anew)
    pushed("registry", "change", "DMC", "--immutable-tags", "dev")
    assert pushed("tag", "set", "dmc/team/app:dev", "1.0") == 1
    assert pushed("tag", "set", "dmc/team/app:dev", "1.0", "--override", "because") == 0
    assert pushed("tag", "rollback", "dmc/team/app:dev") == 1
    assert pushed("tag", "rollback", "dmc/team/app:dev", "--override", "because") == 0
