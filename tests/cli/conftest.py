"""A data folder, and the `moorage` command on it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from moorage.app.services import Services, open_services
from moorage.cli import app
from moorage.settings import load


class Terminal:
    """Runs commands; `code`, `out` and `err` are what the last one came to."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._runner = CliRunner()
        self.code, self.out, self.err = 0, "", ""

    def __call__(self, *words: str, given: str | None = None) -> int:
        """Run `moorage WORDS --data DATA` with `given` on its input; return the exit code."""
        result = self._runner.invoke(app, [*words, "--data", str(self.data)], input=given)
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr
        return self.code

    def json(self, *words: str) -> Any:  # noqa: ANN401  JSON
        """Run a command with `--json` and return what it printed."""
        assert self(*words, "--json") == 0, self.err
        return json.loads(self.out)

    def do(self, story: Callable[[Services], Awaitable[None]]) -> None:
        """Do something with the services on the same folder."""

        async def told() -> None:
            async with open_services(load({"data": self.data}, {})) as services:
                await story(services)

        asyncio.run(told())


@pytest.fixture
def moorage(tmp_path: Path) -> Terminal:
    """Return a terminal on the data folder of a server that has been started once."""

    async def nothing(_services: Services) -> None:
        pass

    terminal = Terminal(tmp_path / "data")
    terminal.do(nothing)
    return terminal
