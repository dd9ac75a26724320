"""Who may do what as docs/ says it. The tests take the rules from there, so that code alone can't change them."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"
ROUTE = re.compile(r"^\| `([A-Z]+) (/\S*)` \| ([a-z-]+) \|", re.MULTILINE)

FOR_ALL = frozenset({"anyone", "list"})
FOR_ACCOUNTS = FOR_ALL | {"signed-in"}
OF_CONTENT = frozenset({"pull", "push", "delete"})
"""Actions that a bearer token of the token service can be for."""


@cache
def routes() -> Mapping[tuple[str, str], str]:
    """Return what each route needs: those of the programs' interfaces stand in one page, those of people in another."""
    pages = [(DOCS / name).read_text() for name in ("api.md", "web.md")]
    found = [((method, path), needs) for page in pages for method, path, needs in ROUTE.findall(page)]
    rules = dict(found)
    assert len(rules) == len(found), "a route stands in docs/ twice"
    return rules


@cache
def roles() -> Mapping[str, frozenset[str]]:
    """Return what each role may do, and an administrator."""
    lines = [line for line in (DOCS / "permissions.md").read_text().splitlines() if line.startswith("| ")]
    head = lines[0]
    actions = re.findall(r"`([a-z-]+)`", head)
    found = {}
    for line in lines[1:]:
        name, *marks = (cell.strip() for cell in line.strip("|").split("|"))
        if len(marks) == len(actions):
            found[name] = frozenset(action for action, mark in zip(actions, marks, strict=True) if mark == "✓")
    return found
