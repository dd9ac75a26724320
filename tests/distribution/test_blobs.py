"""Blobs over HTTP: whole, in ranges, and only through the repository's own link."""

import os
from pathlib import Path

import pytest

from moorage.domain.digest import digest_of
from moorage.settings import Settings
from tests.distribution.conversation import Conversation, code_of

CONTENT = bytes(range(256)) * 4


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-", 0, 1023),
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=1000-5000", 1000, 1023),
        ("bytes=-24", 1000, 1023),
        ("bytes=-5000", 0, 1023),
    ],
)
async def test_a_range_is_answered_with_that_part(talk: Conversation, header: str, first: int, last: int) -> None:
    digest = await talk.push_blob(CONTENT)
    answer = await talk.ask("GET", f"blobs/{digest}", range=header)
    assert answer.status_code == 206
    assert answer.content == CONTENT[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/1024"


@pytest.mark.parametrize("header", ["bytes=0-1,5-9", "lines=1-2", "bytes=x", "bytes=--1", "bytes=1_0-20"])
async def test_a_range_that_is_not_understood_gets_the_whole(talk: Conversation, header: str) -> None:
    digest = await talk.push_blob(CONTENT)
    answer = await talk.ask("GET", f"blobs/{digest}", range=header)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=-0", "bytes=5-1"])
async def test_a_range_outside_is_refused(talk: Conversation, header: str) -> None:
    digest = await talk.push_blob(CONTENT)
    answer = await talk.ask("GET", f"blobs/{digest}", range=header)
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */1024")


async def test_damaged_bytes_are_no_blob_until_they_are_pushed_again(talk: Conversation, settings: Settings) -> None:
    digest = await talk.push_blob(CONTENT)
    encoded = digest.partition(":")[2]
    assert isinstance(settings.blobs, Path)
    os.truncate(settings.blobs / "sha256" / encoded[:2] / encoded, 100)
    for method, part in (("HEAD", "none"), ("GET", "none"), ("GET", "bytes=0-50")):
        assert (await talk.ask(method, f"blobs/{digest}", range=part)).status_code == 404
    await talk.push_blob(CONTENT)
    assert (await talk.ask("GET", f"blobs/{digest}")).content == CONTENT


async def test_a_range_is_of_what_the_client_thinks_or_else_the_whole(talk: Conversation) -> None:
    digest = await talk.push_blob(CONTENT)
    for tag, status in ((f'"{digest}"', 206), ('"another"', 200)):
        assert (await talk.ask("GET", f"blobs/{digest}", range="bytes=0-9", if_range=tag)).status_code == status


async def test_head_says_what_get_says(talk: Conversation) -> None:
    digest = await talk.push_blob(CONTENT)
    head, got = await talk.ask("HEAD", f"blobs/{digest}"), await talk.ask("GET", f"blobs/{digest}")
    assert head.headers == got.headers
    assert (head.content, got.content) == (b"", CONTENT)
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-length"] == "1024"


async def test_what_is_pushed_can_never_run_in_a_browser(talk: Conversation) -> None:
    digest = await talk.push_blob(b"<script>alert(1)</script>")
    headers = (await talk.ask("GET", f"blobs/{digest}")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"


async def test_another_repository_s_blob_does_not_exist(talk: Conversation) -> None:
    digest = await talk.push_blob(CONTENT)
    other = Conversation(talk.http, "dmc/debian")
    await other.push_blob(b"makes the repository")
    for method in ("HEAD", "GET", "DELETE"):
        assert (await other.ask(method, f"blobs/{digest}")).status_code == 404


async def test_deleting_here_leaves_the_blob_there(talk: Conversation) -> None:
    digest = await talk.push_blob(CONTENT)
    other = Conversation(talk.http, "dmc/debian")
    await other.push_blob(CONTENT)
    assert (await talk.ask("DELETE", f"blobs/{digest}")).status_code == 202
    assert (await talk.ask("GET", f"blobs/{digest}")).status_code == 404
    assert (await other.ask("GET", f"blobs/{digest}")).content == CONTENT


async def test_a_blob_that_an_image_needs_stays(talk: Conversation) -> None:
    image = await talk.push_image("v1", CONTENT)
    answer = await talk.ask("DELETE", f"blobs/{digest_of(CONTENT)}")
    assert answer.status_code == 409
    assert image in answer.json()["errors"][0]["message"]
    assert (await talk.ask("HEAD", f"blobs/{digest_of(CONTENT)}")).status_code == 200


@pytest.mark.parametrize("digest", ["sha256:nonsense", "sha256:" + "g" * 64, "md5:" + "a" * 32, "latest"])
async def test_an_address_that_is_no_digest_is_refused(talk: Conversation, digest: str) -> None:
    answer = await talk.ask("GET", f"blobs/{digest}")
    assert (answer.status_code, code_of(answer)) == (400, "DIGEST_INVALID")
