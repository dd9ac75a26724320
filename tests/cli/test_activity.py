"""`moorage activity`."""

import json

from tests.cli.conftest import Terminal


def test_what_commands_do_is_shown_newest_first(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage("registry", "create", "Other")
    assert moorage("activity", "--what", "create-registry") == 0
    assert [line.split()[-2] for line in moorage.out.splitlines()[1:]] == ["other", "dmc"]
    (row,) = moorage.json("activity", "--target", "dmc", "--outcome", "done", "--limit", "1")
    assert (row["what"], row["target"], row["address"]) == ("create-registry", "dmc", "")


def test_json_lines_are_one_row_each(moorage: Terminal) -> None:
    for name in ("One", "Two"):
        moorage("registry", "create", name)
    assert moorage("activity", "--json-lines", "--what", "create-registry", "--since", "2020-01-01") == 0
    assert [json.loads(line)["target"] for line in moorage.out.splitlines()] == ["two", "one"]
    assert moorage("activity", "--json-lines", "--who", "nobody") == 0
    assert moorage.out == ""


def test_a_filter_that_is_none_is_an_error(moorage: Terminal) -> None:
    for words in (("--what", "nothing"), ("--since", "yesterday"), ("--outcome", "x")):
        assert moorage("activity", *words) == 1
        assert moorage.err.startswith("moorage: ")
