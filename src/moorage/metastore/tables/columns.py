"""What the columns of the tables have in common."""

from sqlalchemy import BigInteger, Column, ColumnElement, ForeignKey, Integer, MetaData, Text, cast, func

metadata = MetaData()

WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number of 64 bits; SQLite's are, and only `INTEGER` gives its keys their numbers."""

WORDS = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in byte order, whatever the language of the database: pages and comparisons rely on it."""


def total(sizes: ColumnElement[int]) -> ColumnElement[int]:
    """Return the sum of a column, 0 of no rows; PostgreSQL's own sum is no whole number but a decimal one."""
    return cast(func.coalesce(func.sum(sizes), 0), WHOLE)


def of_repository() -> Column[int]:
    """Return a column of the primary key that goes with its repository."""
    return Column("repository_id", ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False, primary_key=True)
