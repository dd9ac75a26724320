"""The chart, and helm to make something of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.clients.programs import Program

CHART = Path(__file__).parents[3] / "deploy" / "chart"
# Helm itself, asked without a cluster, may think of an old one.
CLUSTER = ("--kube-version", "1.31.0")

LEAST: dict[str, Any] = {
    "externalUrl": "https://proget.example.org",
    "image": {"repository": "proget.example.org/dmc/moorage"},
    "database": {"url": "postgresql://moorage:secret@db/moorage"},
    "storage": {"url": "s3://images/moorage", "accessKeyId": "moorage", "secretAccessKey": "secret"},
}
"""The fewest values that it can be installed with."""


@dataclass(frozen=True, slots=True)
class Helm:
    """helm, and a folder for values."""

    program: Program
    folder: Path

    def template(self, values: dict[str, Any], chart: str | Path = CHART) -> str:
        """Return what the chart makes of values."""
        return self.program("template", "moorage", chart, *CLUSTER, "--values", written(self.folder, values))

    def refused(self, values: dict[str, Any]) -> str:
        """Return what is said about values that are wrong."""
        return self.program.refused("template", "moorage", CHART, *CLUSTER, "--values", written(self.folder, values))


def written(folder: Path, values: dict[str, Any]) -> Path:
    """Write values into a file; return it."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects in what a chart makes."""
    return [made for made in yaml.safe_load_all(text) if made]
