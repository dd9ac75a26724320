"""Signatures, held against Amazon's own example.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from datetime import UTC, datetime

from moorage.blobstore.s3.signing import EMPTY, Keys, encoded_path, encoded_query, signed_headers, signed_query

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
NOW = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "examplebucket.s3.amazonaws.com"


def signature(query: dict[str, str]) -> str:
    headers = signed_headers(KEYS, "GET", HOST, "/", query, EMPTY, NOW)
    return headers["authorization"].rpartition("Signature=")[2]


def test_requests_are_signed_as_amazon_shows_it() -> None:
    assert signature({"lifecycle": ""}) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    listed = {"prefix": "J", "max-keys": "2"}
    assert signature(listed) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"


def test_urls_are_signed_as_amazon_shows_it() -> None:
    query = signed_query(KEYS, HOST, "/test.txt", {}, 86400, NOW)
    assert query == (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_a_path_and_a_query_are_written_in_one_way() -> None:
    assert encoded_path("/bucket/a b/ä~+:") == "/bucket/a%20b/%C3%A4~%2B%3A"
    assert encoded_query({"prefix": "a/b c", "delete": ""}) == "delete=&prefix=a%2Fb%20c"


def test_the_secret_is_not_shown() -> None:
    assert KEYS.secret_access_key not in repr(KEYS)
