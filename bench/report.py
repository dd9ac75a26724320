"""The result: tables for the terminal and for docs/performance.md, and everything as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from bench.figures import Door, Storage, Summary, Unit, ratio, spread, summarize, written
from bench.measure import Result
from bench.servers import BASELINE, Server

WIDTH = 140


@dataclass(frozen=True, slots=True)
class Report:
    """Results, and what they were measured with."""

    servers: Sequence[Server]
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    commands: Mapping[str, str]
    results: Sequence[Result]

    def show(self, console: Console) -> None:
        """Print a table for each storage and door, what failed, and what it was measured on."""
        for title, results in self._groups().items():
            console.print(self._table(title, results))
        for line in self._failures():
            console.print(line, style="red", markup=False)
        for name, value in self._facts().items():
            console.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)

    def write_json(self, path: Path) -> None:
        """Write every sample, with units' names and what it was measured on."""
        document = {
            "machine": self.machine,
            "versions": self.versions,
            "commands": self.commands,
            "results": [
                {
                    "row": result.row.name,
                    "storage": result.storage.value,
                    "door": result.door.value,
                    "unit": result.row.unit.label,
                    "scale": result.row.unit.scale,
                    "samples": {name: [asdict(sample) for sample in found] for name, found in result.samples.items()},
                    "failures": result.failures,
                }
                for result in self.results
            ],
        }
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    def write_markdown(self, path: Path) -> None:
        """Write the tables, and what they were measured on, as Markdown."""
        lines = []
        for title, results in self._groups().items():
            lines += [f"### {title[0].upper()}{title[1:]}", "", _line(["row", *(s.title for s in self.servers)])]
            lines += [_line(["---"] * (len(self.servers) + 1))]
            lines += [_line([_label(result), *self._cells(result, "<br>")]) for result in results] + [""]
        lines += [f"* {name}: {value}" for name, value in self._facts().items()]
        path.write_text("\n".join(lines) + "\n")

    def _groups(self) -> dict[str, list[Result]]:
        groups: dict[str, list[Result]] = {}
        for result in self.results:
            groups.setdefault(_title(result.storage, result.door), []).append(result)
        return groups

    def _table(self, title: str, results: Sequence[Result]) -> Table:
        table = Table(title=title, box=box.SIMPLE_HEAD, title_style="bold", padding=(0, 1))
        table.add_column("row", min_width=34)
        for server in self.servers:
            table.add_column(server.title, justify="right")
        for result in results:
            table.add_row(_label(result), *self._cells(result, "\n"))
        return table

    def _cells(self, result: Result, newline: str) -> list[str]:
        summaries = {name: summarize(samples) for name, samples in result.samples.items() if samples}
        baseline = summaries.get(BASELINE)
        unit = result.row.unit
        return [_cell(summaries.get(server.name), baseline, unit, newline) for server in self.servers]

    def _failures(self) -> list[str]:
        titles = {server.name: server.title for server in self.servers}
        return [
            f"FAILED: {result.row.name} ({_title(result.storage, result.door)}): {titles[name]}: {reason}"
            for result in self.results
            for name, reason in result.failures.items()
        ]

    def _facts(self) -> dict[str, str]:
        titles = {server.name: server.title for server in self.servers}
        told = {titles[name]: f"{version}; {self.commands[name]}" for name, version in self.versions.items()}
        return {**self.machine, **told}


def one_line(result: Result) -> str:
    """Return a result's medians as one line, for whoever waits."""
    medians = [
        f"{name} {written(summarize(samples).median, result.row.unit)}"
        for name, samples in result.samples.items()
        if samples
    ]
    return f"{_title(result.storage, result.door)}: {result.row.name}: {', '.join(medians)} {result.row.unit.label}"


def _title(storage: Storage, door: Door) -> str:
    return f"{'over TLS' if door is Door.TLS else 'plain HTTP'}, data on {storage.value}"


def _label(result: Result) -> str:
    unit = result.row.unit
    return f"{result.row.name}, {unit.label}{' (less is better)' if unit.is_less_better else ''}"


def _cell(summary: Summary | None, baseline: Summary | None, unit: Unit, newline: str) -> str:
    if summary is None:
        return "failed"
    value = f"{written(summary.median, unit)} {ratio(summary, baseline)}".rstrip()
    return f"{value}{newline}{spread(summary, unit)}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
