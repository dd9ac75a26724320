"""Rows of activity are added and read; nothing the server knows how to do changes or deletes one."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping

from sqlalchemy import Delete, Insert, Update

from moorage import metastore
from moorage.metastore.tables import activity, metadata, registries
from moorage.services.recording import Activity

Statement = Delete | Insert | Update


def statements(found: object) -> Iterator[Statement]:
    """Return the statements that are written down in a module: by name, or in a table of them."""
    if isinstance(found, Delete | Insert | Update):
        yield found
    elif isinstance(found, Mapping):
        for member in found.values():
            yield from statements(member)
    elif isinstance(found, list | tuple | set | frozenset):
        for member in found:
            yield from statements(member)


def every() -> list[Statement]:
    """Return every statement of the metastore that writes."""
    names = [module.name for module in pkgutil.iter_modules(metastore.__path__, "moorage.metastore.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith(".migrations")]
    return [one for module in modules for value in vars(module).values() for one in statements(value)]


def test_no_statement_changes_or_deletes_a_row_of_activity() -> None:
    written = every()
    assert {type(one) for one in written if one.table is activity} == {Insert}
    # What goes through all statements would also pass if it saw none.
    assert {type(one) for one in written if one.table is registries} == {Insert, Update, Delete}


def test_no_row_of_activity_goes_with_another() -> None:
    assert not activity.foreign_keys
    assert not any(key.references(activity) for table in metadata.tables.values() for key in table.foreign_keys)


def test_the_port_adds_and_reads_and_does_nothing_else() -> None:
    methods = {name for name, _ in inspect.getmembers(Activity, inspect.isfunction) if not name.startswith("_")}
    assert methods == {"append", "page"}
