"""What stands in deploy/ and is said about it: one version, pinned images, values that are explained and checked."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import yaml

from moorage import __version__
from moorage.settings import OPTIONS

HOUSE = Path(__file__).parent.parent
CHART = HOUSE / "deploy" / "chart"
TOOL = HOUSE / "tools" / "chart.py"
COMPOSE = (HOUSE / "deploy" / "compose.yaml").read_text()
ENV = (CHART / "templates" / "_env.tpl").read_text()
PINNED = re.compile(r"\S+/\S+:v?[0-9]+\.[0-9]+(\.[0-9]+)?(-[a-z]+)?")


def leaves(values: dict[str, Any], schema: dict[str, Any], *above: str) -> dict[str, bool]:
    """Return every value by its name, and whether the schema says what it may be."""
    found: dict[str, bool] = {}
    for name, value in values.items():
        said = schema["properties"].get(name)
        if said is not None and "properties" in said:
            assert said["additionalProperties"] is False, name
            found |= leaves(value, said, *above, name)
        else:
            found[".".join((*above, name))] = said is not None
    return found


def test_every_value_of_the_chart_is_explained_and_checked() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["additionalProperties"] is False
    found = leaves(values, schema)
    assert all(found.values()), found
    assert [row.split("`")[1] for row in runpy.run_path(str(TOOL))["rows"]()] == list(found)


def test_the_readme_of_the_chart_has_the_values_as_they_are() -> None:
    tool = runpy.run_path(str(TOOL))
    assert tool["README"].read_text() == tool["written"](), f"write the table anew: .venv/bin/python tools/{TOOL.name}"


def test_the_chart_and_the_image_are_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    assert f"image: moorage:{__version__}\n" in COMPOSE


def test_every_image_of_others_is_pinned() -> None:
    images = re.findall(r"^    image: (.+)$", COMPOSE, re.MULTILINE)
    assert len(images) == 3
    assert [image for image in images if PINNED.fullmatch(image) is None] == []


def test_every_setting_that_is_given_exists() -> None:
    texts = [COMPOSE, ENV, (HOUSE / "Dockerfile").read_text()]
    given = {name for text in texts for name in re.findall(r"\b(MOORAGE_[A-Z0-9_]+)\b", text)}
    known = {option.variable for option in OPTIONS.values()}
    known |= {f"{option.variable}_FILE" for option in OPTIONS.values() if option.secret}
    # These two are compose's own, from `.env`.
    assert given - known == {"MOORAGE_URL", "MOORAGE_PORT"}


def test_what_the_chart_sets_itself_is_not_set_once_more() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    kept = schema["properties"]["settings"]["propertyNames"]["not"]["enum"]
    own = {option.name for option in OPTIONS.values() if re.search(rf"\b{option.variable}(_FILE)?\b", ENV)}
    assert sorted(kept) == sorted(own | {"config", "data"})
