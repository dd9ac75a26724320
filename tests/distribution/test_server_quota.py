"""A server that is full, or nearly: what clients are told, in the order in which they ask, whatever they push to."""

from pathlib import Path

import pytest

from moorage.domain.digest import digest_of
from moorage.settings import Settings, load
from tests.distribution.conversation import Conversation, code_of
from tests.distribution.test_quotas import LAYER, chunks


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"data": tmp_path / "data", "quota": "50B"}, {})


async def test_an_upload_is_refused_at_post_where_the_server_is_full(
    talk: Conversation, stranger: Conversation
) -> None:
    await talk.push_blob(LAYER)
    await talk.push_blob(b"x" * (50 - len(LAYER)))
    answer = await stranger.ask("POST", "blobs/uploads/")
    assert (answer.status_code, code_of(answer)) == (403, "DENIED")
    message = answer.json()["errors"][0]["message"]
    assert message.startswith("this server is full: 50 B of its quota of 50 B are in use, and 0 B are left.")
    assert "an administrator of the server can" in message
    assert (await talk.ask("GET", f"blobs/{digest_of(LAYER)}")).status_code == 200


async def test_a_stream_is_stopped_where_the_quota_ends(talk: Conversation, stranger: Conversation) -> None:
    await stranger.push_blob(b"x" * 40)
    answer = await talk.ask("PATCH", await talk.begin(), chunks(LAYER))
    assert (answer.status_code, code_of(answer)) == (413, "DENIED")
    assert "does not fit into this server" in answer.json()["errors"][0]["message"]


async def test_a_length_that_cannot_fit_is_refused_before_a_byte_is_read(
    talk: Conversation, stranger: Conversation
) -> None:
    await stranger.push_blob(b"x" * 40)
    location = await talk.begin()
    assert (await talk.ask("PATCH", location, LAYER)).status_code == 413
    assert (await talk.ask("GET", location)).headers["range"] == "0-0"
    assert (await talk.ask("POST", f"blobs/uploads/?digest={digest_of(LAYER)}", LAYER)).status_code == 413


async def test_what_has_come_is_refused_at_the_end_when_others_were_faster(
    talk: Conversation, stranger: Conversation
) -> None:
    location = await talk.begin()
    assert (await talk.ask("PATCH", location, LAYER)).status_code == 202
    await stranger.push_blob(b"x" * 40)
    answer = await talk.ask("PUT", f"{location}?digest={digest_of(LAYER)}")
    assert (answer.status_code, code_of(answer)) == (413, "DENIED")
    assert (await talk.ask("GET", location)).status_code == 404
    assert (await talk.ask("HEAD", f"blobs/{digest_of(LAYER)}")).status_code == 404
    # What was refused takes no room.
    await talk.push_blob(b"y" * 10)


async def test_images_are_not_refused_as_they_lie_in_the_database(talk: Conversation) -> None:
    await talk.push_image("v1", LAYER)
