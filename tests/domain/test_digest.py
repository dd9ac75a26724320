"""Digests: only the registered algorithms, only lower-case hexadecimal, of the right length."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.digest import Algorithm, algorithm_of, digest_of, parse_algorithm, parse_digest
from moorage.domain.errors import ErrorCode
from tests.domain.refusals import refusal

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

NO_DIGESTS = [
    "",
    "sha256",
    "sha256:",
    "sha256:abc",
    EMPTY[:-1],
    EMPTY + "0",
    EMPTY + "\n",
    " " + EMPTY,
    EMPTY.upper(),
    EMPTY[:-1] + "g",
    EMPTY[:-1] + "٣",
    EMPTY.replace("sha256", "sha512"),
    EMPTY.replace("sha256", "SHA256"),
    EMPTY.replace(":", "-"),
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "sha384:" + "a" * 96,
    "sha256:../../../../etc/passwd",
    "x" * 10_000,
]


@pytest.mark.parametrize("text", NO_DIGESTS)
def test_what_is_no_digest_is_refused(text: str) -> None:
    assert refusal(parse_digest, text) is ErrorCode.DIGEST_INVALID


@pytest.mark.parametrize("text", ["", "sha384", "SHA256", "sha256\n", "sha-256"])
def test_an_unknown_algorithm_is_refused(text: str) -> None:
    assert refusal(parse_algorithm, text) is ErrorCode.DIGEST_INVALID


@given(st.binary(), st.sampled_from(Algorithm))
def test_the_digest_of_content_is_a_digest_of_that_algorithm(content: bytes, algorithm: Algorithm) -> None:
    digest = digest_of(content, algorithm)
    assert parse_digest(digest) == digest == f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    assert algorithm_of(digest) is parse_algorithm(algorithm.value) is algorithm


def test_content_is_known_by_sha256_unless_asked_otherwise() -> None:
    assert digest_of(b"") == EMPTY


@given(st.text() | st.from_regex(r"sha(256|512):[a-f0-9]{60,130}"))
def test_any_text_is_a_digest_or_is_refused_as_one(text: str) -> None:
    assert refusal(parse_digest, text) in {None, ErrorCode.DIGEST_INVALID}
