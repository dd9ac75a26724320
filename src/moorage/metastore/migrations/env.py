"""Run by Alembic: all changes in one transaction, so that a stop in the middle leaves the schema as it was."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from moorage.metastore.tables import metadata

engine = create_engine(
    context.config.get_main_option("sqlalchemy.url", ""), poolclass=NullPool, isolation_level="AUTOCOMMIT"
)

with engine.connect() as connection:
    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
    context.run_migrations()
    connection.exec_driver_sql("COMMIT")
engine.dispose()
