"""Every error Moorage answers with: one table, one exception.

The codes are those of the distribution specification
(https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes); each is given once, with the
HTTP status it travels as and the sentence a person reads when the raiser has nothing better to say.
"""

from enum import Enum
from http import HTTPStatus


class ErrorCode(Enum):
    """A row is (code on the wire, HTTP status, default message)."""

    BLOB_UNKNOWN = ("BLOB_UNKNOWN", 404, "this repository has no blob of that digest")
    BLOB_UPLOAD_INVALID = ("BLOB_UPLOAD_INVALID", 400, "the upload cannot go on like this")
    BLOB_UPLOAD_UNKNOWN = ("BLOB_UPLOAD_UNKNOWN", 404, "no such upload here; start a new one")
    CONFLICT = ("CONFLICT", 409, "that exists already")
    DENIED = ("DENIED", 403, "you may not do this")
    DIGEST_INVALID = ("DIGEST_INVALID", 400, "the digest does not match the content, or is no digest")
    IN_USE = ("DENIED", 409, "something still needs this")
    MANIFEST_BLOB_UNKNOWN = ("MANIFEST_BLOB_UNKNOWN", 404, "the manifest names content this repository does not have")
    MANIFEST_INVALID = ("MANIFEST_INVALID", 400, "this is no manifest")
    MANIFEST_UNKNOWN = ("MANIFEST_UNKNOWN", 404, "this repository has no image of that name")
    METHOD_UNKNOWN = ("UNSUPPORTED", 405, "this address does not know that method")
    NAME_INVALID = ("NAME_INVALID", 400, "that is no valid name")
    NAME_UNKNOWN = ("NAME_UNKNOWN", 404, "no such repository")
    NOT_FOUND = ("NOT_FOUND", 404, "there is nothing at this address, or you may not see it")
    PAGINATION_INVALID = ("PAGINATION_NUMBER_INVALID", 400, "n must be a whole number from 0 to 999999999")
    PRECONDITION_FAILED = ("PRECONDITION_FAILED", 412, "this has changed since it was read; read it again")
    QUOTA_REACHED = ("DENIED", 403, "the quota leaves no room for this")
    RANGE_INVALID = ("BLOB_UPLOAD_INVALID", 416, "this piece does not begin where the upload stands")
    RANGE_UNSATISFIABLE = ("RANGE_INVALID", 416, "the content ends before the range asked for")
    SIZE_INVALID = ("SIZE_INVALID", 400, "the length does not match the content")
    STALLED = ("BLOB_UPLOAD_INVALID", 408, "nothing came for a minute; go on from where the upload stands")
    TAG_IMMUTABLE = ("DENIED", 409, "this tag never moves")
    TAG_INVALID = ("TAG_INVALID", 400, "that is no valid tag")
    TOO_LARGE = ("SIZE_INVALID", 413, "this is larger than allowed")
    TOO_LARGE_FOR_QUOTA = ("DENIED", 413, "this is larger than what the quota leaves")
    TOO_MANY = ("TOOMANYREQUESTS", 429, "too many requests; wait a little")
    UNAUTHORIZED = ("UNAUTHORIZED", 401, "sign in first")
    UNAVAILABLE = ("UNAVAILABLE", 503, "the server cannot do this right now; try again")
    DISK_FULL = ("UNAVAILABLE", 507, "the server's disk is full; nothing was stored")
    UNKNOWN = ("UNKNOWN", 500, "something went wrong on the server")
    UNSUPPORTED = ("UNSUPPORTED", 400, "this is not supported")
    UNSUPPORTED_ENCODING = ("UNSUPPORTED", 415, "send the content as it is, without Content-Encoding")
    UPLOAD_BUSY = ("BLOB_UPLOAD_INVALID", 409, "another request is writing to this upload")
    VALUE_INVALID = ("VALUE_INVALID", 400, "a value is not allowed")

    def __init__(self, code: str, status: int, message: str) -> None:
        self.code = code
        self.status = HTTPStatus(status)
        self.message = message


class MoorageError(Exception):
    """What went wrong, for whoever asked: a row of the table, a sentence, and machine-readable detail.

    `is_hidden` tells us, and nobody who asked, that it says there is nothing since they may not know whether there is.
    """

    def __init__(
        self, error: ErrorCode, message: str | None = None, detail: object = None, *, is_hidden: bool = False
    ) -> None:
        super().__init__(message or error.message)
        self.error = error
        self.message = message or error.message
        self.detail = detail
        self.is_hidden = is_hidden
