"""Uploads: protocol.md's rules of pieces, offsets and digests, over HTTP."""

from collections.abc import AsyncIterator

import pytest

from moorage.domain.digest import Algorithm, digest_of
from tests.distribution.conversation import Conversation, code_of


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_session_without_bytes_says_0_0(talk: Conversation) -> None:
    answer = await talk.ask("POST", "blobs/uploads/")
    assert answer.status_code == 202
    assert answer.headers["range"] == "0-0"
    assert answer.headers["location"].startswith("/v2/dmc/ubuntu/blobs/uploads/")
    assert answer.headers["docker-upload-uuid"] in answer.headers["location"]


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_a_blob_can_be_pushed_in_every_way(talk: Conversation, algorithm: Algorithm) -> None:
    one, two, three, four = b"post-put", b"post-patch-put", b"single post", b"in three chunks"
    assert await talk.push_blob(one, algorithm) == digest_of(one, algorithm)

    location = await talk.begin()
    answer = await talk.ask("PATCH", location, stream(two[:5], two[5:]))
    assert (answer.status_code, answer.headers["range"]) == (202, f"0-{len(two) - 1}")
    answer = await talk.ask("PUT", f"{answer.headers['location']}?digest={digest_of(two, algorithm)}")
    assert answer.status_code == 201

    answer = await talk.ask("POST", f"blobs/uploads/?digest={digest_of(three, algorithm)}", three)
    assert answer.status_code == 201

    location = await talk.begin(f"?digest-algorithm={algorithm}")
    await talk.ask("PATCH", location, four[:4], content_range="0-3")
    answer = await talk.ask("PATCH", location, four[4:8], content_range="4-7")
    assert answer.headers["range"] == "0-7"
    last = f"8-{len(four) - 1}"
    answer = await talk.ask("PUT", f"{location}?digest={digest_of(four, algorithm)}", four[8:], content_range=last)
    assert answer.status_code == 201

    for content in (one, two, three, four):
        digest = digest_of(content, algorithm)
        answer = await talk.ask("GET", f"blobs/{digest}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["docker-content-digest"] == digest


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_piece_out_of_order_changes_nothing(talk: Conversation, method: str) -> None:
    location = await talk.begin()
    await talk.ask("PATCH", location, b"abcd", content_range="0-3")
    address = f"{location}?digest={digest_of(b'abcdefgh')}" if method == "PUT" else location
    answer = await talk.ask(method, address, b"gh", content_range="6-7")
    assert answer.status_code == 416
    assert code_of(answer) == "BLOB_UPLOAD_INVALID"
    status = await talk.ask("GET", location)
    assert (status.status_code, status.headers["range"]) == (204, "0-3")
    answer = await talk.ask("PUT", f"{location}?digest={digest_of(b'abcdefgh')}", b"efgh", content_range="4-7")
    assert answer.status_code == 201


@pytest.mark.parametrize("content_range", ["4-5", "4-99"])
async def test_a_piece_that_is_not_as_long_as_it_says_does_not_count(talk: Conversation, content_range: str) -> None:
    location = await talk.begin()
    await talk.ask("PATCH", location, b"abcd", content_range="0-3")
    answer = await talk.ask("PATCH", location, stream(b"efg", b"h"), content_range=content_range)
    assert (answer.status_code, code_of(answer)) == (400, "SIZE_INVALID")
    assert (await talk.ask("GET", location)).headers["range"] == "0-3"
    answer = await talk.ask("PUT", f"{location}?digest={digest_of(b'abcdefgh')}", b"efgh", content_range="4-7")
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "content_range", ["bytes=0-3", "3-0", "-", "0-", "0-1_0", "٣-5".encode().decode("latin-1"), "x"]
)
async def test_a_range_that_is_none_is_refused(talk: Conversation, content_range: str) -> None:
    answer = await talk.ask("PATCH", await talk.begin(), b"abcd", content_range=content_range)
    assert answer.status_code == 416


async def test_another_content_than_the_digest_says_is_not_stored(talk: Conversation) -> None:
    wrong = digest_of(b"something else")
    answer = await talk.ask("PUT", f"{await talk.begin()}?digest={wrong}", b"content")
    assert (answer.status_code, code_of(answer)) == (400, "DIGEST_INVALID")
    assert (await talk.ask("HEAD", f"blobs/{wrong}")).status_code == 404


@pytest.mark.parametrize("digest", ["", "sha256:xyz", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:" + "A" * 64])
async def test_a_digest_that_is_none_is_refused(talk: Conversation, digest: str) -> None:
    answer = await talk.ask("PUT", f"{await talk.begin()}?digest={digest}", b"content")
    assert (answer.status_code, code_of(answer)) == (400, "DIGEST_INVALID")


async def test_an_upload_belongs_to_its_repository_and_its_user(talk: Conversation, writer: Conversation) -> None:
    location = await talk.begin()
    elsewhere = location.replace("/ubuntu/", "/debian/")
    for answer in (await talk.ask("GET", elsewhere), await writer.ask("GET", location)):
        assert (answer.status_code, code_of(answer)) == (404, "BLOB_UPLOAD_UNKNOWN")


async def test_a_cancelled_upload_is_gone(talk: Conversation) -> None:
    location = await talk.begin()
    assert (await talk.ask("DELETE", location)).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert code_of(await talk.ask(method, location, b"x" if method == "PATCH" else None)) == "BLOB_UPLOAD_UNKNOWN"


async def test_the_empty_blob_can_be_pushed(talk: Conversation) -> None:
    digest = await talk.push_blob(b"")
    answer = await talk.ask("GET", f"blobs/{digest}")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


async def test_a_mount_links_what_the_caller_can_read_and_else_opens_a_session(
    talk: Conversation, stranger: Conversation
) -> None:
    digest = await talk.push_blob(b"shared")
    mounted = await talk.ask("POST", f"/v2/dmc/other/blobs/uploads/?mount={digest}&from=dmc/ubuntu")
    assert mounted.status_code == 201
    assert (await talk.ask("HEAD", f"/v2/dmc/other/blobs/{digest}")).status_code == 200
    theirs = f"/v2/{stranger.repository}/blobs/uploads/?mount={digest}&from=dmc/ubuntu"
    unknown = f"blobs/uploads/?mount={digest_of(b'never seen')}&from=dmc/other"
    nonsense = f"blobs/uploads/?mount={digest}&from=%2e%2e/etc"
    answers = [await stranger.ask("POST", theirs), await talk.ask("POST", unknown), await talk.ask("POST", nonsense)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert (await stranger.ask("HEAD", f"/v2/{stranger.repository}/blobs/{digest}")).status_code == 404


async def test_an_encoded_body_is_refused(talk: Conversation) -> None:
    answer = await talk.ask("PATCH", await talk.begin(), b"\x1f\x8b", content_encoding="gzip")
    assert (answer.status_code, code_of(answer)) == (415, "UNSUPPORTED")
