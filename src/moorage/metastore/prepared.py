"""Core statements, compiled once and then run as they are: SQLAlchemy writes the SQL, and the driver runs it.

A statement is a constant of its module. It is compiled once for each set of parameter names it is given, and for each
length of a list it is given (`IN`), and kept.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from moorage.metastore.steps import Rows


@dataclass(frozen=True, slots=True)
class Prepared:
    """SQL with named parameters; `fixed` stand in the statement itself, `lists` are spread over names of their own."""

    statement: Executable
    sql: str
    fixed: Mapping[str, Any]
    lists: Mapping[str, Sequence[str]]

    def bind(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the SQL needs."""
        if not self.fixed and not self.lists:
            return parameters
        bound = {**self.fixed, **parameters}
        for name, places in self.lists.items():
            bound.update(zip(places, bound.pop(name), strict=True))
        return bound


class PreparedStatements:
    """Statements ready to run in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._prepared: dict[tuple[Any, ...], Prepared] = {}
        self._listed: dict[tuple[Any, ...], Prepared] = {}
        self._rows: dict[tuple[str, ...], Callable[..., Any]] = {}

    def prepare(self, statement: Executable, sample: Mapping[str, Any]) -> Prepared:
        """Return a statement ready for parameters of these names, and for lists of these lengths."""
        key = (id(statement), *sample)
        found = self._prepared.get(key)
        if found is None:
            found = self._prepared[key] = self._compile(statement, sample)
        if not found.lists:
            return found
        key = (*key, *(len(sample[name]) for name in found.lists))
        fitting = self._listed.get(key)
        if fitting is None:
            fitting = self._listed[key] = self._compile(statement, sample)
        return fitting

    def rows(self, description: Sequence[Sequence[Any]], found: Sequence[Sequence[Any]]) -> Rows:
        """Return what a cursor fetched as rows whose values have the columns' names."""
        names = tuple(column[0] for column in description)
        make = self._rows.get(names)
        if make is None:
            make = self._rows[names] = namedtuple("Row", names, rename=True)  # noqa: PYI024  made at run time
        return [make(*row) for row in found]

    def _compile(self, statement: Executable, sample: Mapping[str, Any]) -> Prepared:
        assert isinstance(statement, ClauseElement)  # noqa: S101  every statement of Core is one
        compiled = statement.compile(dialect=self._dialect, column_keys=list(sample))
        assert isinstance(compiled, SQLCompiler)  # noqa: S101  what a statement, and nothing else, compiles to
        fixed = {name: value for name, value in compiled.params.items() if name not in sample}
        expanded = compiled.construct_expanded_state({**fixed, **sample})
        return Prepared(statement, expanded.statement, fixed, expanded.parameter_expansion)
