"""Run by Alembic: all changes in one transaction, so that a stop in the middle leaves the schema as it was."""

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from moorage.metastore.tables import metadata


def run(connection: Connection) -> None:
    """Run what is missing in the transaction that is open."""
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
    context.run_migrations()


def run_on_sqlite(url: str) -> None:
    """Run it in the file; Python's driver would begin its transactions only later."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        # As in sqlite.py: an index that is made needs no other place to be sorted in.
        connection.exec_driver_sql("PRAGMA temp_store=MEMORY")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        run(connection)
        connection.exec_driver_sql("COMMIT")
    engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is None:
    run_on_sqlite(context.config.get_main_option("sqlalchemy.url", ""))
else:
    run(given)
