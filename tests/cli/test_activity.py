"""`moorage activity`."""

import inspect
import json

from moorage.cli.activity import activity
from moorage.management.activity import Wanted
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


def test_every_filter_of_the_api_is_an_option(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    moorage("registry", "create", "Other")
    document = moorage.json("activity", "--registry", "DMC")
    assert [row["target"] for row in document] == ["dmc"]
    for words, count in (
        (("--who", "moorage", "--registry", "other"), 1),
        (("--token", "laptop"), 0),
        (("--address", "10.0.0.7"), 0),
        (("--request-id", "none"), 0),
        (("--request-id", document[0]["request_id"], "--registry", "dmc"), 1),
    ):
        assert len(moorage.json("activity", *words)) == count, words
    assert moorage("activity", "--registry", "nil") == 1


def test_no_filter_of_the_api_is_missing_here() -> None:
    taken = inspect.signature(Wanted.__init__).parameters.keys() - {"self", "request"}
    assert taken <= inspect.signature(activity).parameters.keys()


def test_a_filter_that_is_none_is_an_error(moorage: Terminal) -> None:
    for words in (("--what", "nothing"), ("--since", "yesterday"), ("--outcome", "x")):
        assert moorage("activity", *words) == 1
        assert moorage.err.startswith("moorage: ")
