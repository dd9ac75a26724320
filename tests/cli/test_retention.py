"""`moorage retention` and `moorage pin`."""

import csv
import io

import pytest

from moorage.app.services import Services
from tests.cli.conftest import Terminal
from tests.management.world import World


async def fill(services: Services) -> None:
    world = World(services)
    for tag in ("1", "2", "3"):
        await world.image("dmc/app", tag, layer=tag.encode())


@pytest.fixture
def filled(moorage: Terminal) -> Terminal:
    moorage("registry", "create", "DMC")
    moorage.do(fill)
    return moorage


def test_a_rule_is_added_previewed_started_and_run(filled: Terminal) -> None:
    assert filled("retention", "add", "DMC", "Two newest", "--newest", "2", "--in", "app") == 0
    assert "In app: keep the 2 newest. Remove the rest." in filled.out
    assert "moorage retention preview DMC --rule 1" in filled.out
    assert filled("retention", "start", "DMC", "1") == 1
    assert "preview" in filled.err
    assert filled("retention", "preview", "DMC", "--rule", "1") == 0
    assert filled.out.splitlines()[-1].startswith("1 tag and 0 untagged images would go, ")
    assert filled("retention", "start", "DMC", "1") == 0
    assert [row["tag"] for row in filled.json("retention", "preview", "DMC", "--going")] == ["1"]
    assert filled("retention", "run", "DMC") == 0
    assert filled.out.startswith("1 tag and 1 image went, ")
    assert "moorage trash restore DMC --run 1" in filled.out
    assert "tags and images: 1 of 1" in filled.err
    assert [tag["name"] for tag in filled.json("tag", "list", "dmc/app", "--order", "name")] == ["2", "3"]
    assert filled("retention", "list", "DMC") == 0
    assert "runs" in filled.out
    assert filled("retention", "pause", "DMC", "1") == 0
    assert filled("retention", "delete", "DMC", "1") == 0
    assert filled.json("retention", "list", "DMC") == []


def test_what_a_run_let_go_comes_back_in_one_act(filled: Terminal) -> None:
    filled("retention", "add", "DMC", "Newest", "--newest", "1")
    filled("retention", "preview", "DMC", "--rule", "1")
    filled("retention", "start", "DMC", "1")
    assert filled.json("retention", "run", "DMC")["total"]["tags"] == 2
    assert filled("retention", "runs", "DMC") == 0
    assert "ended" in filled.out
    assert filled("trash", "list", "DMC") == 0
    assert "Newest (run 1)" in filled.out
    assert filled("trash", "restore", "DMC") == 2
    assert filled("trash", "restore", "DMC", "1", "--run", "1") == 2
    assert filled("trash", "restore", "dmc/app", "--run", "1") == 2
    assert filled("trash", "restore", "DMC", "--run", "1") == 0
    assert filled.out.startswith("2 tags and 2 images are back")
    assert [tag["name"] for tag in filled.json("tag", "list", "dmc/app", "--order", "name")] == ["1", "2", "3"]
    assert filled("trash", "restore", "DMC", "--run", "1") == 1
    assert "can be restored" in filled.err


def test_who_does_not_wait_is_told_that_the_run_goes_on(filled: Terminal) -> None:
    assert filled("retention", "run", "DMC", "--no-wait") == 0
    assert filled.out.startswith("Run 1 goes on: ")
    assert filled("retention", "run", "DMC") == 0
    assert filled.out.startswith("0 tags and 0 images went")


def test_a_preview_is_printed_as_csv(filled: Terminal) -> None:
    filled("retention", "add", "DMC", "Two newest", "--newest", "2")
    assert filled("retention", "preview", "DMC", "--rule", "1", "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(filled.out)))
    assert [(row["repository"], row["tag"], row["goes"]) for row in rows] == [
        ("app", "1", "True"),
        ("app", "2", "False"),
        ("app", "3", "False"),
    ]


def test_a_rule_is_changed_in_part(filled: Terminal) -> None:
    filled(
        "retention", "add", "DMC", "One", "--newest", "2", "--pulled-days", "90", "--tags", "v*", "--but-not", "*-dev"
    )
    changed = filled.json("retention", "change", "DMC", "1", "--name", "Two", "--pulled-days", "0", "--rest", "pass")
    assert (changed["name"], changed["rule"]["newest"], changed["rule"]["pulled_days"]) == ("Two", 2, None)
    assert (changed["rule"]["tags"], changed["rule"]["but_not"], changed["rule"]["rest"]) == (["v*"], ["*-dev"], "pass")
    filled("retention", "add", "DMC", "Other", "--of", "untagged", "--pushed-days", "14")
    filled("retention", "change", "DMC", "2", "--position", "1")
    assert [rule["name"] for rule in filled.json("retention", "list", "DMC")] == ["Other", "Two"]
    assert filled("retention", "add", "DMC", "Nothing") == 1
    assert "a rule says what it keeps" in filled.err


def test_an_image_is_pinned_by_tag_or_digest(filled: Terminal) -> None:
    pin = filled.json("pin", "add", "dmc/app:1", "--why", "runs", "--for", "2h")
    assert (pin["why"], pin["until"] is not None) == ("runs", True)
    assert filled.json("pin", "list", "dmc/app") == [pin]
    assert filled("pin", "list", "dmc/app") == 0
    assert "runs" in filled.out
    assert filled("pin", "add", f"dmc/app@{pin['digest']}") == 0
    assert filled.json("pin", "list", "dmc/app")[0]["until"] is None
    assert filled("pin", "add", "dmc/app:1", "--for", "soon") == 2
    assert filled("pin", "remove", "dmc/app:1", "--by", "nobody") == 1
    assert filled("pin", "remove", "dmc/app:1") == 0
    assert filled.json("pin", "list", "dmc/app") == []
