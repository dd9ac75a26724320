"""Write the table of values in the chart's README from the comments in its values.yaml.

    # How many servers run      a comment of one line above each value that has no values of its own
    replicas: 3

Run it after a change of values.yaml.
"""

import re
from collections.abc import Iterator
from pathlib import Path

CHART = Path(__file__).parent.parent / "deploy" / "chart"
README = CHART / "README.md"
HEAD = "| value | what it is for | default |\n|---|---|---|"

_LINE = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z]+):(?: (?P<value>.+))?")


def written() -> str:
    """Return the README with the table as it must be."""
    before, _, rest = README.read_text().partition(HEAD)
    _, _, after = rest.partition("\n\n")
    return "\n".join([f"{before}{HEAD}", *rows(), "", after])


def rows() -> Iterator[str]:
    """Yield a row of the table for each value that values.yaml explains."""
    above: list[str] = []
    comment = ""
    for line in (CHART / "values.yaml").read_text().splitlines():
        found = _LINE.fullmatch(line)
        if line.strip().startswith("# "):
            comment = line.strip().removeprefix("# ")
        elif found is not None:
            above[len(found["indent"]) // 2 :] = [found["name"]]
            if comment:
                yield f"| `{'.'.join(above)}` | {comment} | {_default(found['value'])} |"
            comment = ""


def _default(value: str | None) -> str:
    if value is None:
        return "see values.yaml"
    return "none" if value in ('""', "[]", "{}") else f"`{value}`"


if __name__ == "__main__":
    README.write_text(written())
