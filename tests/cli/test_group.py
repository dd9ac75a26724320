"""`moorage group`."""

from moorage.app.services import Services
from tests.cli.conftest import Terminal
from tests.management.world import World


def test_a_group_is_made_filled_and_deleted(moorage: Terminal) -> None:
    moorage("user", "add", "mara", "--generate")
    assert moorage("group", "add", "ops") == 0
    assert moorage("group", "join", "ops", "mara") == 0
    assert moorage.out == "mara is in ops now\n"
    assert moorage("group", "list") == 0
    assert moorage.out.splitlines()[1].split()[:3] == ["ops", "1", "-"]
    assert moorage.json("group", "list", "ops") == [{"name": "mara"}]
    assert moorage("group", "list", "ops") == 0
    assert moorage.out.split() == ["NAME", "mara"]
    assert moorage("group", "leave", "ops", "mara") == 0
    assert moorage.json("group", "list", "ops") == []
    assert moorage("group", "delete", "ops") == 0
    assert moorage.json("group", "list") == []


def test_a_group_of_a_directory_is_filled_by_it_alone(moorage: Terminal) -> None:
    moorage("user", "add", "mara", "--generate")
    made = moorage.json("group", "add", "dev", "--directory", "corp", "--external", "cn=dev")
    assert (made["directory"], made["external"]) == ("corp", "cn=dev")
    assert moorage("group", "join", "dev", "mara") == 1
    assert "the directory corp" in moorage.err

    async def compare(services: Services) -> None:
        assert (await World(services).ask("GET", "/groups/dev")).json() == made

    moorage.do(compare)
