"""`moorage trash`: what was deleted is listed, shown, brought back and freed."""

import pytest

from tests.cli.conftest import Terminal
from tests.cli.test_registry import push

NAME = "dmc/team/app"


@pytest.fixture
def deleted(moorage: Terminal) -> Terminal:
    """Return a terminal on a server where a repository with two tags was deleted."""
    moorage("registry", "create", "DMC")
    moorage.do(push)
    moorage("repository", "delete", NAME, "--yes")
    return moorage


def test_what_was_deleted_is_listed_and_shown(deleted: Terminal) -> None:
    assert deleted("trash", "list", "DMC") == 0
    head, row = deleted.out.splitlines()
    assert head.split() == ["REPOSITORY", "NUMBER", "WHAT", "DELETED", "BY", "WHY", "SIZE", "UNTIL"]
    assert row.startswith(f"{NAME}  1")
    assert "the repository, 2 tags, 1 image" in row
    (entry,) = deleted.json("trash", "list", "DMC")
    assert (entry["id"], entry["kind"], entry["name"], entry["why"]) == (1, "repository", NAME, "")
    assert deleted("trash", "show", NAME, "1") == 0
    assert "sha256:" in deleted.out
    assert len(deleted.json("trash", "show", NAME, "1")["of"]["tags"]) == 2


def test_it_is_brought_back_with_its_tags(deleted: Terminal) -> None:
    assert deleted("trash", "restore", NAME, "1") == 0
    assert deleted.out.startswith(f"{NAME} is back: ")
    assert len(deleted.json("tag", "list", NAME)) == 2
    assert deleted.json("trash", "list", "DMC") == []
    assert deleted("trash", "restore", NAME, "1") == 1
    assert "has no deletion 1" in deleted.err


def test_a_tag_that_points_elsewhere_is_named(deleted: Terminal) -> None:
    deleted.do(push)
    digest = deleted.json("image", "list", NAME)[0]["digest"]
    names = [tag["name"] for tag in deleted.json("tag", "list", NAME)]
    assert deleted("trash", "restore", NAME, "1") == 0
    assert {tag["digest"] for tag in deleted.json("tag", "list", NAME)} == {digest}
    assert sorted(tag["name"] for tag in deleted.json("tag", "list", NAME)) == sorted(names)


@pytest.mark.parametrize("words", [("free", NAME, "1"), ("empty", "DMC")])
def test_freed_it_is_gone_from_the_disk(deleted: Terminal, words: tuple[str, ...]) -> None:
    assert deleted("trash", *words) == 2, "nobody is there to be asked"
    assert deleted.json("trash", *words, "--yes")["entries"] == 1
    assert deleted.json("trash", "list", "DMC") == []
    assert deleted("trash", "restore", NAME, "1") == 1
    assert deleted.json("gc")["usage"]["linked"] == 0


def test_a_registry_keeps_it_as_long_as_it_says(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    assert moorage.json("registry", "change", "DMC", "--trash-days", "0")["trash_days"] == 0
    moorage.do(push)
    assert moorage("repository", "delete", NAME, "--yes") == 0
    assert "come free when no lease holds them" in moorage.out
    assert moorage.json("trash", "list", "DMC") == []
    assert moorage("registry", "change", "DMC", "--trash-days", "91") == 2
