"""Writes the table of docs/permissions.md: who may do what, as domain/access.py decides it.

.venv/bin/python tools/permissions.py
"""

from pathlib import Path

from moorage.domain.access import ANONYMOUS, SIGNED_IN_MAY, Action, Caller, Grant, Place, Role, Visibility, decide

PAGE = Path(__file__).parent.parent / "docs" / "permissions.md"
BEGIN, END = "<!-- table: tools/permissions.py writes it -->\n", "<!-- end -->\n"

PERSON = Caller(1, "somebody")
PRIVATE = Place(Visibility.PRIVATE)
WHO: tuple[tuple[str, Caller, Place], ...] = (
    ("anybody, of a public registry", ANONYMOUS, Place(Visibility.PUBLIC)),
    ("the signed in, of an internal registry", PERSON, Place(Visibility.INTERNAL)),
    ("the signed in, of a private registry", PERSON, PRIVATE),
    *((role.value, PERSON, Place(Visibility.PRIVATE, (Grant(role),))) for role in Role),
    ("administrator", Caller(1, "somebody", is_admin=True), PRIVATE),
)


def table() -> str:
    """Return the table as Markdown; what everybody may who is signed in is left out."""
    actions = [action for action in Action if action not in SIGNED_IN_MAY]
    rows = [("", *(f"`{action}`" for action in actions)), ("---", *(":-:" for _ in actions))]
    for name, caller, place in WHO:
        marks = ("✓" if decide(caller, action, place).is_allowed else "" for action in actions)
        rows.append((name, *marks))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def written() -> str:
    """Return the page with the table as it has to be."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written())
