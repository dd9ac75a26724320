"""What import-linter and ruff can't say about the layout: see ARCHITECTURE.md for the reasons."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
PACKAGE = HOUSE / "src" / "moorage"

# Nothing here waits, reads a clock, a file, a socket or the environment.
PURE = frozenset(
    {
        "base64",
        "bisect",
        "collections",
        "collections.abc",
        "dataclasses",
        "datetime",
        "enum",
        "fnmatch",
        "functools",
        "hashlib",
        "hmac",
        "http",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "typing",
        "unicodedata",
        "urllib.parse",
        "pydantic",
    }
)
LONGEST_MODULE = 400
WIDEST_PORT = 9


def modules(*folders: str) -> list[Path]:
    found = sorted(path for folder in folders for path in (HOUSE / folder).rglob("*.py"))
    assert found
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def named(path: Path) -> str:
    return str(path.relative_to(HOUSE))


@pytest.mark.parametrize("module", modules("src/moorage/domain"), ids=named)
def test_the_domain_is_pure(module: Path) -> None:
    tree = ast.parse(module.read_text())
    outside = {name for name in imported(tree) if not name.startswith("moorage.domain")}
    assert outside <= PURE
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


@pytest.mark.parametrize("clock", ["now", "utcnow", "today"])
def test_the_domain_is_told_the_time(clock: str) -> None:
    for module in modules("src/moorage/domain"):
        calls = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Attribute)]
        assert clock not in {node.attr for node in calls}, module


@pytest.mark.parametrize("module", modules("src", "tests", "tools", "bench"), ids=named)
def test_a_module_can_be_read_in_one_sitting(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= LONGEST_MODULE


def test_a_port_is_narrow() -> None:
    nodes = [node for module in modules("src/moorage/services") for node in ast.parse(module.read_text()).body]
    widths = {
        node.name: sum(
            isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and not member.name.startswith("_")
            for member in node.body
        )
        for node in nodes
        if isinstance(node, ast.ClassDef) and "Protocol" in {ast.unparse(parent) for parent in node.bases}
    }
    assert widths
    assert {name: width for name, width in widths.items() if width > WIDEST_PORT} == {}


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        named(module)
        for module in modules("src")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "getenvb"}
    }
    assert readers <= {"src/moorage/settings/__init__.py", "src/moorage/settings/client.py"}
