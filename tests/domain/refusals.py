"""How a test says that something is refused."""

from collections.abc import Callable
from typing import ParamSpec

from moorage.domain.errors import ErrorCode, MoorageError

P = ParamSpec("P")


def refusal(parse: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> ErrorCode | None:
    """Return the error that a parser raises, None where it raises none; any other exception is the test's failure."""
    try:
        parse(*args, **kwargs)
    except MoorageError as error:
        return error.error
    return None
