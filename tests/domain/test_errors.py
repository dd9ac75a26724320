"""The table of errors: what every client may rely on."""

import pytest

from moorage.domain.errors import ErrorCode, MoorageError

OF_THE_SPECIFICATION = {
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "TOOMANYREQUESTS",
    "UNAUTHORIZED",
    "UNSUPPORTED",
}


@pytest.mark.parametrize("error", list(ErrorCode))
def test_every_error_is_a_4xx_or_5xx_with_a_code_and_a_sentence(error: ErrorCode) -> None:
    assert 400 <= error.status <= 599
    assert error.code == error.code.upper()
    assert error.code.replace("_", "").isalpha()
    assert len(error.message.split()) > 2
    assert error.message[0].islower()
    assert not error.message.endswith(".")


def test_only_the_server_s_own_failures_are_5xx() -> None:
    failures = {error for error in ErrorCode if error.status >= 500}
    assert failures == {ErrorCode.UNKNOWN, ErrorCode.UNAVAILABLE, ErrorCode.DISK_FULL}


def test_no_row_is_another_s_double() -> None:
    # Rows of equal value would be one row with two names to Python.
    assert len(ErrorCode.__members__) == len(list(ErrorCode))


def test_every_code_of_the_specification_is_there() -> None:
    assert {error.code for error in ErrorCode} >= OF_THE_SPECIFICATION


def test_an_error_says_what_its_raiser_says_and_else_what_the_table_says() -> None:
    assert MoorageError(ErrorCode.DENIED).message == ErrorCode.DENIED.message
    error = MoorageError(ErrorCode.DENIED, "not today", {"name": "dmc/app"})
    assert (error.error, error.message, str(error), error.detail) == (
        ErrorCode.DENIED,
        "not today",
        "not today",
        {"name": "dmc/app"},
    )
