"""`moorage access`."""

from tests.cli.conftest import Terminal


def test_why_is_told_in_a_sentence(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage("user", "add", "mara", "--generate")
    moorage("registry", "grant", "DMC", "mara", "writer", "--pattern", "team/*")
    assert moorage("access", "explain", "mara", "dmc/team/app", "push") == 0
    assert moorage.out == "mara may push to dmc/team/app: mara is a writer of dmc/team/*\n"
    assert moorage("access", "explain", "mara", "dmc/app") == 0
    assert moorage.out.startswith("mara may not pull from dmc/app: no grant")
    found = moorage.json("access", "explain", "mara", "DMC", "administer-registry")
    assert (found["registry"], found["is_allowed"], found["ground"]) == ("dmc", False, "nothing")
    assert moorage("access", "explain", "ghost", "dmc") == 1
    assert moorage("access", "explain", "mara", "dmc", "fly") == 2
